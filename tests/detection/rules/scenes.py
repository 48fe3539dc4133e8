"""People drawn as boxes, standing in or beside a zone, so that rules can be tried without film.

A ``Visit`` is a continuous truth; ``film`` samples any number of them at any rate and phase.
"""

import json
import math
from dataclasses import dataclass, replace

from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.vision.types import Observation, TrackedFrame

# Its lower edge is the picture's: feet at 0.9 are inside, feet at 0.5 are not.
HALL = ZoneSpec("hall", "monitored", ((0.0, 0.7), (1.0, 0.7), (1.0, 1.0), (0.0, 1.0)))
VAULT = ZoneSpec("vault", "restricted", HALL.polygon)
INSIDE, OUTSIDE = 0.9, 0.5


@dataclass(frozen=True)
class Visit:
    """One track in sight from one time until another, standing still."""

    track_id: int
    start: float
    end: float
    x: float = 0.5
    feet: float = INSIDE
    class_name: str = "person"
    score: float = 0.8

    def observe(self, at_seconds):
        box = (self.x - 0.05, self.feet - 0.3, self.x + 0.05, self.feet)
        return Observation(at_seconds, self.track_id, self.class_name, self.score, box)


def film(visits, *, fps=5.0, until=None, phase=0.0):
    """Return the tracked frames of visits at times ``phase + k / fps``."""
    until = max(visit.end for visit in visits) + 5.0 if until is None else until
    frames = []
    for number in range(math.ceil((until - phase) * fps)):
        at = phase + number / fps
        seen = tuple(one.observe(at) for one in visits if one.start <= at <= one.end)
        frames.append(TrackedFrame(at, seen))
    return frames


def confirm_late(frames):
    """Report each track only when it is seen a second time, as trackers do."""
    known, waiting, late = set(), {}, []
    for frame in frames:
        ids = {seen.track_id for seen in frame.observations}
        fresh = {seen.track_id: seen for seen in frame.observations if seen.track_id not in known}
        confirmed = [track_id for track_id in fresh if track_id in waiting]
        known.update(confirmed)
        earlier = tuple(waiting.pop(track_id) for track_id in confirmed)
        waiting = {track_id: seen for track_id, seen in fresh.items() if track_id not in confirmed}
        visible = tuple(seen for seen in frame.observations if seen.track_id in known & ids)
        late.append(replace(frame, observations=visible, earlier=earlier))
    return late


def make_engine(rules, *, zones=(HALL, VAULT), fps=5.0, **options):
    return RuleEngine(zones, rules, aspect_ratio=16 / 9, sampling_fps=fps, **options)


def play(engine, frames, *, cuts=(), fresh=None):
    """Return all transitions; before each frame in ``cuts`` a fresh engine takes over."""
    transitions = []
    for position, frame in enumerate(frames):
        if position in cuts:
            state = json.loads(json.dumps(engine.state()))
            engine = fresh()
            engine.restore(state)
        transitions += engine.update(frame)
    return transitions + engine.finish(frames[-1].at_seconds)


def run(rules, visits, *, fps=5.0, zones=(HALL, VAULT), phase=0.0, until=None, **options):
    """Return the closed incidents of visits under rules, in the order of opening."""
    frames = film(visits, fps=fps, phase=phase, until=until)
    return closed(play(make_engine(rules, zones=zones, fps=fps, **options), frames))


def closed(transitions):
    """Return the incidents that closed, in the order of opening."""
    records = [one.incident for one in transitions if one.kind == "closed"]
    return sorted(records, key=lambda record: (record.opened_at_seconds, record.key))


def loitering(threshold=5.0, **parameters):
    parameters = {"threshold_seconds": threshold, **parameters}
    return RuleSpec("loitering", "loitering", ("hall",), parameters=parameters)


def entry(**parameters):
    return RuleSpec("entry", "restricted_zone_entry", severity="high", parameters=parameters)


def crowd(**parameters):
    return RuleSpec("crowd", "crowd_formation", ("hall",), parameters=parameters)
