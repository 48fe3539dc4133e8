"""Find pictures of one split that are near-copies of pictures in another.

Two pictures are near-copies where their perceptual hashes (64 bits of a cosine transform) differ in
at most ``SAME_BITS``. Measured on 143 photos saved again smaller, lighter, harder or cropped by up
to 4 %, 95 % of such copies differ in at most 8 bits, while two different photos differ in at least
16. A camera that does not move breaks that rule: half of the pairs of frames of a fixed camera lie
within 10 bits, whoever walks through. There the pictures must also agree everywhere: of 32 x 32
parts, each with mean and contrast set alike, none may differ by more than ``SAME_PART``; copies
saved again stay below 0.71, and of those frames 8 % are left, in which nothing moved.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

SAME_BITS = 8
SAME_PART = 0.75
# Different photos differ in about 32 bits, frames of a fixed camera in about 10.
FIXED_VIEW_BITS = 20
SIDE = 32
SCALE = 32.0  # of a standard deviation in a signature's bytes
_ROWS_AT_ONCE, _PAIRS_AT_ONCE, _SAMPLE = 256, 8192, 128
_LEAST_PICTURES = 4


@dataclass(frozen=True, slots=True)
class Print:
    """What pictures are told apart by.

    Attributes:
        phash: 16 hex digits.
        signature: as ``signature`` returned, b"" where only the hash is known.
        view: tells cameras apart.
    """

    phash: str
    signature: bytes = b""
    view: Hashable = None


def signature(grey: np.ndarray) -> bytes:
    """Return the look of a picture in 1024 bytes, unmoved by brightness and contrast.

    Args:
        grey: (32, 32), means of the parts of the picture.
    """
    centred = grey.astype(np.float32) - float(grey.mean())
    scaled = centred / (float(grey.std()) + 4.0) * SCALE
    return np.clip(np.round(scaled), -127, 127).astype(np.int8).tobytes()


def near_copies(rows: Sequence[Print], others: Sequence[Print]) -> dict[int, int]:
    """Return {position in rows: position of the first near-copy in others}."""
    if not rows or not others:
        return {}
    varied = _varied_views([*rows, *others])
    mine, theirs = _Prints(rows, varied), _Prints(others, varied)
    found = {}
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        block = slice(first, first + _ROWS_AT_ONCE)
        bits = np.bitwise_count(mine.bits[block, None] ^ theirs.bits[None])
        left, right = np.nonzero(bits <= SAME_BITS)
        left += first
        for start in range(0, len(left), _PAIRS_AT_ONCE):
            pair = left[start : start + _PAIRS_AT_ONCE], right[start : start + _PAIRS_AT_ONCE]
            keep = _agree(mine, theirs, *pair)
            for row, other in zip(pair[0][keep].tolist(), pair[1][keep].tolist(), strict=True):
                found.setdefault(row, other)
    return found


class _Prints:
    """The prints of many pictures as arrays."""

    def __init__(self, rows, varied):
        self.bits = _bits([row.phash for row in rows])
        self.is_varied = np.array([row.view in varied for row in rows])
        self.is_bare = np.array([not row.signature for row in rows])
        none = bytes(SIDE * SIDE)
        joined = b"".join(row.signature or none for row in rows)
        self.fine = np.frombuffer(joined, np.int8).reshape(len(rows), SIDE, SIDE)
        blocks = self.fine.reshape(len(rows), 8, SIDE // 8, 8, SIDE // 8)
        self.coarse = blocks.mean(axis=(2, 4), dtype=np.float32)


def _agree(mine, theirs, left, right):
    """Return which pairs are copies; unless both views vary, they must agree in every part."""
    agree = mine.is_varied[left] & theirs.is_varied[right]
    agree |= mine.is_bare[left] | theirs.is_bare[right]
    most = SAME_PART * SCALE
    # Where the means of large parts disagree, some part in them does: few pairs need a close look.
    strict = np.flatnonzero(~agree)
    apart = np.abs(mine.coarse[left[strict]] - theirs.coarse[right[strict]])
    strict = strict[apart.max(axis=(1, 2), initial=0) <= most]
    parts = mine.fine[left[strict]].astype(np.int16) - theirs.fine[right[strict]]
    agree[strict] = np.abs(parts).max(axis=(1, 2), initial=0) <= most
    return agree


def _varied_views(rows):
    """Return the cameras whose pictures are too unlike each other to show one scene."""
    by_view = {}
    for row in rows:
        by_view.setdefault(row.view, set()).add(row.phash)
    varied = set()
    for view, hashes in by_view.items():
        spread = sorted(hashes)
        bits = _bits(spread[:: max(1, len(spread) // _SAMPLE)][:_SAMPLE])
        apart = np.bitwise_count(bits[:, None] ^ bits[None])[np.triu_indices(len(bits), 1)]
        if len(bits) >= _LEAST_PICTURES and np.median(apart) > FIXED_VIEW_BITS:
            varied.add(view)
    return varied


def _bits(hashes):
    return np.array([int(one, 16) for one in hashes], np.uint64)
