"""Hiding people whole, for those who must not be sent a picture of anybody.

Every box that may be a person is filled with black: those that were tracked or drawn, and those
that a person detector finds now. The result is looked at again, because a silhouette may still be
taken for somebody and a box may have missed an arm. What stays visible stops the picture.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from detection.vision.people import is_person
from hitlsite.errors import DomainError
from review.privacy import media
from review.privacy.redact import redact_image
from review.privacy.regions import (
    COVERED_SHARE,
    Region,
    clipped,
    covered_share,
    has_area,
    padded,
)
from training.exporting import hidden

METHOD = "mask"
ROUNDS = 3
LEAST_SCORE = 0.25
# A box of a detector or of a hand ends where it ends; hair and elbows do not.
MARGIN = 0.06


def mask_people(src: Path, dst: Path, boxes: Iterable[Sequence[float]], detector) -> list[Region]:
    """Write a copy of a picture in which every person is black; return what was covered.

    Args:
        boxes: where people are known to be, normalised xyxy; they may reach outside.
        detector: finds more of them; None on a machine that has none.

    Returns:
        The regions, none where there is nobody: then nothing is written.

    Raises:
        DomainError: not_masked, where somebody can still be seen after the last round;
            source_unreadable and its kin.
    """
    regions = [_region(box) for box in boxes if has_area(box)]
    regions += visible_people(src, regions, detector)
    if not regions:
        return []
    for _ in range(ROUNDS):
        redact_image(src, dst, regions, METHOD)
        left = visible_people(dst, regions, detector)
        if not left and not hidden.still_shown(dst, regions, METHOD):
            return regions
        regions += left
    dst.unlink(missing_ok=True)
    raise DomainError("not_masked", "Somebody can still be seen after people were masked.")


def visible_people(path: Path, regions: Sequence[Region], detector) -> list[Region]:
    """Return where a detector sees people that the regions do not cover.

    Raises:
        DomainError: the picture cannot be read.
    """
    if detector is None:
        return []
    seen = detector.detect(media.read_image(path), 0.0)
    rows = zip(seen.boxes_xyxy.tolist(), seen.scores.tolist(), seen.class_names, strict=True)
    found = [
        box
        for box, score, class_name in rows
        if score >= LEAST_SCORE and is_person(class_name) and has_area(box)
    ]
    return [_region(box) for box in found if not is_covered(box, regions)]


def is_covered(box: Sequence[float], regions: Sequence[Region]) -> bool:
    """Say whether nearly all of a box lies under what is masked."""
    return covered_share(clipped(box), [padded(one) for one in regions]) >= COVERED_SHARE


def _region(box) -> Region:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * MARGIN, (y2 - y1) * MARGIN
    grown = clipped((x1 - dx, y1 - dy, x2 + dx, y2 + dy))
    return Region(tuple(round(side, 5) for side in grown), "drawn", 1.0)
