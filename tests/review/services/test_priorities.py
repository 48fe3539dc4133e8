"""The order that a triage model gives to what waits."""

import pytest

from review.models import TrainingItem
from review.ranking import priority
from review.services import priorities
from review.services.priorities import Likelihood
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(camera, data_dir):
    return factories.item(factories.incident(camera, with_files=False))


def test_waiting_items_get_their_place(item):
    assert priorities.rank({item.pk: Likelihood(0.5, 0.2)}) == 1
    item.refresh_from_db()
    assert item.priority == priority("medium", 0.8, confirmed=0.5, disagreement=0.2)
    assert item.version == 1
    assert priorities.rank({item.pk: Likelihood(0.5, 0.2)}) == 0


@pytest.mark.parametrize("status", ["confirmed", "rejected", "needs_review"])
def test_what_was_decided_meanwhile_stays(item, status):
    TrainingItem.objects.update(status=status, privacy="clear")
    assert priorities.rank({item.pk: Likelihood(0.5)}) == 0
    assert TrainingItem.objects.get().priority == item.priority


def test_items_that_are_gone_are_no_error(item):
    assert priorities.rank({}) == priorities.rank({item.pk + 1: Likelihood(0.5)}) == 0
