"""How well dwell tells the tracks that a person called loitering from the others.

The tracks are positions in pixels without boxes, without the size of the picture and without a
frame rate. Assumed: 384 x 288 px, the usual size just above the largest coordinates, and 5 points
a second. The order of dwell times depends on the rate only through the grace that bridges short
absences. Nothing is fitted: every size of a zone that was tried is in the table.
"""

import json

import numpy as np
from scipy.stats import rankdata

from benchmarks import broken_tracks
from detection.rules.base import RuleSpec
from detection.rules.engine import RuleEngine
from detection.vision.types import Observation, TrackedFrame

FRAME_SIZE = 384, 288
FPS = 5.0
# A standing person where none is given; only the middle of the lower edge counts.
BOX = 8, 24


def read_tracks(path):
    """Return the labels (N,) and the positions, (points, 2) px each."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return np.array([row["loitering"] for row in rows]), [np.array(row["xy"]) for row in rows]


def dwell_in_zones(track, zones, *, fps=FPS):
    """Return the longest dwell that the product's loitering rule finds in any of the zones."""
    rules = [RuleSpec("loitering", "loitering", tuple(zone.name for zone in zones))]
    rules[0].parameters.update(threshold_seconds=0.0, cooldown_seconds=0.0)
    width, height = FRAME_SIZE
    engine = RuleEngine(zones, rules, aspect_ratio=width / height, sampling_fps=fps)
    longest = 0.0
    for number, (x, y) in enumerate(track):
        box = (x - BOX[0] / 2) / width, (y - BOX[1]) / height, (x + BOX[0] / 2) / width, y / height
        at = number / fps
        changes = engine.update(TrackedFrame(at, (Observation(at, 1, "person", 0.9, box),)))
        longest = max(longest, _longest(changes))
    return max(longest, _longest(engine.finish((len(track) - 1) / fps)))


def _longest(changes):
    closed = [change.incident for change in changes if change.kind == "closed"]
    return max((hit.numbers["dwell_seconds"] for one in closed for hit in one.hits), default=0.0)


def dwell_around(track, radius):
    """Return the longest time within a radius (px) of any point: a zone drawn where one stood."""
    longest = 0
    for start in range(len(track)):
        outside = np.linalg.norm(track[start:] - track[start], axis=1) > radius
        longest = max(longest, outside.argmax() if outside.any() else len(outside))
    return longest / FPS


def make_evidence(tracks):
    """Return the evidence of every track by name: ours first, then two plain baselines."""
    evidence = {}
    for columns, rows, fps in ((4, 3, FPS), (4, 3, 1.0), (4, 3, 25.0), (2, 2, FPS), (8, 6, FPS)):
        zones = broken_tracks.make_grid(columns, rows)
        name = f"dwell in a zone, {columns} x {rows} zones, {fps:g} points a second"
        evidence[name] = np.array([dwell_in_zones(track, zones, fps=fps) for track in tracks])
    for radius in (20, 10):
        evidence[f"dwell within {radius} px of a place"] = np.array(
            [dwell_around(track, radius) for track in tracks]
        )
    evidence["duration"] = np.array([float(len(track)) for track in tracks])
    moved = [-np.linalg.norm(track[-1] - track[0]) for track in tracks]
    evidence["little net displacement"] = np.array(moved)
    return evidence


def area_under_curve(labels, evidence):
    """Return the chance that a positive has more evidence than a negative, ties counting half."""
    ranks = rankdata(evidence)
    positives = labels.sum()
    wins = ranks[labels == 1].sum() - positives * (positives + 1) / 2
    return wins / (positives * (len(labels) - positives))


def best_f1(labels, evidence):
    """Return the best F1 of any threshold, chosen on the very same tracks."""
    order = np.argsort(-evidence, kind="stable")
    hits = np.cumsum(labels[order])
    scores = 2 * hits / (np.arange(1, len(labels) + 1) + labels.sum())
    is_last = np.append(evidence[order][1:] != evidence[order][:-1], True)
    return scores[is_last].max()


def bootstrap(labels, evidence, *, rounds, seed=11):
    """Return AUC and F1 of every evidence on tracks drawn anew: name -> (rounds, 2)."""
    random = np.random.default_rng(seed)
    drawn = {name: np.zeros((rounds, 2)) for name in evidence}
    for turn in range(rounds):
        chosen = random.integers(0, len(labels), len(labels))
        picked = labels[chosen]
        for name, values in evidence.items():
            some = values[chosen]
            drawn[name][turn] = area_under_curve(picked, some), best_f1(picked, some)
    return drawn
