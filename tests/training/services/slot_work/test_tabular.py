"""The level-of-detail policy: from rows to a dataset, a run, a deployment and an answer."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from detection.slots import LOD_POLICY
from hitlsite.errors import DomainError
from tests import factories
from tests.training.measured import Quiet, csv_text, sample
from training.learning import gate
from training.learning.trajectory import COLUMNS
from training.models import DatasetEntry, RetrainingPolicy, TabularSample
from training.services import datasets, predicting, promotion, runs, samples
from training.services.slot_work import tables, tabular

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(data_dir, settings):
    settings.TRAINING_DIR = data_dir / "training"
    predicting.models.forget()


@pytest.fixture
def imported(site, tmp_path):
    path = tmp_path / "walk.csv"
    path.write_text(csv_text(rows=4500))
    samples.import_csv(path, LOD_POLICY, site, "human")
    return site


def gathered(*sites, **options):
    return tabular.gather(options, sites, Quiet())


def test_rows_become_a_policy_that_answers(imported, admin_user):
    dataset = datasets.freeze_now(datasets.freeze(slot=LOD_POLICY).pk)
    assert dataset.state == "done", dataset.error_message
    assert dataset.class_names == ["0", "2", "5"]
    groups = dataset.entries.order_by().values_list("group", "split").distinct()
    assert len(dict(groups)) == len(groups) == 45

    started = runs.start(slot=LOD_POLICY, trigger="command", parameters={"trees": 30})
    run = runs.execute(started.run.pk)
    assert (run.state, run.error_message) == ("done", "")
    decision = run.version.judgements.get()
    figures = decision.challenger.figures
    assert (run.result["outcome"], figures["figure_name"]) == ("promote", "macro F1")
    assert figures["figure"] > 0.8
    assert {one["kind"] for one in decision.report["slices"]} == {"class"}
    assert run.history[0]["val_accuracy"] > 0.8

    promotion.promote(run.version.pk, by=None, purpose="to choose a level")
    past = [{"viewportVelocity": 1.9}]
    calm = dict.fromkeys(COLUMNS[:5], 0.5) | {"deviceFPS": 20.0}
    rows = [calm, calm | {"deviceFPS": 55.0}, calm | {"past": past}]
    answers = predicting.predict(LOD_POLICY, rows, admin_user)
    assert [one.label for one in answers] == ["0", "2", "5"]
    assert answers[0].deployment.name == run.version.name
    assert answers[0].probability == answers[0].probabilities["0"] > 0.5

    again = runs.start(slot=LOD_POLICY, trigger="command", parameters={"trees": 30}, seed=1)
    second = runs.execute(again.run.pk)
    assert second.state == "done", second.error_message
    assert second.result["outcome"] != "promote"


@pytest.mark.parametrize(
    ("option", "policy", "labels"),
    [
        ({}, None, {"human", "outcome"}),
        ({}, "decision", {"human", "outcome", "decision"}),
        ({"label_source": "human"}, "decision", {"human", "outcome"}),
        ({"label_source": "decision"}, None, {"human", "outcome", "decision"}),
    ],
)
def test_decisions_teach_only_where_the_policy_says_so(site, admin_user, option, policy, labels):
    if policy:
        RetrainingPolicy.objects.create(slot=LOD_POLICY, label_source=policy)
    rows = [sample(n, label=str(n), label_source=s) for n, s in enumerate(("human", "outcome"))]
    rows += [sample(2), sample(3, decisionLOD=-1)]
    samples.add(LOD_POLICY, site, rows, admin_user)
    found = gathered(site, **option)
    kept = TabularSample.objects.filter(pk__in=[one.sample_id for one in found.candidates])
    assert set(kept.values_list("label_source", flat=True)) <= labels
    assert found.left_out["no_label"] == 1


def test_rows_without_a_label_are_still_the_past_of_others(site, admin_user):
    rows = [sample(number, decisionLOD=-1) for number in range(1, 12)]
    samples.add(LOD_POLICY, site, [*rows, sample(12, label="1")], admin_user)
    (found,) = gathered(site).candidates
    features = found.label["features"]
    assert [features[f"viewportVelocity_{ago}"] for ago in (1, 2, 10)] == [11, 10, 2]
    assert found.group == f"sequence {site.pk} walk"


def test_a_row_of_no_sequence_has_no_past_and_the_group_of_its_day(site, admin_user):
    site.time_zone = "Asia/Tokyo"
    site.save()
    late = sample(1, label="1", sequence=None, timestamp="2026-03-02T20:00:00Z")
    samples.add(LOD_POLICY, site, [sample(0, label="1", sequence=None), late], admin_user)
    first, second = gathered(site).candidates
    assert second.label["features"]["viewportVelocity_1"] == 0
    assert [one.group for one in (first, second)] == [
        f"day {site.pk} 2026-03-02",
        f"day {site.pk} 2026-03-03",
    ]


def test_sites_are_gathered_apart(site, superuser):
    other = factories.site()
    for one in (site, other):
        samples.add(LOD_POLICY, one, [sample(0, label="1")], superuser)
    assert [one.site_id for one in gathered(other, site).candidates] == [site.pk, other.pk]
    assert len(gathered(other).candidates) == 1
    assert gathered().candidates == []


@pytest.mark.parametrize(
    ("options", "code"),
    [({"label_source": "rumour"}, "invalid"), ({"colour": 1}, "option_unknown")],
)
def test_options_that_are_none_are_refused(site, options, code):
    with pytest.raises(DomainError) as refused:
        datasets.freeze(slot=LOD_POLICY, options=options)
    assert refused.value.code == code


@pytest.mark.parametrize(("algorithm", "code"), [("yolo", "algorithm_unknown")])
def test_algorithms_of_other_slots_are_refused(algorithm, code):
    with pytest.raises(DomainError) as refused:
        tabular.clean_parameters(algorithm, {})
    assert refused.value.code == code
    assert tabular.clean_parameters("svm", {}) == {"c": 1.0, "balanced": True}


def entries_of(labels, groups):
    return [
        SimpleNamespace(position=place, group=group, label={"label": label, "features": {}})
        for place, (label, group) in enumerate(zip(labels, groups, strict=True))
    ]


def said(labels, classes=("0", "2")):
    return {
        place: [[name, float(name == label)] for name in classes]
        for place, label in enumerate(labels)
    }


DATASET = SimpleNamespace(class_names=["0", "2"])


def test_the_gate_compares_macro_f1_and_the_f1_of_every_class():
    entries = entries_of(["0", "2", "2", "0"], ["a", "a", "b", "b"])
    figure, slices = tabular.paired(DATASET, entries, said("0000"), said("0220"))
    ones = np.ones((1, 2))
    assert figure.values(None, ones) == pytest.approx(1.0)
    assert figure.values(ones, None) == pytest.approx(1 / 3)
    assert [(one.kind, one.name, one.positives) for one in slices] == [
        ("class", "0", 2),
        ("class", "2", 2),
    ]
    assert slices[1].figure.values(ones, None) == 0.0


def test_a_champion_of_other_classes_is_compared_all_the_same():
    entries = entries_of(["0", "2", "2"], ["a", "b", "c"])
    old = {place: [["7", 0.6], ["0", 0.4]] for place in range(3)}
    figure, slices = tabular.paired(DATASET, entries, old, said("022"))
    assert figure.values(np.ones((1, 3)), None) == 0.0
    assert gate.decide(figure, slices).challenger == pytest.approx(1.0)
    assert tabular.figures(DATASET, entries, old)["macro_f1"] == 0.0


def test_a_model_that_knows_nothing_says_what_is_most_frequent(imported):
    dataset = datasets.freeze_now(datasets.freeze(slot=LOD_POLICY).pk)
    entries = list(dataset.entries.filter(split="test"))
    scores = tabular.score(None, dataset, entries, Quiet())
    counted = [label["label"] for label in tables.labels_of(dataset, "train")]
    assert {said[0][0] for said in scores.values()} == {max(set(counted), key=counted.count)}


def test_a_dataset_of_other_columns_is_refused(site):
    entry = DatasetEntry(label={"label": "0", "features": {"deviceFPS": 1.0}})
    with pytest.raises(DomainError, match="frustumCoverage"):
        tables.table_of([entry.label], COLUMNS)


def test_scores_are_plain_values():
    assert json.loads(json.dumps(said("02")))
