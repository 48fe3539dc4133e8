"""Claims hand out the queue without handing anything out twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review import selectors
from review.models import GoldAnswer, TrainingItem
from review.services import decisions, queue
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]
NOW = timezone.now()


@pytest.fixture
def items(camera):
    """Return seven items, the first to be reviewed first."""
    made = [
        factories.item(factories.incident(camera, with_files=False, severity=severity))
        for severity in ("high", "high", "medium", "medium", "low", "info", "info")
    ]
    factories.item(factories.incident(camera, with_files=False), status="needs_review")
    return made


def test_two_reviewers_get_different_items(items, reviewer, second_reviewer):
    mine = queue.claim(reviewer, at=NOW)
    theirs = queue.claim(second_reviewer, at=NOW)

    assert (mine, theirs) == (items[:5], items[5:])
    assert {one.claim_expires_at for one in mine} == {NOW + timedelta(seconds=300)}


def test_claiming_again_renews_and_fills_up(items, reviewer):
    queue.claim(reviewer, at=NOW)
    decisions.decide(items[0].pk, by=reviewer, verdict="confirmed", at=NOW)
    later = NOW + timedelta(seconds=100)

    again = queue.claim(reviewer, at=later)

    assert again == items[1:6]
    assert {one.claim_expires_at for one in again} == {later + timedelta(seconds=300)}


def test_a_claim_ends_by_itself(items, reviewer, second_reviewer):
    queue.claim(reviewer, count=7, at=NOW)

    assert queue.claim(second_reviewer, at=NOW + timedelta(seconds=299)) == []
    assert queue.claim(second_reviewer, at=NOW + timedelta(seconds=300)) == items[:5]


def test_release_gives_back(items, reviewer, second_reviewer):
    queue.claim(reviewer, count=7)

    assert queue.release(reviewer, item_ids=[items[0].pk]) == 1
    assert queue.release(reviewer) == 6
    assert queue.claim(second_reviewer) == items[:5]


def test_filters_narrow_the_claim(items, camera, reviewer):
    other = factories.camera(camera.site, "Yard")
    there = factories.item(factories.incident(other, with_files=False, severity="info"))

    assert queue.claim(reviewer, filters={"camera": other.pk}) == [there]


def test_one_item_is_claimed_by_its_id(items, reviewer, second_reviewer, outsider):
    assert queue.claim_item(items[3].pk, by=reviewer, at=NOW).claimed_by == reviewer
    queue.claim_item(items[3].pk, by=reviewer, at=NOW + timedelta(seconds=9))

    with pytest.raises(Conflict, match="Ada Byron") as refusal:
        queue.claim_item(items[3].pk, by=second_reviewer, at=NOW)
    assert refusal.value.code == "claimed"
    with pytest.raises(NotFound):
        queue.claim_item(items[3].pk, by=outsider)
    decisions.decide(items[3].pk, by=reviewer, verdict="confirmed")
    with pytest.raises(Conflict) as refusal:
        queue.claim_item(items[3].pk, by=second_reviewer)
    assert refusal.value.code == "already_decided"


def test_next_walks_the_queue_past_what_others_hold(items, reviewer, second_reviewer):
    queue.claim_item(items[1].pk, by=second_reviewer)

    walked = [queue.next_item(reviewer)]
    while following := queue.next_item(reviewer, after=walked[-1]):
        walked.append(following)

    assert walked == [items[0], *items[2:]]


def test_what_waits_for_its_redaction_is_not_offered(camera, reviewer, second_reviewer):
    incident = factories.incident(camera, with_files=False)
    item = factories.item(incident, privacy="faces", proposal="waiting")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    assert queue.next_item(second_reviewer) is None
    assert queue.claim(second_reviewer) == []


@pytest.mark.parametrize("count", [0, 51, -1, "5", True])
def test_a_count_that_makes_no_sense_is_named(reviewer, count):
    with pytest.raises(DomainError) as refusal:
        queue.claim(reviewer, count=count)
    assert list(refusal.value.fields) == ["count"]


def test_strangers_get_nothing(items, outsider, device_user):
    assert queue.claim(outsider) == []
    assert queue.next_item(outsider) is None
    with pytest.raises(NotFound):
        queue.next_item(outsider, after=items[0])
    with pytest.raises(Forbidden):
        queue.claim(device_user)


def test_upcoming_is_what_follows_and_is_held(items, reviewer, second_reviewer):
    queue.claim_item(items[2].pk, by=second_reviewer, at=NOW)

    ahead = queue.upcoming(reviewer, items[0], count=3, at=NOW)

    assert ahead == [items[1], items[3], items[4]]
    assert {one.claimed_by for one in ahead} == {reviewer}
    assert queue.upcoming(reviewer, items[0].pk, count=3, at=NOW) == ahead
    assert queue.claim(second_reviewer, count=7, at=NOW) == [items[2], items[0], *items[5:]]


def test_upcoming_goes_on_from_the_top(items, reviewer):
    assert queue.upcoming(reviewer, items[5], count=3) == [items[6], items[0], items[1]]
    assert queue.upcoming(reviewer, items[0], count=50) == items[1:]


def test_upcoming_keeps_to_its_filters(items, camera, reviewer, outsider, device_user):
    other = factories.camera(camera.site, "Yard")
    there = [factories.item(factories.incident(other, with_files=False)) for _ in range(2)]

    assert queue.upcoming(reviewer, there[0], {"camera": other.pk}) == there[1:]
    with pytest.raises(NotFound):
        queue.upcoming(outsider, items[0])
    with pytest.raises(Forbidden):
        queue.upcoming(device_user, items[0])
    with pytest.raises(DomainError):
        queue.upcoming(reviewer, items[0], count=0)


def test_what_was_not_looked_at_is_given_back(items, reviewer, second_reviewer):
    ahead = queue.upcoming(reviewer, items[0], count=3)
    queue.claim_item(items[6].pk, by=second_reviewer)
    unseen = [ahead[1].pk, ahead[2].pk, items[6].pk, "x", 10**30]

    assert queue.release(reviewer, item_ids=unseen) == 2
    assert queue.release(reviewer, item_ids=[]) == 0
    held = TrainingItem.objects.filter(claimed_by=reviewer)
    assert list(held) == ahead[:1]
    assert TrainingItem.objects.get(pk=items[6].pk).claimed_by == second_reviewer


@pytest.fixture
def judged(items, reviewer, supervisor):
    """Return the first two items, which ``reviewer`` has judged: one blind, one that measures."""
    for item, mode, effect in (
        (items[0], "double", "held"),
        (items[1], "gold", "counted"),
    ):
        TrainingItem.objects.filter(pk=item.pk).update(mode=mode)
        factories.decision(item, reviewer, effect=effect)
    GoldAnswer.objects.create(item=items[1], verdict="confirmed", set_by=supervisor, set_at=NOW)
    return items[:2]


def test_nobody_is_given_what_they_have_judged(items, judged, reviewer, second_reviewer):
    assert queue.next_item(reviewer) == items[2]
    assert queue.upcoming(reviewer, items[5], count=3) == [items[6], items[2], items[3]]
    assert queue.claim(reviewer, count=1) == [items[2]]
    assert selectors.items_page(reviewer, filters={"status": "pending_review"}).items == items[2:]
    assert queue.next_item(second_reviewer) == items[0]
    assert queue.claim(second_reviewer, count=2) == items[:2]


def test_a_verdict_taken_back_brings_the_item_back(items, judged, reviewer):
    judged[0].decisions.update(effect="void")

    assert queue.claim(reviewer, count=1) == items[:1]


def test_a_claim_past_what_others_hold_asks_few_questions(
    camera, reviewer, second_reviewer, django_assert_max_num_queries
):
    for _ in range(30):
        factories.item(factories.incident(camera, with_files=False))
    queue.claim(second_reviewer, count=20)
    reviewer.has_perm("review.decide_trainingitem")
    with django_assert_max_num_queries(13):
        assert len(queue.claim(reviewer, count=5)) == 5
