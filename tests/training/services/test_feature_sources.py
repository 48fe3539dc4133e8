"""What measures a video: told without loading it, found again as it was, refused by name."""

import pytest

from detection.models import Deployment
from detection.services import inference
from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import DomainError
from tests import factories
from training.services import feature_sources

PROMOTED = {
    "slot": OBJECT_DETECTOR,
    "source": Deployment.Source.PROMOTED,
    "name": "detector v7",
    "sha256": "d" * 64,
}


@pytest.fixture
def models(settings, tmp_path):
    """A model directory whose files are no models, only named so."""
    settings.MODEL_DIR = tmp_path / "models"
    settings.MODEL_DIR.mkdir()
    settings.DETECTOR = "auto"
    settings.MEDIAPIPE = True
    for name in ("pose_landmarker_lite.task", "hand_landmarker_lite.task", "yolo11n.pt"):
        (settings.MODEL_DIR / name).write_bytes(name.encode())
    return settings.MODEL_DIR


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("fusion", {"code", "pose", "hands", "detector"}),
        ("mediapipe", {"code", "pose", "hands"}),
        ("yolo", {"code", "detector"}),
    ],
)
def test_a_mode_names_what_it_takes(models, camera, mode, names):
    told = feature_sources.expected(mode, camera)

    assert set(told) == names
    assert feature_sources.is_same(told, feature_sources.expected(mode, camera))


@pytest.mark.parametrize("name", ["pose_landmarker_lite.task", "yolo11n.pt"])
def test_another_model_is_not_the_same(models, camera, name):
    before = feature_sources.expected("fusion", camera)
    (models / name).write_bytes(b"another one")

    assert not feature_sources.is_same(before, feature_sources.expected("fusion", camera))


def test_the_same_weights_in_any_form_are_the_same(models, camera):
    wanted = feature_sources.expected("yolo", camera)
    measured = {**wanted, "detector": {**wanted["detector"], "backend": "x", "precision": "bf16"}}

    assert feature_sources.is_same(measured, wanted)
    assert not feature_sources.is_equal(measured, wanted)
    assert not feature_sources.is_same({**measured, "code": "other"}, wanted)


def test_what_is_promoted_measures_in_its_form(models, camera):
    deployment = factories.deployment(**PROMOTED, input_size=416)

    told = feature_sources.expected("yolo", camera)

    assert told["detector"]["deployment"] == deployment.pk
    assert told["detector"]["sha256"] == "d" * 64
    other = {**told, "detector": {**told["detector"], "input_size": 640}}
    assert not feature_sources.is_same(other, told)


@pytest.mark.parametrize(("detector", "is_promoted"), [("auto", True), ("yolo11n.pt", False)])
def test_a_camera_with_a_detector_of_its_own_keeps_it(models, camera, detector, is_promoted):
    factories.deployment(**PROMOTED)
    camera.detector = detector

    told = feature_sources.expected("yolo", camera)

    assert (told["detector"]["sha256"] == "d" * 64) is is_promoted


def test_a_camera_of_motion_is_measured_by_what_the_setting_names(models, camera, settings):
    expected = feature_sources.expected("yolo", camera)
    camera.detector = "motion"

    assert feature_sources.expected("yolo", camera) == expected
    settings.DETECTOR = "motion"
    with pytest.raises(DomainError) as refused:
        feature_sources.expected("yolo", camera)
    assert refused.value.code == "detector_needed"


@pytest.mark.parametrize(
    ("mode", "missing", "code"),
    [
        ("fusion", "pose_landmarker_lite.task", "mediapipe_unavailable"),
        ("mediapipe", "hand_landmarker_lite.task", "mediapipe_unavailable"),
        ("fusion", "yolo11n.pt", "detector_needed"),
    ],
)
def test_what_is_missing_is_named(models, camera, mode, missing, code):
    (models / missing).unlink()

    with pytest.raises(DomainError) as refused:
        feature_sources.expected(mode, camera)

    assert refused.value.code == code
    assert code == "detector_needed" or missing in refused.value.message


def test_switched_off_mediapipe_measures_nothing(models, camera, settings):
    settings.MEDIAPIPE = False

    with pytest.raises(DomainError, match="switched off"):
        feature_sources.expected("fusion", camera)
    assert feature_sources.expected("yolo", camera)


@pytest.mark.slow
def test_a_real_extractor_says_what_it_is_and_is_exact_whatever_serves(
    model_dir, camera, settings, data_dir
):
    settings.MODEL_DIR, settings.DETECTOR = model_dir, "auto"

    extractor, deployment, sources = feature_sources.extractor("fusion", camera)
    inference.load("auto", pinned={"backend": "onnxruntime", "precision": "f32"})
    again = feature_sources.extractor("fusion", camera)[2]

    assert "right_elbow_angle" in extractor.names and "person_x" in extractor.names
    assert sources["detector"]["deployment"] == deployment.pk
    assert feature_sources.is_same(sources, feature_sources.expected("fusion", camera))
    assert again == sources
    assert (sources["detector"]["backend"], sources["detector"]["precision"]) == ("openvino", "f32")
