"""A camera that wants poses gets them where there are weights, and a warning where not."""

import logging
from types import SimpleNamespace

import pytest

from detection import checkpoints
from detection.services import inference


@pytest.fixture(autouse=True)
def no_estimators(monkeypatch):
    monkeypatch.setattr(inference, "_estimators", {})


def footage_wanting(poses):
    return SimpleNamespace(configuration={} if poses is None else {"estimates_poses": poses})


@pytest.mark.parametrize("wanted", [None, False])
def test_without_the_wish_nothing_is_loaded_or_said(wanted, settings, tmp_path, caplog):
    settings.MODEL_DIR = tmp_path
    assert inference.limb_motion(footage_wanting(wanted), (640, 360)) is None
    assert caplog.records == []


def test_missing_weights_are_a_warning(settings, tmp_path, caplog):
    settings.MODEL_DIR = tmp_path
    with caplog.at_level(logging.WARNING):
        assert inference.limb_motion(footage_wanting(True), (640, 360)) is None
    assert "yolov8n-pose.pt" in caplog.text and str(tmp_path) in caplog.text
    assert "runs without poses" in caplog.text


def test_a_camera_sampled_too_rarely_has_no_poses(settings, model_dir, caplog):
    settings.MODEL_DIR = model_dir
    rare = SimpleNamespace(configuration={"estimates_poses": True, "sampling_fps": 2.0})
    with caplog.at_level(logging.WARNING):
        assert inference.limb_motion(rare, (640, 360)) is None
    assert "too rarely" in caplog.text


def test_weights_that_no_runtime_takes_are_a_warning(settings, tmp_path, monkeypatch, caplog):
    def break_down(path, *, cache_dir):
        raise RuntimeError("unsupported operator")

    settings.MODEL_DIR = settings.CACHE_DIR = tmp_path
    (tmp_path / "yolov8n-pose.pt").write_bytes(b"anything")
    monkeypatch.setattr("detection.vision.poses.load_estimator", break_down)
    with caplog.at_level(logging.WARNING):
        assert inference.limb_motion(footage_wanting(True), (640, 360)) is None
    assert "No poses are estimated" in caplog.text and "unsupported operator" in caplog.text


@pytest.mark.parametrize(
    ("rules", "classes"),
    [
        (
            [{"kind": "object_left_unattended", "classes": ["suitcase"]}],
            ("person", "suitcase"),
        ),
        ([{"kind": "aggression"}], ("person",)),
        ([{"kind": "aggression"}, {"kind": "loitering", "classes": ["car"]}], ("car", "person")),
        ([{"kind": "aggression"}, {"kind": "loitering", "classes": []}], ()),
        ([], ()),
    ],
)
def test_a_cheaper_form_is_compared_on_all_that_the_rules_need(rules, classes):
    assert inference._classes_of(rules) == classes


def test_damaged_weights_are_a_warning(settings, tmp_path, caplog):
    settings.MODEL_DIR = settings.CACHE_DIR = tmp_path
    (tmp_path / "yolov8n-pose.pt").write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        assert inference.limb_motion(footage_wanting(True), (640, 360)) is None
    assert "cannot be read" in caplog.text


@pytest.mark.slow
def test_real_weights_serve_every_session_of_the_process(settings, model_dir, tmp_path):
    settings.MODEL_DIR, settings.CACHE_DIR = model_dir, tmp_path
    first = inference.limb_motion(footage_wanting(True), (640, 360))
    second = inference.limb_motion(footage_wanting(True), (640, 360))
    assert first is not second
    assert first._estimator is second._estimator


@pytest.mark.slow
@pytest.mark.sql
@pytest.mark.django_db
def test_a_session_with_poses_stores_limb_speeds(settings, model_dir, footage, data_dir):
    from detection.rules.config import parse_config
    from detection.services import cameras, ingestion
    from detection.services import footage as footage_service
    from detection.services.sessions import CameraSession

    settings.MODEL_DIR = model_dir
    aisle = cameras.get_or_create_camera(
        cameras.find_site(), "Aisle", detector="yolo11n.pt", estimates_poses=True
    )
    rules = {"rules": [{"kind": "aggression"}, {"kind": "rapid_movement"}]}
    cameras.apply_config(aisle, parse_config(rules, file_name="rules"))
    row = footage_service.register_file(aisle, footage / "store-aisle-detection-preview.mp4")
    done = ingestion.ingest_footage(row)
    assert done.timings.stages["poses"] > 0
    row.refresh_from_db()
    assert row.incidents.count() == 0  # people who walk and stand

    detector, _ = inference.detector_for(row)
    session = CameraSession(row, detector)
    try:
        speeds = []
        for frame in session.frames():
            session.step(frame)
            seen = session.pipeline._last
            speeds += [one.limb_speed for one in seen.observations if one.limb_speed is not None]
            again = checkpoints.decode(checkpoints.encode(session.state()))
            session.pipeline.limbs.restore(again["pipeline"]["limbs"])
    finally:
        session.close()
    assert speeds and all(0 <= speed < 5 for speed in speeds)
