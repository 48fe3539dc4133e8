"""On which pictures two detectors differ, and what each of them got right there."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from training.learning.detection_figures import AT, Picture
from training.learning.detection_matches import Matches, apart, match


@dataclass(frozen=True, slots=True)
class Side:
    """What one detector did on one picture; boxes are (class, box, score, words)."""

    right: tuple
    wrong: tuple
    missed: tuple

    @property
    def errors(self):
        return len(self.wrong) + len(self.missed)


@dataclass(frozen=True, slots=True)
class Compared:
    """``differing`` counts true boxes that only one found, and how many more false ones one has."""

    position: int
    champion: Side | None
    challenger: Side
    differing: int


def boxes_by_class(said: dict) -> dict:
    """Turn {class: [[x1, y1, x2, y2, score]]} into {class: (boxes, scores)}."""
    rows = {name: np.array(boxes, dtype=float).reshape(-1, 5) for name, boxes in said.items()}
    return {name: (row[:, :4], row[:, 4]) for name, row in rows.items()}


def truths_of(label: dict) -> dict:
    """Return {class: (m, 4)} of the classes that a picture's label names as boxed in full."""
    boxes = {name: [] for name in label.get("exhaustive", [])}
    for name, *box in label.get("boxes", []):
        if name in boxes:
            boxes[name].append(box)
    return {name: np.array(rows, dtype=float).reshape(-1, 4) for name, rows in boxes.items()}


def ranked(
    labels: Iterable[tuple[int, dict]],
    champion: dict | None,
    challenger: dict,
    scores: tuple[float, float],
) -> list[Compared]:
    """Return every picture compared, those first on which the two differ most.

    Args:
        labels: (position, label) of the pictures.
        champion, challenger: {position: {class: [[x1, y1, x2, y2, score]]}}.
        scores: from which on boxes of the champion and of the challenger count.
    """
    rows = []
    for position, label in labels:
        truths = truths_of(label)
        before = None if champion is None else side(truths, champion.get(position, {}), scores[0])
        after = side(truths, challenger.get(position, {}), scores[1])
        rows.append(Compared(position, before, after, _differing(before, after)))
    return sorted(rows, key=lambda row: (-row.differing, -row.challenger.errors, row.position))


def side(truths: dict, said: dict, score: float) -> Side:
    """Return the Side of a detector that said this of a picture with these true boxes."""
    is_negative = not any(len(boxes) for boxes in truths.values())
    picture = Picture(0, "", "", truths, boxes_by_class(said), is_negative)
    matches = match(picture, AT)
    left = apart(matches, score)
    wrong = [(name, _plain(box), how_sure, "") for name, box, how_sure in left.false]
    wrong += [
        (name, _plain(box), how_sure, f"is {true}")
        for true, _, name, box, how_sure in left.confused
    ]
    missed = [(name, _plain(box), None, "") for name, box in left.missed]
    missed += [(name, _plain(box), None, f"called {said}") for name, box, said, *_ in left.confused]
    return Side(tuple(_right(matches, score)), tuple(wrong), tuple(missed))


def _right(matches: Matches, score):
    for name, found in matches.classes.items():
        heeded = found.right & (found.scores >= score)
        pairs = zip(found.boxes[heeded], found.scores[heeded], strict=True)
        yield from ((name, _plain(box), float(how_sure), "") for box, how_sure in pairs)


def _differing(before, after):
    if before is None:
        return after.errors
    missed = ({(name, box) for name, box, *_ in one.missed} for one in (before, after))
    return len(set.symmetric_difference(*missed)) + abs(len(before.wrong) - len(after.wrong))


def _plain(box):
    return tuple(round(float(edge), 5) for edge in box)
