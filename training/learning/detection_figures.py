"""How well a detector finds boxes: its figures, the points of its plots, its worst mistakes.

Average precisions are those that the gate compares (``boxes.BoxFigures``). Precision, recall, the
confusion matrix and the mistakes are read at one score: that from which on the mean F1 of the
classes is best. Of each picture, only classes count that were labelled there in full.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.learning import curves
from training.learning.boxes import BoxFigures
from training.learning.detection_matches import Matches, confusion, match
from training.learning.detection_mistakes import worst
from training.learning.paired import RECALLS

SCORES = np.linspace(0.0, 1.0, 1001)
F1_POINTS = 101
AT = 0.5  # the IoU of everything but mAP50-95


@dataclass(frozen=True, slots=True)
class Picture:
    """What is true of a picture, and what a detector found in it.

    Attributes:
        position: of the entry in its dataset.
        truths: {class name: (m, 4) xyxy} of the classes that are labelled in full, and no others.
        found: {class name: ((n, 4) xyxy, (n,) scores)}.
        is_negative: somebody looked, and none of those classes is there.
    """

    position: int
    group: str
    camera: str
    truths: dict
    found: dict
    is_negative: bool


def figures(pictures: Iterable[Picture]) -> dict:
    """Return Evaluation.figures of a detector; a figure that nothing is known of is None."""
    pictures = list(pictures)
    cameras = sorted({picture.camera for picture in pictures})
    kept = _box_figures(pictures, cameras)
    matches = [match(picture, AT) for picture in pictures]
    by_class = _by_class(matches)
    rates = _Rates(by_class)
    map50, map50_95 = _mean_of(kept, (AT,)), _mean_of(kept)
    names, table = confusion(matches, rates.threshold)
    recall = rates.mean("recall")
    return {
        "figure": map50,
        "figure_name": "mAP50",
        "map50": map50,
        "map50_95": map50_95,
        "precision": rates.mean("precision"),
        "recall": recall,
        "f1": rates.mean("f1"),
        "false_positive_rate": _false_positive_rate(matches, rates.threshold),
        "false_negative_rate": None if recall is None else 1.0 - recall,
        "score_threshold": rates.threshold,
        "items": len(pictures),
        "groups": len({picture.group for picture in pictures}),
        "truths": sum(one.truths for one in by_class.values()),
        "negatives": sum(picture.is_negative for picture in pictures),
        "classes": _class_rows(kept, by_class, rates),
        "cameras": _camera_rows(kept, cameras, matches),
        "curves": _curves(kept, by_class, rates),
        "confusion": {"names": names, "rows": table},
        "mistakes": worst(matches, rates.threshold),
    }


@dataclass(slots=True)
class _OfClass:
    scores: np.ndarray
    right: np.ndarray
    truths: int


class _Rates:
    """Precision, recall and F1 of every class with a true box, from every score on.

    Attributes:
        f1: (scores,), the mean over the classes.
        place: of the score at which that is best, among SCORES.
    """

    def __init__(self, by_class):
        self.names = [name for name, one in by_class.items() if one.truths]
        parts = [_rates(by_class[name]) for name in self.names]
        empty = np.zeros((0, 3, len(SCORES)))
        self._values = np.stack(parts) if parts else empty
        self.f1 = self._values[:, 2].mean(axis=0) if parts else np.zeros(len(SCORES))
        self.place = _middle_of_best(self.f1)

    @property
    def threshold(self):
        return round(float(SCORES[self.place]), 3)

    def of_class(self, name):
        """Return (precision, recall, F1) at the threshold, None where nothing is true."""
        if name not in self.names:
            return (None, None, None)
        return tuple(float(one) for one in self._values[self.names.index(name), :, self.place])

    def mean(self, what):
        row = ("precision", "recall", "f1").index(what)
        return float(self._values[:, row, self.place].mean()) if self.names else None


def _rates(one):
    """Return (3, scores): precision, recall, F1 of the boxes that score at least as much."""
    scores, hits = np.sort(one.scores), np.sort(one.scores[one.right])
    answers = len(scores) - np.searchsorted(scores, SCORES, side="left")
    right = len(hits) - np.searchsorted(hits, SCORES, side="left")
    precision = right / np.maximum(answers, 1)
    return np.stack([precision, right / one.truths, 2 * right / (answers + one.truths)])


def _middle_of_best(values):
    """Return the middle of the first stretch of the highest values."""
    best = np.flatnonzero(values >= values.max() - 1e-12)
    gaps = np.flatnonzero(np.diff(best) > 1)
    stretch = best[: gaps[0] + 1] if len(gaps) else best
    return int(stretch[(len(stretch) - 1) // 2])


def _box_figures(pictures, cameras):
    """Return BoxFigures whose groups are the cameras: with all of them once it is the split."""
    kept, place = BoxFigures(len(cameras)), {name: number for number, name in enumerate(cameras)}
    for picture in pictures:
        kept.add_picture(place[picture.camera], picture.truths, (picture.found, {}))
    return kept


def _mean_of(kept, *thresholds):
    mean = kept.mean(*thresholds)
    return _number(mean.values(np.ones((1, mean.groups)), None)[0]) if mean.parts else None


def _number(value):
    return None if np.isnan(value) else float(value)


def _by_class(matches: list[Matches]):
    """Return {class: _OfClass} by name, of all pictures together."""
    scores, right, truths = defaultdict(list), defaultdict(list), defaultdict(int)
    for picture in matches:
        for name, found in picture.classes.items():
            scores[name].append(found.scores)
            right[name].append(found.right)
            truths[name] += len(found.truths)
    return {
        name: _OfClass(np.concatenate(scores[name]), np.concatenate(right[name]), truths[name])
        for name in sorted(scores)
    }


def _false_positive_rate(matches, threshold):
    """Return the share of the empty pictures in which something is found, None without any."""
    empty = [one for one in matches if one.is_negative]
    wrong = sum(
        any((found.scores >= threshold).any() for found in one.classes.values()) for one in empty
    )
    return wrong / len(empty) if empty else None


def _class_rows(kept, by_class, rates):
    ap50, ap50_95 = kept.of_classes((AT,)), kept.of_classes()
    rows = []
    for name, one in by_class.items():
        precision, recall, f1 = rates.of_class(name)
        rows.append(
            {
                "name": name,
                "truths": one.truths,
                "ap50": _once(ap50.get(name)),
                "ap50_95": _once(ap50_95.get(name)),
                "precision": precision,
                "recall": recall,
                "f1": f1,
            }
        )
    return rows


def _once(figure):
    return figure and _number(figure.values(np.ones((1, figure.groups)), None)[0])


def _camera_rows(kept, cameras, matches):
    mean = kept.mean((AT,))
    each = mean.values(np.eye(len(cameras)), None) if mean.parts else [np.nan] * len(cameras)
    truths = defaultdict(int)
    for one in matches:
        truths[one.camera] += sum(len(found.truths) for found in one.classes.values())
    return [
        {"name": name, "truths": truths[name], "ap50": _number(value)}
        for name, value in zip(cameras, each, strict=True)
    ]


def _curves(kept, by_class, rates):
    scores = np.concatenate([np.zeros(0), *(one.scores for one in by_class.values())])
    right = np.concatenate([np.zeros(0, bool), *(one.right for one in by_class.values())])
    drawn = slice(None, None, (len(SCORES) - 1) // (F1_POINTS - 1))
    return {
        "precision_recall": _precision_recall(kept),
        "f1": curves.points(SCORES[drawn], rates.f1[drawn]) if rates.names else [],
        "calibration": curves.calibration(scores, right),
        "histogram": curves.histogram(scores, right),
    }


def _precision_recall(kept):
    """Return {"all" or a class: points at 101 recalls}; the mean of a curve is its mAP50."""
    each = {name: _envelope(one) for name, one in kept.of_classes((AT,)).items()}
    if not each:
        return {}
    together = {"all": np.mean(list(each.values()), axis=0)} | each
    return {name: curves.points(RECALLS, precision) for name, precision in together.items()}


def _envelope(one):
    """Return the highest precision (101,) at each recall or a greater one, 0 where none is."""
    order = np.argsort(-one.scores, kind="stable")
    hits = np.cumsum(one.right[0][order])
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / one.truths.sum(), RECALLS, side="left")
    return np.append(best, 0.0)[places]
