"""Task classification from a frozen dataset to a judged version, by the same core as all slots."""

import json

import numpy as np
import pytest

from detection.services import model_store
from detection.slots import TASK_CLASSIFIER
from detection.vision.task_predictor import TaskPredictor
from hitlsite.errors import DomainError
from tests import factories
from tests.training import task_material
from training.models import DatasetEntry, Evaluation, ModelVersion, TrainingRun
from training.services import asking, datasets, policies, promotion, runs, slot_work
from training.services.slot_work import task_champions, task_train, task_windows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

QUICK = {"n_estimators": 20}
NETWORK = {"epochs": 2, "hidden": 8, "batch": 32}


def frozen(site, **options):
    asked = datasets.freeze(slot=TASK_CLASSIFIER, sites=[site], options=options)
    made = datasets.freeze_now(asked.pk)
    assert (made.state, made.error_message) == ("done", "")
    return made


@pytest.fixture
def question(site):
    return task_material.label_set(site)


@pytest.fixture
def films(camera, question):
    return [task_material.video(camera, question, seconds=30.0) for _ in range(6)]


@pytest.fixture
def dataset(site, films):
    return frozen(site)


def trained(dataset, algorithm="random_forest", parameters=None, *, seed=0, force=False):
    usual = {"random_forest": QUICK, "lightgbm": QUICK, "online": {"epochs": 3}}
    started = runs.start(
        slot=TASK_CLASSIFIER,
        trigger=TrainingRun.Trigger.COMMAND,
        dataset_id=dataset.pk,
        algorithm=algorithm,
        parameters=usual.get(algorithm, NETWORK) if parameters is None else parameters,
        seed=seed,
        force=force,
    )
    return runs.execute(started.run.pk)


def version_of(run):
    assert (run.state, run.error_message) == ("done", "")
    return ModelVersion.objects.get(run=run)


def file_of(version, name):
    row = next(row for row in version.files if row["name"] == name)
    return json.loads((model_store.local_folder([row]) / name).read_text())


def promoted(run):
    version = version_of(run)
    decision = version.judgements.first()
    decision.outcome = "promote"
    decision.save()
    promotion.promote(version.pk, by=None, purpose="tests")
    return version


@pytest.mark.parametrize(
    ("algorithm", "backend"),
    [
        ("random_forest", "skops"),
        ("lightgbm", "lightgbm"),
        ("online", "skops"),
        ("lstm", "onnx"),
        ("tcn", "onnx"),
        ("transformer", "onnx"),
    ],
)
def test_a_run_makes_a_version_that_serves_what_was_scored(dataset, algorithm, backend):
    run = trained(dataset, algorithm)
    version = version_of(run)
    (form,) = version.forms
    assert (form["name"], form["backend"], form["serves"]) == (algorithm, backend, True)
    assert form["files"][1] == "task.json"
    assert form["milliseconds"] > 0
    assert sorted(version.class_names) == ["idle", "work"]
    assert run.history[0]["epoch"] == 1
    predictor = TaskPredictor.load(model_store.local_folder(version.files))
    entries = list(slot_work.entries_of(dataset, "test"))
    said = predictor.probabilities(task_windows.windows_of(entries, columns=predictor.columns))
    right = np.array(predictor.classes)[said.argmax(axis=1)] == [
        entry.label["label"] for entry in entries
    ]
    figures = Evaluation.objects.get(version=version, split="test").figures
    assert figures["accuracy"] == pytest.approx(right.mean())
    assert figures["figure_name"] == "macro F1"
    assert 0 <= figures["weighted_f1"] <= 1
    assert {row["name"] for row in figures["classes"]} == {"idle", "work"}
    assert figures["curves"]["calibration"]
    if algorithm in ("random_forest", "lightgbm"):
        assert figures["macro_f1"] > 0.9


def test_it_tells_what_it_learned_from(dataset):
    description = TaskPredictor.load(
        model_store.local_folder(version_of(trained(dataset)).files)
    ).description
    meta = task_windows.meta_of(dataset)
    assert description.columns == tuple(meta["columns"])
    assert description.spec.as_dict() == meta["spec"]
    assert description.detector_mode == "fusion"
    assert description.frames_per_second == pytest.approx(10.0, abs=0.01)
    assert description.sources["dataset"] == dataset.manifest_sha256
    assert description.rows == dataset.entries.filter(split="train").count()


def test_the_gate_resamples_videos_and_has_slices_by_class_and_camera(dataset, camera):
    version = version_of(trained(dataset))
    report = version.judgements.first().report
    assert report["groups"] == len(
        set(dataset.entries.filter(split="test").values_list("group", flat=True))
    )
    kinds = {(row["kind"], row["name"]) for row in report["slices"]}
    assert {("class", "work"), ("class", "idle"), ("camera", str(camera))} == kinds
    assert report["champion"] < report["challenger"]


def test_each_column_is_told_what_it_is_worth(dataset):
    found = file_of(version_of(trained(dataset)), task_train.IMPORTANCE_FILE)
    assert found["split"] == "val"
    assert {row["column"] for row in found["columns"]} == set(task_windows.columns_of(dataset))
    falls = [row["fall"] for row in found["columns"]]
    assert falls == sorted(falls, reverse=True)


def test_ablations_compare_the_sets_of_columns(site, camera, question):
    for _ in range(12):
        task_material.video(camera, question, seconds=20.0)
    dataset = frozen(site, train_ratio=0.4, val_ratio=0.1, test_ratio=0.5)
    version = version_of(trained(dataset, parameters={"n_estimators": 5, "ablations": True}))
    found = file_of(version, task_train.ABLATIONS_FILE)
    rows = {row["columns"]: row for row in found["rows"]}
    assert set(rows) == {"fused", "mediapipe", "yolo"}
    whole = Evaluation.objects.get(version=version, split="test").figures["macro_f1"]
    assert rows["fused"]["test"] == pytest.approx(whole)
    assert rows["fused"]["count"] > rows["mediapipe"]["count"] > 0 < rows["yolo"]["count"]
    for name in ("mediapipe", "yolo"):
        for split in ("val", "test"):
            gain = rows[name]["gains"][split]
            assert gain["gain"] == pytest.approx(rows["fused"][split] - rows[name][split])
            groups = set(dataset.entries.filter(split=split).values_list("group", flat=True))
            assert gain["groups"] == len(groups)
        gain = rows[name]["gains"]["test"]
        assert gain["lower"] <= gain["gain"] <= gain["upper"]


def test_one_video_alone_has_no_interval(dataset):
    version = version_of(trained(dataset, parameters={**QUICK, "ablations": True}))
    rows = file_of(version, task_train.ABLATIONS_FILE)["rows"]
    gain = rows[1]["gains"]["val"]
    assert gain["groups"] == 1
    assert (gain["lower"], gain["upper"]) == (None, None)


def test_a_classifier_of_one_source_needs_that_source_alone(dataset):
    version = version_of(trained(dataset, parameters={**QUICK, "columns": "yolo"}))
    predictor = TaskPredictor.load(model_store.local_folder(version.files))
    assert predictor.detector_mode == "yolo"
    assert not any("hand" in name for name in predictor.columns)


def test_columns_that_a_dataset_does_not_have_fail_the_run(site, camera, question):
    for _ in range(4):
        task_material.video(camera, question, seconds=30.0, mode="mediapipe")
    run = trained(frozen(site), parameters={"columns": "yolo"})
    assert (run.state, run.error_code) == ("failed", "columns_missing")


def test_the_same_inputs_train_nothing_and_a_seed_is_an_input(dataset):
    first = trained(dataset)
    again = runs.start(
        slot=TASK_CLASSIFIER,
        trigger="command",
        dataset_id=dataset.pk,
        algorithm="rf",
        parameters=QUICK,
    )
    other = runs.start(
        slot=TASK_CLASSIFIER, trigger="command", dataset_id=dataset.pk, parameters=QUICK, seed=3
    )
    assert again.is_unchanged
    assert again.run == first
    assert not other.is_unchanged


def test_the_same_run_again_makes_the_same_file(dataset):
    one, two = (version_of(trained(dataset, "tcn", force=True)) for _ in range(2))
    assert one.forms[0]["sha256"] == two.forms[0]["sha256"]


def test_a_run_begins_clean(dataset, settings):
    started = runs.start(
        slot=TASK_CLASSIFIER, trigger="command", dataset_id=dataset.pk, parameters=QUICK
    )
    left = settings.TRAINING_DIR / str(started.run.uuid) / "model.onnx"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    version = version_of(runs.execute(started.run.pk))
    assert "model.onnx" not in {row["name"] for row in version.files}


def test_a_run_ends_between_epochs_when_it_is_cancelled(dataset):
    started = runs.start(
        slot=TASK_CLASSIFIER,
        trigger="command",
        dataset_id=dataset.pk,
        algorithm="tcn",
        parameters={**NETWORK, "epochs": 500},
    )

    def cancel(row):
        if row.history:
            TrainingRun.objects.filter(pk=row.pk).update(cancel_asked_at=row.created_at)

    run = runs.execute(started.run.pk, listener=cancel)
    assert run.state == TrainingRun.State.CANCELLED
    assert len(run.history) < 5


def test_a_challenger_is_compared_with_the_champion_on_the_same_windows(dataset):
    champion = promoted(trained(dataset))
    version = version_of(trained(dataset, "lightgbm"))
    decision = version.judgements.first()
    assert decision.champion.name == champion.name
    assert decision.champion.test_sha256 == decision.challenger.test_sha256
    assert decision.outcome in ("keep", "not_enough_data")


def test_a_champion_of_other_windows_is_asked_about_the_same_moments(site, dataset):
    champion = promoted(trained(dataset))
    longer = frozen(site, window_seconds=3.0)
    version = version_of(trained(longer))
    before = version.judgements.first().champion
    assert before.name == champion.name
    assert before.figures["items"] == longer.entries.filter(split="test").count()
    assert before.figures["macro_f1"] > 0.9


def test_windows_that_are_cut_anew_are_those_that_the_dataset_had(dataset):
    version = version_of(trained(dataset))
    predictor = TaskPredictor.load(model_store.local_folder(version.files))
    entries = list(slot_work.entries_of(dataset, "val"))
    direct = task_champions.windows_for(predictor, version.name, entries)
    dataset.counts[task_windows.COUNTED_AS]["spec"]["gap_seconds"] = 0.9
    anew = task_champions.windows_for(predictor, version.name, entries)
    assert np.array_equal(direct, anew, equal_nan=True)


def test_a_champion_that_the_features_cannot_serve_is_named(site, dataset, films, camera, question):
    champion = promoted(trained(dataset))
    other = factories.site("Elsewhere")
    place = factories.camera(other)
    asked = task_material.label_set(other)
    for _ in range(4):
        task_material.video(place, asked, seconds=30.0, mode="yolo")
    run = trained(frozen(other))
    assert (run.state, run.error_code) == ("failed", "features_differ")
    assert champion.name in run.error_message


def test_online_goes_on_with_the_windows_that_came_since(site, dataset, camera, question):
    first = promoted(trained(dataset, "online"))
    for _ in range(3):
        task_material.video(camera, question, seconds=30.0)
    larger = frozen(site)
    known = set(dataset.entries.filter(split="train").values_list("sha256", flat=True))
    fresh = [
        sha256
        for sha256 in larger.entries.filter(split="train").values_list("sha256", flat=True)
        if sha256 not in known
    ]
    run = trained(larger, "online")
    version = version_of(run)
    assert f"{len(fresh)} new windows" in run.log
    assert 0 < len(fresh) < larger.entries.filter(split="train").count()
    before, after = (
        TaskPredictor.load(model_store.local_folder(one.files)) for one in (first, version)
    )
    assert after.description.means == before.description.means
    assert after.description.rows == len(fresh)


def test_online_has_nothing_to_learn_from_the_same_dataset(dataset):
    promoted(trained(dataset, "online"))
    run = trained(dataset, "online", force=True)
    assert (run.state, run.error_code) == ("failed", "nothing_new")


@pytest.mark.parametrize(
    ("algorithm", "parameters", "field"),
    [
        ("random_forest", {"epochs": 3}, "parameters.epochs"),
        ("lstm", {"hidden": 1}, "parameters.hidden"),
        ("svm", {}, "algorithm"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_queued(
    dataset, algorithm, parameters, field
):
    with pytest.raises(DomainError) as error:
        trained(dataset, algorithm, parameters)
    assert list(error.value.fields) == [field]
    assert not TrainingRun.objects.exists()


def test_nothing_known_says_what_is_most_frequent(dataset):
    entries = list(slot_work.entries_of(dataset, DatasetEntry.Split.TEST))
    labels = list(dataset.entries.filter(split="train").values_list("label__label", flat=True))
    said = task_train.score(None, dataset, entries, None)
    most = max(dataset.class_names, key=labels.count)
    assert {answer[0][0] for answer in said.values()} == {most}


def test_a_short_name_is_stored_as_the_long_one(dataset, admin_user):
    policy = policies.policy_of(TASK_CLASSIFIER)
    policy.algorithm, policy.parameters = "rf", QUICK
    policies.save(policy)
    policy.refresh_from_db()
    assert policy.algorithm == "random_forest"
    asked = asking.train(slot=TASK_CLASSIFIER, by=admin_user, dataset_id=dataset.pk, algorithm="rf")
    assert asked.run.algorithm == "random_forest"
    assert asked.run.parameters["n_estimators"] == QUICK["n_estimators"]
