"""Frames of a clip in which a track looks different, so that a few of them say what all would.

Near-duplicates teach nothing and count double. Two moments are taken for the same where the track
stands in the same place and its picture has nearly the same difference hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from review.annotation_checks import iou
from review.privacy import media

HASH_BITS = 64
SAME_BITS = 10
SAME_PLACE_IOU = 0.6
MOST_LOOKED_AT = 24
NEAREST_SECONDS = 0.2
LEAST_PX = 12

Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How a track looks at one moment: where it is, and the difference hash of its picture."""

    box_xyxy: Edges
    bits: int

    def is_like(self, other: "Look") -> bool:
        is_there = iou(self.box_xyxy, other.box_xyxy) >= SAME_PLACE_IOU
        return is_there and self.distance(other) <= SAME_BITS

    def distance(self, other: "Look") -> int:
        return (self.bits ^ other.bits).bit_count()


@dataclass(frozen=True, slots=True)
class TrackFrame:
    """A frame of the clip; ``at_seconds`` is on the clip's clock, ``moment`` what was asked for."""

    at_seconds: float
    moment: float
    image: np.ndarray
    look: Look


def look_at(image: np.ndarray, box: Edges) -> Look | None:
    """Return the Look of a box in a picture (H, W, 3) uint8; None where it is too small."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (
        round(edge * size) for edge, size in zip(box, (width, height) * 2, strict=True)
    )
    if x2 - x1 < LEAST_PX or y2 - y1 < LEAST_PX:
        return None
    gray = cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA)
    bits = 0
    for is_brighter in (small[:, 1:] > small[:, :-1]).ravel():
        bits = bits << 1 | int(is_brighter)
    return Look(tuple(box), bits)


def diverse_frames(
    clip: Path,
    moments: Sequence[tuple[float, Edges]],
    *,
    count: int,
    known: Sequence[Look] = (),
) -> list[TrackFrame]:
    """Return up to ``count`` frames in which the track looks unlike in the others and ``known``.

    Args:
        moments: (seconds on the clip's clock, the track's box then).

    Raises:
        DomainError: the clip cannot be read whole.
    """
    chosen, seen, rest = [], list(known), _candidates(clip, _thinned(moments))
    while rest and len(chosen) < count:
        rest = [frame for frame in rest if not any(frame.look.is_like(one) for one in seen)]
        if not rest:
            break
        best = max(rest, key=lambda frame: (_novelty(frame.look, seen), -frame.at_seconds))
        chosen.append(best)
        seen.append(best.look)
    return sorted(chosen, key=lambda frame: frame.at_seconds)


def _novelty(look, seen):
    """Return how unlike a look is to the one most like it: other bits, and another place."""
    if not seen:
        return 1.0
    return min(
        look.distance(one) / HASH_BITS + 1.0 - iou(look.box_xyxy, one.box_xyxy) for one in seen
    )


def _thinned(moments):
    moments = sorted(moments)
    if len(moments) <= MOST_LOOKED_AT:
        return moments
    places = np.linspace(0, len(moments) - 1, MOST_LOOKED_AT).round().astype(int)
    return [moments[place] for place in places]


def _candidates(clip, moments):
    """Return a TrackFrame for every moment that has a frame close by; moments are in order."""
    waiting, found, before = list(moments), [], None
    with media.open_clip(clip) as container:
        for frame in media.clip_frames(container, Path(clip).name):
            while waiting and waiting[0][0] <= frame.at_seconds:
                moment, box = waiting.pop(0)
                _take(found, _nearer(before, frame, moment), moment, box)
            before = frame
        for moment, box in waiting:
            _take(found, before, moment, box)
    return found


def _nearer(before, after, moment):
    if before is None or after.at_seconds - moment <= moment - before.at_seconds:
        return after
    return before


def _take(found, frame, moment, box):
    if frame is None or abs(frame.at_seconds - moment) > NEAREST_SECONDS:
        return
    if found and found[-1].at_seconds == frame.at_seconds:
        return
    image = frame.bgr()
    look = look_at(image, box)
    if look is not None:
        found.append(TrackFrame(frame.at_seconds, moment, image, look))
