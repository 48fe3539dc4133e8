"""Two people judge an item, and neither knows what the other said."""

from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Fixture, Incident
from hitlsite import audit
from hitlsite.errors import Conflict, Forbidden, NotFound
from hitlsite.models import AuditEntry, Membership
from review import selectors
from review.models import Decision, TrainingItem
from review.services import blind, conversion, decisions, privacy, queue
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera, reviewer, second_reviewer):
    return factories.item(factories.incident(camera, with_files=False), mode="double")


def judge(item, by, verdict="confirmed", **more):
    if verdict == "rejected":
        more.setdefault("reason", "duplicate")
    return decisions.decide(item.pk, by=by, verdict=verdict, **more)


def state(item):
    item.refresh_from_db()
    return item.status, item.version


def effects(item):
    return [one.effect for one in item.decisions.order_by("pk")]


def test_the_first_verdict_is_held(item, reviewer):
    queue.claim_item(item.pk, by=reviewer)

    given = judge(item, reviewer, version=1)

    assert (given.effect, *state(item)) == ("held", "pending_review", 1)
    assert (item.claimed_by, item.decided_at) == (None, None)
    assert selectors.counts(reviewer)["pending_review"] == 1


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({}, {}, "confirmed"),
        (
            {"verdict": "confirmed", "category": "aggression"},
            {"verdict": "confirmed", "category": "aggression"},
            "confirmed",
        ),
        (
            {"verdict": "rejected", "reason": "duplicate"},
            {"verdict": "rejected", "reason": "low_quality"},
            "rejected",
        ),
        ({"verdict": "needs_review"}, {"verdict": "needs_review"}, "needs_review"),
    ],
)
def test_two_who_agree_bring_it_into_force(item, reviewer, second_reviewer, first, second, status):
    judge(item, reviewer, **first)

    given = judge(item, second_reviewer, **second, version=1)

    assert given.effect == "applied"
    assert state(item) == (status, 2)
    assert effects(item) == ["counted", "applied"]
    assert item.category == second.get("category", "loitering")
    counts = selectors.counts(reviewer)
    assert (counts["pending_review"], counts[status]) == (0, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"verdict": "rejected"}),
        ({"verdict": "rejected"}, {}),
        ({}, {"category": "aggression"}),
        ({}, {"verdict": "needs_review"}),
        ({"verdict": "needs_review"}, {"verdict": "rejected"}),
    ],
)
def test_two_who_differ_bring_it_before_a_supervisor(
    item, reviewer, second_reviewer, supervisor, first, second
):
    one = judge(item, reviewer, **first)
    other = judge(item, second_reviewer, **second)

    assert state(item) == ("needs_review", 2)
    assert (effects(item), item.category) == (["counted", "counted"], "loitering")
    entry = AuditEntry.objects.get(action="blind_verdicts_differ")
    said = entry.detail.content
    assert (said["first"]["decision"], said["decision"]) == (one.pk, other.pk)
    with pytest.raises(Forbidden):
        judge(item, reviewer)
    judge(item, supervisor)
    assert state(item) == ("confirmed", 3)
    assert effects(item) == ["counted", "counted", "applied"]


def test_nobody_judges_twice(item, reviewer):
    judge(item, reviewer)

    with pytest.raises(Conflict) as refusal:
        judge(item, reviewer, verdict="rejected")

    assert refusal.value.code == "already_judged"
    assert (effects(item), *state(item)) == (["held"], "pending_review", 1)


def test_a_supervisor_is_an_ordinary_second(item, reviewer, supervisor):
    judge(item, reviewer)
    judge(item, supervisor)
    assert state(item) == ("confirmed", 2)


def test_where_there_is_nobody_else_one_decides(camera, reviewer):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")

    assert judge(item, reviewer).effect == "applied"
    assert state(item) == ("confirmed", 2)


def test_where_the_second_person_leaves_the_first_decides_again(item, reviewer, second_reviewer):
    judge(item, reviewer, verdict="rejected")
    Membership.objects.filter(user=second_reviewer).delete()

    judge(item, reviewer)

    assert state(item) == ("confirmed", 2)
    assert effects(item) == ["void", "applied"]


@pytest.mark.parametrize("how", ["inactive", "no role"])
def test_who_may_not_decide_is_no_second_person(camera, reviewer, second_reviewer, how):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")
    if how == "inactive":
        second_reviewer.is_active = False
        second_reviewer.save()
    else:
        second_reviewer.groups.clear()

    assert judge(item, reviewer).effect == "applied"


def test_a_phone_is_no_second_person(camera, reviewer, device_user):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")
    assert judge(item, reviewer).effect == "applied"


def test_an_outsider_is_no_second_person(camera, reviewer, outsider):
    item = factories.item(factories.incident(camera, with_files=False), mode="double")
    assert judge(item, reviewer).effect == "applied"
    with pytest.raises(NotFound):
        judge(item, outsider)


# Faces


def test_a_held_confirmation_hides_nothing_yet(camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera), privacy="faces", mode="double")
    judge(item, reviewer)
    item.refresh_from_db()
    assert item.privacy == "faces"

    assert judge(item, second_reviewer).effect == "applied"
    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")


def test_an_agreed_confirmation_waits_for_its_redaction(camera, reviewer, second_reviewer, scanner):
    item = factories.item(factories.incident(camera), privacy="unscanned", mode="double")
    privacy.scan_item(item, scanner=scanner)
    judge(item, reviewer)
    assert judge(item, second_reviewer).effect == "waiting"
    assert effects(item) == ["counted", "waiting"]

    item.refresh_from_db()
    privacy.propose(item, scanner=scanner)

    assert state(item)[0] == "confirmed"
    assert effects(item) == ["counted", "applied"]


def test_a_redaction_that_fails_leaves_the_first_held(
    camera, reviewer, second_reviewer, scanner, broken_scanner
):
    item = factories.item(factories.incident(camera), privacy="unscanned", mode="double")
    privacy.scan_item(item, scanner=scanner)
    judge(item, reviewer)
    judge(item, second_reviewer)

    item.refresh_from_db()
    privacy.propose(item, scanner=broken_scanner)

    assert (item.proposal, state(item)[0]) == ("blocked", "pending_review")
    assert effects(item) == ["held", "void"]
    judge(item, second_reviewer, verdict="rejected")
    assert state(item)[0] == "needs_review"


def test_who_waits_may_say_otherwise(camera, reviewer, second_reviewer, scanner):
    item = factories.item(factories.incident(camera), privacy="unscanned", mode="double")
    privacy.scan_item(item, scanner=scanner)
    judge(item, reviewer)
    judge(item, second_reviewer)

    judge(item, second_reviewer, verdict="rejected")

    assert state(item)[0] == "needs_review"
    assert effects(item) == ["counted", "void", "counted"]


@pytest.mark.parametrize("first", ["confirmed", "rejected"])
def test_a_blocked_redaction_tells_nothing_of_the_first(
    camera, reviewer, second_reviewer, supervisor, first
):
    """Whatever the first verdict was, confirming is refused in the same words."""
    item = factories.item(factories.incident(camera), privacy="failed", mode="double")
    for by in (reviewer, second_reviewer):
        with pytest.raises(Conflict) as refusal:
            judge(item, by)
        assert refusal.value.code == "not_private"
    factories.decision(item, reviewer, verdict=first, effect="held")
    with pytest.raises(Conflict) as refusal:
        judge(item, second_reviewer)
    assert refusal.value.code == "not_private"


# Fixtures


def test_only_a_verdict_in_force_makes_a_fixture(camera, reviewer, second_reviewer):
    incident = factories.incident(camera, with_files=False)
    numbers = {"box_xyxy": [0.1, 0.1, 0.2, 0.2]}
    factories.rule_hit(incident, position=1, kind="object_left_unattended", numbers=numbers)
    item = factories.item(incident, mode="double")

    judge(item, reviewer, verdict="rejected", reason="baseline_noise")
    assert not Fixture.objects.exists()
    judge(item, second_reviewer, verdict="rejected", reason="baseline_noise")
    assert Fixture.objects.count() == 1
    decisions.undo(by=second_reviewer)
    assert not Fixture.objects.exists()


# Undo


def test_a_held_verdict_is_taken_back(item, reviewer, second_reviewer):
    judge(item, reviewer)
    decisions.undo(by=reviewer)

    assert (effects(item), *state(item)) == (["void", "void"], "pending_review", 1)
    judge(item, reviewer, verdict="rejected")
    assert judge(item, second_reviewer, verdict="rejected").effect == "applied"


@pytest.mark.parametrize("second", ["confirmed", "rejected"])
def test_the_second_is_taken_back_and_the_first_is_held_again(
    item, reviewer, second_reviewer, second, supervisor
):
    first = judge(item, reviewer)
    judge(item, second_reviewer, verdict=second)
    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer, decision_id=first.pk)
    assert refusal.value.code == "already_decided"

    decisions.undo(by=second_reviewer)

    assert state(item)[0] == "pending_review"
    first.refresh_from_db()
    assert first.effect == "held"
    assert selectors.counts(reviewer)["pending_review"] == 1
    judge(item, supervisor)
    assert state(item)[0] == "confirmed"


def test_the_first_is_taken_back_after_the_second_was(item, reviewer, second_reviewer):
    judge(item, reviewer)
    judge(item, second_reviewer)
    decisions.undo(by=second_reviewer)

    decisions.undo(by=reviewer)

    assert judge(item, second_reviewer).effect == "held"


def test_a_supervisor_s_verdict_is_taken_back_alone(item, reviewer, second_reviewer, supervisor):
    judge(item, reviewer)
    judge(item, second_reviewer, verdict="rejected")
    judge(item, supervisor)

    decisions.undo(by=supervisor)

    assert state(item)[0] == "needs_review"
    assert effects(item)[:2] == ["counted", "counted"]


def test_undo_gives_back_the_files_of_an_agreed_confirmation(camera, reviewer, second_reviewer):
    item = factories.item(factories.incident(camera), privacy="faces", mode="double")
    before = {row.pk: row.sha256 for row in item.incident.evidence.all()}
    judge(item, reviewer)
    judge(item, second_reviewer)
    assert before != {row.pk: row.sha256 for row in item.incident.evidence.all()}

    decisions.undo(by=second_reviewer)

    assert before == {row.pk: row.sha256 for row in item.incident.evidence.all()}
    assert effects(item)[:1] == ["held"]


def test_it_is_too_late_for_a_held_verdict(item, reviewer):
    given = judge(item, reviewer, at=NOW)
    with pytest.raises(Conflict) as refusal:
        decisions.undo(by=reviewer, decision_id=given.pk, at=NOW + timedelta(seconds=61))
    assert refusal.value.code == "undo_too_late"


def test_a_reopened_item_is_judged_by_one(item, reviewer, second_reviewer, supervisor):
    judge(item, reviewer)
    judge(item, second_reviewer)
    decisions.reopen(item.pk, by=supervisor, note="look again")
    assert judge(item, reviewer, verdict="rejected").effect == "applied"


# Which items


def test_the_share_is_the_share(site, settings):
    settings.SECOND_REVIEW_SHARE = 0.1
    drawn = [key for key in range(20_000) if blind.is_double(site, key)]

    # Four standard deviations of a draw of 20,000 at 0.1 are 170.
    assert 1830 < len(drawn) < 2170
    assert drawn == [key for key in range(20_000) if blind.is_double(site, key)]


@pytest.mark.parametrize(("share", "mode"), [(0, "single"), (1, "double")])
def test_conversion_draws(camera, settings, tmp_path, share, mode):
    settings.SECOND_REVIEW_SHARE, settings.DETECTOR, settings.MODEL_DIR = share, "motion", tmp_path
    item, _ = conversion.convert(factories.incident(camera, with_files=False))
    assert item.mode == mode


def test_samples_are_judged_by_one(camera, settings):
    settings.SECOND_REVIEW_SHARE = 1
    sample = Incident(camera=camera, origin=Incident.Origin.AUDIT_MINUTE, pk=1)
    assert blind.mode_of(sample) == TrainingItem.Mode.SINGLE


# Cost and record


def test_an_ordinary_verdict_asks_little(camera, reviewer, django_assert_max_num_queries):
    first, item = (factories.item(factories.incident(camera, with_files=False)) for _ in range(2))
    judge(first, reviewer)
    with django_assert_max_num_queries(16):
        judge(item, reviewer)


def test_the_audit_does_not_name_a_held_verdict(item, reviewer):
    judge(item, reviewer)
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["verdict_held"]
    assert audit.verify().is_whole


def test_a_verdict_carries_its_batch(item, reviewer):
    batch = "7b4e9c1e-6a7f-4f5b-9a77-0f2f5a4c1c11"
    given = judge(item, reviewer, batch=batch)
    assert str(Decision.objects.get(pk=given.pk).batch) == batch
