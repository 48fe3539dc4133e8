"""Six people in real footage, one at a time at a table: one track each, for as long as they stay.

The network looks at every frame once and its answers are remembered, so that every combination of
tracker, sampling rate and gate is tried on the same detections.
"""

import json

import pytest

from detection.vision import libraries
from detection.vision.backends import load_detector
from detection.vision.motion import MotionGate
from detection.vision.pipeline import TrackingPipeline
from detection.vision.tracking import TRACKER_KINDS, make_tracker
from detection.vision.video import Sampler, open_source

pytestmark = pytest.mark.slow

NAME = "one-by-one-person-detection"
GAP_SECONDS = 2.0


class RememberingDetector:
    """Asks the network once per frame time."""

    def __init__(self, detector):
        self._detector = detector
        self._known = {}

    def detect(self, image, at_seconds):
        if at_seconds not in self._known:
            self._known[at_seconds] = self._detector.detect(image, at_seconds)
        return self._known[at_seconds]

    def state(self):
        return {}

    def restore(self, state):
        pass


@pytest.fixture(scope="module", params=[640, 416])
def detector(request, model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    libraries.prepare(folder)
    return RememberingDetector(
        load_detector(
            "yolo11n.pt",
            model_dir=model_dir,
            cache_dir=folder,
            backend="openvino",
            input_size=request.param,
            precision="f32",
        )
    )


@pytest.fixture(scope="module")
def truth(footage):
    return json.loads((footage / f"{NAME}.events.json").read_text())


def people(footage, detector, kind, fps, has_gate):
    """Return every observation of a person."""
    source = open_source(footage / f"{NAME}.mp4")
    sampler = Sampler(fps)
    tracker = make_tracker(kind, sampling_fps=fps, frame_size=(source.width, source.height))
    pipeline = TrackingPipeline(detector, tracker, MotionGate() if has_gate else None)
    found = []
    for frame in source.frames():
        if sampler.wants(frame.at_seconds):
            tracked = pipeline.step(frame)
            found += [*tracked.earlier, *tracked.observations]
    return [o for o in found if o.class_name == "person"], pipeline


def stays(observations, zone):
    """Read (start, end, ids) of the stays in a rectangular zone, short gaps closed."""
    xs, ys = zip(*zone["polygon_normalised"], strict=True)
    found = []
    for o in sorted(observations, key=lambda o: o.at_seconds):
        anchor_x, anchor_y = (o.box_xyxy[0] + o.box_xyxy[2]) / 2, o.box_xyxy[3]
        if not (min(xs) <= anchor_x <= max(xs) and min(ys) <= anchor_y <= max(ys)):
            continue
        if found and o.at_seconds - found[-1][1] <= GAP_SECONDS:
            found[-1][1] = o.at_seconds
            found[-1][2].add(o.track_id)
        else:
            found.append([o.at_seconds, o.at_seconds, {o.track_id}])
    return [stay for stay in found if stay[1] - stay[0] >= 1.0]


@pytest.mark.parametrize("has_gate", [False, True], ids=["every sample", "gate"])
@pytest.mark.parametrize("fps", [10, 5, 2])
@pytest.mark.parametrize("kind", TRACKER_KINDS)
def test_every_visitor_is_one_track_for_the_whole_stay(
    footage, detector, truth, kind, fps, has_gate
):
    observations, pipeline = people(footage, detector, kind, fps, has_gate)

    found = stays(observations, truth["zone"])

    expected = [visit["in_zone_s"] for visit in truth["visits"]]
    assert len(found) == len(expected)
    tolerance = max(0.7, 2 / fps)
    for (start, end, ids), (enters, leaves) in zip(found, expected, strict=True):
        assert start == pytest.approx(enters, abs=tolerance)
        assert end == pytest.approx(leaves, abs=tolerance)
        assert len(ids) == 1
    assert len(set.union(*(ids for _, _, ids in found))) == len(expected)
    if has_gate:
        assert pipeline.frames_detected < pipeline.frames_seen / 2
