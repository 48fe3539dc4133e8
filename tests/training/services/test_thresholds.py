"""Thresholds chosen by people: what speaks for them, who may choose, and what is kept of it."""

import pytest

from detection.models import ScoreThreshold
from detection.services import score_thresholds
from hitlsite import people
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests import factories
from tests.cast import person
from tests.training.judged import judged, sampled, told_apart
from training.learning.thresholds import Wish
from training.selectors import threshold_verdicts
from training.services import thresholds

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


class TestEvidence:
    def test_the_best_threshold_parts_what_people_told_apart(self, camera, reviewer, supervisor):
        deployment = told_apart(camera, reviewer)
        offer = thresholds.curve_for(supervisor, "person", camera)

        assert (offer.curve.confirmed, offer.curve.rejected, offer.curve.groups) == (24, 24, 6)
        assert offer.proposed == 0.6
        assert offer.curve.lower <= 0.6 <= offer.curve.upper
        assert offer.found.weights == {deployment.name}
        assert offer.present is None

    @pytest.mark.parametrize(
        ("reason", "counts"),
        [
            ("baseline_noise", True),
            ("wrong_class", True),
            ("duplicate", False),
            ("low_quality", False),
            ("privacy_risk", False),
            ("policy_violation", False),
            ("other", False),
        ],
    )
    def test_only_some_reasons_tell_of_scores(self, camera, reviewer, supervisor, reason, counts):
        judged(camera, reviewer, [0.4], status="rejected", reason=reason)
        found = threshold_verdicts.evidence_of(supervisor, "person", camera)

        assert [one.is_confirmed for one in found.verdicts] == ([False] if counts else [])
        assert sum(found.left_out.values()) == (0 if counts else 1)

    def test_scores_of_earlier_weights_are_left_out(self, camera, reviewer, supervisor):
        older, newer = factories.deployment(), factories.deployment()
        judged(camera, reviewer, [0.9, 0.8], deployment=older, days=1)
        judged(camera, reviewer, [0.5] * 6, deployment=newer)
        found = threshold_verdicts.evidence_of(supervisor, "person", camera)

        assert {one.score for one in found.verdicts} == {0.5}
        assert found.left_out == {"of other weights": 2}

    def test_what_stands_for_others_and_known_answers_do_not_count(
        self, camera, reviewer, supervisor
    ):
        first, second, third = judged(camera, reviewer, [0.5, 0.6, 0.7], days=1)
        type(first).objects.filter(pk=second.pk).update(represented_by=first)
        type(first).objects.filter(pk=third.pk).update(mode="gold")
        found = threshold_verdicts.evidence_of(supervisor, "person", camera)

        assert [one.score for one in found.verdicts] == [0.5]

    def test_a_near_miss_of_score_stands_for_those_that_were_not_drawn(
        self, camera, reviewer, supervisor
    ):
        sampled(camera, reviewer, kind="near_miss", score=0.35, population=8)
        found = threshold_verdicts.evidence_of(supervisor, "person", camera)

        ((score, weight),) = [(one.score, one.weight) for one in found.verdicts]
        assert (score, weight, found.unreachable) == (0.35, 8.0, 0.0)

    def test_what_a_rule_missed_is_missed_at_every_threshold(self, camera, reviewer, supervisor):
        judged(camera, reviewer, [0.7] * 3)
        judged(camera, reviewer, [0.7], class_name="car")
        sampled(camera, reviewer, kind="near_miss", population=5)
        sampled(camera, reviewer, kind="audit_minute", population=40, class_name="")
        found = threshold_verdicts.evidence_of(supervisor, "person", camera)

        # 40 minutes, of which three in four by the classes of what was confirmed of loitering.
        assert found.unreachable == pytest.approx(30.0)
        assert len(found.verdicts) == 3

    def test_too_few_verdicts_are_a_refusal_that_says_how_many(self, camera, reviewer, supervisor):
        judged(camera, reviewer, [0.7] * 30)
        offer = thresholds.curve_for(supervisor, "person", camera)

        assert offer.curve is None
        assert offer.refusal.code == "too_few_rejected"
        assert "20 more" in offer.refusal.message

    def test_another_sites_verdicts_are_nobodys_business(self, camera, reviewer):
        told_apart(camera, reviewer)
        elsewhere = factories.site("Elsewhere")
        stranger = person("stranger", people.SUPERVISOR, elsewhere)

        assert threshold_verdicts.choices(stranger) == []
        assert thresholds.curve_for(stranger, "person").found.verdicts == []
        with pytest.raises(NotFound):
            thresholds.curve_for(stranger, "person", camera)
        with pytest.raises(NotFound):
            thresholds.camera_for(stranger, camera.pk)

    def test_reviewers_see_no_thresholds(self, camera, reviewer):
        with pytest.raises(Forbidden):
            thresholds.curve_for(reviewer, "person", camera)


class TestAccepting:
    def test_a_choice_is_a_row_with_what_it_was_chosen_by(self, camera, reviewer, supervisor):
        told_apart(camera, reviewer)
        offer = thresholds.curve_for(supervisor, "person", camera, Wish("cost", cost_miss=2.0))
        row = thresholds.accept(
            by=supervisor,
            class_name="person",
            camera=camera,
            value=offer.proposed,
            chosen_by=thresholds.described(offer, offer.proposed),
        )

        assert (row.value, row.accepted_by) == (0.6, supervisor)
        told = row.chosen_by
        assert (told["measure"], told["cost_miss"], told["recall"]) == ("cost", 2.0, 1.0)
        assert (told["confirmed"], told["rejected"]) == (24, 24)
        entry = AuditEntry.objects.get(action="score_threshold.accepted")
        assert (entry.actor, entry.site) == (supervisor, camera.site)
        assert thresholds.described(offer, 0.3)["measure"] == "by hand"

    def test_the_cameras_own_goes_before_the_one_for_all(self, camera, superuser, supervisor):
        other = factories.camera(camera.site, "Yard")
        factories.incident(camera, with_files=False)
        accept(superuser, 0.4)
        accept(supervisor, 0.7, camera)

        assert score_thresholds.in_force(camera) == {"person": 0.7}
        assert score_thresholds.in_force(other) == {"person": 0.4}
        accept(supervisor, None, camera)
        assert score_thresholds.in_force(camera) == {"person": 0.4}
        accept(superuser, None)
        assert score_thresholds.in_force(camera) == {}
        assert ScoreThreshold.objects.count() == 4

    def test_nothing_can_be_taken_back_twice(self, camera, supervisor):
        factories.incident(camera, with_files=False)
        accept(supervisor, 0.7, camera)
        accept(supervisor, None, camera)
        with pytest.raises(Conflict) as refusal:
            accept(supervisor, None, camera)
        assert refusal.value.code == "nothing_to_take_back"

    @pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", True])
    def test_what_is_no_score_is_refused(self, camera, supervisor, value):
        factories.incident(camera, with_files=False)
        with pytest.raises(DomainError) as refusal:
            accept(supervisor, value, camera)
        assert refusal.value.code == "threshold_invalid"

    def test_a_class_that_nobody_knows_is_refused(self, camera, supervisor):
        with pytest.raises(DomainError) as refusal:
            accept(supervisor, 0.5, camera)
        assert refusal.value.code == "class_unknown"

    def test_a_class_of_a_detector_that_serves_can_be_chosen_for(self, camera, supervisor):
        factories.deployment(class_names=["person"])
        assert accept(supervisor, 0.5, camera).value == 0.5

    def test_who_may_not(self, camera, reviewer, supervisor, outsider):
        factories.incident(camera, with_files=False)
        with pytest.raises(Forbidden):
            accept(reviewer, 0.5, camera)
        with pytest.raises(NotFound):
            accept(outsider, 0.5, camera)
        # There is another site, at which the supervisor does not work.
        with pytest.raises(Forbidden):
            accept(supervisor, 0.5)
        assert not ScoreThreshold.objects.exists()


def accept(by, value, camera=None):
    return thresholds.accept(by=by, class_name="person", camera=camera, value=value)
