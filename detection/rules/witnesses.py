"""Who was where during the last seconds.

That something has come to rest is known some seconds after it was put down, and whoever put it
there may have left by then. A short memory of everybody's boxes answers who was near at the time.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from detection.rules.base import TIMESTAMP_SLACK_SECONDS
from detection.rules.subjects import Subject

# As long as something takes to settle and to be whole, and the time before it came to rest.
HISTORY_SECONDS = 15.0
STEP_SECONDS = 0.5
PERSON = "person"

Box = tuple[float, float, float, float]


class Sighting(NamedTuple):
    number: int
    class_name: str
    track_id: int
    box: Box


class Witnesses:
    """The subjects of the last seconds, noted twice a second.

    Args:
        aspect_ratio: frame width / height.
        sample_seconds: time between two sampled frames.
    """

    def __init__(self, aspect_ratio: float, *, sample_seconds: float = 0.0):
        self._aspect_ratio = aspect_ratio
        # Each step on the way may be noticed a sample late.
        self._history_seconds = HISTORY_SECONDS + 2 * sample_seconds
        self._times: list[float] = []
        self._frames: list[tuple[Sighting, ...]] = []

    def note(self, at_seconds: float, subjects: Sequence[Subject]) -> bool:
        """Take in who is in sight now; say whether it was noted.

        The first scene with anybody in it counts in every period of the clock.
        """
        if not subjects or (self._times and _period(at_seconds) <= _period(self._times[-1])):
            return False
        self._times.append(at_seconds)
        self._frames.append(
            tuple(Sighting(one.number, one.class_name, one.track_id, one.box) for one in subjects)
        )
        stale = bisect_left(self._times, at_seconds - self._history_seconds)
        if stale:
            del self._times[:stale], self._frames[:stale]
        return True

    def between(self, since: float, until: float) -> list[tuple[float, tuple[Sighting, ...]]]:
        """Return (time, sightings) of a stretch of time."""
        first, last = bisect_left(self._times, since), bisect_left(self._times, until + 1e-6)
        return list(zip(self._times[first:last], self._frames[first:last], strict=True))

    def last_sightings(self, since: float, until: float) -> dict[int, Sighting]:
        """Return the last sighting of everybody in a stretch of time, by subject number."""
        return {one.number: one for _, frame in self.between(since, until) for one in frame}

    def height_of(self, number: int) -> float:
        """Return the largest height that a subject's box had; 0 for somebody unknown."""
        heights = (
            one.box[3] - one.box[1]
            for frame in self._frames
            for one in frame
            if one.number == number
        )
        return max(heights, default=0.0)

    def distance(self, person_box: Box, box: Box, height: float = 0.0) -> float:
        """Return how far a person stands from a thing, in the person's heights."""
        return measure_heights(person_box, box, self._aspect_ratio, height)

    def nearest_person(self, box: Box, since: float, until: float) -> tuple[float, Sighting] | None:
        """Return (distance in own heights, sighting) of who came nearest to a place, if anybody."""
        best = None
        for _, frame in self.between(since, until):
            for one in frame:
                if one.class_name != PERSON:
                    continue
                distance = self.distance(one.box, box)
                if best is None or (distance, one.number) < (best[0], best[1].number):
                    best = (distance, one)
        return best

    def way_of(self, number: int, since: float) -> list[tuple[float, Box]]:
        """Return (time, box) of a subject from a time on."""
        return [
            (at_seconds, one.box)
            for at_seconds, frame in self.between(since, math.inf)
            for one in frame
            if one.number == number
        ]

    def state(self) -> list:
        """Return everything as JSON values."""
        return [
            [at, [[*one[:3], list(one.box)] for one in frame]]
            for at, frame in zip(self._times, self._frames, strict=True)
        ]

    def restore(self, state: list) -> None:
        """Take over what others remembered."""
        self._times = [at for at, _ in state]
        self._frames = [
            tuple(Sighting(*one[:3], tuple(one[3])) for one in frame) for _, frame in state
        ]


def _period(at_seconds):
    return math.floor((at_seconds + TIMESTAMP_SLACK_SECONDS) / STEP_SECONDS)


def measure_heights(person_box: Box, box: Box, aspect_ratio: float, height: float = 0.0) -> float:
    """Return the distance between the feet of two boxes in heights of the first.

    Args:
        height: the person's height where more of it was seen before.
    """
    across = (person_box[0] + person_box[2] - box[0] - box[2]) / 2 * aspect_ratio
    height = max(height, person_box[3] - person_box[1], 1e-6)
    return math.hypot(across, person_box[3] - box[3]) / height


def find_crossing(before: tuple, after: tuple, radius: float) -> float:
    """Return when a distance passed a radius between two (time, distance), evenly as it grew."""
    (then, near), (now, far) = before, after
    return then + (now - then) * min(1.0, max(0.0, (radius - near) / max(far - near, 1e-9)))


def area_of(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def shared_area(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    if width <= 0:
        return 0.0
    return width * max(0.0, min(first[3], second[3]) - max(first[1], second[1]))


def overlap_of(first: Box, second: Box) -> float:
    """Return intersection over union."""
    shared = shared_area(first, second)
    return shared / (area_of(first) + area_of(second) - shared) if shared > 0 else 0.0


def cover_of(cover: Box, box: Box) -> float:
    """Return the share of a box that another covers."""
    area = area_of(box)
    return shared_area(cover, box) / area if area > 0 else 0.0


def is_same_place(first: Box, second: Box) -> bool:
    """Say whether two boxes are likely of one thing at rest."""
    if overlap_of(first, second) >= 0.2:
        return True
    areas = sorted((area_of(first), area_of(second)))
    return shared_area(first, second) >= 0.6 * areas[0] > 0 and areas[1] <= 5 * areas[0]


def is_at_fixture(box: Box, fixtures: Sequence[Box]) -> bool:
    """Say whether a thing stands where people said that something belongs."""
    return any(
        overlap_of(box, place) >= 0.3 or cover_of(place, box) >= 0.6 or cover_of(box, place) >= 0.8
        for place in fixtures
    )
