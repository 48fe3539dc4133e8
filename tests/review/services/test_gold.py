"""Items with a known answer measure people and are decided by nobody."""

import pytest

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review import selectors
from review.models import GoldAnswer
from review.selectors import trainable_items
from review.services import decisions, gold, outcomes, queue, tallies, undoing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera, with_files=False))


@pytest.fixture
def known(item, supervisor):
    return gold.set_gold(item.pk, by=supervisor, verdict="confirmed", note="Look at the hands.")


def judge(item, by, verdict="confirmed", **more):
    if verdict == "rejected":
        more.setdefault("reason", "duplicate")
    return decisions.decide(item.pk, by=by, verdict=verdict, **more)


def state(item):
    item.refresh_from_db()
    return item.mode, item.status, item.version


def test_a_known_answer_takes_the_item_out_of_the_counts(item, known, reviewer, site):
    assert state(item) == ("gold", "pending_review", 1)
    assert selectors.counts(reviewer)["pending_review"] == 0
    tallies.recount(site)
    assert selectors.counts(reviewer)["pending_review"] == 0


@pytest.mark.parametrize(
    ("answer", "given", "matches"),
    [
        ({"verdict": "confirmed"}, {"verdict": "confirmed"}, True),
        ({"verdict": "confirmed"}, {"verdict": "rejected"}, False),
        ({"verdict": "confirmed"}, {"verdict": "needs_review"}, False),
        (
            {"verdict": "confirmed", "category": "aggression"},
            {"verdict": "confirmed", "category": "aggression"},
            True,
        ),
        (
            {"verdict": "confirmed", "category": "aggression"},
            {"verdict": "confirmed"},
            False,
        ),
        (
            {"verdict": "rejected", "reason": "low_quality"},
            {"verdict": "rejected", "reason": "duplicate"},
            True,
        ),
    ],
)
def test_verdicts_are_held_against_it(item, reviewer, supervisor, answer, given, matches):
    gold.set_gold(item.pk, by=supervisor, **answer)

    decision = judge(item, reviewer, **given)

    assert (decision.effect, *state(item)) == ("counted", "gold", "pending_review", 1)
    assert gold.outcome(decision).matches is matches
    assert "was known" in outcomes.sentence(decision)


def test_who_errs_is_told_why(item, known, reviewer):
    told = outcomes.sentence(judge(item, reviewer, "rejected"))
    assert told.endswith("another: confirmed. Look at the hands.")


def test_everybody_judges_once(item, known, reviewer, second_reviewer):
    judge(item, reviewer)
    judge(item, second_reviewer, "rejected")
    with pytest.raises(Conflict) as refusal:
        judge(item, reviewer, "rejected")
    assert refusal.value.code == "already_judged"
    assert item.decisions.count() == 2


def test_it_is_offered_to_those_who_have_not_judged_it(item, known, reviewer, second_reviewer):
    judge(item, reviewer)
    assert queue.next_item(reviewer) is None
    assert queue.next_item(second_reviewer) == item


def test_what_was_measured_is_not_taken_back(camera, item, known, reviewer):
    ordinary = factories.item(factories.incident(camera, with_files=False))
    judge(ordinary, reviewer)
    given = judge(item, reviewer)

    assert undoing.undoable(reviewer) == []
    for decision_id in (None, given.pk):
        with pytest.raises(Conflict) as refusal:
            decisions.undo(by=reviewer, decision_id=decision_id)
        assert refusal.value.code == "nothing_to_undo"
    ordinary.refresh_from_db()
    assert ordinary.status == "confirmed"


def test_it_is_never_exported(item, known, reviewer, site):
    judge(item, reviewer)
    assert list(trainable_items(site)) == []


def test_it_shows_faces_and_nothing_is_redacted(camera, reviewer, supervisor):
    item = factories.item(factories.incident(camera), privacy="faces")
    gold.set_gold(item.pk, by=supervisor, verdict="confirmed")
    judge(item, reviewer)
    item.refresh_from_db()
    assert item.privacy == "faces"


def test_retiring_decides_it(item, known, reviewer, supervisor, site):
    judge(item, reviewer, "rejected")

    decision = gold.retire_gold(item.pk, by=supervisor)

    assert (decision.effect, decision.reviewer) == ("applied", supervisor)
    assert state(item) == ("single", "confirmed", 2)
    assert GoldAnswer.objects.get().retired_at is not None
    counts = selectors.counts(reviewer)
    assert (counts["pending_review"], counts["confirmed"]) == (0, 1)
    tallies.recount(site)
    assert selectors.counts(reviewer) == counts
    with pytest.raises(Conflict) as refusal:
        gold.retire_gold(item.pk, by=supervisor)
    assert refusal.value.code == "not_gold"


def test_what_cannot_be_confirmed_stays_gold(camera, supervisor):
    item = factories.item(factories.incident(camera), privacy="failed")
    gold.set_gold(item.pk, by=supervisor, verdict="confirmed")
    with pytest.raises(Conflict) as refusal:
        gold.retire_gold(item.pk, by=supervisor)
    assert refusal.value.code == "not_private"
    assert state(item)[0] == "gold"
    assert GoldAnswer.objects.get().retired_at is None


def test_what_was_judged_is_known_by_nobody(item, reviewer, supervisor):
    given = judge(item, reviewer)
    decisions.undo(by=reviewer, decision_id=given.pk)
    with pytest.raises(Conflict) as refusal:
        gold.set_gold(item.pk, by=supervisor, verdict="confirmed")
    assert refusal.value.code == "already_judged"


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"verdict": "needs_review"}, "verdict"),
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "rejected"}, "reason"),
        ({"verdict": "confirmed", "category": "robbery"}, "category"),
        ({"verdict": "rejected", "reason": "duplicate", "category": "aggression"}, "category"),
    ],
)
def test_answers_that_make_no_sense(item, supervisor, answer, field):
    with pytest.raises(DomainError) as refusal:
        gold.set_gold(item.pk, by=supervisor, **answer)
    assert list(refusal.value.fields) == [field]
    assert state(item)[0] == "single"


def test_only_supervisors_know_answers(item, reviewer, outsider, supervisor, known, camera):
    other = factories.item(factories.incident(camera, with_files=False))
    with pytest.raises(Forbidden):
        gold.set_gold(other.pk, by=reviewer, verdict="confirmed")
    with pytest.raises(Forbidden):
        gold.retire_gold(item.pk, by=reviewer)
    for nobody in (0, "x", 2**70):
        with pytest.raises(NotFound):
            gold.set_gold(nobody, by=supervisor, verdict="confirmed")


def test_a_decided_item_and_a_gold_one_are_refused(item, known, supervisor, camera):
    decided = factories.item(factories.incident(camera, with_files=False), status="confirmed")
    for one, code in ((decided, "already_decided"), (item, "already_judged")):
        with pytest.raises(Conflict) as refusal:
            gold.set_gold(one.pk, by=supervisor, verdict="confirmed")
        assert refusal.value.code == code
