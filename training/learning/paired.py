"""Two models' scores on one test split, as figures of weighted groups.

A split comes in groups (a camera's day, a film, an incident) whose items resemble each other. How
sure a figure is follows from how it changes when whole groups are drawn again, and whether two
models differ at all from what happens when they swap their answers in some groups. Both are the
same figure with other weights: how often each model's answers to each group count.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

RECALLS = np.linspace(0.0, 1.0, 101)
_CELLS_AT_ONCE = 4_000_000


class Paired(Protocol):
    """What the gate asks of a figure; there may be no group at all."""

    groups: int
    items: int

    def values(self, champion: np.ndarray | None, challenger: np.ndarray | None) -> np.ndarray:
        """Return the figure (draws,), nan where nothing counts.

        Args:
            champion: (draws, groups), how often the champion's answers count; None for never.
            challenger: the same of the challenger's; one of the two is given.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of hits: accuracy, recall of one class, agreement.

    Attributes:
        hits: (2, groups), how many each model got right, champion first.
        totals: (groups,), of how many.

    >>> rate = Rate(np.array([[1, 0], [1, 2]]), np.array([2, 2]))
    >>> rate.values(np.ones((1, 2)), None), rate.values(None, np.array([[1.0, 3.0]]))
    (array([0.25]), array([0.875]))
    """

    hits: np.ndarray
    totals: np.ndarray

    @property
    def groups(self) -> int:
        return len(self.totals)

    @property
    def items(self) -> int:
        return int(self.totals.sum())

    def values(self, champion, challenger):
        right = _summed(champion, challenger, self.hits)
        return _ratio(right, _summed(champion, challenger, (self.totals, self.totals)))


@dataclass(frozen=True, slots=True)
class MacroF1:
    """The mean F1 of the classes that occur.

    Attributes:
        confusions: (2, groups, classes, classes), rows the truth and columns the answer.
    """

    confusions: np.ndarray

    @property
    def groups(self) -> int:
        return self.confusions.shape[1]

    @property
    def items(self) -> int:
        return int(self.confusions[0].sum())

    def values(self, champion, challenger):
        classes = self.confusions.shape[-1]
        flat = self.confusions.reshape(2, self.groups, classes * classes)
        table = _summed(champion, challenger, flat).reshape(-1, classes, classes)
        truth, answered = table.sum(axis=2), table.sum(axis=1)
        f1 = 2 * np.einsum("bcc->bc", table) / np.maximum(truth + answered, 1e-12)
        occurs = truth > 0
        return _ratio((f1 * occurs).sum(axis=1), occurs.sum(axis=1))


@dataclass(frozen=True, slots=True)
class ClassF1:
    """The F1 of one class. Its recall alone would praise a model that always answers it.

    Attributes:
        confusions: (2, groups, classes, classes), rows the truth and columns the answer.
        place: which class.
    """

    confusions: np.ndarray
    place: int

    @property
    def groups(self) -> int:
        return self.confusions.shape[1]

    @property
    def items(self) -> int:
        """How often the class is the truth."""
        return int(self.confusions[0, :, self.place].sum())

    def values(self, champion, challenger):
        place, table = self.place, self.confusions
        right = _summed(champion, challenger, table[:, :, place, place])
        truth = _summed(champion, challenger, table[:, :, place].sum(axis=2))
        answered = _summed(champion, challenger, table[:, :, :, place].sum(axis=2))
        return np.where(truth > 0, _ratio(2 * right, truth + answered), np.nan)


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """The average precision of one class's boxes, the mean over some IoU thresholds.

    Interpolated at 101 recalls as the COCO evaluation does it (Lin et al. 2014): the precision at
    a recall is the highest at that recall or a greater one.

    Attributes:
        scores: (detections,) of both models, in any order.
        model: (detections,) 0 for the champion's, 1 for the challenger's.
        group: (detections,) index of the group.
        right: (thresholds, detections), whether a detection is matched at each threshold.
        truths: (groups,) how many true boxes a group has.
    """

    scores: np.ndarray
    model: np.ndarray
    group: np.ndarray
    right: np.ndarray
    truths: np.ndarray

    @property
    def groups(self) -> int:
        return len(self.truths)

    @property
    def items(self) -> int:
        return int(self.truths.sum())

    def values(self, champion, challenger):
        truths = _summed(champion, challenger, (self.truths, self.truths))
        given = [number for number, one in enumerate((champion, challenger)) if one is not None]
        counts = [one for one in (champion, challenger) if one is not None]
        chosen = np.flatnonzero(np.isin(self.model, given))
        chosen = chosen[np.argsort(-self.scores[chosen], kind="stable")]
        column = self.group[chosen] + self.groups * np.searchsorted(given, self.model[chosen])
        right = self.right[:, chosen].astype(float)
        weights = np.concatenate(counts, axis=1)
        at_once = max(_CELLS_AT_ONCE // max(len(chosen), 1), 1)
        parts = [
            _average_precision(weights[start:][:at_once, column], right, truths[start:][:at_once])
            for start in range(0, len(weights), at_once)
        ]
        return np.concatenate(parts)


def _average_precision(drawn, right, truths):
    """Return the figure (draws,) of weights (draws, detections) by falling score."""
    if not drawn.shape[1]:
        return np.where(truths > 0, 0.0, np.nan)
    counted = np.maximum(np.cumsum(drawn, axis=1), 1e-12)
    total = np.zeros(len(drawn))
    for hits in right:
        found = np.cumsum(drawn * hits, axis=1)
        precision = np.maximum.accumulate((found / counted)[:, ::-1], axis=1)[:, ::-1]
        total += _at_recalls(found, precision, truths)
    return np.where(truths > 0, total / len(right), np.nan)


def _at_recalls(found, precision, truths):
    """Return the mean of the precision (draws, detections) at 101 recalls, 0 beyond the last."""
    means = np.zeros(len(found))
    for row in np.flatnonzero(truths > 0):
        # Without tolerance, as the reference has it: its last digits decide at equal recalls.
        places = np.searchsorted(found[row] / truths[row], RECALLS, side="left")
        means[row] = precision[row, places[places < found.shape[1]]].sum() / len(RECALLS)
    return means


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of several figures over the same groups, such as mAP over the classes.

    In draws in which nothing counts for a figure, it is left out.
    """

    parts: tuple[Paired, ...]

    @property
    def groups(self) -> int:
        return self.parts[0].groups if self.parts else 0

    @property
    def items(self) -> int:
        return sum(part.items for part in self.parts)

    def values(self, champion, challenger):
        values = np.stack([part.values(champion, challenger) for part in self.parts])
        known = ~np.isnan(values)
        return _ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0))


def _summed(champion, challenger, scores):
    """Return the sum over groups of weights (draws, groups) times scores (groups, ...)."""
    pairs = zip((champion, challenger), scores, strict=True)
    return sum(weights @ score for weights, score in pairs if weights is not None)


def _ratio(part, whole):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
