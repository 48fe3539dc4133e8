"""Contiguous blocks of a video, for where there are too few videos to part them whole.

How a video is cut follows from its length alone, and stands in the name of every block: whoever
cuts it again, with other windows or after more of it was labelled, finds the same blocks. Between
two blocks a margin belongs to neither, so that no row of one is in the other.
"""

import re
from collections.abc import Iterable

import numpy as np

FEW_VIDEOS = 3
LEAST, MOST = 3, 20
SECONDS = 15.0  # about as long as a block is, where that gives neither too few nor too many

_NAME = re.compile(r"^(.+) block (\d+) of (\d+) \(([\d.]+)-([\d.]+) s\)$")


def number_of(seconds: float) -> int:
    """Return into how many blocks a video of this length is cut.

    >>> number_of(20.0), number_of(120.0), number_of(3600.0)
    (3, 8, 20)
    """
    return int(min(max(seconds // SECONDS, LEAST), MOST))


def names(video: str, start: float, end: float) -> list[str]:
    """Return the names of a video's blocks in order.

    >>> names("footage 7", 0.0, 45.0)[0]
    'footage 7 block 1 of 3 (0.000-45.000 s)'
    """
    many = number_of(end - start)
    return [
        f"{video} block {number} of {many} ({start:.3f}-{end:.3f} s)"
        for number in range(1, many + 1)
    ]


def names_again(video: str, known: Iterable[str]) -> list[str]:
    """Return the names of a video that was cut before, by any block's name; none where it was not.

    >>> names_again("footage 7", ["footage 7 block 2 of 2 (0.000-45.000 s)", "footage 8"])[0]
    'footage 7 block 1 of 2 (0.000-45.000 s)'
    """
    for name in sorted(known):
        match = _NAME.match(name)
        if match and match[1] == video:
            many, start, end = int(match[3]), match[4], match[5]
            return [f"{video} block {n} of {many} ({start}-{end} s)" for n in range(1, many + 1)]
    return []


def margin_of(window_seconds: float, gap_seconds: float) -> float:
    """Return how many seconds between two blocks belong to neither.

    The first point of a window may stand on a row from a gap before it, so a window that is
    shorter than a gap needs a margin as long as the gap.

    >>> margin_of(2.0, 1.0), margin_of(0.5, 1.0)
    (2.0, 1.0)
    """
    return max(window_seconds, gap_seconds)


def is_too_short(seconds: float, window_seconds: float, margin: float) -> bool:
    """Return whether no block of a video of this length would hold a window.

    >>> is_too_short(4.5, 2.0, 2.0), is_too_short(45.0, 2.0, 2.0)
    (True, False)
    """
    return seconds / number_of(seconds) - margin / 2 < window_seconds


def places(names: list[str], starts: np.ndarray, ends: np.ndarray, margin: float) -> np.ndarray:
    """Return in which of the named blocks each window lies, (m,); -1 where it is between two.

    Args:
        starts, ends: (m,) seconds; what is before the first or after the last block is in it.
        margin: seconds between two blocks that belong to neither.
    """
    match = _NAME.match(names[0])
    borders = np.linspace(float(match[4]), float(match[5]), len(names) + 1)[1:-1]
    half = margin / 2
    first = np.searchsorted(borders, np.asarray(starts) - half + 1e-9, side="right")
    last = np.searchsorted(borders, np.asarray(ends) + half - 1e-9, side="left")
    return np.where(first == last, first, -1)
