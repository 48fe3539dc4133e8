"""Match found boxes with true ones, and keep what the figures of two detectors need.

The rules are those of the COCO evaluation: of one picture and class, boxes are taken by falling
score, at most 100, and each takes the free true box that it covers best, if the IoU reaches the
threshold.
"""

from dataclasses import dataclass, field

import numpy as np

from detection.vision.overlaps import overlaps
from training.learning.paired import AveragePrecision, Mean

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
MOST_OF_A_CLASS = 100


def matched(found: np.ndarray, true: np.ndarray, thresholds=THRESHOLDS) -> np.ndarray:
    """Return which boxes are right, bool (thresholds, n).

    Args:
        found: (n, 4) xyxy of one picture and class, by falling score.
        true: (m, 4) xyxy.
    """
    right = np.zeros((len(thresholds), len(found)), bool)
    if not len(found) or not len(true):
        return right
    shares = overlaps(found, true)
    for row, threshold in enumerate(thresholds):
        is_free = np.ones(len(true), bool)
        for number in range(len(found)):
            left = np.where(is_free, shares[number], -1.0)
            best = int(left.argmax())
            if left[best] >= threshold - 1e-12:
                right[row, number], is_free[best] = True, False
    return right


@dataclass
class _OfClass:
    scores: list = field(default_factory=list)
    model: list = field(default_factory=list)
    group: list = field(default_factory=list)
    right: list = field(default_factory=list)
    truths: dict = field(default_factory=dict)


class BoxFigures:
    """Collects two detectors' boxes on the pictures of one split.

    Args:
        groups: how many groups the pictures belong to.
    """

    def __init__(self, groups: int):
        self._groups = groups
        self._classes: dict[str, _OfClass] = {}

    def add_picture(self, group: int, true: dict, found: tuple) -> None:
        """Take in one picture.

        Args:
            true: {class name: (m, 4) xyxy}, for every class that is labelled there; an empty
                array says that there is none. Boxes of other classes say nothing and are left out.
            found: of champion and challenger each {class name: ((n, 4) xyxy, (n,) scores)}.
        """
        for name, truths in true.items():
            kept = self._classes.setdefault(name, _OfClass())
            kept.truths[group] = kept.truths.get(group, 0) + len(truths)
            for model, of_model in enumerate(found):
                boxes, scores = of_model.get(name, (np.zeros((0, 4)), np.zeros(0)))
                order = np.argsort(-scores, kind="stable")[:MOST_OF_A_CLASS]
                kept.right.append(matched(boxes[order], truths))
                kept.scores.append(scores[order])
                kept.model.append(np.full(len(order), model))
                kept.group.append(np.full(len(order), group))

    def of_classes(self, thresholds=THRESHOLDS) -> dict[str, AveragePrecision]:
        """Return the average precision of every class that has a true box, by name."""
        rows = [THRESHOLDS.index(threshold) for threshold in thresholds]
        return {
            name: self._figure(self._classes[name], rows)
            for name in sorted(self._classes)
            if any(self._classes[name].truths.values())
        }

    def mean(self, thresholds=THRESHOLDS) -> Mean:
        """Return mAP over the classes that have a true box."""
        return Mean(tuple(self.of_classes(thresholds).values()))

    def _figure(self, kept, rows):
        truths = np.zeros(self._groups)
        for group, count in kept.truths.items():
            truths[group] = count
        return AveragePrecision(
            scores=np.concatenate(kept.scores),
            model=np.concatenate(kept.model),
            group=np.concatenate(kept.group),
            right=np.concatenate(kept.right, axis=1)[rows],
            truths=truths,
        )
