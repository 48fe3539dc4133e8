"""The step from frame to tracks: what the gate saves, what is held, where time is counted."""

import numpy as np
import pytest

from detection.vision.frames import SourceFrame
from detection.vision.motion import MotionGate
from detection.vision.pipeline import TrackingPipeline
from detection.vision.tracking import TRACKER_KINDS, make_tracker
from detection.vision.types import Detections

HEIGHT, WIDTH = 108, 192


class BrightDetector:
    """Finds the bright rectangle that a test drew."""

    name, backend, precision, input_size = "bright", "none", "none", WIDTH
    class_names, weights_sha256 = ("person",), None

    def __init__(self):
        self.calls = 0

    def detect(self, image, at_seconds):
        self.calls += 1
        rows, columns = np.nonzero(image[..., 0] > 200)
        if not len(rows):
            return Detections.empty()
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        normalised = np.array([box], np.float32) / [WIDTH, HEIGHT, WIDTH, HEIGHT]
        return Detections(normalised.astype(np.float32), np.array([0.9], np.float32), ("person",))

    def state(self):
        return {"calls": self.calls}

    def restore(self, state):
        self.calls = state["calls"]


def walk_and_stand(fps=5, seconds=20):
    """Somebody enters, walks for 4 s, stands for 10 s and walks out."""
    for index in range(int(seconds * fps)):
        at = index / fps
        image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        x = int(8 * min(at, 4.0) + 8 * max(0.0, at - 14.0)) * 2
        image[30:90, x : x + 24] = 240
        yield SourceFrame.from_image(image, at, index)


def pipeline_of(kind="botsort", gate=True):
    tracker = make_tracker(kind, sampling_fps=5, frame_size=(WIDTH, HEIGHT))
    return TrackingPipeline(BrightDetector(), tracker, MotionGate() if gate else None)


def test_without_a_gate_every_frame_is_detected():
    pipeline = pipeline_of(gate=False)

    tracked = [pipeline.step(frame) for frame in walk_and_stand()]

    assert pipeline.frames_detected == pipeline.frames_seen == len(tracked) == 100
    assert not any(t.is_held for t in tracked)


@pytest.mark.parametrize("kind", TRACKER_KINDS)
def test_a_still_scene_is_held_and_stays_one_track(kind):
    pipeline = pipeline_of(kind)

    tracked = [pipeline.step(frame) for frame in walk_and_stand()]

    standing = [t for t in tracked if 5 < t.at_seconds < 14]
    assert sum(t.is_held for t in standing) > len(standing) * 0.7
    assert all([o.track_id for o in t.observations] == [1] for t in standing)
    assert all(o.at_seconds == t.at_seconds for t in standing for o in t.observations)
    assert pipeline.frames_detected < 70
    assert {o.track_id for t in tracked for o in t.observations} == {1}


def test_a_held_frame_shows_what_every_frame_would():
    gated, ungated = pipeline_of(), pipeline_of(gate=False)

    for frame in walk_and_stand():
        held, seen = gated.step(frame), ungated.step(frame)
        for first, second in zip(held.observations, seen.observations, strict=True):
            np.testing.assert_allclose(first.box_xyxy, second.box_xyxy, atol=0.05)


def test_the_second_look_at_something_new_is_not_left_to_the_gate():
    pipeline = pipeline_of()
    empty = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    appeared = empty.copy()
    appeared[30:90, 80:104] = 240

    images = [empty, empty, appeared, appeared]
    tracked = [
        pipeline.step(SourceFrame.from_image(image, index / 5))
        for index, image in enumerate(images)
    ]

    assert [o.at_seconds for o in tracked[3].earlier] == [0.4]


@pytest.mark.parametrize("split", [0, 1, 2, 3, 17, 40, 71, 99])
@pytest.mark.parametrize("gate", [True, False])
def test_a_run_split_anywhere_is_the_unsplit_run(split, gate):
    whole = pipeline_of(gate=gate)
    expected = [whole.step(frame) for frame in walk_and_stand()]

    pipeline, found = pipeline_of(gate=gate), []
    for frame in walk_and_stand():
        if frame.index == split:
            state = pipeline.state()
            pipeline = pipeline_of(gate=gate)
            pipeline.restore(state)
        found.append(pipeline.step(frame))

    assert found == expected
    assert pipeline.frames_detected == whole.frames_detected == pipeline.detector.calls


def test_time_is_told_by_stage():
    pipeline = pipeline_of()
    for frame in walk_and_stand():
        pipeline.step(frame)

    stages = {"gate", "image", "letterbox", "inference", "boxes", "tracking", "poses", "foreground"}
    assert set(pipeline.timings) == stages
    assert pipeline.timings["inference"] > 0 and pipeline.timings["tracking"] > 0
