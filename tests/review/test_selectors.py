"""What people may see of the queue, in which order, and at what cost."""

from datetime import UTC, datetime, timedelta

import pytest

from hitlsite.errors import DomainError, NotFound
from hitlsite.models import Membership
from review import selectors
from review.models import TrainingItem
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]
STRANGERS = ("outsider", "device_user")


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def bare(camera, **columns):
    item_columns = {
        name: columns.pop(name) for name in ("status", "privacy", "proposal") if name in columns
    }
    return factories.item(factories.incident(camera, with_files=False, **columns), **item_columns)


def walk(user, **options):
    seen, cursor = [], None
    while True:
        page = selectors.items_page(user, after=cursor, **options)
        seen.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("size", [1, 2, 3, 5, 50])
def test_pages_cover_everything_once_in_order(camera, reviewer, size):
    elsewhere = factories.camera(factories.site("Second"), "Yard")
    Membership.objects.create(site=elsewhere.site, user=reviewer)
    made = [
        bare(where, severity=severity, peak_score=score, status=status)
        for where in (camera, elsewhere)
        for severity, score in (("low", 0.5), ("high", 0.5), ("low", 0.5))
        for status in ("pending_review", "confirmed")
    ]
    pages = walk(reviewer, size=size)

    expected = sorted(made, key=lambda item: (-item.priority, item.pk))
    assert [item for page in pages for item in page] == expected
    assert all(len(page) == size for page in pages[:-1])


def test_a_page_does_not_move_when_items_are_decided(camera, reviewer):
    made = [bare(camera) for _ in range(6)]
    first = selectors.items_page(reviewer, filters={"status": "pending_review"}, size=3)
    TrainingItem.objects.filter(pk__in=[item.pk for item in first.items]).update(status="rejected")

    second = selectors.items_page(
        reviewer, filters={"status": "pending_review"}, size=3, after=first.next_cursor
    )

    assert second.items == made[3:]


@pytest.mark.parametrize("size", [1, 50])
def test_a_page_costs_the_same_for_many(camera, reviewer, size, django_assert_max_num_queries):
    for _ in range(size):
        bare(camera)
    reviewer.has_perm("review.view_trainingitem")
    with django_assert_max_num_queries(5):
        page = selectors.items_page(reviewer, filters={"status": "pending_review"})
        for item in page.items:
            assert str(item.camera) and str(item.site) and item.incident.why
            assert list(item.incident.evidence.all()) == []


def test_what_comes_before_and_after(camera, reviewer):
    made = [bare(camera, severity=one) for one in ("low", "high", "high", "info")]
    order = [made[1], made[2], made[0], made[3]]
    everything = selectors.ItemFilters()
    places = [(item.priority, item.pk) for item in order]

    for place, before, after in zip(places, [None, *places[:-1]], [*places[1:], None], strict=True):
        assert selectors.last_key(reviewer, everything, position=place) == before
        following = selectors.first_keys(reviewer, everything, position=place)
        assert following == ([after] if after else [])


def test_filters_narrow(camera, reviewer):
    yard = factories.camera(camera.site, "Yard")
    here, there = bare(camera), bare(yard, category="aggression")
    rejected = bare(camera, status="rejected")
    factories.decision(rejected, reviewer, verdict="rejected", reason="duplicate")

    def found(**filters):
        return selectors.items_page(reviewer, filters=filters).items

    assert found(camera=yard.pk) == found(category="aggression") == [there]
    assert found(reason="duplicate") == [rejected]
    assert found(reason="low_quality") == []
    assert found(status="pending_review") == [here, there]
    assert found(status=["pending_review", "rejected"]) == found(status="all") == found()
    assert len(found(status="rejected,confirmed")) == 1


def test_an_undone_rejection_has_no_reason(camera, reviewer):
    item = bare(camera, status="rejected")
    given = factories.decision(item, reviewer, verdict="rejected", reason="duplicate")
    factories.decision(item, reviewer, verdict="undone", undoes=given, item_version=2)

    assert selectors.items_page(reviewer, filters={"reason": "duplicate"}).items == []


@pytest.mark.parametrize(
    ("filters", "is_found"),
    [
        ({"since": "2026-03-29"}, True),
        ({"since": "2026-03-30"}, False),
        ({"until": "2026-03-29"}, True),
        ({"until": "2026-03-28"}, False),
        ({"since": "2026-03-29T22:30:00Z"}, False),
        ({"since": "2026-03-29T21:30:00Z"}, True),
        ({"since": "2026-03-29T23:59:00"}, False),
        ({"since": "2026-03-29T23:29:00"}, True),
        ({"since": "2026-03-29T23:30:00+02:00", "until": "2026-03-29T23:30:00+02:00"}, True),
        ({"until": "8999-12-31"}, True),
        ({"since": "1900-01-01"}, True),
    ],
)
def test_days_are_those_of_the_site(reviewer, filters, is_found):
    """21:30 UTC is half past eleven at night in Rome on the day summer time begins there."""
    rome = factories.site("Rome", time_zone="Europe/Rome")
    Membership.objects.create(site=rome, user=reviewer)
    late = datetime(2026, 3, 29, 21, 30, tzinfo=UTC)
    source = factories.footage(factories.camera(rome), starts_at=late)
    item = factories.item(
        factories.incident(footage=source, opened_at_seconds=0.0, with_files=False)
    )

    assert selectors.items_page(reviewer, filters=filters).items == ([item] if is_found else [])


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_see_nothing(camera, who, request):
    user = request.getfixturevalue(who)
    item = factories.item(factories.incident(camera), privacy="clear")
    evidence = item.incident.evidence.first()

    assert selectors.items_page(user).items == []
    assert selectors.counts(user)["pending_review"] == 0
    assert list(selectors.troubled(user)) == []
    assert not selectors.media_access(user, evidence)
    with pytest.raises(NotFound):
        selectors.item_for(user, item.pk)


def test_an_outsider_may_not_even_ask_for_the_camera(camera, outsider):
    with pytest.raises(DomainError) as refusal:
        selectors.items_page(outsider, filters={"camera": camera.pk})
    assert list(refusal.value.fields) == ["camera"]


def test_a_superuser_sees_every_site(camera, superuser):
    made = [bare(camera), bare(factories.camera())]

    assert selectors.items_page(superuser).items == made


@pytest.mark.parametrize(
    ("privacy", "status", "who", "may"),
    [
        ("clear", "confirmed", "reviewer", True),
        ("redacted", "confirmed", "reviewer", True),
        ("faces", "pending_review", "reviewer", True),
        ("failed", "pending_review", "reviewer", True),
        ("unscanned", "pending_review", "reviewer", True),
        ("faces", "rejected", "reviewer", False),
        ("faces", "needs_review", "reviewer", False),
        ("faces", "rejected", "supervisor", True),
        ("faces", "needs_review", "supervisor", True),
        ("clear", "pending_review", "outsider", False),
        ("clear", "pending_review", "device_user", False),
    ],
)
def test_who_may_be_shown_which_file(camera, privacy, status, who, may, request):
    item = factories.item(factories.incident(camera), privacy=privacy, status=status)
    user = request.getfixturevalue(who)

    for evidence in item.incident.evidence.all():
        assert selectors.media_access(user, evidence) is may


def test_the_permission_can_be_taken_away(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="faces")
    group = reviewer.groups.get()
    group.permissions.remove(group.permissions.get(codename="view_unredacted"))

    assert not selectors.media_access(reviewer, item.incident.evidence.first())


def test_evidence_without_an_item_is_for_supervisors(camera, reviewer, supervisor, outsider):
    evidence = factories.incident(camera).evidence.first()

    allowed = [selectors.media_access(one, evidence) for one in (reviewer, supervisor, outsider)]
    assert allowed == [False, True, False]


def test_a_file_that_nobody_looked_at_is_not_shown_as_private(camera, reviewer):
    item = factories.item(factories.incident(camera), privacy="clear", status="confirmed")
    evidence = item.incident.evidence.first()
    item.scans.filter(evidence=evidence).update(file_sha256="0" * 64)

    assert not selectors.media_access(reviewer, evidence)


def test_history_is_in_order_with_what_undid_what(camera, reviewer):
    item = bare(camera)
    first = factories.decision(item, reviewer)
    undo = factories.decision(item, reviewer, verdict="undone", undoes=first, item_version=2)

    assert selectors.history(item, reviewer) == [first, undo]
    assert selectors.history(item, reviewer)[0].undone_by == undo


def test_similar_is_near_in_place_kind_and_time(camera):
    source = factories.footage(camera)
    part = factories.segment(source)

    def at(seconds, **columns):
        columns = {"footage": source, "segment": part, "with_files": False, **columns}
        return factories.item(factories.incident(opened_at_seconds=seconds, **columns))

    item, near, _far = at(1000.0), at(1600.0), at(1601.0)
    at(1000.0, category="aggression")
    bare(factories.camera(camera.site))

    assert selectors.similar(item) == [near]
    assert [one.pk for one in selectors.similar(near, limit=1)] == [item.pk]


def test_trouble_and_delay_are_shown(camera, reviewer, outsider):
    failed = bare(camera, privacy="failed", proposal="none")
    blocked = factories.item(factories.incident(camera), privacy="faces", proposal="blocked")
    bare(camera, privacy="failed", status="rejected")
    bare(camera)
    late = factories.incident(camera, with_files=False)
    at = late.evidence_complete_at

    assert list(selectors.troubled(reviewer)) == [failed, blocked]
    assert list(selectors.late_incidents(reviewer, at=at + timedelta(seconds=61))) == [late]
    assert list(selectors.late_incidents(reviewer, at=at + timedelta(seconds=59))) == []
    assert list(selectors.late_incidents(outsider, at=at + timedelta(seconds=61))) == []


def test_trainable_is_confirmed_and_private(camera):
    good = [bare(camera, status="confirmed"), bare(camera, status="confirmed", privacy="redacted")]
    bare(camera)
    bare(camera, status="rejected")
    bare(factories.camera(), status="confirmed")

    assert list(selectors.trainable_items(camera.site)) == good
