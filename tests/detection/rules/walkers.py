"""People who walk about and things that come to rest, for rules about what is left behind."""

import math
from dataclasses import dataclass, replace

from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.vision.types import Observation, TrackedFrame
from tests.detection.rules.scenes import closed

ASPECT = 16 / 9
HALL = ZoneSpec("hall", "monitored", ((0.0, 0.3), (1.0, 0.3), (1.0, 1.0), (0.0, 1.0)))
VAULT = ZoneSpec("vault", "restricted", ((0.0, 0.0), (0.2, 0.0), (0.2, 1.0), (0.0, 1.0)))
TALL, WIDE = 0.4, 0.1  # a person's box
PUT_DOWN, SETTLES = 10.0, 4.0


@dataclass(frozen=True)
class Walker:
    """Somebody, or something, that moves evenly between places (s, x, feet y)."""

    track_id: int
    way: tuple
    class_name: str = "person"
    size: tuple = (WIDE, TALL)

    def observe(self, at_seconds):
        times, columns, feet = zip(*self.way, strict=True)
        if not times[0] <= at_seconds <= times[-1]:
            return None
        place = max(index for index, at in enumerate(times) if at <= at_seconds)
        following = min(place + 1, len(times) - 1)
        span = times[following] - times[place]
        part = (at_seconds - times[place]) / span if span else 0.0
        x = columns[place] + part * (columns[following] - columns[place])
        y = feet[place] + part * (feet[following] - feet[place])
        box = (x - self.size[0] / 2, y - self.size[1], x + self.size[0] / 2, y)
        return Observation(at_seconds, self.track_id, self.class_name, 0.8, box)


def walker(track_id, *way, **options):
    return Walker(track_id, way, **options)


@dataclass(frozen=True)
class Blob:
    """Static foreground from one time until another, known some seconds after it began."""

    track_id: int = 1
    start: float = PUT_DOWN
    end: float = math.inf
    box: tuple = (0.48, 0.82, 0.54, 0.9)
    settles: float = SETTLES

    def observe(self, at_seconds, step):
        told = self.start + self.settles
        if not told <= at_seconds < self.end:
            return []
        seen = Observation(at_seconds, -self.track_id, "unknown object", 0.9, self.box)
        if at_seconds - step < told:
            return [replace(seen, at_seconds=self.start), seen]
        return [seen]


def film(tracks, blobs=(), *, fps=5.0, until=60.0, start=0.0):
    frames = []
    for number in range(math.ceil(start * fps), math.ceil(until * fps)):
        at = number / fps
        seen = tuple(one for one in (track.observe(at) for track in tracks) if one is not None)
        foreground = tuple(one for blob in blobs for one in blob.observe(at, 1 / fps))
        frames.append(TrackedFrame(at, seen, foreground=foreground))
    return frames


def rule(threshold=20.0, *, zones=("hall",), classes=(), **parameters):
    parameters = {"threshold_seconds": threshold, **parameters}
    return RuleSpec("left", "object_left_unattended", zones, classes, "high", parameters)


def engine_of(spec=None, *, zones=(HALL, VAULT), fps=5.0):
    return RuleEngine(zones, (spec or rule(),), aspect_ratio=ASPECT, sampling_fps=fps)


def run(tracks, blobs=(), spec=None, *, fps=5.0, until=60.0, fixtures=(), zones=(HALL, VAULT)):
    """Return the closed incidents."""
    engine = engine_of(spec, zones=zones, fps=fps)
    engine.heed_fixtures(fixtures)
    frames = film(tracks, blobs, fps=fps, until=until)
    transitions = [one for frame in frames for one in engine.update(frame)]
    return closed(transitions + engine.finish(frames[-1].at_seconds))


# Comes, puts something down at 10 s and is more than 1.5 of their heights away from about 14 s on.
LEAVES = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (11, 0.5, 0.9), (15, 0.95, 0.9), (90, 0.95, 0.9))
GOES_OUT = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (11, 0.5, 0.9), (15, 1.0, 0.9))
SUITCASE = walker(4, (10, 0.51, 0.9), (90, 0.51, 0.9), class_name="suitcase", size=(0.06, 0.08))
