"""The area under the curve of two models' scores, as a figure of weighted groups."""

from dataclasses import dataclass

import numpy as np

_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Auc:
    """How often a positive item scores above a negative one, ties counting half.

    Attributes:
        scores: (2, items), the champion's first.
        is_positive: (items,) bool.
        group: (items,) index of the group.
        groups: how many groups there are.

    >>> auc = Auc(np.array([[0.1, 0.9], [0.5, 0.5]]), np.array([False, True]), np.array([0, 1]), 2)
    >>> ones = np.ones((1, 2))
    >>> float(auc.values(ones, None)[0]), float(auc.values(None, ones)[0])
    (1.0, 0.5)
    """

    scores: np.ndarray
    is_positive: np.ndarray
    group: np.ndarray
    groups: int

    @property
    def items(self) -> int:
        return len(self.is_positive)

    def values(self, champion, challenger):
        given = [number for number, one in enumerate((champion, challenger)) if one is not None]
        counts = np.concatenate([one for one in (champion, challenger) if one is not None], axis=1)
        scores = self.scores[given].ravel()
        is_positive = np.tile(self.is_positive, len(given))
        offsets = self.groups * np.arange(len(given))
        column = (self.group[None, :] + offsets[:, None]).ravel()
        order = np.argsort(scores, kind="stable")
        scores, is_positive, column = scores[order], is_positive[order], column[order]
        at_once = max(_CELLS_AT_ONCE // max(len(scores), 1), 1)
        parts = [
            _areas(counts[start:][:at_once][:, column], scores, is_positive)
            for start in range(0, len(counts), at_once)
        ]
        return np.concatenate(parts)


def _areas(weights, scores, is_positive):
    """Return the area (draws,) of weights (draws, items) by rising score; nan without both."""
    if not len(scores):
        return np.full(len(weights), np.nan)
    starts = np.flatnonzero(np.append(True, np.diff(scores) > 0))
    positive = np.add.reduceat(weights * is_positive, starts, axis=1)
    negative = np.add.reduceat(weights * ~is_positive, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, (positive * below).sum(axis=1) / pairs, np.nan)
