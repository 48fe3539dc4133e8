"""One verdict on many: what goes through, what is refused, and that all of it goes back at once."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import DomainError, Forbidden
from review.models import Decision
from review.services import bulk, decisions, queue, undoing
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]
NOW = timezone.now()


@pytest.fixture
def items(camera):
    return [factories.item(factories.incident(camera, with_files=False)) for _ in range(4)]


def statuses(items):
    for item in items:
        item.refresh_from_db()
    return [item.status for item in items]


def test_each_gets_a_decision_of_its_own_in_one_batch(items, reviewer):
    outcome = bulk.decide_many(
        [item.pk for item in items], by=reviewer, verdict="rejected", reason="duplicate", note="cat"
    )

    assert outcome.refused == []
    assert [made.item_id for made in outcome.done] == [item.pk for item in items]
    rows = Decision.objects.values_list("batch", "reason", "note", "verdict")
    assert set(rows) == {(outcome.batch, "duplicate", "cat", "rejected")}
    assert statuses(items) == ["rejected"] * 4
    assert audit.verify().is_whole


def test_what_is_refused_is_named_and_keeps_nothing_back(items, reviewer, second_reviewer):
    queue.claim_item(items[1].pk, by=second_reviewer)
    decisions.decide(items[2].pk, by=second_reviewer, verdict="confirmed")
    stranger = factories.item(factories.incident(with_files=False))
    chosen = [items[0].pk, items[1].pk, items[2].pk, stranger.pk, 10**9, items[3].pk]

    outcome = bulk.decide_many(chosen, by=reviewer, verdict="confirmed")

    assert [made.item_id for made in outcome.done] == [items[0].pk, items[3].pk]
    said = dict(outcome.refused)
    assert "Grace Hopper has claimed" in said[items[1].pk]
    assert "Grace Hopper confirmed this" in said[items[2].pk]
    assert said[stranger.pk] == f"There is no item {stranger.pk}."
    assert said[10**9] == "There is no item 1000000000."
    assert statuses([stranger]) == ["pending_review"]


def test_one_undo_takes_all_of_it_back(items, reviewer):
    outcome = bulk.decide_many([item.pk for item in items], by=reviewer, verdict="confirmed")

    undone = undoing.undo_batch(outcome.batch, by=reviewer)

    assert len(undone) == 4
    assert statuses(items) == ["pending_review"] * 4
    assert audit.verify().is_whole


def test_a_batch_of_more_than_can_be_undone_singly(camera, reviewer, settings):
    settings.UNDO_DEPTH = 2
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(5)]
    outcome = bulk.decide_many([item.pk for item in items], by=reviewer, verdict="confirmed")

    assert len(undoing.undo_batch(outcome.batch, by=reviewer)) == 5


def test_an_item_named_twice_is_decided_once(items, reviewer):
    pk = items[0].pk
    outcome = bulk.decide_many([pk, str(pk), pk], by=reviewer, verdict="confirmed")

    assert (len(outcome.done), outcome.refused) == (1, [])


@pytest.mark.parametrize(
    ("ids", "field"),
    [([], "ids"), (["x"], "ids"), ([-1], "ids"), ([1.5], "ids"), ([True], "ids"), ([None], "ids")]
    + [(["1\x00"], "ids"), ([2**70], "ids"), (range(1, 202), "ids"), ([[1]], "ids")],
)
def test_ids_that_make_no_sense(reviewer, ids, field):
    with pytest.raises(DomainError) as refusal:
        bulk.decide_many(ids, by=reviewer, verdict="confirmed")
    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "rejected"}, "reason"),
        ({"verdict": "rejected", "reason": "other"}, "note"),
        ({"verdict": "confirmed", "reason": "duplicate"}, "reason"),
        ({"verdict": "confirmed", "note": "a\x00"}, "note"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused_once(items, reviewer, given, field):
    with pytest.raises(DomainError) as refusal:
        bulk.decide_many([item.pk for item in items], by=reviewer, **given)
    assert list(refusal.value.fields) == [field]
    assert not Decision.objects.exists()


def test_those_who_decide_nothing_decide_nothing(items, device_user, outsider):
    with pytest.raises(Forbidden):
        bulk.decide_many([items[0].pk], by=device_user, verdict="confirmed")
    outcome = bulk.decide_many([items[0].pk], by=outsider, verdict="confirmed")
    assert (outcome.done, len(outcome.refused)) == ([], 1)


def test_an_error_of_ours_is_one_refusal(items, reviewer, monkeypatch):
    decide = decisions.decide

    def failing(pk, **given):
        if pk == items[1].pk:
            raise RuntimeError("a bug")
        return decide(pk, **given)

    monkeypatch.setattr(decisions, "decide", failing)
    outcome = bulk.decide_many([item.pk for item in items], by=reviewer, verdict="confirmed")

    assert len(outcome.done) == 3
    assert outcome.refused == [(items[1].pk, "Something went wrong here; nothing was changed.")]


def test_the_last_answer(items, reviewer, second_reviewer):
    assert bulk.last_answer(reviewer) is None
    decisions.decide(
        items[0].pk,
        by=reviewer,
        verdict="rejected",
        reason="wrong_class",
        note="a dog",
        category="vehicle_detected",
        at=NOW - timedelta(seconds=3),
    )
    decisions.decide(items[1].pk, by=second_reviewer, verdict="confirmed")

    assert bulk.last_answer(reviewer) == {
        "verdict": "rejected",
        "reason": "wrong_class",
        "category": "vehicle_detected",
    }


def test_a_verdict_taken_back_is_no_last_answer(items, reviewer):
    before = NOW - timedelta(seconds=3)
    decisions.decide(items[0].pk, by=reviewer, verdict="confirmed", at=before)
    decisions.decide(items[1].pk, by=reviewer, verdict="needs_review", at=NOW)
    decisions.undo(by=reviewer, at=NOW)

    assert bulk.last_answer(reviewer)["verdict"] == "confirmed"


def test_other_cannot_be_repeated(items, reviewer):
    decisions.decide(items[0].pk, by=reviewer, verdict="rejected", reason="other", note="a flag")

    with pytest.raises(DomainError) as refusal:
        decisions.decide(items[1].pk, by=reviewer, **bulk.last_answer(reviewer))
    assert list(refusal.value.fields) == ["note"]


def test_a_batch_that_nobody_gave(reviewer):
    with pytest.raises(DomainError) as refusal:
        undoing.undo_batch(uuid.uuid4(), by=reviewer)
    assert refusal.value.status == 404
