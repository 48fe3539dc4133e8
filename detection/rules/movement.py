"""Rapid movement: somebody runs, whatever the size of the picture.

Speed is counted in body heights a second, so that it means the same near the camera and far from
it. Walking is about 0.8 of them, a brisk walk 1.1, running begins at about 1.5 and a sprint
reaches 4. What a detector does to boxes must not look like that: a box that grows at one edge (its
other half was hidden) has not moved, and a box that jumps once (the track went over to somebody
else) is not going anywhere.
"""

import math

import numpy as np

from detection.rules.base import (
    LIFECYCLE_PARAMETERS,
    TIMESTAMP_SLACK_SECONDS,
    Holding,
    Parameter,
    Rule,
)
from detection.rules.trails import Trails

RELEASE_SHARE = 0.75
# Both edges of the box must have gone at least this share of what its centre went, and so must
# the rest of the time when the fastest step between two samples is left out.
STEADY_SHARE = 0.5
ROUNDING = 1e-9


class Run:
    """One subject's rapid movement in a zone.

    Attributes:
        since, last: the first and the last time at which it was fast.
        speed: the highest, in body heights a second; ``distance`` is in body heights.
    """

    __slots__ = ("distance", "last", "since", "speed")

    def __init__(self, since, last, speed, distance):
        self.since, self.last, self.speed, self.distance = since, last, speed, distance

    def go_on(self, at_seconds, speed):
        self.distance += speed * (at_seconds - self.last)
        self.speed = max(self.speed, speed)
        self.last = at_seconds

    def state(self) -> list:
        return [self.since, self.last, self.speed, self.distance]


class RapidMovement(Rule):
    kind = "rapid_movement"
    category = "rapid_movement"
    parameters_by_name = {
        "threshold_speed": Parameter(2.0, "body heights/s", 0.1, 50.0, "faster than walking"),
        "release_speed": Parameter(
            None, "body heights/s", 0.0, 50.0, "it lasts while so fast; three quarters of that"
        ),
        "window_seconds": Parameter(0.6, "s", 0.1, 10.0, "speed is taken over so long"),
        **LIFECYCLE_PARAMETERS,
    }

    def __init__(self, spec, zones, timing):
        super().__init__(spec, zones, timing)
        self._window = self.parameters["window_seconds"]
        # Two steps at least, so that one of them can be doubted.
        self._look_back = max(self._window, 2 * timing.sample_seconds)
        self._trails = Trails(self._look_back)
        # What makes the edges of a box (4,) frame heights.
        self._shape = np.array([timing.aspect_ratio, 1.0] * 2)
        # From summed edges to the centre, in frame heights.
        self._half_shape = np.array([timing.aspect_ratio / 2, 0.5])
        self._runs: dict[str, dict[int, Run]] = {zone: {} for zone in self.zones}

    @classmethod
    def complete_parameters(cls, given):
        parameters = super().complete_parameters(given)
        if parameters["release_speed"] is None:
            parameters["release_speed"] = RELEASE_SHARE * parameters["threshold_speed"]
        return parameters

    @classmethod
    def find_conflict(cls, parameters):
        release, threshold = parameters["release_speed"], parameters["threshold_speed"]
        if release > threshold:
            return (
                "release_speed",
                f"must not exceed threshold_speed ({threshold:g}), it is {release:g}",
            )
        return None

    @property
    def is_idle(self):
        return not self._trails.has_anybody

    @property
    def memory_seconds(self):
        return self._look_back + 2 * self.timing.sample_seconds

    def observe(self, scene):
        rows = self._trails.take(scene)
        if scene.is_backfill or not scene.subjects:
            return []
        speeds = self._find_fast(scene, rows)
        if not speeds:
            return []
        holdings = []
        for zone, runs in self._runs.items():
            for subject in scene.members_of_class(zone, self.classes):
                speed = speeds.get(subject.number)
                if speed is None:
                    continue
                if self._holds(runs, subject.number, scene.at_seconds, speed):
                    holdings.append(Holding(subject.number, zone, (subject,)))
        return holdings

    def _holds(self, runs, number, at_seconds, speed):
        run = runs.get(number)
        is_fresh = run is None or at_seconds - run.last > self.longest_gap
        if speed < self.parameters["threshold_speed" if is_fresh else "release_speed"]:
            return False
        if is_fresh:
            runs[number] = Run(at_seconds, at_seconds, speed, speed * self._window)
        else:
            run.go_on(at_seconds, speed)
        return True

    def _find_fast(self, scene, rows) -> dict[int, float]:
        """Return the speed of those who may be fast, by subject number."""
        trails, aspect = self._trails, self.timing.aspect_ratio
        now, then = scene.boxes, trails.boxes_at(scene.at_seconds - self._window, rows)
        moved = now - then
        ways = (moved[:, :2] + moved[:, 2:]) * self._half_shape
        ways = np.hypot(ways[:, 0], ways[:, 1])
        least = self.parameters["release_speed"] * self._window
        # Most are much too slow, which the heights of their boxes tell at less cost.
        lengths = trails.find_least_heights(rows) * (1 - ROUNDING)
        fast = (ways >= least * lengths).nonzero()[0]
        if not len(fast):
            return {}
        present, lengths = trails.measure_lengths(rows[fast], aspect)
        is_fast = ways[fast] >= np.maximum(least / 2 * present, least * lengths * (1 - ROUNDING))
        found = {}
        for place, length in zip(fast[is_fast].tolist(), lengths[is_fast].tolist(), strict=True):
            row = rows[place : place + 1]
            speed = self._measure_speed(row, scene.at_seconds, moved[place], length)
            if speed is not None:
                found[scene.numbers[place]] = speed
        return found

    def _measure_speed(self, row, at_seconds, moved, length) -> float | None:
        """Return the speed over the window, or None when it is the box's and not the body's.

        Args:
            moved: how far each edge went over the window, (4,).
            length: of the body, in frame heights.
        """
        scale = self._shape
        start = self._trails.boxes_at(at_seconds - self._look_back, row)
        if np.isnan(start).any():
            return None
        moved = moved * scale
        way = (moved[:2] + moved[2:]) / 2
        distance = float(np.hypot(*way))
        if length <= 0 or distance == 0:
            return None
        if np.hypot(*common_shift(moved)) < STEADY_SHARE * distance:
            return None
        times, boxes = self._trails.sightings(int(row[0]))
        since = at_seconds - self._look_back
        is_recent = times > since + TIMESTAMP_SLACK_SECONDS
        times = np.concatenate(([since], times[is_recent]))
        boxes = np.concatenate((start, boxes[is_recent])) * scale
        rest = slowest_part(times, (boxes[:, :2] + boxes[:, 2:]) / 2, way / distance)
        speed = distance / self._window
        if rest < STEADY_SHARE * self.parameters["threshold_speed"] * length:
            return None
        return speed / length

    def numbers(self, subject, zone, until_seconds):
        run = self._runs[zone][subject]
        return {
            "speed": round(run.speed, 3),
            "distance": round(run.distance, 3),
            "duration_seconds": round(until_seconds - run.since, 3),
            "since_seconds": round(run.since, 3),
            "threshold_speed": self.parameters["threshold_speed"],
            "window_seconds": self._window,
        }

    def why(self, class_name, zone, numbers):
        return f"{class_name} moving at {numbers['speed']:.1f} body heights/s in {zone}"

    def forget(self, numbers):
        self._trails.forget(numbers)
        for runs in self._runs.values():
            for number in numbers:
                runs.pop(number, None)

    def state(self):
        runs = {
            zone: [[number, *run.state()] for number, run in found.items()]
            for zone, found in self._runs.items()
        }
        return {"trails": self._trails.state(), "runs": runs}

    def restore(self, state):
        self._trails.restore(state["trails"])
        self._runs = {
            zone: {number: Run(*values) for number, *values in state["runs"][zone]}
            for zone in self.zones
        }


def common_shift(moved: np.ndarray) -> tuple[float, float]:
    """Return how far the opposite edges of a box went together (x, y).

    Args:
        moved: how far each edge went, (4,) x1, y1, x2, y2.

    >>> common_shift(np.array([0.2, 0.0, 0.3, 0.4]))
    (0.2, 0.0)
    """
    shifts = []
    for one, other in ((moved[0], moved[2]), (moved[1], moved[3])):
        shifts.append(math.copysign(min(abs(one), abs(other)), one) if one * other > 0 else 0.0)
    return tuple(float(shift) for shift in shifts)


def slowest_part(times: np.ndarray, points: np.ndarray, direction: np.ndarray) -> float:
    """Return the speed in a direction when the longest step is left out.

    Args:
        times: (N,) seconds. points: (N, 2). direction: (2,) of length 1.
    """
    steps = np.diff(points, axis=0) @ direction
    spans = np.diff(times)
    if len(steps) < 2:
        return 0.0
    longest = int(np.argmax(steps))
    return float((steps.sum() - steps[longest]) / (spans.sum() - spans[longest]))
