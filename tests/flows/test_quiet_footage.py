"""Real footage on which little happens: every kind of rule watches, and only what is so is told."""

import json
from collections import Counter

import pytest

from detection.rules.base import RULE_KINDS
from detection.rules.config import parse_config
from detection.rules.engine import RuleEngine

pytestmark = pytest.mark.slow

FPS = 5.0
# What left things are called is the rule's own business.
ABOUT_THINGS = {"object_left_unattended"}


def every_kind():
    """Return a rule of every kind at its defaults, those about people for persons."""
    return [
        {"kind": kind} | ({} if kind in ABOUT_THINGS else {"classes": ["person"]})
        for kind in sorted(RULE_KINDS)
    ]


def watch(film, polygon, model_dir, cache):
    """Return the incidents of a film: everything as a camera session has it by default."""
    from detection.services.inference import sample_frames
    from detection.vision.backends import load_detector
    from detection.vision.motion import MotionGate
    from detection.vision.pipeline import TrackingPipeline
    from detection.vision.static_objects import StaticForeground
    from detection.vision.tracking import make_tracker
    from detection.vision.video import Sampler, open_source, prefetch

    zone = {"name": "table", "kind": "restricted", "polygon": polygon}
    config = parse_config({"zones": [zone], "rules": every_kind()}, file_name="rules")
    detector = load_detector(
        "auto", model_dir=model_dir, cache_dir=cache, sample_frames=sample_frames(str(film), 16)
    )
    source = open_source(film)
    size = (source.width, source.height)
    tracker = make_tracker("botsort", sampling_fps=FPS, frame_size=size)
    pipeline = TrackingPipeline(detector, tracker, MotionGate(), statics=StaticForeground())
    engine = RuleEngine(
        config.zones, config.rules, aspect_ratio=size[0] / size[1], sampling_fps=FPS
    )
    sampler, changes, last, tracked_classes = Sampler(FPS), [], 0.0, set()
    for frame in prefetch(source.frames()):
        last = frame.at_seconds
        if sampler.wants(last):
            tracked = pipeline.step(frame)
            tracked_classes |= {seen.class_name for seen in tracked.observations}
            changes += engine.update(tracked)
    changes += engine.finish(last)
    source.close()
    return [one.incident for one in changes if one.kind == "closed"], tracked_classes


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("quiet-cache")


@pytest.fixture(scope="module")
def car_park(footage, model_dir, cache):
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    return watch(footage / "car-detection.mp4", whole, model_dir, cache)


def test_cars_that_drive_through_are_no_persons_and_leave_nothing(car_park):
    incidents, tracked_classes = car_park
    assert tracked_classes
    assert [(one.category, one.opened_at_seconds, one.hits[0].why) for one in incidents] == []


@pytest.fixture(scope="module")
def table(footage, model_dir, cache):
    """Return the incidents of six people at a table, and when each was in sight and in the zone."""
    film = footage / "one-by-one-person-detection.mp4"
    truth = json.loads(film.with_suffix(".events.json").read_text())
    incidents, _ = watch(film, truth["zone"]["polygon_normalised"], model_dir, cache)
    return incidents, truth["visits"]


def test_six_visitors_enter_and_nothing_else_happens(table):
    """Nobody stays for 30 s, is anywhere with anybody, runs, or leaves a thing."""
    incidents, visits = table
    assert len(incidents) == len(visits) == 6
    fired = Counter(hit.kind for one in incidents for hit in one.hits)
    assert fired == {"presence": 6, "restricted_zone_entry": 6}


def test_every_visitor_is_told_at_the_right_time(table):
    incidents, visits = table
    for incident, visit in zip(incidents, visits, strict=True):
        opened = {hit.kind: hit.opened_at_seconds for hit in incident.hits}
        assert abs(opened["presence"] - visit["visible_s"][0] - 1.0) <= 1.0
        assert abs(opened["restricted_zone_entry"] - visit["in_zone_s"][0] - 1.0) <= 1.0
        assert abs(incident.closed_at_seconds - visit["visible_s"][1]) <= 1.0
