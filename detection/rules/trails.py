"""Where everyone was a moment ago.

Rules about movement compare a box with the same subject's box some tenths of a second earlier, at
a time at which perhaps nothing was sampled. Positions are therefore interpolated in time, so that
25, 5 and 2 frames a second give the same distances. A frame that the motion gate held repeats the
boxes of the last detection, which is what it says: nothing moved.
"""

import numpy as np

from detection.rules.base import TIMESTAMP_SLACK_SECONDS

# A detector ends the box of somebody half in the picture at the picture's edge.
EDGE = 0.01
# With swinging arms, a person who stands is about 0.4 body heights wide.
HEIGHTS_PER_WIDTH = 2.5

_UNKNOWN = (np.nan,) * 4


class Moment:
    """The boxes of one time.

    Attributes:
        rows: position in ``boxes`` by subject number.
        boxes: (N + 1, 4) xyxy; the last row is unknown (NaN).
        filled: subjects who were out of sight then and whose boxes are interpolated.
    """

    __slots__ = ("at", "boxes", "filled", "rows")

    def __init__(self, at_seconds, numbers, boxes, filled=()):
        self.at = at_seconds
        self.rows = {number: row for row, number in enumerate(numbers)}
        self.boxes = np.array([*boxes, _UNKNOWN], np.float64)
        self.filled = set(filled)

    def add(self, number: int, box, *, is_filled: bool = False) -> None:
        """Add a subject who was not known to be there."""
        if number in self.rows:
            return
        self.rows[number] = len(self.rows)
        self.boxes = np.insert(self.boxes, len(self.rows) - 1, box, axis=0)
        if is_filled:
            self.filled.add(number)

    def select(self, numbers) -> np.ndarray:
        """Return the boxes (N, 4) of subjects, NaN where one was not there."""
        unknown = len(self.rows)
        rows = self.rows
        return self.boxes[[rows.get(number, unknown) for number in numbers]]


class Trails:
    """The boxes of the last ``span_seconds``, and of the moment before."""

    def __init__(self, span_seconds: float):
        self._span = span_seconds + TIMESTAMP_SLACK_SECONDS
        self._moments: list[Moment] = []

    @property
    def has_anybody(self) -> bool:
        """Whether the boxes of anybody are known."""
        return any(moment.rows for moment in self._moments)

    def take(self, scene) -> None:
        """Take in who is where; a backfill is put where it belongs in time."""
        subjects = scene.subjects
        if scene.is_backfill:
            self._amend(scene.at_seconds, subjects)
            return
        moments = self._moments
        if moments:
            known = moments[-1].rows
            for subject in subjects:
                if subject.number not in known:
                    self._fill_gap(subject.number, subject.box, scene.at_seconds)
        numbers = [subject.number for subject in subjects]
        moments.append(Moment(scene.at_seconds, numbers, [subject.box for subject in subjects]))
        oldest = scene.at_seconds - self._span
        while len(moments) > 1 and moments[1].at <= oldest:
            del moments[0]

    def boxes_at(self, at_seconds: float, numbers) -> np.ndarray:
        """Return where subjects were, (N, 4) interpolated; NaN for those not yet in sight."""
        moments = self._moments
        after = next(
            (
                place
                for place, moment in enumerate(moments)
                if moment.at >= at_seconds - TIMESTAMP_SLACK_SECONDS
            ),
            None,
        )
        if after is None:
            return np.full((len(numbers), 4), np.nan)
        later = moments[after]
        if later.at <= at_seconds + TIMESTAMP_SLACK_SECONDS:
            return later.select(numbers)
        if after == 0:
            return np.full((len(numbers), 4), np.nan)
        earlier = moments[after - 1]
        part = (at_seconds - earlier.at) / (later.at - earlier.at)
        before = earlier.select(numbers)
        return before + part * (later.select(numbers) - before)

    def sightings(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the times (N,) and boxes (N, 4) at which a subject was truly in sight."""
        seen = [one for one in self._moments if number in one.rows and number not in one.filled]
        boxes = [one.boxes[one.rows[number]] for one in seen]
        return np.array([one.at for one in seen]), np.array(boxes).reshape(-1, 4)

    def forget(self, numbers) -> None:
        """Drop what is known of lost subjects."""
        lost = set(numbers)
        for place, moment in enumerate(self._moments):
            if lost.isdisjoint(moment.rows):
                continue
            kept = [number for number in moment.rows if number not in lost]
            boxes = moment.select(kept).tolist()
            self._moments[place] = Moment(moment.at, kept, boxes, moment.filled - lost)

    def state(self) -> list:
        """Return the moments as JSON values."""
        return [
            [one.at, list(one.rows), one.boxes[:-1].tolist(), sorted(one.filled)]
            for one in self._moments
        ]

    def restore(self, state: list) -> None:
        self._moments = [Moment(*moment) for moment in state]

    def _amend(self, at_seconds, subjects):
        place = next((p for p, one in enumerate(self._moments) if one.at >= at_seconds), None)
        if place is None or self._moments[place].at > at_seconds:
            place = len(self._moments) if place is None else place
            self._moments.insert(place, Moment(at_seconds, (), ()))
        for subject in subjects:
            self._moments[place].add(subject.number, subject.box)

    def _fill_gap(self, number, box, at_seconds):
        """Let somebody who was out of sight have moved evenly meanwhile."""
        moments = self._moments
        last = next((p for p in reversed(range(len(moments))) if number in moments[p].rows), None)
        if last is None:
            return
        start = moments[last]
        origin = start.boxes[start.rows[number]]
        way = np.array(box) - origin
        for moment in moments[last + 1 :]:
            part = (moment.at - start.at) / (at_seconds - start.at)
            moment.add(number, origin + part * way, is_filled=True)


def measure_bodies(boxes: np.ndarray, aspect_ratio: float) -> np.ndarray:
    """Return how long the bodies in boxes (..., 4) are, in frame heights.

    The longer side counts, so that somebody who lies or bends is as tall as before. Of somebody
    cut by the upper or lower edge of the picture the width tells more than the height.
    """
    widths = (boxes[..., 2] - boxes[..., 0]) * aspect_ratio
    heights = boxes[..., 3] - boxes[..., 1]
    is_cut = (boxes[..., 1] <= EDGE) | (boxes[..., 3] >= 1.0 - EDGE)
    return np.maximum(np.maximum(heights, widths), np.where(is_cut, HEIGHTS_PER_WIDTH * widths, 0))
