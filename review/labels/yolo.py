"""YOLO folders: ``images/``, ``labels/`` and ``data.yaml``, a line ``class xc yc w h`` per box.

YOLO has no place for what was reviewed and what is exhaustive. It stands beside the rest in
``labels.json``, which other programs ignore; without it, an empty label file is no negative.
"""

import json
import math
from pathlib import Path

import yaml

from review.labels.pictures import (
    MOST_BOXES,
    MOST_PICTURES,
    PICTURE_SUFFIXES,
    LabelFolder,
    LabelledBox,
    LabelledPicture,
    Problem,
    clean_share_box,
    contained,
    refused,
)

DATA_FILE, SIDE_FILE = "data.yaml", "labels.json"
UNIT = 1_000_000  # six decimals
LARGEST_CLASS = 100_000
LARGEST_TEXT_BYTES = 10_000_000


def line_of(box):
    """Return the line of a LabelledBox; what it says lies within the picture to the last digit."""
    x1, y1, x2, y2 = box.box_xyxy
    centre_x, width = _quantised(x1, x2)
    centre_y, height = _quantised(y1, y2)
    figures = (_decimal(value) for value in (centre_x, centre_y, width, height))
    return " ".join([str(box.label), *figures])


def _quantised(low, high):
    """Return (centre, length) in millionths, shortened where rounding would pass an edge."""
    centre = min(max(round((low + high) / 2 * UNIT), 1), UNIT - 1)
    length = max(round((high - low) * UNIT), 1)
    return centre, min(length, 2 * centre, 2 * (UNIT - centre))


def _decimal(millionths):
    return f"{millionths // UNIT}.{millionths % UNIT:06d}"


def read_line(text):
    """Return the LabelledBox of one line.

    Raises:
        ValueError: with what is wrong in words.
    """
    parts = text.split()
    if len(parts) != 5:
        raise ValueError(f"a line is five numbers, class xc yc w h, and this one has {len(parts)}")
    if not (parts[0].isascii() and parts[0].isdigit() and int(parts[0][:9]) < LARGEST_CLASS):
        raise ValueError(f"{parts[0][:20]!r} is no number of a class")
    try:
        centre_x, centre_y, width, height = (float(part) for part in parts[1:])
    except ValueError:
        raise ValueError("xc, yc, w and h are not all numbers") from None
    if not all(math.isfinite(value) for value in (centre_x, centre_y, width, height)):
        raise ValueError("xc, yc, w and h are not all finite")
    edges = clean_share_box(
        centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2
    )
    return LabelledBox(int(parts[0]), edges)


def write_text(folder, class_names, pictures):
    """Write the label files, ``data.yaml`` and ``labels.json`` of a folder.

    A label file is written for every picture with boxes and, empty, for every reviewed negative.

    Args:
        class_names: {index: name}.
        pictures: LabelledPicture rows whose pictures lie in ``images/`` already.
    """
    labels = folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        if picture.boxes or picture.is_negative:
            lines = "".join(f"{line_of(box)}\n" for box in picture.boxes)
            (labels / f"{picture.name}.txt").write_text(lines, encoding="utf-8")
    names = {index: class_names[index] for index in sorted(class_names)}
    described = {"path": ".", "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    (folder / DATA_FILE).write_text(text, encoding="utf-8")
    side = {
        picture.name: {
            "exhaustive": list(picture.exhaustive),
            "is_negative": picture.is_negative,
        }
        for picture in sorted(pictures, key=lambda one: one.name)
        if picture.boxes or picture.is_negative
    }
    (folder / SIDE_FILE).write_text(json.dumps(side, indent=1) + "\n", encoding="utf-8")


def read_folder(folder):
    """Return the LabelFolder of a YOLO folder.

    A label file with a bad line is a Problem and its picture is left out whole.

    Raises:
        DomainError: labels_unreadable, when there is no ``data.yaml`` or no picture.
    """
    folder = Path(folder)
    found = LabelFolder(class_names=_class_names(folder))
    side = _side_notes(folder)
    stems = {}
    for path in _picture_paths(folder):
        if path.stem in stems:
            also = stems[path.stem].relative_to(folder)
            problem = Problem(str(path.relative_to(folder)), "", f"{also} has the same name")
            found.problems.append(problem)
            continue
        stems[path.stem] = path
        _take(folder, path, side.get(path.stem, {}), found)
    return found


def _take(folder, path, note, found):
    label_path = _label_path(folder, path)
    text = None if label_path is None else _text(label_path)
    if text is None:
        found.unlabelled.append(path.name)
        return
    boxes, problems = _boxes(str(label_path.relative_to(folder)), text, found.class_names)
    if problems:
        found.problems += problems
        return
    is_negative = not boxes and note.get("is_negative") is True
    if not boxes and not is_negative:
        found.unlabelled.append(path.name)
        return
    exhaustive = note.get("exhaustive")
    exhaustive = exhaustive if isinstance(exhaustive, list) else []
    found.pictures.append(
        LabelledPicture(
            name=path.stem,
            path=path,
            width=0,
            height=0,
            boxes=tuple(boxes),
            exhaustive=tuple(one for one in exhaustive if one in found.class_names),
            is_negative=is_negative,
        )
    )


def _boxes(name, text, class_names):
    boxes, problems = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            box = read_line(line)
            if box.label not in class_names:
                raise ValueError(f"{DATA_FILE} names no class {box.label}")
        except ValueError as error:
            problems.append(Problem(name, f"line {number}", str(error)))
            continue
        boxes.append(box)
    if len(boxes) > MOST_BOXES:
        problems.append(Problem(name, "", f"at most {MOST_BOXES} boxes, not {len(boxes)}"))
    return boxes, problems


def _class_names(folder):
    path = folder / DATA_FILE
    text = _text(path) if path.is_file() else None
    if text is None:
        raise refused(path, "there is no such file; it names the classes.")
    try:
        described = yaml.safe_load(text)
    except yaml.YAMLError:
        raise refused(path, "this is no YAML.") from None
    names = described.get("names") if isinstance(described, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    is_sound = isinstance(names, dict) and all(
        type(index) is int and 0 <= index < LARGEST_CLASS and isinstance(name, str | int)
        for index, name in names.items()
    )
    if not is_sound or not names:
        raise refused(path, "'names' must be a list of class names, or a mapping from numbers.")
    return {index: str(name).strip() for index, name in names.items()}


def _side_notes(folder):
    path = folder / SIDE_FILE
    text = _text(path) if path.is_file() else None
    try:
        notes = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise refused(path, "this is no JSON.") from None
    if not isinstance(notes, dict):
        raise refused(path, "this must be a mapping from the names of pictures.")
    return {name: note for name, note in notes.items() if isinstance(note, dict)}


def _picture_paths(folder):
    images = folder / "images"
    if not images.is_dir():
        raise refused(images, "there is no such folder.")
    paths = sorted(
        path
        for path in images.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and contained(folder, path.relative_to(folder))
    )
    if not paths:
        raise refused(images, "there is no picture in it.")
    if len(paths) > MOST_PICTURES:
        raise refused(images, f"at most {MOST_PICTURES:,} pictures at once, not {len(paths):,}.")
    return paths


def _label_path(folder, picture):
    """Return the label file of a picture: the same path under ``labels/``."""
    inner = picture.relative_to(folder / "images").with_suffix(".txt")
    name = Path("labels") / inner
    return folder / name if contained(folder, name) else None


def _text(path):
    if path.stat().st_size > LARGEST_TEXT_BYTES:
        raise refused(path, f"it is larger than {LARGEST_TEXT_BYTES:,} bytes.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise refused(path, "this is no text in UTF-8.") from None
