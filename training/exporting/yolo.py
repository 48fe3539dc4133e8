"""YOLO labels: a text file beside every labelled picture, a list of them, and a data.yaml.

A class's number is the index of its label class, which no other class ever gets: an index that is
not used here is named all the same, because trainers want every number up to the highest. What is
listed is exactly what is labelled. A folder instead of a list would turn pictures that nobody
looked through into background.
"""

import math
from collections.abc import Iterable

from training.exporting.records import Picture

LABEL_FOLDER = "labels"
_HEAD = """# Boxes of confirmed items. Nothing is split: val repeats train so that trainers load it.
# Split by camera and incident before anything is measured.
"""
_TOLERANCE = 2e-6


def label_name(sha256: str) -> str:
    return f"{LABEL_FOLDER}/{sha256}.txt"


def label_line(index: int, pixels: tuple[int, int, int, int], picture: Picture) -> str:
    """Return one box: class, centre and size as shares of the picture.

    >>> picture = Picture("", "", 0, 640, 480, "", 0.0, ())
    >>> label_line(0, (16000, 24000, 16000, 24000), picture)
    '0 0.375000 0.750000 0.250000 0.500000\\n'
    """
    left, top, width, height = pixels
    across, down = picture.width * 100, picture.height * 100
    return (
        f"{index} {(left + width / 2) / across:.6f} {(top + height / 2) / down:.6f}"
        f" {width / across:.6f} {height / down:.6f}\n"
    )


def data_yaml(list_name: str, names: dict[int, str]) -> str:
    """Return the data file, the same for the same classes."""
    last = max(names, default=-1)
    rows = [
        f"  {index}: {_quoted(names.get(index, f'unused {index}'))}\n" for index in range(last + 1)
    ]
    named = "names:\n" + "".join(rows) if rows else "names: {}\n"
    return f"{_HEAD}train: {list_name}\nval: {list_name}\n{named}"


def _quoted(name: str) -> str:
    """Return a name as YAML reads it back, whatever is in it."""
    plain = (one if one.isalnum() or one in " _-." else f"\\U{ord(one):08x}" for one in name)
    return f'"{"".join(plain)}"'


def listed(file_name: str) -> str:
    """Return how the list names a picture: beside itself, wherever the folder lies."""
    return f"./{file_name}\n"


class LabelError(ValueError):
    """One sentence about what is wrong with a label file or a data file."""


def read_labels(text: str, class_count: int) -> list[tuple[int, tuple[float, ...]]]:
    """Return (class, (x1, y1, x2, y2) as shares) of every line.

    Raises:
        LabelError: a line is no box of a known class inside the picture.
    """
    boxes = []
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split(" ")
        if len(parts) != 5 or not parts[0].isascii() or not parts[0].isdigit():
            raise LabelError(f"line {number} is not a class and four numbers")
        if int(parts[0]) >= class_count:
            raise LabelError(f"line {number} names class {parts[0]}, which data.yaml does not")
        boxes.append((int(parts[0]), _box(parts[1:], number)))
    return boxes


def _box(parts: Iterable[str], number: int) -> tuple[float, ...]:
    try:
        x, y, width, height = (float(part) for part in parts)
    except ValueError as error:
        raise LabelError(f"line {number} is not a class and four numbers") from error
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    is_inside = min(box[:2]) >= -_TOLERANCE and max(box[2:]) <= 1 + _TOLERANCE
    if not all(map(math.isfinite, box)) or not is_inside or width <= 0 or height <= 0:
        raise LabelError(f"line {number} has a box outside the picture")
    return box


def read_data(text: str) -> tuple[str, list[str]]:
    """Return (name of the list, class names by index) of a data file.

    Raises:
        LabelError: it is not what ``data_yaml`` writes.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
        names, train = content["names"], content["train"]
        is_sound = content["val"] == train and sorted(names) == list(range(len(names)))
    except (yaml.YAMLError, KeyError, TypeError, RecursionError) as error:
        raise LabelError("is not the data file of an export") from error
    if not is_sound or not isinstance(train, str) or "path" in content:
        raise LabelError("is not the data file of an export")
    return train, [str(names[index]) for index in range(len(names))]
