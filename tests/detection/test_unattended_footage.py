"""Real footage: nothing is left behind in it, unless a bag is drawn into it."""

import cv2
import numpy as np
import pytest

from detection.rules.base import RuleSpec
from detection.rules.engine import RuleEngine
from detection.vision.motion import MotionGate
from detection.vision.pipeline import TrackingPipeline
from detection.vision.static_objects import StaticForeground
from detection.vision.tracking import make_tracker
from detection.vision.video import Sampler, SourceFrame, open_source
from tests.detection.stage import closed

FPS = 2.0
BAG_PX = (556, 346, 602, 386)


@pytest.fixture(scope="module")
def detector(model_dir, tmp_path_factory):
    from detection.vision.backends import load_detector

    return load_detector(
        "yolo11n.pt",
        model_dir=model_dir,
        cache_dir=tmp_path_factory.mktemp("networks"),
        backend="onnxruntime",
        input_size=640,
        precision="f32",
    )


def with_bag(frame):
    """Return the frame with a bag standing on the floor."""
    left, top, right, bottom = BAG_PX
    blocks = np.random.default_rng(3).integers(30, 110, (6, 6, 3)).astype(np.uint8)
    image = frame.image().copy()
    look = cv2.resize(blocks, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC)
    image[top:bottom, left:right] = look
    return SourceFrame.from_image(image, frame.at_seconds, frame.index)


def incidents(path, detector, *, until=None, bag=(0.0, 0.0)):
    """Return the incidents of a film in which a bag stands for a stretch of time."""
    source, sampler = open_source(path), Sampler(FPS)
    size = (source.width, source.height)
    tracker = make_tracker("botsort", sampling_fps=FPS, frame_size=size)
    pipeline = TrackingPipeline(detector, tracker, MotionGate(), statics=StaticForeground())
    rule = RuleSpec("left", "object_left_unattended", parameters={"threshold_seconds": 10.0})
    engine = RuleEngine((), (rule,), aspect_ratio=size[0] / size[1], sampling_fps=FPS)
    transitions = []
    for frame in source.frames():
        if until is not None and frame.at_seconds > until:
            break
        if sampler.wants(frame.at_seconds):
            shown = with_bag(frame) if bag[0] <= frame.at_seconds < bag[1] else frame
            transitions += engine.update(pipeline.step(shown))
    source.close()
    return closed(transitions + engine.finish(frame.at_seconds))


@pytest.mark.slow
def test_a_car_park_has_nothing_left_in_it(footage, detector):
    assert incidents(footage / "car-detection.mp4", detector) == []


@pytest.mark.slow
def test_people_who_stop_at_a_table_leave_nothing(footage, detector):
    path = footage / "one-by-one-person-detection.mp4"

    assert incidents(path, detector, until=70) == []


@pytest.mark.slow
def test_a_bag_that_one_leaves_and_the_next_takes(footage, detector):
    path = footage / "one-by-one-person-detection.mp4"

    # The first leaves the picture at about 19.5 s, the second at about 44.5 s.
    (incident,) = incidents(path, detector, until=50, bag=(15.0, 44.0))

    assert incident.opened_at_seconds == pytest.approx(29.5, abs=1.0)
    assert incident.closed_at_seconds == pytest.approx(44.0, abs=1.0)
    assert incident.hits[0].numbers["state"] == "taken"
