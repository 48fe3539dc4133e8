"""COCO detection files: one JSON with ``images``, ``annotations`` and ``categories``.

Category ids are our class numbers and one more, since COCO counts from 1. ``is_negative`` and
``exhaustive`` (category ids) stand in the image entries, where other programs pass over them; an
image without annotations is no negative without the first.
"""

import json
import math
from collections import defaultdict
from pathlib import Path, PurePosixPath

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

FILE = "annotations.json"
LARGEST_BYTES = 500_000_000
THOUSANDTHS = 1000
FIRST_ID = 1


def document(class_names, pictures):
    """Return the COCO document of LabelledPicture rows, whose pictures lie in ``images/``."""
    images, annotations = [], []
    for number, picture in enumerate(sorted(pictures, key=lambda one: one.name), start=1):
        images.append(
            {
                "id": number,
                "file_name": f"images/{picture.path.name}",
                "width": picture.width,
                "height": picture.height,
                "exhaustive": [one + FIRST_ID for one in picture.exhaustive],
                "is_negative": picture.is_negative,
            }
        )
        for box in picture.boxes:
            bbox = _pixels(box.box_xyxy, picture)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": box.label + FIRST_ID,
                    "bbox": bbox,
                    "area": round(bbox[2] * bbox[3], 3),
                    "iscrowd": 0,
                }
            )
    categories = [
        {"id": index + FIRST_ID, "name": class_names[index]} for index in sorted(class_names)
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _pixels(box_xyxy, picture):
    """Return [x, y, width, height] in thousandths of a pixel, none of it past an edge."""
    sizes = (picture.width, picture.height) * 2
    x1, y1, x2, y2 = (
        round(share * size * THOUSANDTHS) for share, size in zip(box_xyxy, sizes, strict=True)
    )
    return [value / THOUSANDTHS for value in (x1, y1, max(x2 - x1, 1), max(y2 - y1, 1))]


def write_text(folder, class_names, pictures):
    """Write ``annotations.json`` of a folder whose pictures lie in ``images/``."""
    text = json.dumps(document(class_names, pictures), indent=1, ensure_ascii=False)
    (Path(folder) / FILE).write_text(text + "\n", encoding="utf-8")


def read_file(path):
    """Return the LabelFolder of a COCO file.

    Pictures are looked for beside the file and in ``images/`` beside it. An image with a bad
    annotation is left out whole.

    Raises:
        DomainError: labels_unreadable, when the file is no COCO document.
    """
    path = Path(path)
    read = _document(path)
    found = LabelFolder(class_names=_class_names(path, read["categories"]))
    by_image, names = defaultdict(list), set()
    for entry in read["annotations"]:
        if isinstance(entry, dict):
            by_image[str(entry.get("image_id"))].append(entry)
    for image in read["images"]:
        try:
            picture = _picture(path.parent, image, by_image, found.class_names)
            if picture.name in names:
                raise _Bad(_place(image), "another picture has the same name")
        except _Bad as bad:
            found.problems.append(Problem(path.name, bad.place, str(bad)))
            continue
        names.add(picture.name)
        if picture.boxes or picture.is_negative:
            found.pictures.append(picture)
        else:
            found.unlabelled.append(picture.path.name)
    return found


class _Bad(ValueError):
    def __init__(self, place, message):
        super().__init__(message)
        self.place = place


def _document(path):
    if path.stat().st_size > LARGEST_BYTES:
        raise refused(path, f"it is larger than {LARGEST_BYTES:,} bytes.")
    try:
        read = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise refused(path, "this is no JSON in UTF-8.") from None
    parts = ("images", "annotations", "categories")
    is_sound = isinstance(read, dict) and all(isinstance(read.get(part), list) for part in parts)
    if not is_sound:
        raise refused(path, "a COCO file has the lists images, annotations and categories.")
    if len(read["images"]) > MOST_PICTURES:
        count = len(read["images"])
        raise refused(path, f"at most {MOST_PICTURES:,} pictures at once, not {count:,}.")
    return read


def _class_names(path, categories):
    names = {}
    for entry in categories:
        index = entry.get("id") if isinstance(entry, dict) else None
        if type(index) is not int or index < 0 or not isinstance(entry.get("name"), str):
            raise refused(path, "every category has a number 'id' and a 'name'.")
        names[index] = entry["name"].strip()
    if not names:
        raise refused(path, "it names no category.")
    return names


def _picture(root, image, by_image, class_names):
    place = _place(image)
    if not isinstance(image, dict) or not isinstance(image.get("file_name"), str):
        raise _Bad(place, "it has no file_name")
    width, height = image.get("width"), image.get("height")
    if not all(type(size) is int and 0 < size <= 100_000 for size in (width, height)):
        raise _Bad(place, "width and height must be whole numbers above 0")
    name = PurePosixPath(image["file_name"])
    path = contained(root, name) or contained(root, PurePosixPath("images") / name)
    if path is None or path.suffix.lower() not in PICTURE_SUFFIXES:
        raise _Bad(place, f"there is no picture {image['file_name'][:80]!r}")
    entries = by_image[str(image.get("id"))]
    if len(entries) > MOST_BOXES:
        raise _Bad(place, f"at most {MOST_BOXES} boxes, not {len(entries)}")
    boxes = tuple(_box(entry, width, height, class_names) for entry in entries)
    exhaustive = image.get("exhaustive")
    exhaustive = exhaustive if isinstance(exhaustive, list) else []
    return LabelledPicture(
        name=path.stem,
        path=path,
        width=width,
        height=height,
        boxes=boxes,
        exhaustive=tuple(one for one in exhaustive if type(one) is int and one in class_names),
        is_negative=not boxes and image.get("is_negative") is True,
    )


def _place(image):
    return f"image {image.get('id') if isinstance(image, dict) else '?'}"


def _box(entry, width, height, class_names):
    place = f"annotation {entry.get('id')}"
    label, bbox = entry.get("category_id"), entry.get("bbox")
    if type(label) is not int or label not in class_names:
        raise _Bad(place, f"there is no category {str(label)[:20]}")
    is_four = isinstance(bbox, list) and len(bbox) == 4
    if not is_four or not all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in bbox
    ):
        raise _Bad(place, "bbox is four numbers, x y width height")
    x, y, box_width, box_height = (float(value) for value in bbox)
    try:
        edges = clean_share_box(
            x / width, y / height, (x + box_width) / width, (y + box_height) / height
        )
    except ValueError as error:
        raise _Bad(place, str(error)) from None
    return LabelledBox(label, edges)
