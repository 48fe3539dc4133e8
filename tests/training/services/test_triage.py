"""The queue in the order of what the triage model says, where one serves."""

import numpy as np
import pytest

from detection.models import Prediction
from detection.services import deployments, model_store
from detection.slots import INCIDENT_TRIAGE
from detection.vision.tabular import model as tabular_model
from review.models import TrainingItem
from review.ranking import priority
from tests import factories
from training import tasks
from training.learning import tabular
from training.learning.triage import COLUMNS
from training.services import predicting, triage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_loaded(data_dir):
    predicting.models.forget()


def serving(folder, *, role="champion", sign=1.0, algorithm="logistic"):
    """Deploy a model that confirms what has a high peak score, or a low one."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, len(COLUMNS)))
    scores = rng.random(200)
    features[:, COLUMNS.index("peak_score")] = scores
    features *= [name == "peak_score" for name in COLUMNS]
    labels = np.where(sign * (scores - 0.5) > 0, "confirmed", "rejected")
    folder.mkdir()
    model = tabular.fit(features, labels, algorithm, columns=COLUMNS)
    files = model_store.keep([folder / name for name in tabular_model.save(model, folder)])
    return deployments.activate(
        INCIDENT_TRIAGE,
        role=role,
        name=f"{role} {sign:g}",
        files=files,
        sha256=files[0]["sha256"],
        backend="skops",
        input_size=0,
        precision="f32",
        class_names=["confirmed", "rejected"],
    )


@pytest.fixture
def items(camera):
    served = factories.deployment()
    return [
        factories.item(
            factories.incident(camera, with_files=False, deployment=served, peak_score=score)
        )
        for score in (0.95, 0.5, 0.05)
    ]


def test_waiting_incidents_are_scored_once_and_ordered(items, tmp_path):
    deployment = serving(tmp_path / "model")
    assert triage.score_waiting() == 3
    said = list(Prediction.objects.order_by("incident_id"))
    assert [one.label for one in said] == ["confirmed", said[1].label, "rejected"]
    assert said[0].score == said[0].output["probabilities"]["confirmed"] > 0.9
    assert {one.deployment for one in said} == {deployment}
    order = list(TrainingItem.objects.order_by("-priority", "pk"))
    assert order == [items[1], items[0], items[2]]
    for item, one in zip(items, said, strict=True):
        item.refresh_from_db()
        told = priority("medium", item.incident.peak_score, confirmed=one.score)
        assert (item.priority, item.version) == (told, 1)
    assert triage.score_waiting() == 0
    assert Prediction.objects.count() == 3


def test_without_a_model_nothing_happens(items, django_assert_num_queries):
    before = list(TrainingItem.objects.values_list("priority", flat=True))
    with django_assert_num_queries(1):
        assert triage.score_waiting() == 0
    assert list(TrainingItem.objects.values_list("priority", flat=True)) == before


def test_only_pending_incidents_that_are_no_known_answers_are_scored(items, camera, tmp_path):
    TrainingItem.objects.filter(pk=items[0].pk).update(status="confirmed", privacy="clear")
    TrainingItem.objects.filter(pk=items[1].pk).update(mode="gold")
    serving(tmp_path / "model")
    assert triage.score_waiting() == 1
    assert Prediction.objects.get().incident == items[2].incident


def test_the_next_model_says_anew_and_a_limit_is_kept(items, tmp_path):
    serving(tmp_path / "first")
    triage.score_waiting()
    serving(tmp_path / "second", sign=-1.0)
    assert triage.score_waiting(limit=2) == 2
    assert triage.score_waiting(limit=2) == 1
    assert Prediction.objects.count() == 6
    items[2].refresh_from_db()
    newest = Prediction.objects.filter(incident=items[2].incident).last()
    assert newest.score > 0.9
    assert items[2].priority == priority("medium", 0.05, confirmed=newest.score)


def test_where_a_challenger_differs_an_item_comes_sooner(items, tmp_path):
    serving(tmp_path / "first")
    serving(tmp_path / "second", role="challenger", sign=-1.0)
    assert triage.score_waiting() == 3
    items[0].refresh_from_db()
    first, second = (
        one.score for one in Prediction.objects.filter(incident=items[0].incident).order_by("pk")
    )
    told = priority("medium", 0.95, confirmed=first, disagreement=abs(first - second))
    assert items[0].priority == told


def test_a_graver_incident_still_comes_first(items, camera, tmp_path):
    grave = factories.item(
        factories.incident(camera, with_files=False, severity="high", peak_score=0.99)
    )
    serving(tmp_path / "model")
    tasks.score_waiting_incidents()
    assert TrainingItem.objects.order_by("-priority").first() == grave


def test_the_queries_do_not_grow_with_the_items(
    items, camera, tmp_path, django_assert_max_num_queries
):
    served = items[0].incident.deployment
    for number in range(20):
        made = factories.incident(
            camera, with_files=False, deployment=served, peak_score=number / 20
        )
        factories.item(made)
    serving(tmp_path / "model")
    with django_assert_max_num_queries(14 + 23):  # one for each priority that changes
        triage.score_waiting()
