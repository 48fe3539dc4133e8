"""Proving what stands beside chat lines and COCO: YOLO's labels, tables, and masked people.

Each is held against the manifest, and YOLO against COCO as well: all of them tell of one snapshot.
"""

from collections.abc import Callable
from pathlib import Path

from detection.vision.people import is_person
from hitlsite.errors import DomainError
from review.privacy.regions import Region
from training.exporting import hidden, masking, tables, yolo
from training.exporting.hashed import sha256_of

Say = Callable[[str, str], None]
_CLOSE = 2e-5


def check_yolo(folder: Path, manifest: dict, named: dict, document: dict, say: Say) -> set[str]:
    """Check data file, list and labels; return the names of the labels."""
    rows = {row["file_name"]: row for row in manifest["images"] if row.get("yolo")}
    names = {yolo.label_name(row["sha256"]): row for row in rows.values()}
    data_name, list_name = named["yolo"], named["yolo_list"]
    try:
        train, classes = yolo.read_data(_text(folder / data_name))
        if train != list_name:
            say(data_name, f"trains on {train!r}, not on {list_name}")
        told = [row["name"] for row in manifest["classes"]]
        if classes != _unused_filled(manifest["classes"]):
            say(data_name, f"names other classes than the manifest: {told}")
    except (yolo.LabelError, KeyError, TypeError, UnicodeDecodeError, OSError) as error:
        say(data_name, str(error))
        return set(names)
    listed = _text(folder / list_name) if (folder / list_name).is_file() else ""
    if listed != "".join(yolo.listed(name) for name in rows):
        say(list_name, "does not list the labelled pictures of the manifest")
    _compare_with_labelled(manifest, rows, say, data_name)
    boxes = _coco_boxes(document)
    for name, row in names.items():
        _check_label(folder, name, row, len(classes), boxes.get(row["file_name"], []), say)
    return set(names)


def _unused_filled(classes):
    known = {row["index"]: row["name"] for row in classes}
    return [known.get(index, f"unused {index}") for index in range(max(known, default=-1) + 1)]


def _compare_with_labelled(manifest, rows, say, data_name):
    for row in manifest["images"]:
        if (row.get("labelled") != "no") != (row["file_name"] in rows):
            say(data_name, f"labels {row['file_name']}, which the manifest calls otherwise")


def _coco_boxes(document):
    """Return {file name: [(class index, box as shares)]} of a COCO document."""
    images = {row["id"]: row for row in document.get("images", ())}
    boxes: dict[str, list] = {}
    for row in document.get("annotations", ()):
        image = images[row["image_id"]]
        left, top, across, down = row["bbox"]
        width, height = image["width"], image["height"]
        box = (left / width, top / height, (left + across) / width, (top + down) / height)
        boxes.setdefault(image["file_name"], []).append((row["category_id"] - 1, box))
    return boxes


def _check_label(folder, name, row, class_count, expected, say):
    path = folder / name
    if not path.is_file():
        say(row["file_name"], f"lacks its labels: {name} is missing")
        return
    label = row["yolo"]
    if sha256_of(path) != label["sha256"] or path.stat().st_size != label.get("byte_count"):
        say(name, "is not the file that was written: its sha256 differs")
    try:
        boxes = yolo.read_labels(_text(path), class_count)
    except (yolo.LabelError, UnicodeDecodeError) as error:
        say(name, str(error))
        return
    if len(boxes) != len(expected) or not all(map(_is_same, boxes, expected)):
        say(name, "has other boxes than the COCO file")


def _is_same(one, other):
    return one[0] == other[0] and all(
        abs(a - b) <= _CLOSE for a, b in zip(one[1], other[1], strict=True)
    )


def _text(path: Path) -> str:
    return path.read_bytes().decode()


def check_tables(folder: Path, manifest: dict, named: dict, say: Say) -> None:
    """Check CSV and parquet against the lines of the manifest, row by row."""
    for kind, read in tables.READERS.items():
        if kind not in named or not (folder / named[kind]).is_file():
            continue
        try:
            _compare_rows(kind, read(folder / named[kind]), manifest["lines"])
        except tables.TableError as error:
            say(named[kind], str(error))


def _compare_rows(kind, rows, lines):
    count = 0
    for count, row in enumerate(rows, start=1):
        line = lines[count - 1] if count <= len(lines) else {}
        told = {name: line.get(name) for name in ("line", "item", "category", "image", "images")}
        if kind == "csv":
            told = {name: tables.cell(value) for name, value in told.items()}
        wrong = [name for name, value in told.items() if row[name] != value]
        if wrong:
            raise tables.TableError(f"differs from the manifest in row {count}: {wrong[0]}")
    if count != len(lines):
        raise tables.TableError(f"has {count} rows where the manifest has {len(lines)}")


class Masks:
    """Looks whether people are really masked; without a detector, whether masks are black."""

    def __init__(self, folder: Path, detector):
        self._folder, self._detector = folder, detector

    def problems(self, name: str, regions: tuple[Region, ...]) -> list[str]:
        """Return one sentence for everything that shows in a picture of the masked variant."""
        path = self._folder / name
        found = []
        try:
            if regions and hidden.still_shown(path, regions, masking.METHOD):
                found.append("is said to have its people masked but has not")
            if masking.visible_people(path, regions, self._detector):
                found.append("shows somebody who is not masked")
        except DomainError as error:
            found.append(error.message.rstrip("."))
        return found


def people_outside(document: dict, covered: dict[str, tuple[Region, ...]]) -> list[str]:
    """Return the pictures of a COCO document in which the box of a person is not covered."""
    names = {row["id"] - 1: row["name"] for row in document.get("categories", ())}
    found = {
        file_name
        for file_name, boxes in _coco_boxes(document).items()
        for index, box in boxes
        if is_person(names[index]) and not masking.is_covered(box, covered.get(file_name, ()))
    }
    return sorted(found)
