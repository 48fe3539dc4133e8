"""``manage.py train_task_classifier``: from a folder or an id to files, figures and plots."""

import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection.slots import TASK_CLASSIFIER
from detection.vision.task_predictor import TaskPredictor
from tests.training import task_material
from training.models import ModelVersion, TrainingRun
from training.services import datasets, task_dataset_folder, version_folder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
PLOTS = ("confusion", "calibration", "per_class", "importance")


@pytest.fixture
def dataset(site, camera):
    asked = task_material.label_set(site)
    for _ in range(4):
        task_material.video(camera, asked, seconds=20.0)
    return datasets.freeze_now(datasets.freeze(slot=TASK_CLASSIFIER, sites=[site]).pk)


def command(*words, **options):
    call_command("train_task_classifier", *words, "--n-estimators", "5", **options)


def pictures(folder):
    import cv2

    return {path.stem: cv2.imread(str(path)) for path in folder.glob("*.png")}


def test_a_folder_becomes_a_classifier_with_figures_and_plots(dataset, tmp_path, capsys):
    task_dataset_folder.write(dataset, tmp_path / "windows")
    out, report = tmp_path / "out", tmp_path / "report.json"
    command("--dataset", str(tmp_path / "windows"), "--model", "rf", output=out, json=report)
    printed = capsys.readouterr().out
    told, metrics = (json.loads(path.read_text()) for path in (report, out / "metrics.json"))

    version = ModelVersion.objects.get()
    assert version.dataset == dataset
    assert f"{version.name}: gate:" in printed
    assert f"test macro f1: {told['figures']['macro_f1']:.3f}" in printed
    assert f"against {told['gate']['champion']:.3f}, where nothing served" in printed
    assert (told["state"], told["algorithm"], told["unchanged"]) == (
        "done",
        "random_forest",
        False,
    )
    assert metrics["evaluations"]["test"]["macro_f1"] == told["figures"]["macro_f1"]
    assert metrics["dataset"]["manifest_sha256"] == dataset.manifest_sha256
    assert set(metrics["files"]) | {"metrics.json"} == {path.name for path in out.iterdir()}
    assert TaskPredictor.load(out).classes == tuple(version.class_names)
    drawn = pictures(out)
    assert set(drawn) == set(PLOTS)
    assert all(picture.std() > 5 for picture in drawn.values())


def test_ablations_are_drawn_and_told_as_well(dataset, tmp_path, capsys):
    command("--dataset", str(dataset.pk), "--ablations", output=tmp_path / "out")
    assert "ablations" in pictures(tmp_path / "out")
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())
    rows = metrics["ablations"]["rows"]
    printed = capsys.readouterr().out
    assert len(rows) == 3
    assert all(
        f"columns {row['columns']}: test macro f1 {row['test']:.3f} with {row['count']} " in printed
        for row in rows
        if row.get("test") is not None
    )
    assert all(row["why"] in printed for row in rows if "why" in row)


def test_the_same_inputs_train_nothing_and_write_the_same_folder(dataset, tmp_path, capsys):
    for _ in range(2):
        command(output=tmp_path / "out")
    assert "UNCHANGED" in capsys.readouterr().out
    assert TrainingRun.objects.count() == 1
    command("--force", "--seed", "2")
    assert TrainingRun.objects.count() == 2
    assert list(TrainingRun.objects.values_list("seed", flat=True)) == [2, 0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "999"], "no dataset 999"),
        (["--dataset", "nowhere"], "no folder that build_task_dataset wrote"),
        (["--agg", "median"], "parameters.agg"),
        (["--columns", "hands"], "parameters.columns"),
        (["--epochs", "3"], "parameters.epochs"),
        (["--max-depth", "0"], "parameters.max_depth"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(dataset, words, said):
    with pytest.raises(CommandError, match=said) as ended:
        command(*words)
    assert ended.value.returncode == 2
    assert not TrainingRun.objects.exists()


def test_a_folder_of_something_else_is_left_alone_and_nothing_is_trained(dataset, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(CommandError, match="is no version's folder"):
        command(output=tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "mine"
    assert not TrainingRun.objects.exists()


def test_a_failed_run_ends_the_command(dataset, camera, tmp_path):
    entries = dataset.entries.filter(split="train")
    entries.update(path="gone.npy")
    with pytest.raises(CommandError, match=r"gone\.npy") as ended:
        command(output=tmp_path / "out", json=tmp_path / "report.json")
    assert ended.value.returncode == 2
    assert json.loads((tmp_path / "report.json").read_text())["state"] == "failed"
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        command(output=tmp_path / "file/out")


def test_a_version_without_validation_has_no_importance_to_draw(dataset, tmp_path):
    command()
    version = ModelVersion.objects.get()
    version.files = [row for row in version.files if row["name"] != "importance.json"]
    told = version_folder.write(version, tmp_path / "out")
    assert told["importance"] is None
    assert "importance.png" not in told["files"]
    assert not np.any([name.startswith(".") for name in told["files"]])
