"""COCO annotations: every exported picture with its real size and its boxes in pixels.

Written as a stream, because an export of 25,000 items has some 75,000 pictures. A class keeps its
id from export to export: the 80 classes of COCO have COCO's own ids, ``moving`` has one of ours,
and any other name gets a number that follows from the name itself.
"""

import hashlib
import math

from training.exporting.records import Box, Picture, canonical

_COCO_NAMES = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,"
    "backpack,umbrella,,,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,"
    "baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,,wine glass,cup,"
    "fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,"
    "cake,chair,couch,potted plant,bed,,dining table,,,toilet,,tv,laptop,mouse,remote,keyboard,"
    "cell phone,microwave,oven,toaster,sink,refrigerator,,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
).split(",")
KNOWN_IDS = {name: number for number, name in enumerate(_COCO_NAMES, start=1) if name}
KNOWN_IDS["moving"] = 101
FIRST_OTHER_ID, OTHER_IDS = 1_000, 1_000_000_000
INFO = {"description": "Confirmed camera incidents", "version": "1.0"}
TOLERANCE_PX = 0.02


def category_id(name: str) -> int:
    """Return the id of a class, the same in every export.

    >>> category_id("person"), category_id("suitcase"), category_id("toothbrush")
    (1, 33, 90)
    """
    known = KNOWN_IDS.get(name)
    if known:
        return known
    digest = hashlib.sha256(name.encode()).digest()
    return FIRST_OTHER_ID + int.from_bytes(digest[:8], "big") % OTHER_IDS


def bbox(box: Box, width: int, height: int) -> tuple[float, float, float, float] | None:
    """Return [x, y, w, h] in pixels, or None where nothing of a box is left in pixels.

    >>> bbox(Box("person", (0.25, 0.5, 0.5, 1.0)), 640, 480)
    (160.0, 240.0, 160.0, 240.0)
    """
    x1, y1, x2, y2 = box.box_xyxy
    left, top = round(x1 * width, 2), round(y1 * height, 2)
    across, down = round(round(x2 * width, 2) - left, 2), round(round(y2 * height, 2) - top, 2)
    return (left, top, across, down) if across > 0 and down > 0 else None


def image_text(number: int, picture: Picture) -> str:
    return canonical(
        {
            "id": number,
            "file_name": picture.file_name,
            "width": picture.width,
            "height": picture.height,
        }
    )


def annotation_text(number: int, image_number: int, category: int, box) -> str:
    """Return an annotation in canonical JSON; written out, for it is the most frequent of all."""
    left, top, across, down = box
    return (
        f'{{"area":{round(across * down, 2)!r},"bbox":[{left!r},{top!r},{across!r},{down!r}],'
        f'"category_id":{category},"id":{number},"image_id":{image_number},"iscrowd":0,'
        f'"segmentation":[]}}'
    )


def categories(ids: dict[str, int]) -> list[dict]:
    """Return the categories, sorted by id."""
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
