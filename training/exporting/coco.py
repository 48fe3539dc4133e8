"""COCO annotations: every labelled picture with its real size and its boxes in pixels.

Written as a stream, because an export of 25,000 items has some 75,000 pictures. A category's id is
the index of the label class and one more, since COCO counts from 1: the same in every export, even
after the class got another name. A picture without boxes is in it only where a person said that
there is nothing to be boxed.
"""

import math

from training.exporting.records import Box, Picture

# Written out, for it is the most frequent of all rows; its keys are sorted.
_ANNOTATION = (
    '{"area":%.2f,"bbox":[%.2f,%.2f,%.2f,%.2f],"category_id":%d,"id":%d,"image_id":%d,'
    '"iscrowd":0,"segmentation":[]}'
)
INFO = {"description": "Confirmed camera incidents", "version": "1.0"}
TOLERANCE_PX = 0.02


def category_id(index: int) -> int:
    """Return the id of the class with this index."""
    return index + 1


def image_text(number: int, picture: Picture, exhaustive: list[int]) -> str:
    """Return an image in canonical JSON; ``exhaustive`` are ids of categories."""
    negative = "true" if picture.is_negative else "false"
    return (
        f'{{"exhaustive":[{",".join(map(str, exhaustive))}],"file_name":"{picture.file_name}",'
        f'"height":{picture.height},"id":{number},"is_negative":{negative},'
        f'"width":{picture.width}}}'
    )


def pixel_box(box: Box, picture: Picture) -> tuple[int, int, int, int] | None:
    """Return (left, top, width, height) in hundredths of a pixel, None where nothing is left.

    >>> pixel_box(Box("person", (0.25, 0.5, 0.5, 1.0)), Picture("", "", 0, 640, 480, "", 0.0, ()))
    (16000, 24000, 16000, 24000)
    """
    x1, y1, x2, y2 = box.box_xyxy
    across, down = picture.width * 100, picture.height * 100
    left, top = int(x1 * across + 0.5), int(y1 * down + 0.5)
    width, height = int(x2 * across + 0.5) - left, int(y2 * down + 0.5) - top
    return (left, top, width, height) if width > 0 and height > 0 else None


def annotation_text(number: int, image_number: int, category: int, pixels) -> str:
    """Return an annotation in canonical JSON.

    >>> annotation_text(7, 3, 1, (16000, 24000, 16000, 24000))[:59]
    '{"area":38400.00,"bbox":[160.00,240.00,160.00,240.00],"cate'
    """
    left, top, width, height = pixels
    return _ANNOTATION % (
        width * height / 10_000,
        left / 100,
        top / 100,
        width / 100,
        height / 100,
        category,
        number,
        image_number,
    )


def categories(ids: dict[str, int]) -> list[dict]:
    """Return the categories of {name: id}, sorted by id."""
    rows = sorted((number, name) for name, number in ids.items())
    return [{"id": number, "name": name, "supercategory": "object"} for number, name in rows]


def problems(document) -> list[str]:
    """Return one sentence for everything that is wrong inside a COCO document."""
    found = _shape_problems(document)
    if found:
        return found
    for key in ("images", "annotations", "categories"):
        found += _repeated(key, [row["id"] for row in document[key]])
    found += _repeated("images", [row["file_name"] for row in document["images"]], "file name")
    found += _repeated("categories", [row["name"] for row in document["categories"]], "name")
    images = {row["id"]: row for row in document["images"]}
    known = {row["id"] for row in document["categories"]}
    for row in document["annotations"]:
        found += _annotation_problems(row, images.get(row["image_id"]), known)
    return found


_ROW_KEYS = {
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "annotations": {"id": int, "image_id": int, "category_id": int, "bbox": list, "iscrowd": int},
    "categories": {"id": int, "name": str},
}


def _shape_problems(document) -> list[str]:
    if not isinstance(document, dict):
        return ["is not an object"]
    missing = {"info", "licenses", *_ROW_KEYS} - set(document)
    if missing:
        return [f"has no {', '.join(sorted(missing))}"]
    found = []
    for key, kinds in _ROW_KEYS.items():
        if not isinstance(document[key], list):
            return [f"has {key} that are not a list"]
        for position, row in enumerate(document[key]):
            wrong = [name for name, kind in kinds.items() if not _is(row, name, kind)]
            if wrong:
                found.append(f"{key}[{position}] lacks a sound {', '.join(wrong)}")
    return found


def _is(row, name, kind) -> bool:
    return isinstance(row, dict) and type(row.get(name)) is kind


def _repeated(key, values, what="id") -> list[str]:
    seen, found = set(), []
    for value in values:
        if value in seen:
            found.append(f"{key} repeat the {what} {value}")
        seen.add(value)
    return found


def _annotation_problems(row, image, known) -> list[str]:
    name = f"annotation {row['id']}"
    if image is None:
        return [f"{name} names an image that is not there: {row['image_id']}"]
    found = []
    if row["category_id"] not in known:
        found.append(f"{name} names a category that is not there: {row['category_id']}")
    if row["iscrowd"] != 0:
        found.append(f"{name} has iscrowd {row['iscrowd']}")
    if len(row["bbox"]) != 4 or not all(_is_number(side) for side in row["bbox"]):
        return [*found, f"{name} has a bbox that is not four numbers"]
    left, top, across, down = row["bbox"]
    inside = (
        left >= 0
        and top >= 0
        and left + across <= image["width"] + TOLERANCE_PX
        and top + down <= image["height"] + TOLERANCE_PX
    )
    if across <= 0 or down <= 0 or not inside:
        found.append(f"{name} has a box outside {image['file_name']}: {row['bbox']}")
    if not _is_number(row.get("area")) or abs(row["area"] - across * down) > 0.02 * (1 + across):
        found.append(f"{name} has an area that is not its box's")
    return found


def _is_number(value) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
