"""Keep one track, and one camera, from being most of what a model sees.

What stays is chosen by a keyed hash: the same rows give the same choice, in whatever order they
come, and what is capped is a random part.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from training.learning.splits import keyed_hash

FRAMES_A_TRACK = 3
CAMERA_SHARE = 0.20


@dataclass(frozen=True, slots=True)
class Row:
    """What caps go by; ``name`` tells rows apart, "" for track or None for camera is no cap."""

    name: str
    track: str = ""
    camera: int | None = None


def over_tracks(rows: Sequence[Row], *, key: str, most: int = FRAMES_A_TRACK) -> set[int]:
    """Return the positions of the rows that go, so that no track has more than ``most``."""
    tracks = defaultdict(list)
    for position, row in enumerate(rows):
        if row.track:
            tracks[row.track].append(position)
    return {
        position for of_track in tracks.values() for position in _after(rows, of_track, key, most)
    }


def over_cameras(rows: Sequence[Row], *, key: str, share: float = CAMERA_SHARE) -> set[int]:
    """Return the positions of the rows that go, so that no camera has more than its share.

    With fewer cameras than shares no choice would do, and none goes: five cameras are the fewest
    that can have a fifth each. Rows without a camera are not counted.
    """
    cameras = defaultdict(list)
    for position, row in enumerate(rows):
        if row.camera is not None:
            cameras[row.camera].append(position)
    most = most_a_camera([len(positions) for positions in cameras.values()], share)
    return {
        position
        for of_camera in cameras.values()
        for position in _after(rows, of_camera, key, most)
    }


def most_a_camera(sizes: Sequence[int], share: float) -> int:
    """Return how many rows a camera may keep at most.

    It is the largest number that is no more than ``share`` of all that then stay.

    >>> most_a_camera([100, 10, 10, 10, 10, 10], 0.2), most_a_camera([100, 10], 0.2)
    (12, 100)
    """
    largest = max(sizes, default=0)
    if share >= 1.0 or len(sizes) < ceil(1.0 / share - 1e-9):
        return largest
    low, high = 1, largest
    while low < high:
        middle = (low + high + 1) // 2
        if middle <= share * sum(min(size, middle) for size in sizes) + 1e-9:
            low = middle
        else:
            high = middle - 1
    return low


def _after(rows, positions, key, most):
    """Return the positions of those that come after the first ``most`` by their hashes."""
    return sorted(positions, key=lambda at: (keyed_hash(key, rows[at].name), at))[most:]
