"""What tracking and rules cost a frame with 50 people and 4 zones, every kind of rule at work.

Fifty people walk about, stop and hide behind each other now and then, so that the tracker gives
some of them new ids and subjects are stitched; a few bags stand around. One rule of every kind
that is registered watches all zones that it may. The other side is what one would write first:
for every track and zone shapely's ``polygon.contains(Point(...))`` and a dictionary that counts
frames. Tracker, rules and plain loop get the same frames in turn, as one process has them. What
each kind adds is taken from a second run of the same film, in which an engine for each kind and
one without rules take turns; eight engines push each other out of the caches, so that the parts add
up to more than the whole. What is counted is processor time, so that what else the machine does
counts little.

    python benchmarks/rules.py [--people N] [--frames N] [--quick]
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FPS, WIDTH, HEIGHT = 5.0, 1280, 720
LOITERING_SECONDS, CROWD_COUNT = 30.0, 3


def make_zones():
    """Return four zones that cover most of the picture."""
    from detection.rules.base import ZoneSpec

    kinds = ("monitored", "restricted", "monitored", "public")
    return [
        ZoneSpec(
            f"zone {number}",
            kind,
            tuple(
                (0.25 * number + x, y)
                for x, y in ((0.0, 0.5), (0.12, 0.45), (0.24, 0.5), (0.24, 1.0), (0.0, 1.0))
            ),
        )
        for number, kind in enumerate(kinds)
    ]


def make_rules(zones):
    """Return one rule of every registered kind, in every zone that it may watch."""
    import detection.rules  # noqa: F401  every kind registers itself
    from detection.rules.base import RULE_KINDS, RuleSpec

    rules = []
    for kind, rule_class in sorted(RULE_KINDS.items()):
        allowed = rule_class.zone_kinds
        names = tuple(zone.name for zone in zones if allowed is None or zone.kind in allowed)
        rules.append(RuleSpec(kind, kind, names))
    return rules


class Walkers:
    """People who walk to places and stay a while, as a detector would see them."""

    def __init__(self, people, chance):
        self.chance = chance
        self.at = chance.uniform((0.02, 0.5), (0.98, 1.0), (people, 2))
        self.goal = self.at.copy()
        self.rest = chance.uniform(0, 30, people)
        self.pace = chance.uniform(0.6, 1.0, people)  # body heights a second: walking

    def step(self, seconds):
        """Move on; return boxes (N, 4) float32 and scores (N,) of those who can be seen."""
        import numpy as np

        chance, count = self.chance, len(self.at)
        height = 0.1 + 0.2 * (self.at[:, 1] - 0.5)
        shape = np.array([WIDTH / HEIGHT, 1.0])
        way = (self.goal - self.at) * shape
        distance = np.linalg.norm(way, axis=1).clip(1e-9)
        speed = self.pace * height * seconds
        moving = distance > speed
        self.at[moving] += (way[moving] * (speed / distance)[moving, None]) / shape
        self.rest[~moving] -= seconds
        leave = ~moving & (self.rest <= 0)
        self.goal[leave] = chance.uniform((0.02, 0.5), (0.98, 1.0), (leave.sum(), 2))
        self.rest[leave] = chance.uniform(5, 60, leave.sum())
        half = 0.2 * height * HEIGHT / WIDTH
        x, y = self.at.T
        boxes = np.stack((x - half, y - height, x + half, y), axis=1)
        boxes += chance.normal(0, 0.002, boxes.shape)
        seen = chance.random(count) > 0.02
        scores = chance.uniform(0.6, 0.95, count)
        return boxes[seen].astype(np.float32), scores[seen].astype(np.float32)


class PlainLoop:
    """Dwell in frames and a head count, track by track and zone by zone."""

    def __init__(self, zones):
        from shapely import Polygon

        self.polygons = {zone.name: Polygon(zone.polygon) for zone in zones}
        self.dwell = {}

    def update(self, tracked):
        from shapely import Point

        alerts = []
        for name, polygon in self.polygons.items():
            inside = 0
            for seen in tracked.observations:
                left, _, right, bottom = seen.box_xyxy
                if not polygon.contains(Point((left + right) / 2, bottom)):
                    self.dwell.pop((seen.track_id, name), None)
                    continue
                inside += 1
                frames = self.dwell.get((seen.track_id, name), 0) + 1
                self.dwell[seen.track_id, name] = frames
                if frames >= LOITERING_SECONDS * FPS:
                    alerts.append((name, seen.track_id))
            if inside >= CROWD_COUNT:
                alerts.append((name, "crowd"))
        return alerts


BAGS = [(0.1 + 0.2 * k, 0.8, 0.13 + 0.2 * k, 0.86) for k in range(4)]


def film(people, frames, taken):
    """Yield tracked frames, bags at rest in each, and note what the tracker took."""
    import numpy as np

    from detection.vision.tracking import make_tracker
    from detection.vision.types import Detections, Observation

    walkers = Walkers(people, np.random.default_rng(50))
    tracker = make_tracker("botsort", sampling_fps=FPS, frame_size=(WIDTH, HEIGHT))
    for number in range(frames):
        at = number / FPS
        boxes, scores = walkers.step(1 / FPS)
        found = Detections(boxes, scores, ("person",) * len(boxes))
        started = time.process_time()
        tracked = tracker.update(found, at)
        taken["tracker"].append(time.process_time() - started)
        bags = [Observation(at, -n, "unknown object", 0.9, bag) for n, bag in enumerate(BAGS, 1)]
        yield replace(tracked, foreground=tuple(bags))


def measure(people, frames):
    """Return seconds a frame by what they were spent on, kinds of rules, and counts."""
    zones = make_zones()
    rules = make_rules(zones)
    taken = {"tracker": []}
    counts = {"tracks": 0, "ids": 0, "opened": 0}
    whole = {"rules": make_engine(zones, rules), "plain": PlainLoop(zones)}
    for tracked, changes in take_turns(whole, film(people, frames, taken), taken):
        counts["opened"] += sum(change.kind == "opened" for change in changes["rules"])
        counts["tracks"] += len(tracked.observations)
        counts["ids"] = max([counts["ids"], *(one.track_id for one in tracked.observations)])
    parts = {rule.kind: make_engine(zones, [rule]) for rule in rules}
    parts["no rule"] = make_engine(zones, [])
    for _ in take_turns(parts, film(people, frames, {"tracker": []}), taken):
        pass
    return taken, [rule.kind for rule in rules], counts


def make_engine(zones, rules):
    from detection.rules.engine import RuleEngine

    return RuleEngine(zones, rules, aspect_ratio=WIDTH / HEIGHT, sampling_fps=FPS)


def take_turns(sides, frames, taken):
    """Yield every frame and what each side said of it, and note in ``taken`` how long it took."""
    taken.update({name: [] for name in sides})
    for tracked in frames:
        said = {}
        for name, side in sides.items():
            started = time.process_time()
            said[name] = side.update(tracked)
            taken[name].append(time.process_time() - started)
        yield tracked, said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--quick", action="store_true", help="1000 frames")
    options = parser.parse_args()
    from benchmarks.reporting import finish

    frames = 1000 if options.quick else options.frames
    taken, kinds, counts = measure(options.people, frames)
    taken["both"] = [sum(pair) for pair in zip(taken["tracker"], taken["rules"], strict=True)]
    middle = {name: 1e3 * statistics.median(times) for name, times in taken.items()}
    late = {name: 1e3 * statistics.quantiles(times, n=20)[-1] for name, times in taken.items()}
    told = {
        "plain loop: dwell in frames, a head count": "plain",
        "ours: every kind of rule, stitching included": "rules",
        "the tracker alone": "tracker",
        "tracker and rules": "both",
    }
    rows = [
        ("people, zones, rules", f"{options.people}, 4, {len(kinds)}"),
        ("frames", f"{frames}, {counts['tracks'] / frames:.1f} tracks in each"),
        ("track ids, incidents opened", f"{counts['ids']}, {counts['opened']}"),
        *(
            (what, f"{middle[name]:.3f} ms a frame, 95 % within {late[name]:.3f} ms")
            for what, name in told.items()
        ),
        ("plain loop / our rules", f"{middle['plain'] / middle['rules']:.2f}"),
        ("of ours, stitching and zones", f"{middle['no rule']:.3f} ms"),
        *((f"  {kind} adds", f"{middle[kind] - middle['no rule']:.3f} ms") for kind in kinds),
    ]
    figures = {
        "tracks_a_frame": round(counts["tracks"] / frames, 2),
        "incidents": counts["opened"],
        "ms": {name: round(value, 4) for name, value in middle.items()},
        "p95_ms": {name: round(value, 4) for name, value in late.items()},
        "plain_by_rules": round(middle["plain"] / middle["rules"], 3),
    }
    marks = {
        "rules_ms": (middle["rules"], "<=", 0.5),
        "tracker_and_rules_ms": (middle["both"], "<=", 0.5),
    }
    finish("rules", rows, figures, marks)


if __name__ == "__main__":
    main()
