"""Which detector a camera gets: by its spec, by what is there, and by what it can prove."""

import numpy as np
import pytest

from detection.vision import backends
from detection.vision.backends import choose, load_detector
from detection.vision.types import Detections
from hitlsite.errors import DomainError

FRAMES = [np.full((4, 4, 3), value, np.uint8) for value in range(20)]
BOX = np.array([[0.1, 0.1, 0.4, 0.8]], np.float32)


class Clock:
    """Goes on by the work that is done, whatever else the machine is busy with."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(Clock, "now", 0.0)
    monkeypatch.setattr(backends, "time", Clock())


class FakeDetector:
    """Finds one person in all but some frames, at a price in seconds."""

    def __init__(self, backend, size, precision, *, work, misses=0):
        self.backend, self.input_size, self.precision = backend, size, precision
        self.work, self.misses, self.timings, self.choice = work, misses, {"inference": 1.0}, {}

    def detect(self, image, at_seconds):
        Clock.now += self.work
        if image[0, 0, 0] < self.misses:
            return Detections.empty()
        return Detections(BOX, np.array([0.9], np.float32), ("person",))


class FakeNetwork:
    reference_size = 640

    def __init__(self, **options):
        self.options = options

    def build(self, candidate):
        return FakeDetector(*candidate, **self.options[f"{candidate[0]}_{candidate[1]}"])


def chosen(frames=FRAMES, **options):
    candidates = [("slow", 640, "f32"), ("fast", 640, "f32"), ("cheap", 416, "bf16")]
    options.setdefault("slow_640", {"work": 6})
    options.setdefault("fast_640", {"work": 3})
    options.setdefault("cheap_416", {"work": 0})
    return choose(FakeNetwork(**options), candidates, frames)


def test_the_cheapest_that_agrees_serves():
    detector = chosen()

    assert detector.backend == "cheap"
    assert detector.choice["served"] == {
        "backend": "cheap",
        "input_size": 416,
        "precision": "bf16",
    }
    assert "20 of 20 boxes found" in detector.choice["why"]
    assert [c["serves"] for c in detector.choice["candidates"]] == [True] * 3
    assert detector.timings == {"inference": 0.0}


@pytest.mark.parametrize(
    ("frames", "options", "why"),
    [
        (FRAMES, {"cheap_416": {"work": 0, "misses": 2}}, "no faster candidate"),
        (FRAMES[:5], {}, "5 sample pictures"),
        ([], {}, "0 sample pictures"),
        (
            FRAMES,
            {
                "slow_640": {"work": 6, "misses": 99},
                "fast_640": {"work": 3, "misses": 99},
                "cheap_416": {"work": 0, "misses": 99},
            },
            "0 clear boxes",
        ),
    ],
)
def test_the_fastest_reference_serves_when_nothing_cheaper_is_proved(frames, options, why):
    detector = chosen(frames, **options)

    assert (detector.backend, detector.input_size) == ("fast", 640)
    assert why in detector.choice["why"]


def test_without_weights_motion_serves_and_says_why(tmp_path):
    detector = load_detector("auto", model_dir=tmp_path / "none", cache_dir=tmp_path)

    assert (detector.backend, detector.precision) == ("motion", "none")
    assert "no weights (yolo11n.pt or yolov8n.pt)" in detector.choice["why"]


def test_motion_can_be_asked_for(tmp_path):
    assert load_detector("motion", model_dir=tmp_path, cache_dir=tmp_path).backend == "motion"


@pytest.mark.parametrize("spec", ["gone.pt", "gone.onnx", "gone_openvino_model"])
def test_missing_weights_are_named(tmp_path, spec):
    with pytest.raises(DomainError, match=spec) as caught:
        load_detector(spec, model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_missing"


@pytest.mark.parametrize("name", ["notes.txt", "notes.pkl", "notes.joblib"])
def test_another_kind_of_file_is_refused_unopened(tmp_path, name):
    (tmp_path / name).write_bytes(b"cos\nsystem\n(S'false'\ntR.")

    with pytest.raises(DomainError, match=name) as caught:
        load_detector(name, model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unreadable"


@pytest.mark.parametrize("content", [b"", b"not an ONNX file at all"])
def test_a_broken_onnx_file_is_named(tmp_path, content):
    (tmp_path / "broken.onnx").write_bytes(content)

    with pytest.raises(DomainError, match=r"broken\.onnx") as caught:
        load_detector("broken.onnx", model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unreadable"


@pytest.mark.parametrize("files", [(), ("a.xml", "b.xml")])
def test_a_folder_needs_one_network(tmp_path, files):
    folder = tmp_path / "some_openvino_model"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("<net/>")

    with pytest.raises(DomainError, match="some_openvino_model") as caught:
        load_detector(str(folder), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unreadable"


def test_a_backend_that_is_not_installed_is_named(tmp_path, model_dir, monkeypatch):
    monkeypatch.setattr(backends.libraries, "is_installed", lambda name: name != "openvino")
    folder = model_dir / "yolo11n_int8_openvino_model"

    with pytest.raises(DomainError, match="openvino, which is not installed"):
        load_detector(
            str(folder),
            model_dir=model_dir,
            cache_dir=tmp_path,
            backend="openvino",
            precision="bf16",
        )
