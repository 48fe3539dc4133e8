"""Where everyone was a moment ago.

Rules about movement compare a box with the same subject's box some tenths of a second earlier, at
a time at which perhaps nothing was sampled. Positions are therefore interpolated in time, so that
25, 5 and 2 frames a second give the same distances. A frame that the motion gate held repeats the
boxes of the last detection, which is what it says: nothing moved.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from detection.rules.base import TIMESTAMP_SLACK_SECONDS

# A detector ends the box of somebody half in the picture at the picture's edge.
EDGE = 0.01
# With swinging arms, a person who stands is about 0.4 body heights wide.
HEIGHTS_PER_WIDTH = 2.5

# Room for so many subjects at the beginning.
ROWS_AT_FIRST = 16
NO_ROWS = np.zeros(0, np.intp)


class Moment:
    """The boxes of one time.

    Attributes:
        boxes: (R, 4) xyxy by row, see ``Trails``; NaN where somebody was not there.
        filled: rows of those who were out of sight then and whose boxes are interpolated.
    """

    __slots__ = ("at", "boxes", "filled")

    def __init__(self, at_seconds: float, row_count: int):
        self.at = at_seconds
        self.boxes = unknown_boxes(row_count).copy()
        self.filled: set[int] = set()

    def is_known(self, row: int) -> bool:
        """Say whether it is known where somebody was."""
        return not math.isnan(self.boxes[row, 0])


class Trails:
    """The boxes of the last ``span_seconds``, and of the moment before.

    Every subject has a row of its own, the same at all times.
    """

    def __init__(self, span_seconds: float):
        self._span = span_seconds + TIMESTAMP_SLACK_SECONDS
        self._moments: list[Moment] = []
        self._rows: dict[int, int] = {}
        self._unused_rows: list[int] = []
        self._row_count = 0
        # Of the latest scene: numbers, their rows, its moment. Mostly the same people go on.
        self._latest: tuple = ((), NO_ROWS, None)

    @property
    def has_anybody(self) -> bool:
        """Whether the boxes of anybody are known."""
        return bool(self._rows)

    def take(self, scene) -> np.ndarray:
        """Take in who is where; a backfill is put where it belongs in time.

        Returns:
            the rows (N,) of the scene's subjects.
        """
        if scene.is_backfill:
            rows = self._provide_rows(scene.numbers)
            self._amend(scene.at_seconds, rows, scene.boxes)
            return rows
        moments = self._moments
        numbers, rows, latest = self._latest
        if scene.numbers != numbers or not moments or moments[-1] is not latest:
            rows = self._provide_rows(scene.numbers)
            self._fill_gaps(rows, scene)
        now = Moment(scene.at_seconds, self._row_count)
        if len(rows):
            now.boxes[rows] = scene.boxes
        moments.append(now)
        self._latest = (scene.numbers, rows, now)
        oldest = scene.at_seconds - self._span
        while len(moments) > 1 and moments[1].at <= oldest:
            del moments[0]
        return rows

    def rows_of(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the rows (N,) of subjects that have been taken in."""
        return np.fromiter(map(self._rows.__getitem__, numbers), np.intp, len(numbers))

    def boxes_at(self, at_seconds: float, rows: np.ndarray) -> np.ndarray:
        """Return where subjects were, (N, 4) interpolated; NaN for those not yet in sight."""
        moments = self._moments
        after = len(moments)
        while after and moments[after - 1].at >= at_seconds - TIMESTAMP_SLACK_SECONDS:
            after -= 1
        if after == len(moments):
            return unknown_boxes(len(rows))
        later = moments[after]
        if later.at <= at_seconds + TIMESTAMP_SLACK_SECONDS:
            return later.boxes.take(rows, axis=0)
        if after == 0:
            return unknown_boxes(len(rows))
        earlier = moments[after - 1]
        part = (at_seconds - earlier.at) / (later.at - earlier.at)
        before = earlier.boxes.take(rows, axis=0)
        return before + part * (later.boxes.take(rows, axis=0) - before)

    def sightings(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times (N,) and boxes (N, 4) at which a subject was truly in sight."""
        seen = [one for one in self._moments if one.is_known(row) and row not in one.filled]
        boxes = np.array([one.boxes[row] for one in seen])
        return np.array([one.at for one in seen]), boxes.reshape(-1, 4)

    def find_least_heights(self, rows) -> np.ndarray:
        """Return how high the boxes of subjects in sight have been at least, (N,).

        Their bodies are as long at least, as ``measure_lengths`` has it.
        """
        boxes = np.array([one.boxes.take(rows, axis=0) for one in self._moments])
        return np.fmin.reduce(boxes[..., 3] - boxes[..., 1])

    def measure_lengths(self, rows, aspect_ratio) -> tuple[np.ndarray, np.ndarray]:
        """Return how long the bodies of subjects in sight are: now, and the median of the trail.

        Args:
            rows: (N,) of the subjects.
        """
        boxes = np.array([one.boxes.take(rows, axis=0) for one in self._moments])
        lengths = measure_bodies(boxes, aspect_ratio)
        known = rows.tolist()
        for place, moment in enumerate(self._moments):
            if not moment.filled.isdisjoint(known):
                lengths[place, [row in moment.filled for row in known]] = np.nan
        present = lengths[-1].copy()
        lengths.sort(axis=0)  # what is unknown comes last
        counts = np.count_nonzero(lengths == lengths, axis=0)
        people = np.arange(len(rows))
        middle = (lengths[(counts - 1) // 2, people] + lengths[counts // 2, people]) / 2
        return present, middle

    def forget(self, numbers) -> None:
        """Drop what is known of lost subjects."""
        rows = [self._rows.pop(number) for number in numbers if number in self._rows]
        self._latest = ((), NO_ROWS, None)
        for moment in self._moments:
            moment.boxes[rows] = np.nan
            moment.filled.difference_update(rows)
        self._unused_rows += rows

    def state(self) -> list:
        """Return the moments as JSON values: time, numbers, boxes, numbers of those filled in."""
        by_number = sorted(self._rows.items())
        told = []
        for one in self._moments:
            known = [(number, row) for number, row in by_number if one.is_known(row)]
            boxes = one.boxes[[row for _, row in known]].tolist() if known else []
            filled = [number for number, row in known if row in one.filled]
            told.append([one.at, [number for number, _ in known], boxes, filled])
        return told

    def restore(self, state: list) -> None:
        """Take over what others remembered."""
        self._moments, self._rows, self._unused_rows, self._row_count = [], {}, [], 0
        self._latest = ((), NO_ROWS, None)
        for at_seconds, numbers, boxes, filled in state:
            rows = self._provide_rows(numbers)
            moment = Moment(at_seconds, self._row_count)
            if numbers:
                moment.boxes[rows] = boxes
            moment.filled.update(self._rows[number] for number in filled)
            self._moments.append(moment)

    def _provide_rows(self, numbers) -> np.ndarray:
        """Return the rows of subjects; who is new gets one."""
        known = self._rows
        for number in [number for number in numbers if number not in known]:
            if not self._unused_rows:
                self._add_rows()
            known[number] = self._unused_rows.pop()
        return self.rows_of(numbers)

    def _add_rows(self):
        """Make room for as many again."""
        added = max(ROWS_AT_FIRST, self._row_count)
        self._unused_rows += range(self._row_count + added - 1, self._row_count - 1, -1)
        self._row_count += added
        for moment in self._moments:
            moment.boxes = np.concatenate((moment.boxes, unknown_boxes(added)))

    def _amend(self, at_seconds, rows, boxes):
        place = next((p for p, one in enumerate(self._moments) if one.at >= at_seconds), None)
        if place is None or self._moments[place].at > at_seconds:
            place = len(self._moments) if place is None else place
            self._moments.insert(place, Moment(at_seconds, self._row_count))
        moment = self._moments[place]
        for row, box in zip(rows.tolist(), boxes, strict=True):
            if not moment.is_known(row):
                moment.boxes[row] = box

    def _fill_gaps(self, rows, scene):
        if not self._moments or not len(rows):
            return
        was_away = np.isnan(self._moments[-1].boxes[:, 0].take(rows))
        for place in was_away.nonzero()[0].tolist():
            self._fill_gap(int(rows[place]), scene.boxes[place], scene.at_seconds)

    def _fill_gap(self, row, box, at_seconds):
        """Let somebody who was out of sight have moved evenly meanwhile."""
        moments = self._moments
        last = next((p for p in reversed(range(len(moments))) if moments[p].is_known(row)), None)
        if last is None:
            return
        start = moments[last]
        origin = start.boxes[row]
        for moment in moments[last + 1 :]:
            part = (moment.at - start.at) / (at_seconds - start.at)
            moment.boxes[row] = origin + part * (box - origin)
            moment.filled.add(row)


@lru_cache(maxsize=64)
def unknown_boxes(count: int) -> np.ndarray:
    """Return (count, 4) of what is not known, not to be written to."""
    boxes = np.full((count, 4), np.nan)
    boxes.flags.writeable = False
    return boxes


def measure_bodies(boxes: np.ndarray, aspect_ratio: float) -> np.ndarray:
    """Return how long the bodies in boxes (..., 4) are, in frame heights.

    The longer side counts, so that somebody who lies or bends is as tall as before. Of somebody
    cut by the upper or lower edge of the picture the width tells more than the height.
    """
    upper, lower = boxes[..., 1], boxes[..., 3]
    widths = (boxes[..., 2] - boxes[..., 0]) * aspect_ratio
    is_cut = (upper <= EDGE) | (lower >= 1.0 - EDGE)
    return np.maximum(lower - upper, np.where(is_cut, HEIGHTS_PER_WIDTH * widths, widths))
