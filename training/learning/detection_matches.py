"""Which boxes of a picture are right, which are of another class, and which nothing answers.

First the boxes of one class are matched by falling score, as for the average precision, so that the
diagonal of the confusion matrix counts what recall counts. What is left is matched across classes,
the closest pair first.
"""

from dataclasses import dataclass, field

import numpy as np

from detection.vision.overlaps import overlaps
from training.learning.boxes import MOST_OF_A_CLASS, matched

BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Found:
    """The boxes of one class in one picture by falling score, and the true ones."""

    truths: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    right: np.ndarray


@dataclass(frozen=True, slots=True)
class Matches:
    position: int
    camera: str
    is_negative: bool
    classes: dict[str, Found] = field(default_factory=dict)


@dataclass(slots=True)
class Left:
    """What no pair of one class explains, as rows (class, box, score).

    Attributes:
        confused: (true class, true box, class said, box, score).
    """

    hits: dict[str, int]
    confused: list
    false: list
    missed: list


def match(picture, threshold) -> Matches:
    """Return the Matches of a ``detection_figures.Picture`` at one IoU."""
    classes = {}
    for name, truths in picture.truths.items():
        boxes, scores = picture.found.get(name, (np.zeros((0, 4)), np.zeros(0)))
        order = np.argsort(-scores, kind="stable")[:MOST_OF_A_CLASS]
        boxes, scores = boxes[order], scores[order]
        right = matched(boxes, truths, (threshold,))[0]
        classes[name] = Found(truths, boxes, scores, right)
    return Matches(picture.position, picture.camera, picture.is_negative, classes)


def apart(one: Matches, score: float, iou: float = 0.5) -> Left:
    """Sort the boxes of a picture that score at least ``score``."""
    left = Left({}, [], [], [])
    for name, found in one.classes.items():
        heeded = found.scores >= score
        boxes, right = found.boxes[heeded], found.right[heeded]
        free = _unanswered(boxes[right], found.truths, iou)
        left.hits[name] = int(right.sum())
        left.missed += [(name, box) for box in found.truths[free]]
        wrong = zip(boxes[~right], found.scores[heeded][~right], strict=True)
        left.false += [(name, box, float(said)) for box, said in wrong]
    _pair_across(left, iou)
    return left


def _unanswered(boxes, truths, iou):
    """Return which true boxes none of the right ones takes; these take theirs in their order."""
    free = np.ones(len(truths), bool)
    if len(boxes) and len(truths):
        for shares in overlaps(boxes, truths):
            best = int(np.where(free, shares, -1.0).argmax())
            if shares[best] >= iou - 1e-12:
                free[best] = False
    return free


def _pair_across(left, iou):
    """Turn a false box over a missed one of another class into one confusion."""
    if not left.false or not left.missed:
        return
    said = np.stack([box for _, box, _ in left.false])
    true = np.stack([box for _, box in left.missed])
    shares = overlaps(said, true)
    names = np.array([name for name, *_ in left.false])[:, None]
    shares[names == np.array([name for name, _ in left.missed])[None, :]] = 0.0
    taken_said, taken_true = set(), set()
    for flat in np.argsort(-shares, axis=None, kind="stable"):
        row, column = divmod(int(flat), shares.shape[1])
        if shares[row, column] < iou - 1e-12:
            break
        if row not in taken_said and column not in taken_true:
            taken_said.add(row)
            taken_true.add(column)
            left.confused.append((*left.missed[column], *left.false[row]))
    left.false = [one for row, one in enumerate(left.false) if row not in taken_said]
    left.missed = [one for column, one in enumerate(left.missed) if column not in taken_true]


def confusion(matches: list[Matches], score: float) -> tuple[list[str], list[list[int]]]:
    """Return (names, rows): rows what is true, columns what is said, background last of both."""
    names = [*sorted({name for one in matches for name in one.classes}), BACKGROUND]
    place = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(names), len(names)), dtype=int)
    for one in matches:
        left = apart(one, score)
        for name, count in left.hits.items():
            table[place[name], place[name]] += count
        for true, _, said, *_ in left.confused:
            table[place[true], place[said]] += 1
        for said, *_ in left.false:
            table[-1, place[said]] += 1
        for true, _ in left.missed:
            table[place[true], -1] += 1
    return names, table.tolist()
