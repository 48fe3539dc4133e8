"""What a region of a picture is, and which part of it a redaction must cover.

A scan finds boxes at sampled times; a redaction has to cover every frame in between, with room
to spare. Both sides, the one that redacts and the one that verifies, ask this module what a list
of regions covers at a given time, so that they can never disagree.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import shapely

SOURCES = ("yunet", "mediapipe", "head", "drawn", "moving", "residual")
WHOLE_PICTURE = (0.0, 0.0, 1.0, 1.0)
COVERED_SHARE = 0.95

# Stored redactions are checked again with these numbers: lowering one only makes a later check
# stricter, raising one would claim more than older files really cover.
PADDING = 0.18
HOLD_SECONDS = 0.5
LINK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Region:
    """One part of a picture that may show a face.

    Attributes:
        box_xyxy: normalised, unpadded.
        source: one of SOURCES.
        score: 0..1; 1.0 where a person drew it or nothing was scored.
        at_seconds: on the clip's clock; None for a still, and in a clip for "all of it".
    """

    box_xyxy: tuple[float, float, float, float]
    source: str
    score: float
    at_seconds: float | None = None

    def as_dict(self):
        return {**asdict(self), "box_xyxy": list(self.box_xyxy)}

    @classmethod
    def from_dict(cls, values):
        """Rebuild a region from ``as_dict`` after a trip through JSON."""
        return cls(**{**values, "box_xyxy": tuple(values["box_xyxy"])})


def clipped(box_xyxy) -> tuple[float, float, float, float]:
    """Clip a box to the picture.

    Raises:
        ValueError: a coordinate is not a number, or nothing of the box lies in the picture.
    """
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    if not all(math.isfinite(value) for value in (x1, y1, x2, y2)):
        raise ValueError(f"The box {tuple(box_xyxy)} holds something that is not a number.")
    box = (max(x1, 0.0), max(y1, 0.0), min(x2, 1.0), min(y2, 1.0))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"The box {tuple(box_xyxy)} has no area inside the picture.")
    return box


def has_area(box_xyxy) -> bool:
    """Say whether any of a box lies in the picture; a box that is not numbers counts as such."""
    x1, y1, x2, y2 = box_xyxy
    return not (min(x2, 1.0) <= max(x1, 0.0) or min(y2, 1.0) <= max(y1, 0.0))


def padded(region: Region) -> tuple[float, float, float, float]:
    """Return the box that a redaction of this region covers; drawn boxes are taken as drawn."""
    if region.source == "drawn":
        return clipped(region.box_xyxy)
    x1, y1, x2, y2 = region.box_xyxy
    dx, dy = (x2 - x1) * PADDING, (y2 - y1) * PADDING
    return clipped((x1 - dx, y1 - dy, x2 + dx, y2 + dy))


def head_part(box_xyxy, aspect_ratio: float) -> tuple[float, float, float, float]:
    """Return where the head of a person box must be.

    Args:
        box_xyxy: a person box, normalised.
        aspect_ratio: picture width over height in pixels.
    """
    x1, y1, x2, y2 = box_xyxy
    width, height = (x2 - x1) * aspect_ratio, y2 - y1
    if width >= height:
        return clipped(box_xyxy)
    depth = min(max(0.28 * height, 0.9 * width), height)
    return clipped((x1, y1 - 0.03 * height, x2, y1 + depth))


def covered_share(box_xyxy, boxes: Iterable[Sequence[float]]) -> float:
    """Return the share of a box's area that lies in the union of other boxes, 0..1."""
    target = shapely.box(*box_xyxy)
    cover = shapely.union_all([shapely.box(*other) for other in boxes])
    return float(target.intersection(cover).area / target.area) if target.area else 1.0


def leaves_nothing(regions: Iterable[Region]) -> bool:
    """Say whether regions that hold for the whole file cover the whole picture."""
    boxes = [padded(region) for region in regions if region.at_seconds is None]
    return covered_share(WHOLE_PICTURE, boxes) > 1.0 - 1e-9


class Timeline:
    """Which boxes a list of regions covers at any time of a clip.

    A region holds for HOLD_SECONDS before and after the frame it was seen in. Between two
    sightings of what must be the same thing its box is interpolated as well, over gaps of up
    to LINK_SECONDS. A region without a time holds throughout.

    >>> still = Region((0.4, 0.4, 0.5, 0.5), "drawn", 1.0)
    >>> Timeline([still]).at(12.0) == [still]
    True
    """

    def __init__(self, regions: Iterable[Region]):
        regions = tuple(regions)
        self._always = [region for region in regions if region.at_seconds is None]
        self._timed = sorted(
            (region for region in regions if region.at_seconds is not None),
            key=lambda region: (region.at_seconds, region.source, region.box_xyxy),
        )
        self._links = list(_links(self._timed))

    def at(self, at_seconds: float) -> list[Region]:
        """Return the regions that hold at a time, unpadded, in a fixed order."""
        reach = HOLD_SECONDS + 1e-6
        held = [r for r in self._timed if abs(r.at_seconds - at_seconds) <= reach]
        between = [
            _between(earlier, later, at_seconds)
            for earlier, later in self._links
            if earlier.at_seconds < at_seconds < later.at_seconds
        ]
        return self._always + held + between


def _links(timed: Sequence[Region]):
    """Yield (earlier, later) for each region and its next sighting."""
    for position, earlier in enumerate(timed):
        found_at = None
        for later in timed[position + 1 :]:
            gap = later.at_seconds - earlier.at_seconds
            if gap > LINK_SECONDS or (found_at is not None and later.at_seconds > found_at):
                break
            if gap > 0 and later.source == earlier.source and _near(earlier, later):
                found_at = later.at_seconds
                yield earlier, later


def _near(one: Region, other: Region) -> bool:
    """Say whether two boxes are alike in size and less than one and a half boxes apart."""
    for low, high in ((0, 2), (1, 3)):
        size = one.box_xyxy[high] - one.box_xyxy[low]
        other_size = other.box_xyxy[high] - other.box_xyxy[low]
        apart = abs(
            (one.box_xyxy[low] + one.box_xyxy[high]) - (other.box_xyxy[low] + other.box_xyxy[high])
        )
        if apart / 2 > 1.5 * max(size, other_size) or not 0.4 < size / other_size < 2.5:
            return False
    return True


def _between(earlier: Region, later: Region, at_seconds: float) -> Region:
    share = (at_seconds - earlier.at_seconds) / (later.at_seconds - earlier.at_seconds)
    box = tuple(
        (1 - share) * a + share * b for a, b in zip(earlier.box_xyxy, later.box_xyxy, strict=True)
    )
    return Region(box, earlier.source, min(earlier.score, later.score), at_seconds)
