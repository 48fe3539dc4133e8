"""What an export is made of, free of any database: items, their pictures, and the boxes in them.

Whoever reads rows fills these in; everything else in this package only turns them into files, so
that the same records always give the same bytes.
"""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple

IMAGE_FOLDER = "images"

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def canonical(value) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept."""
    return _encode(value)


class Box(NamedTuple):
    """One thing in a picture; ``box_xyxy`` is normalised and lies inside 0..1."""

    class_name: str
    box_xyxy: tuple[float, float, float, float]


class Picture(NamedTuple):
    """One still of an item as it leaves the house.

    Attributes:
        file_name: inside the export's folder, ``images/<sha256>.jpg``.
        kind: which moment of the incident it shows ("frame_peak").
        boxes_from: "detector", or "reviewer" where a person corrected the boxes.
        method: how it was redacted ("blur"), "" for a picture that was clear from the start.
        regions: what the redaction covers: a JSON list of review.privacy's Regions, as text,
            because it only passes through.
    """

    file_name: str
    sha256: str
    byte_count: int
    width: int
    height: int
    kind: str
    at_seconds: float
    boxes: tuple[Box, ...]
    boxes_from: str = "detector"
    method: str = ""
    regions: str = "[]"


class Item(NamedTuple):
    """One confirmed item.

    Attributes:
        pictures: in the order of the incident; ``main`` is the one that the chat line shows.
        answer: what a model should say about it, without the objects.
        provenance: where it comes from: incident key, footage, deployment, decision.
    """

    item_id: int
    category: str
    camera: str
    reviewer: str
    privacy: str
    pictures: tuple[Picture, ...]
    answer: dict
    provenance: dict

    @property
    def main(self) -> Picture:
        for picture in self.pictures:
            if picture.kind == "frame_peak":
                return picture
        return self.pictures[0]


def boxes_of(observations: Iterable[dict]) -> tuple[Box, ...]:
    """Return stored observations as boxes, clipped to the picture, without those outside it.

    >>> boxes_of([{"class_name": "person", "box_xyxy": [-0.1, 0.2, 0.5, 1.2]}])
    (Box(class_name='person', box_xyxy=(0.0, 0.2, 0.5, 1.0)),)
    """
    boxes = []
    for seen in observations:
        x1, y1, x2, y2 = seen["box_xyxy"]
        box = (max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0))
        # A comparison with NaN is false, so that such a box is dropped here too.
        if box[0] < box[2] and box[1] < box[3] and math.isfinite(sum(box)):
            boxes.append(Box(seen["class_name"], box))
    return tuple(boxes)
