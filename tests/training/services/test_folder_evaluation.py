"""Two detectors on labelled pictures: what each scores, and what the gate says of it."""

import json
import shutil

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from detection.vision.types import Detections
from hitlsite.errors import DomainError
from training.services import folder_evaluation

BOX = (0.25, 0.25, 0.75, 0.75)


class FakeDetector:
    """Finds the one box in as many pictures as it is good; pictures carry their number."""

    backend, input_size, precision = "openvino", 640, "f32"
    class_names = ("bus", "car")

    def __init__(self, name, finds):
        self.name, self.weights_sha256, self._finds = name, name * 8, finds

    def detect(self, image, at_seconds):
        if image[0, 0, 0] >= self._finds:
            return Detections.empty()
        return Detections(np.array([BOX], np.float32), np.array([0.8], np.float32), ("bus",))


@pytest.fixture
def folder(tmp_path):
    """Return a YOLO folder of 60 pictures with a bus each, and one without labels."""
    root = tmp_path / "pictures"
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for number in range(61):
        picture = np.full((8, 8, 3), number, np.uint8)
        cv2.imwrite(str(root / f"images/{number:03}.png"), picture)
        if number < 60:
            (root / f"labels/{number:03}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text("names: {0: bus, 1: cat}\n")
    return root


@pytest.fixture
def detectors(monkeypatch):
    made = {"good": FakeDetector("good", 58), "poor": FakeDetector("poor", 30)}
    monkeypatch.setattr(folder_evaluation, "_detector", made.__getitem__)


def test_the_better_one_passes_the_gate(folder, detectors):
    seen = []
    found = folder_evaluation.evaluate(
        folder, champion="poor", challenger="good", progress=lambda *told: seen.append(told)
    )
    assert (found.pictures, found.boxes, found.unlabelled) == (60, 60, 1)
    assert seen == [(done, 60) for done in range(1, 61)]
    assert found.champion.map50 == pytest.approx(51 / 101)  # at recalls 0 to 0.50
    assert found.challenger.map50 == pytest.approx(97 / 101)
    assert found.classes == (("bus", 60, found.champion.map50, found.challenger.map50),)
    assert found.report.outcome == "promote"
    assert found.report.gain == pytest.approx(46 / 101)


def test_the_other_way_round_it_is_kept_out(folder, detectors):
    found = folder_evaluation.evaluate(folder, champion="good", challenger="poor")
    assert found.report.outcome == "keep"
    assert [one.falls for one in found.report.slices] == [True]


def test_the_command_tells_people_and_machines(folder, detectors, tmp_path, capsys):
    (folder / "labels/000.txt").write_text("0 0.5 0.5\n")
    call_command(
        "evaluate_model",
        model="good",
        champion="poor",
        images=folder,
        json=tmp_path / "report.json",
    )
    printed = capsys.readouterr()
    assert "59 pictures with 59 boxes; 1 without labels, 1 left out" in printed.out
    assert "challenger good (openvino 640 f32): mAP50 0." in printed.out
    assert "GATE promote" in printed.out
    assert "labels/000.txt" in printed.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["report"]["outcome"] == "promote"
    assert report["challenger"]["name"] == "good"


def test_a_folder_that_is_none_is_refused(tmp_path, detectors):
    with pytest.raises(CommandError, match="data.yaml") as ended:
        call_command("evaluate_model", model="good", champion="poor", images=tmp_path)
    assert ended.value.returncode == 2


def test_a_folder_without_labels_is_refused(folder, detectors):
    shutil.rmtree(folder / "labels")
    with pytest.raises(DomainError, match="no labelled picture"):
        folder_evaluation.evaluate(folder, champion="poor", challenger="good")


def test_a_detector_of_other_things_is_refused_before_it_looks(folder, detectors):
    (folder / "data.yaml").write_text("names: {0: Omnibus, 1: cat}\n")
    with pytest.raises(DomainError, match="poor knows none .* bus, car; labelled are Omnibus, cat"):
        folder_evaluation.evaluate(folder, champion="poor", challenger="good")


def test_a_picture_that_cannot_be_read_is_named(folder, detectors):
    (folder / "images/007.png").write_text("no picture")
    with pytest.raises(DomainError, match=r"007\.png") as refused:
        folder_evaluation.evaluate(folder, champion="poor", challenger="good")
    assert refused.value.code == "picture_unreadable"


@pytest.mark.parametrize(
    ("spec", "code"),
    [("motion", "no_network"), ("auto", "no_network"), ("x.pt", "weights_missing")],
)
def test_what_is_no_network_cannot_be_scored(folder, settings, tmp_path, spec, code):
    settings.MODEL_DIR = settings.DATA_DIR = tmp_path
    with pytest.raises(DomainError) as refused:
        folder_evaluation.evaluate(folder, champion=spec, challenger=spec)
    assert refused.value.code == code


@pytest.mark.slow
def test_real_detectors_on_real_photos(material, model_dir, settings, tmp_path):
    settings.MODEL_DIR, settings.DATA_DIR = model_dir, tmp_path
    source = material / "images/coco128"
    labels = sorted((source / "labels/train2017").glob("*.txt"))[:24]
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        (tmp_path / "some" / kind).mkdir(parents=True)
        for label in labels:
            path = source / kind / "train2017" / f"{label.stem}{suffix}"
            shutil.copy(path, tmp_path / "some" / kind)
    shutil.copy(source / "data.yaml", tmp_path / "some")

    found = folder_evaluation.evaluate(
        tmp_path / "some", champion="yolo11n.pt", challenger="yolo11n.pt"
    )

    assert found.pictures >= 20
    assert 0.6 < found.champion.map50 < 0.95
    assert 0.4 < found.champion.map50_95 < found.champion.map50
    assert found.challenger == found.champion
    assert (found.report.outcome, found.report.gain) == ("not_enough_data", 0.0)
    assert found.report.more_items > 0
