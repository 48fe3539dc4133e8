"""Two people who judge blind in the same moment: one is first, the other second."""

import pytest

from hitlsite import audit
from hitlsite.errors import Conflict
from review.models import Decision, ItemTally, TrainingItem
from review.services import decisions, gold
from tests import factories
from tests.review.services.test_concurrency import at_once, people

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sql]


def pending(site):
    return ItemTally.objects.get(site=site, status="pending_review").count


@pytest.mark.parametrize(
    ("verdict", "effects", "status"),
    [
        ("confirmed", ["counted", "applied"], "confirmed"),
        ("needs_review", ["counted", "counted"], "needs_review"),
    ],
)
def test_two_first_verdicts_at_once(
    camera, site, reviewer, second_reviewer, verdict, effects, status
):
    for _ in range(5):
        item = factories.item(factories.incident(camera, with_files=False), mode="double")
        one, other = people(reviewer, second_reviewer)

        outcomes = at_once(
            lambda pk=item.pk, by=one: decisions.decide(pk, by=by, verdict="confirmed"),
            lambda pk=item.pk, by=other, verdict=verdict: decisions.decide(
                pk, by=by, verdict=verdict
            ),
        )

        assert all(isinstance(one, Decision) for one in outcomes), outcomes
        item.refresh_from_db()
        assert (item.status, item.version) == (status, 2)
        assert [one.effect for one in item.decisions.order_by("pk")] == effects
    assert pending(site) == 0
    assert audit.verify().is_whole


def test_one_person_in_two_windows(camera, site, reviewer, second_reviewer):
    for _ in range(5):
        item = factories.item(factories.incident(camera, with_files=False), mode="double")

        outcomes = at_once(
            *[
                lambda pk=item.pk, by=by: decisions.decide(pk, by=by, verdict="confirmed")
                for by in people(reviewer, reviewer)
            ]
        )

        assert sum(isinstance(one, Conflict) for one in outcomes) == 1, outcomes
        assert item.decisions.get().effect == "held"


def test_the_second_verdict_and_the_undo_of_the_first(camera, reviewer, second_reviewer):
    for _ in range(5):
        item = factories.item(factories.incident(camera, with_files=False), mode="double")
        first = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        one, other = people(reviewer, second_reviewer)

        at_once(
            lambda by=one, pk=first.pk: decisions.undo(by=by, decision_id=pk),
            lambda pk=item.pk, by=other: decisions.decide(pk, by=by, verdict="confirmed"),
        )

        item.refresh_from_db()
        effects = sorted(item.decisions.exclude(verdict="undone").values_list("effect", flat=True))
        expected = {
            "confirmed": ["applied", "counted"],
            "pending_review": ["held", "void"],
        }
        assert effects == expected[item.status]


def test_a_verdict_and_the_known_answer_at_once(camera, site, reviewer, supervisor):
    for _ in range(5):
        item = factories.item(factories.incident(camera, with_files=False))
        one, other = people(reviewer, supervisor)

        outcomes = at_once(
            lambda pk=item.pk, by=one: decisions.decide(pk, by=by, verdict="confirmed"),
            lambda pk=item.pk, by=other: gold.set_gold(
                pk, by=by, verdict="rejected", reason="duplicate"
            ),
        )

        item.refresh_from_db()
        if item.mode == TrainingItem.Mode.GOLD:
            assert (item.status, item.decisions.get().effect) == ("pending_review", "counted")
        else:
            assert (item.status, type(outcomes[1])) == ("confirmed", Conflict)
    assert pending(site) == 0


def test_many_people_and_many_items(camera, site, reviewer, second_reviewer, supervisor):
    items = [
        factories.item(factories.incident(camera, with_files=False), mode="double")
        for _ in range(15)
    ]
    crowd = people(reviewer, second_reviewer, supervisor)

    def judge_all(by, verdict):
        for item in items:
            try:
                decisions.decide(item.pk, by=by, verdict=verdict)
            except Conflict:
                continue

    verdicts = ("confirmed", "confirmed", "needs_review")
    at_once(
        *[
            lambda by=by, verdict=verdict: judge_all(by, verdict)
            for by, verdict in zip(crowd, verdicts, strict=True)
        ]
    )

    assert not TrainingItem.objects.filter(status="pending_review").exists()
    assert not Decision.objects.filter(effect="held").exists()
    assert pending(site) == 0
    assert audit.verify().is_whole
