"""One thing that has come to rest, and whether it still stands there.

When it settles, two small pictures of its place are remembered: with it, and without. From then
on the place looks like one of them or, when somebody is in the way, like neither. Comparing
shapes and not brightness keeps a lamp that goes on or off from changing the answer.
"""

from dataclasses import dataclass

import cv2
import numpy as np

STANDS, HIDDEN, GONE = "stands", "hidden", "gone"
# Grey levels squared, about what noise and compression leave on a flat surface.
FLAT_VARIANCE = 25.0
LIKENESS = 0.5
# A change smaller than this share of the one that removing the thing would make is none.
UNCHANGED_SHARE = 0.2
VISIBLE_SHARE = 0.5
RING_PX = 2
GONE_SECONDS = 1.0
UNRECOGNISED_SECONDS = 30.0
FOLLOW_SECONDS = 20.0


def correlate(first, second):
    """Return how alike two patches are in shape, -1..1, whatever their brightness.

    A correlation coefficient with a floor under both variances, so that two flat patches are
    alike and a flat one is unlike a structured one.

    >>> round(correlate(np.array([0.0, 90.0, 0.0]), np.array([20.0, 200.0, 20.0])), 2)
    0.99
    """
    first, second = first - first.mean(), second - second.mean()
    shared = float(np.mean(first * second)) + FLAT_VARIANCE
    spread = (float(np.mean(first**2)) + FLAT_VARIANCE) * (
        float(np.mean(second**2)) + FLAT_VARIANCE
    )
    return shared / spread**0.5


@dataclass(slots=True)
class Settled:
    """A thing at rest.

    Attributes:
        number: its id.
        top, left: where its patches begin in the grid, px.
        shape: (h, w) uint8, 1 where the thing itself is.
        ring: (h, w) bool, the thing and a little around it.
        with_it, without: (h, w) float32 remembered grey.
        score: its last likeness, 0..1.
        state: STANDS, HIDDEN or GONE.
        changed_at: since when it looks gone or unrecognised though in plain view; None else.
    """

    number: int
    top: int
    left: int
    shape: np.ndarray
    ring: np.ndarray
    with_it: np.ndarray
    without: np.ndarray
    score: float = 1.0
    state: str = STANDS
    changed_at: float | None = None

    @classmethod
    def remember(cls, number, mask, grey, background):
        """Remember a thing from its mask (h, w) uint8 in the grid, the frame and the background."""
        left, top, width, height = cv2.boundingRect(mask)
        rows = slice(max(0, top - RING_PX), min(mask.shape[0], top + height + RING_PX))
        columns = slice(max(0, left - RING_PX), min(mask.shape[1], left + width + RING_PX))
        shape = mask[rows, columns].copy()
        size = 2 * RING_PX + 1
        ring = cv2.dilate(shape, np.ones((size, size), np.uint8)) > 0
        patches = grey[rows, columns].copy(), background[rows, columns].copy()
        return cls(number, rows.start, columns.start, shape, ring, *patches)

    @property
    def window(self):
        height, width = self.shape.shape
        return np.s_[self.top : self.top + height, self.left : self.left + width]

    def box_px(self):
        """Return the thing's own box (xyxy) in grid px."""
        left, top, width, height = cv2.boundingRect(self.shape)
        left, top = left + self.left, top + self.top
        return left, top, left + width, top + height

    def look(self, grey, covered, at_seconds, follow_rate):
        """Compare its place with what is remembered; return whether it is to be forgotten.

        Args:
            grey: the frame, (H, W) float32 in the background's light.
            covered: (H, W) uint8, 1 where something that moves stands before it.
            follow_rate: share of the present look that the memory takes over.
        """
        now, hides = grey[self.window], covered[self.window]
        if not hides.any() and self._is_unchanged(now):
            self.state, self.changed_at = STANDS, None
            cv2.accumulateWeighted(now, self.with_it, follow_rate)
            return False
        seen = self.ring & (hides == 0)
        in_view = np.count_nonzero(seen) / max(1, np.count_nonzero(self.ring))
        if in_view < VISIBLE_SHARE:
            self.state, self.changed_at = HIDDEN, None
            return False
        state = self._compare(now[seen], self.with_it[seen], self.without[seen])
        if state == STANDS:
            self.state, self.changed_at = STANDS, None
            if in_view > 0.98:
                cv2.accumulateWeighted(now, self.with_it, follow_rate)
            return False
        if self.changed_at is None or state != self.state:
            self.changed_at = at_seconds
        self.state = state
        patience = GONE_SECONDS if state == GONE else UNRECOGNISED_SECONDS
        return at_seconds - self.changed_at >= patience - 0.01

    def _is_unchanged(self, now):
        """Say whether its place looks just as it did, which is most of the time."""
        ring = self.ring.view(np.uint8)
        change = cv2.mean(cv2.absdiff(now, self.with_it), ring)[0]
        return change < UNCHANGED_SHARE * cv2.mean(cv2.absdiff(self.without, self.with_it), ring)[0]

    def _compare(self, now, with_it, without):
        there, gone = correlate(now, with_it), correlate(now, without)
        self.score = max(0.0, min(1.0, there))
        if there >= LIKENESS and gone >= LIKENESS:
            return STANDS if _difference(now, with_it) <= _difference(now, without) else GONE
        if there >= LIKENESS:
            return STANDS
        return GONE if gone >= LIKENESS else HIDDEN

    def saved(self):
        """Return everything as JSON values and arrays."""
        return {
            "number": self.number,
            "top": self.top,
            "left": self.left,
            "shape": self.shape.copy(),
            "with_it": self.with_it.copy(),
            "without": self.without.copy(),
            "score": self.score,
            "state": self.state,
            "changed_at": self.changed_at,
        }

    @classmethod
    def from_saved(cls, saved):
        arrays = {name: saved[name].copy() for name in ("shape", "with_it", "without")}
        size = 2 * RING_PX + 1
        ring = cv2.dilate(arrays["shape"], np.ones((size, size), np.uint8)) > 0
        return cls(**{**saved, **arrays, "ring": ring})


def _difference(first, second):
    """Return the mean difference of two patches after taking out that of their brightness."""
    change = first - second
    return float(np.mean(np.abs(change - np.median(change))))
