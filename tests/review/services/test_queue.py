"""Claims hand out the queue without handing anything out twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
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

    assert queue.release(reviewer, item_id=items[0].pk) == 1
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
