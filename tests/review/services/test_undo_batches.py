"""What was given in one act is taken back in one: all of it, or nothing."""

import uuid
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import Conflict, NotFound
from review import selectors
from review.models import TrainingItem
from review.services import bulk, decisions, gold, stacks, undoing
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def items(camera):
    return [factories.item(factories.incident(camera, with_files=False)) for _ in range(3)]


def decide(items, by, **more):
    pks = [item.pk for item in items]
    return bulk.decide_many(pks, by=by, **{"verdict": "confirmed", **more})


def statuses(items):
    found = TrainingItem.objects.in_bulk([item.pk for item in items])
    return [found[item.pk].status for item in items]


def test_a_batch_is_taken_back_in_one(items, reviewer):
    batch = decide(items, reviewer).batch

    undone = decisions.undo_batch(batch, by=reviewer)

    assert len(undone) == 3
    assert {one.batch for one in undone} == {batch}
    assert statuses(items) == ["pending_review"] * 3
    assert selectors.counts(reviewer)["pending_review"] == 3
    assert audit.verify().is_whole


def test_the_last_act_is_taken_back_whole(items, reviewer):
    decide(items, reviewer)
    decisions.undo(by=reviewer)
    assert statuses(items) == ["pending_review"] * 3


def test_one_of_a_batch_may_be_taken_back_alone(items, reviewer):
    given = decide(items, reviewer)
    decisions.undo(by=reviewer, decision_id=given.done[1].pk)
    assert statuses(items) == ["confirmed", "pending_review", "confirmed"]
    assert len(decisions.undo_batch(given.batch, by=reviewer)) == 2


def test_files_come_back_byte_for_byte(camera, reviewer):
    items = [factories.item(factories.incident(camera), privacy="faces") for _ in range(2)]
    before = _shown(items)
    batch = decide(items, reviewer).batch
    assert not any(one in before.values() for one in _shown(items).values())

    decisions.undo_batch(batch, by=reviewer)

    assert _shown(items) == before
    assert set(TrainingItem.objects.values_list("privacy", flat=True)) == {"faces"}


def _shown(items):
    return {
        row.pk: default_storage.open(row.path).read()
        for item in items
        for row in item.incident.evidence.all()
    }


@pytest.mark.parametrize("spoilt", ["used", "reopened"])
def test_one_that_moved_on_keeps_all(items, reviewer, supervisor, spoilt):
    batch = decide(items, reviewer).batch
    if spoilt == "used":
        TrainingItem.objects.filter(pk=items[2].pk).update(used_at=NOW)
    else:
        decisions.reopen(items[2].pk, by=supervisor, note="look again")
        decisions.decide(items[2].pk, by=supervisor, verdict="confirmed")

    with pytest.raises(Conflict, match=f"Item {items[2].pk} has been"):
        decisions.undo_batch(batch, by=reviewer)

    assert statuses(items) == ["confirmed"] * 3


def test_it_is_too_late(items, reviewer):
    batch = decide(items, reviewer, at=NOW).batch
    with pytest.raises(Conflict) as refusal:
        decisions.undo_batch(batch, by=reviewer, at=NOW + timedelta(seconds=61))
    assert refusal.value.code == "undo_too_late"
    assert statuses(items) == ["confirmed"] * 3


def test_a_batch_is_one_act_of_the_last_ten(camera, items, reviewer, settings):
    settings.UNDO_DEPTH = 2
    first = decide(items, reviewer).batch
    single = factories.item(factories.incident(camera, with_files=False))
    decisions.decide(single.pk, by=reviewer, verdict="confirmed")
    assert len(undoing.undoable(reviewer)) == 4

    third = factories.item(factories.incident(camera, with_files=False))
    decisions.decide(third.pk, by=reviewer, verdict="confirmed")
    with pytest.raises(Conflict) as refusal:
        decisions.undo_batch(first, by=reviewer)
    assert refusal.value.code == "undo_too_late"


def test_nobody_takes_back_another_s_batch(items, reviewer, second_reviewer):
    batch = decide(items, reviewer).batch
    for by, named in ((second_reviewer, batch), (reviewer, uuid.uuid4()), (reviewer, "nonsense")):
        with pytest.raises(NotFound):
            decisions.undo_batch(named, by=by)
    assert statuses(items) == ["confirmed"] * 3


def test_it_is_taken_back_once(items, reviewer):
    batch = decide(items, reviewer).batch
    decisions.undo_batch(batch, by=reviewer)
    with pytest.raises(Conflict) as refusal:
        decisions.undo_batch(batch, by=reviewer)
    assert refusal.value.code == "nothing_to_undo"


def test_held_and_measured_verdicts_in_a_batch(items, reviewer, second_reviewer, supervisor):
    gold.set_gold(items[0].pk, by=supervisor, verdict="confirmed")
    TrainingItem.objects.filter(pk=items[1].pk).update(mode="double")
    given = decide(items, reviewer)
    assert [one.effect for one in given.done] == ["counted", "held", "applied"]

    assert len(decisions.undo_batch(given.batch, by=reviewer)) == 2

    assert statuses(items) == ["pending_review"] * 3
    assert items[0].decisions.get().effect == "counted"


def test_what_one_represented_stands_for_itself_again(items, reviewer):
    TrainingItem.objects.filter(pk__in=[one.pk for one in items[1:]]).update(stack=items[0])
    outcome = stacks.decide(
        items[0].pk, by=reviewer, verdict="confirmed", item_ids=[one.pk for one in items]
    )
    assert TrainingItem.objects.filter(represented_by=items[0]).count() == 2

    decisions.undo_batch(outcome.batch, by=reviewer)

    assert not TrainingItem.objects.filter(represented_by__isnull=False).exists()


def test_a_reopened_item_represents_nothing(items, reviewer, supervisor):
    TrainingItem.objects.filter(pk__in=[one.pk for one in items[1:]]).update(stack=items[0])
    stacks.decide(items[0].pk, by=reviewer, verdict="confirmed", item_ids=[one.pk for one in items])
    decisions.reopen(items[0].pk, by=supervisor, note="look again")
    represented = TrainingItem.objects.filter(represented_by__isnull=False).values_list(
        "pk", "represented_by"
    )
    assert list(represented) == [(items[2].pk, items[1].pk)]


def test_a_long_batch_costs_the_same_for_each(camera, reviewer, django_assert_max_num_queries):
    items = [factories.item(factories.incident(camera, with_files=False)) for _ in range(30)]
    batch = decide(items, reviewer).batch
    with django_assert_max_num_queries(30 * 24 + 10):
        decisions.undo_batch(batch, by=reviewer)
