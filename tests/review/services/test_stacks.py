"""Near-duplicates: what is put together, decided together, and taken apart again."""

import pytest
from django.utils import timezone

from hitlsite import audit
from hitlsite.errors import DomainError, NotFound
from hitlsite.models import AuditEntry
from review import selectors
from review.models import Decision, TrainingItem
from review.services import conversion, decisions, queue, stacks, undoing
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.sql]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def converted(camera, scanner):
    """Make an item of what opened so many seconds into the day."""

    def make(seconds, *, camera=camera, zone="entrance", rule="loitering rule"):
        incident = factories.incident(camera, opened_at_seconds=seconds, with_files=False)
        incident.rule_hits.update(zone=zone, rule_name=rule)
        incident = type(incident).objects.get(pk=incident.pk)
        made, _ = conversion.convert(incident, scanner=scanner)
        # Without files there is nothing that a scan could find clear.
        TrainingItem.objects.filter(pk=made.pk).update(privacy="clear", proposal="none")
        return fresh(made)

    return make


@pytest.fixture
def stack(converted):
    return [converted(number * 60.0) for number in range(4)]


def pks(items):
    return [item.pk for item in items]


def fresh(item):
    return TrainingItem.objects.get(pk=item.pk)


def test_what_opens_within_ten_minutes_is_stacked(converted):
    head, near, far, after_far = (
        converted(0.0),
        converted(600.0),
        converted(601.0),
        converted(700.0),
    )

    assert [one.stack for one in (head, near, far, after_far)] == [None, head, None, far]


def test_other_cameras_zones_and_rules_are_others(converted, camera):
    converted(0.0)
    yard = factories.camera(camera.site, "Yard")

    assert converted(1.0, zone="exit").stack is None
    assert converted(2.0, rule="another").stack is None
    assert converted(3.0, camera=yard).stack is None
    assert converted(4.0).stack is not None


def test_only_the_rule_that_opened_it_counts(converted, camera, scanner):
    head = converted(0.0)
    incident = factories.incident(camera, opened_at_seconds=5.0, with_files=False)
    incident.rule_hits.update(rule_name="another")
    factories.rule_hit(incident, position=1)

    item, _ = conversion.convert(type(incident).objects.get(pk=incident.pk), scanner=scanner)
    assert (head.stack, item.stack) == (None, None)


def test_what_no_rule_saw_stays_by_itself(camera, scanner):
    made = []
    for seconds in (0.0, 1.0):
        incident = factories.incident(camera, opened_at_seconds=seconds, with_files=False)
        incident.rule_hits.all().delete()
        incident = type(incident).objects.get(pk=incident.pk)
        made.append(conversion.convert(incident, scanner=scanner)[0])

    assert [one.stack for one in made] == [None, None]


def test_an_earlier_one_does_not_lengthen_a_stack(converted):
    later, earlier = converted(500.0), converted(100.0)

    assert (later.stack, earlier.stack) == (None, None)


def test_confirming_leaves_one_for_training(stack, reviewer):
    outcome = stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=pks(stack[1:]))

    assert (len(outcome.done), outcome.refused) == (3, [])
    assert Decision.objects.filter(batch=outcome.batch).count() == 3
    represented = [fresh(item).represented_by for item in stack]
    assert represented == [None, None, stack[1], stack[1]]
    assert fresh(stack[0]).status == "pending_review"
    assert AuditEntry.objects.filter(action="item_represented").count() == 2
    assert audit.verify().is_whole


def test_a_later_batch_joins_the_one_that_stands_for_the_others(stack, reviewer):
    stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=pks(stack[:2]))
    stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=pks(stack[2:]))

    assert [fresh(item).represented_by for item in stack] == [None, *[stack[0]] * 3]


def test_rejecting_represents_nothing(stack, reviewer):
    stacks.decide(
        stack[0].pk, by=reviewer, verdict="rejected", reason="duplicate", item_ids=pks(stack)
    )

    assert {fresh(item).status for item in stack} == {"rejected"}
    assert {fresh(item).represented_by for item in stack} == {None}


def test_undoing_the_batch_takes_it_apart(stack, reviewer):
    outcome = stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=pks(stack))
    undoing.undo_batch(outcome.batch, by=reviewer)

    assert {fresh(item).status for item in stack} == {"pending_review"}
    assert {fresh(item).represented_by for item in stack} == {None}


def test_who_stood_for_the_others_is_succeeded(stack, reviewer, supervisor):
    stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=pks(stack))
    decisions.reopen(stack[0].pk, by=supervisor, note="look again")

    assert [fresh(item).represented_by for item in stack] == [None, None, stack[1], stack[1]]


def test_a_confirmation_that_waits_and_turns_out_void_stands_for_nothing(stack, reviewer):
    waiting = stack[0]
    TrainingItem.objects.filter(pk=waiting.pk).update(privacy="faces", proposal="waiting")
    outcome = stacks.decide(waiting.pk, by=reviewer, verdict="confirmed", item_ids=pks(stack[:3]))
    assert {made.effect for made in outcome.done} == {"waiting", "applied"}
    assert fresh(stack[1]).represented_by == waiting

    decisions.decide(waiting.pk, by=reviewer, verdict="rejected", reason="low_quality")

    assert [fresh(item).represented_by for item in stack] == [None, None, stack[1], None]


def test_who_is_opened_again_meanwhile_stands_for_nobody(stack, reviewer, supervisor, monkeypatch):
    first, *others = stack
    hold = stacks._Representing.hold

    def reopened_between(representing):
        if representing.chosen == first:
            decisions.reopen(first.pk, by=supervisor, note="wrong")
        hold(representing)

    monkeypatch.setattr(stacks._Representing, "hold", reopened_between)
    outcome = stacks.decide(first.pk, by=reviewer, verdict="confirmed", item_ids=pks(stack))

    assert (len(outcome.done), outcome.refused) == (4, [])
    assert fresh(first).status == "pending_review"
    assert [fresh(one).represented_by for one in others] == [None, others[0], others[0]]


def test_strangers_and_what_is_elsewhere(stack, converted, reviewer, outsider):
    apart = converted(5000.0)

    with pytest.raises(NotFound):
        stacks.decide(stack[0].pk, by=outsider, verdict="confirmed", item_ids=pks(stack))
    with pytest.raises(NotFound, match=f"Item {apart.pk} is not in stack"):
        stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=[apart.pk])
    with pytest.raises(NotFound):
        stacks.decide(stack[1].pk, by=reviewer, verdict="confirmed", item_ids=[stack[1].pk])
    with pytest.raises(DomainError):
        stacks.decide(stack[0].pk, by=reviewer, verdict="confirmed", item_ids=[])
    assert not Decision.objects.exists()


def test_the_list_of_stacks(stack, converted, reviewer, outsider, django_assert_max_num_queries):
    alone = converted(9000.0)
    second = [converted(20_000.0), converted(20_001.0)]
    decisions.decide(stack[3].pk, by=reviewer, verdict="confirmed")
    reviewer.has_perm("review.view_trainingitem")

    with django_assert_max_num_queries(9):
        found, cursor = selectors.stacks_page(reviewer)

    assert [(one.head, one.waiting, one.total) for one in found] == [
        (second[0], 2, 2),
        (stack[0], 3, 4),
    ]
    assert alone not in [one.head for one in found]
    assert (found[1].rule_name, found[1].zone, cursor) == ("loitering rule", "entrance", None)
    assert found[1].last_at == stack[3].incident.opened_at
    assert selectors.stacks_page(outsider) == ([], None)


def test_pages_of_stacks(converted, reviewer, monkeypatch):
    monkeypatch.setattr("review.selectors.stacks.STACKS_ON_A_PAGE", 2)
    heads = []
    for number in range(5):
        heads.append(converted(number * 2000.0))
        converted(number * 2000.0 + 1)
    seen, cursor = [], None
    while True:
        found, cursor = selectors.stacks_page(reviewer, after=cursor)
        seen += [one.head for one in found]
        if cursor is None:
            break

    assert seen == heads[::-1]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 40, "1\x00", "1.5", "٣"])
def test_a_cursor_that_no_page_gave(reviewer, cursor):
    with pytest.raises(DomainError) as refusal:
        selectors.stacks_page(reviewer, after=cursor)
    assert refusal.value.status == 400


def test_the_sheet_shows_what_one_may_judge(stack, reviewer, second_reviewer, settings):
    queue.claim_item(stack[3].pk, by=second_reviewer)
    decisions.decide(stack[1].pk, by=second_reviewer, verdict="rejected", reason="duplicate")
    TrainingItem.objects.filter(pk=stack[2].pk).update(mode="double")
    decisions.decide(stack[2].pk, by=reviewer, verdict="confirmed", at=timezone.now())

    assert selectors.sheet(reviewer, stack[0]) == [stack[0], stack[3]]
    assert selectors.sheet(second_reviewer, stack[0]) == [stack[0], stack[2], stack[3]]
    assert selectors.stack_for(reviewer, stack[3].pk).waiting == 2
    assert selectors.stack_for(second_reviewer, stack[0].pk).waiting == 3


def test_an_item_in_no_stack(converted, reviewer, outsider):
    alone = converted(0.0)
    for user, pk in ((reviewer, alone.pk), (reviewer, 10**9), (outsider, alone.pk)):
        with pytest.raises(NotFound):
            selectors.stack_for(user, pk)
