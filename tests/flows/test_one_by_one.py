"""Six people, one at a time, on real footage: exactly the incidents that the rules describe.

The stays were read off the picture by eye and are good to about half a second, so an opening may
differ by one second or two sample periods, whichever is longer.
"""

import json

import pytest

from detection.rules.config import parse_config
from detection.rules.engine import RuleEngine

pytestmark = pytest.mark.slow

FILM = "one-by-one-person-detection.mp4"
ENTRY = {"kind": "restricted_zone_entry", "zones": ["table"], "classes": ["person"]}


def loitering(seconds):
    return {
        "kind": "loitering",
        "zones": ["table"],
        "classes": ["person"],
        "threshold_seconds": seconds,
    }


@pytest.fixture(scope="module")
def truth(footage):
    return json.loads((footage / FILM).with_suffix(".events.json").read_text())


@pytest.fixture(scope="module")
def stays(truth):
    return [tuple(visit["in_zone_s"]) for visit in truth["visits"]]


def engine_for(truth, rules, source, fps):
    zone = {
        "name": "table",
        "kind": "restricted",
        "polygon": truth["zone"]["polygon_normalised"],
    }
    config = parse_config({"zones": [zone], "rules": rules}, file_name="rules")
    return RuleEngine(
        config.zones,
        config.rules,
        aspect_ratio=source.width / source.height,
        sampling_fps=fps,
    )


@pytest.fixture(
    scope="module",
    params=[(fps, tracker) for fps in (10, 5, 2) for tracker in ("botsort", "bytetrack")],
    ids=lambda pair: f"{pair[1]} at {pair[0]} fps",
)
def run(request, footage, model_dir, truth, tmp_path_factory):
    """Track the film once and run four sets of rules over it; return (fps, incidents by set)."""
    from detection.services.inference import sample_frames
    from detection.vision.backends import load_detector
    from detection.vision.motion import MotionGate
    from detection.vision.pipeline import TrackingPipeline
    from detection.vision.tracking import make_tracker
    from detection.vision.video import Sampler, open_source, prefetch

    fps, tracker_kind = request.param
    cache = tmp_path_factory.getbasetemp() / "one-by-one-cache"
    detector = load_detector(
        "auto",
        model_dir=model_dir,
        cache_dir=cache,
        sample_frames=sample_frames(str(footage / FILM), 16),
        classes=("person",),
    )
    source = open_source(footage / FILM)
    tracker = make_tracker(tracker_kind, sampling_fps=fps, frame_size=(source.width, source.height))
    pipeline, sampler = TrackingPipeline(detector, tracker, MotionGate()), Sampler(fps)
    sets = {
        "entry": [ENTRY],
        "15 s": [loitering(15)],
        "9 s": [loitering(9)],
        "both": [ENTRY, loitering(15)],
    }
    engines = {name: engine_for(truth, rules, source, fps) for name, rules in sets.items()}
    closed = {name: [] for name in sets}
    last = 0.0
    for frame in prefetch(source.frames()):
        last = frame.at_seconds
        if sampler.wants(last):
            tracked = pipeline.step(frame)
            for name, engine in engines.items():
                changes = engine.update(tracked)
                closed[name] += [c.incident for c in changes if c.kind == "closed"]
    for name, engine in engines.items():
        closed[name] += [c.incident for c in engine.finish(last) if c.kind == "closed"]
    source.close()
    return fps, closed


def tolerance(fps):
    return max(1.0, 2.0 / fps)


def assert_opened_at(incidents, wanted, fps):
    assert len(incidents) == len(wanted)
    for incident, at_seconds in zip(incidents, wanted, strict=True):
        assert abs(incident.opened_at_seconds - at_seconds) <= tolerance(fps)


@pytest.mark.parametrize("seconds", [15, 9])
def test_loitering_fires_for_the_stays_that_are_long_enough(run, stays, seconds):
    fps, closed = run
    wanted = [start + seconds for start, end in stays if end - start > seconds]
    assert len(wanted) == {15: 3, 9: 6}[seconds]
    assert_opened_at(closed[f"{seconds} s"], wanted, fps)


def test_every_visitor_enters_the_restricted_zone_once(run, stays):
    fps, closed = run
    assert_opened_at(closed["entry"], [start + 1.0 for start, _ in stays], fps)


def test_both_rules_on_one_visitor_are_one_incident(run, stays):
    fps, closed = run
    assert_opened_at(closed["both"], [start + 1.0 for start, _ in stays], fps)
    second = [incident for incident in closed["both"] if len(incident.hits) == 2]
    wanted = [start + 15.0 for start, end in stays if end - start > 15]
    assert len(second) == 3
    for incident, at_seconds in zip(second, wanted, strict=True):
        first_hit, second_hit = incident.hits
        assert (first_hit.rule_name, second_hit.rule_name) == ("restricted_zone_entry", "loitering")
        assert abs(second_hit.opened_at_seconds - at_seconds) <= tolerance(fps)
        assert second_hit.why.startswith("person loitering in table for")


def test_incidents_end_when_the_visitors_leave(run, stays):
    fps, closed = run
    for incident, (_, end) in zip(closed["entry"], stays, strict=True):
        assert abs(incident.closed_at_seconds - end) <= tolerance(fps)
