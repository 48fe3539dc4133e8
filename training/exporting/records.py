"""What an export is made of, free of any database: items, their pictures, and the boxes in them.

Whoever reads rows fills these in; everything else in this package only turns them into files, so
that the same records always give the same bytes.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

IMAGE_FOLDER = "images"

_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def canonical(value) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept."""
    return _encode(value)


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """Return a text as JSON; for names that occur again and again."""
    return _encode(text)


def plain(value: str | float | None) -> str:
    """Return a text, a finite number or None as JSON, as ``canonical`` does, in less time.

    >>> plain(None), plain(0.5), plain(7), plain("a")
    ('null', '0.5', '7', '"a"')
    """
    if value is None:
        return "null"
    return _encode(value) if isinstance(value, str) else repr(value)


class Box(NamedTuple):
    """One thing in a picture; ``box_xyxy`` is normalised and lies inside 0..1."""

    class_name: str
    box_xyxy: tuple[float, float, float, float]


class Picture(NamedTuple):
    """One still or photo of an item as it leaves the house.

    Attributes:
        file_name: inside the export's folder, ``images/<sha256>.jpg``.
        kind: which moment of the incident it shows ("frame_peak").
        boxes_from: "detector", or "reviewer" where a person drew or corrected the boxes.
        method: how it was redacted ("blur"), "" for a picture that was clear from the start.
        regions: what the redaction covers: a JSON list of review.privacy's Regions, as text,
            because it only passes through.
        exhaustive: the classes of which every one in the picture has a box.
        is_negative: a person looked and found nothing. Without that, no boxes say nothing.
        people: how many people can be seen in it.
        masks: the regions that hide whole people, as ``regions``; "" where nobody was hidden.
        source_sha256: of the picture before people were hidden in it.
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
    exhaustive: tuple[str, ...] = ()
    is_negative: bool = False
    people: int = 0
    masks: str = ""
    source_sha256: str = ""


class Item(NamedTuple):
    """One confirmed item.

    Attributes:
        pictures: in the order of the incident; ``main`` is the one that the chat line shows.
        happened_at: ISO time of the incident's opening or of the photo, UTC.
        answer: what a model should say about it, without the objects.
        provenance: where it comes from: incident key or photo, footage, deployment, decision.
    """

    item_id: int
    category: str
    camera: str
    reviewer: str
    privacy: str
    pictures: tuple[Picture, ...]
    happened_at: str
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
        left, right = x1 if x1 > 0.0 else 0.0, x2 if x2 < 1.0 else 1.0
        top, bottom = y1 if y1 > 0.0 else 0.0, y2 if y2 < 1.0 else 1.0
        is_number = x1 == x1 and y1 == y1 and x2 == x2 and y2 == y2  # NaN is not itself
        if left < right and top < bottom and is_number:
            boxes.append(Box(seen["class_name"], (left, top, right, bottom)))
    return tuple(boxes)
