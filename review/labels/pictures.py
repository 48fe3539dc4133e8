"""What every form of label file holds: pictures, boxes on them, and the names of classes.

A picture without boxes says nothing by itself. Only where somebody recorded that it was looked at
is it a negative, and only for the classes listed as exhaustive is the rest of it background.
"""

from dataclasses import dataclass, field
from pathlib import Path

from hitlsite.errors import DomainError

MOST_BOXES = 200
MOST_PICTURES = 100_000
# How far past an edge a box may reach by rounding alone; it is cut at the edge.
ROUNDING = 1e-4
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box in shares of width and height, and the number of its class in its file."""

    label: int
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture's boxes.

    Attributes:
        name: the stem that its files go by.
        path: where the picture lies.
        exhaustive: numbers of the classes of which every one is boxed.
        is_negative: somebody looked and found nothing.
    """

    name: str
    path: Path
    width: int
    height: int
    boxes: tuple[LabelledBox, ...] = ()
    exhaustive: tuple[int, ...] = ()
    is_negative: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file, and with which of its lines or entries."""

    file: str
    place: str
    message: str

    def __str__(self):
        return f"{self.file}, {self.place}: {self.message}" if self.place else self.sentence

    @property
    def sentence(self):
        return f"{self.file}: {self.message}"


@dataclass(slots=True)
class LabelFolder:
    """Everything that was read, what was wrong, and what was left out for good reason.

    Attributes:
        unlabelled: pictures that no label file speaks of, or only an empty one that nobody
            recorded as reviewed.
    """

    class_names: dict[int, str] = field(default_factory=dict)
    pictures: list[LabelledPicture] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)


def clean_share_box(x1, y1, x2, y2):
    """Return a box of shares cut at the edges that it passes by rounding.

    Raises:
        ValueError: it lies outside the picture, or has no area.
    """
    edges = (x1, y1, x2, y2)
    if not all(-ROUNDING <= edge <= 1 + ROUNDING for edge in edges):
        raise ValueError("the box reaches out of the picture")
    x1, y1, x2, y2 = (min(max(edge, 0.0), 1.0) for edge in edges)
    if not (x1 < x2 and y1 < y2):
        raise ValueError("the box has no area")
    return x1, y1, x2, y2


def contained(root, name):
    """Return the file ``name`` below ``root``, or None where it is elsewhere or is missing."""
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


def refused(file, message):
    """Return the refusal of a whole folder or file."""
    return DomainError("labels_unreadable", f"{file}: {message}")
