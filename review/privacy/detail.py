"""Holding a redacted copy against its source, because what is covered is never looked at again.

The second look counts what it sees outside the regions on record, so it cannot tell a redaction
from one that changed nothing. Here the fine detail of each hidden patch is compared with what the
copy still has of it: no detector is asked, and a copy that keeps it is refused.

Measured on 11 clips of real footage, of faces of 8 to 704 px and some 3,900 patches for each way
of hiding, as the share that is kept: blur at most 0.07, mask 0.01, pixelate 0.31, and 0.48 for
faces below 12 px, of which a block is a large part. Copies with nothing hidden kept 0.65 to 1.0
(0.59 below 12 px), and a single blur by a 24th of the face 0.3 to 0.4.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from hitlsite.errors import DomainError
from review.privacy import media
from review.privacy.regions import Region, Timeline, padded

LIMITS = {"blur": 0.25, "mask": 0.25, "pixelate": 0.42}
TINY_PX, TINY_LIMIT = 12, 0.55
FLAT = 2.0  # levels: what varies less is flat, or noise that an encoder takes away by itself
FINE = 1 / 16  # of a face: what is smaller than this many of its sides tells it from another
LARGEST_PX = 64  # a larger face is measured at this size, at which it can still be recognised
TILES = 4
FRAMES_APART, SECONDS_APART = 3, 0.3
PATCHES = 8
IN_STEP_SECONDS = 1e-3


def require_hidden_image(src: Path, dst: Path, regions: Sequence[Region], method: str) -> None:
    """Refuse a redacted still that shows what its source shows inside a region.

    Raises:
        DomainError: still_there, naming the place; not_alike where the two differ in size;
            source_missing, source_empty, source_unreadable.
    """
    before, after = (
        cv2.cvtColor(media.read_image(path), cv2.COLOR_BGR2GRAY) for path in (src, dst)
    )
    _require_same_size(before, after, Path(src).name)
    for region in regions:
        _require_gone(before, after, region, method)


def require_hidden_clip(src: Path, dst: Path, regions: Sequence[Region], method: str) -> None:
    """Refuse a redacted clip that shows what its source shows inside a region at some time.

    Every third frame in which a region holds is compared, more where they are far apart, at the
    PATCHES regions that were compared least so far.

    Raises:
        DomainError: still_there, naming time and place; not_alike where the two differ in size,
            in their number of frames or in a frame's time; source_missing, source_empty,
            source_unreadable.
    """
    timeline, name, looks = Timeline(regions), Path(src).name, Counter()
    apart, last_seconds = FRAMES_APART, -math.inf
    for earlier, later in _in_step(src, dst):
        at_seconds, apart = earlier.at_seconds, apart + 1
        if apart < FRAMES_APART and at_seconds - last_seconds < SECONDS_APART:
            continue
        held = timeline.at(at_seconds)
        if not held:
            continue
        apart, last_seconds = 0, at_seconds
        before, after = _even_luma(earlier), _luma(later)
        _require_same_size(before, after, name)
        for region in sorted(held, key=looks.__getitem__)[:PATCHES]:
            _require_gone(before, after, region, method, at_seconds)
            looks[region] += 1


def kept_share(before: np.ndarray, after: np.ndarray, face_px: float) -> float:
    """Return how much of a patch's fine detail another picture of it still has, about 0..1.

    Both are compared tile by tile and weighed by the detail of the first, and edges that only
    the second has, as those of a mask or of blocks, count for no more than what they cross.

    Args:
        before, after: (h, w) luma of the same place.
        face_px: the longer side of what is to be hidden.

    Returns:
        1.0 where nothing changed; 0.0 where there was nothing to keep.
    """
    mine, others = _fine(before, face_px), _fine(after, face_px)
    energy = _tile_sums(mine * mine)
    if energy.sum() < FLAT**2 * mine.size:
        return 0.0
    largest = np.maximum(np.maximum(energy, _tile_sums(others * others)), 1e-9)
    shared = _tile_sums(mine * others) * np.sqrt(energy / largest)
    return float(shared.sum() / energy.sum())


def _fine(part, face_px):
    """Return what of a patch is finer than a sixteenth of the face, large faces made smaller."""
    part, scale = part.astype(np.float32), min(LARGEST_PX / face_px, 1.0)
    if scale < 1.0:
        width, height = (max(round(side * scale), 1) for side in part.shape[::-1])
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    sigma = max(face_px * scale * FINE, 1.0)
    return part - cv2.GaussianBlur(part, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _tile_sums(values):
    for axis, side in enumerate(values.shape):
        starts = np.unique(np.linspace(0, side, TILES + 1)[:-1].astype(int))
        values = np.add.reduceat(values, starts, axis=axis)
    return values


def _require_gone(before, after, region, method, at_seconds=None):
    height, width = before.shape
    x1, y1, x2, y2 = region.box_xyxy
    face_px = max((x2 - x1) * width, (y2 - y1) * height, 1.0)
    left, top, right, bottom = padded(region)
    place = np.s_[
        math.floor(top * height) : math.ceil(bottom * height),
        math.floor(left * width) : math.ceil(right * width),
    ]
    if kept_share(before[place], after[place], face_px) > _limit(region, method, face_px):
        when = "" if at_seconds is None else f" at {at_seconds:.1f} s,"
        comma = "" if at_seconds is None else ","
        raise DomainError(
            "still_there",
            f"What was to be hidden{when} {(x1 + x2) / 2:.0%} from the left and"
            f" {(y1 + y2) / 2:.0%} from the top{comma} is still there.",
        )


def _limit(region, method, face_px):
    used = "mask" if region.source == "residual" else method
    return TINY_LIMIT if used == "pixelate" and face_px < TINY_PX else LIMITS[used]


def _in_step(src, dst) -> Iterator[tuple[media.ClipFrame, media.ClipFrame]]:
    """Yield the frames of a clip and of its copy two by two, each at the same time."""
    name = Path(src).name
    with media.open_clip(src) as clip, media.open_clip(dst) as copy:
        frames = media.clip_frames(clip, name), media.clip_frames(copy, f"The copy of {name}")
        for earlier, later in zip_longest(*frames):
            if earlier is None or later is None:
                raise _unlike(name, "does not have as many frames")
            if abs(earlier.at_seconds - later.at_seconds) > IN_STEP_SECONDS:
                raise _unlike(name, f"is not in step with it at {earlier.at_seconds:.1f} s")
            yield earlier, later


def _require_same_size(before, after, name):
    if before.shape != after.shape:
        raise _unlike(name, "does not have its size")


def _unlike(name, sentence) -> DomainError:
    return DomainError("not_alike", f"The redacted copy of {name} {sentence}.")


def _luma(clip_frame):
    frame = clip_frame.frame
    whole = frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")
    rows = np.frombuffer(whole.planes[0], np.uint8).reshape(-1, whole.planes[0].line_size)
    return media.upright(rows[: frame.height, : frame.width], frame)


def _even_luma(clip_frame):
    """Return the luma that a copy can have: an encoded picture has even sides."""
    luma = _luma(clip_frame)
    height, width = (side // 2 * 2 for side in luma.shape)
    return luma[:height, :width]
