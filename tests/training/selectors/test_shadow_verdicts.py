import pytest
from django.utils import timezone

from detection.models import Prediction
from detection.slots import OBJECT_DETECTOR
from tests import factories
from training.selectors.shadow_verdicts import shadow

pytestmark = pytest.mark.django_db


@pytest.fixture
def challenger():
    return factories.deployment(
        slot=OBJECT_DETECTOR, role="challenger", source="promoted", threshold=0.4, name="two"
    )


def judged(camera, challenger, status, score, **columns):
    item = factories.item(factories.incident(camera), status=status, **columns)
    Prediction.objects.create(
        deployment=challenger, incident=item.incident, score=score, at=timezone.now()
    )


def test_without_a_challenger_nothing_looks_on(db):
    assert shadow(OBJECT_DETECTOR) is None


def test_one_with_a_share_does_not_look_on(challenger):
    challenger.share = 0.5
    challenger.save()
    assert shadow(OBJECT_DETECTOR) is None


def test_before_any_verdict_it_says_so(challenger, camera):
    judged(camera, challenger, "pending_review", 0.9)
    assert "nothing that it looked at was judged yet" in shadow(OBJECT_DETECTOR).sentence


def test_what_it_sees_is_put_beside_what_people_said(challenger, camera):
    for status, scores in (("confirmed", (0.9, 0.5, 0.1)), ("rejected", (0.39, 0.4))):
        for score in scores:
            judged(camera, challenger, status, score, privacy="clear")
    judged(camera, challenger, "confirmed", 0.9, privacy="clear", mode="gold")
    told = shadow(OBJECT_DETECTOR)
    assert (told.confirmed_seen, told.confirmed) == (2, 3)
    assert (told.rejected_seen, told.rejected) == (1, 2)
    assert "2 of 3" in told.sentence
