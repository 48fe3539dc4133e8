"""Who is within reach of whom, and who belongs together.

Measured in body heights, so that near and far from the camera are alike. In a picture two persons
also overlap when one stands far behind the other: they are within reach only when their bodies are
of like length and their feet at like height.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

# Persons at the same distance from the camera: their bodies' lengths differ by less than this,
# and their feet are at like heights.
SIZE_RATIO = 1.6
FEET_SHARE = 0.5
ROUNDING = 1e-9


class Pairs:
    """Everybody within reach of somebody at one moment.

    Attributes:
        one, other: (P,) positions of the persons of each pair.
        distance: (P,) between them, in body heights.
    """

    def __init__(self, boxes, bodies, reach, aspect_ratio):
        across = (boxes[:, 0] + boxes[:, 2]) * (aspect_ratio / 2)
        along = (boxes[:, 1] + boxes[:, 3]) / 2
        places = np.array((across, along, boxes[:, 3]))
        one, other = each_pair_once(len(boxes))
        apart = np.abs(places.take(one, axis=1) - places.take(other, axis=1))
        # Nobody farther apart than the longest body allows needs a closer look.
        longest = bodies.max() * (1 + ROUNDING)
        close = (apart[0] <= reach * longest) & (apart[2] <= FEET_SHARE * longest)
        close = close.nonzero()[0]
        one, other = one.take(close), other.take(close)
        across, along, feet = apart.take(close, axis=1)
        own, theirs = bodies.take(one), bodies.take(other)
        lengths = (own + theirs) / 2
        distance = np.hypot(across, along) / lengths
        ratio = own / theirs
        near = (distance <= reach) & (feet <= FEET_SHARE * lengths)
        near &= (ratio < SIZE_RATIO) & (ratio > 1 / SIZE_RATIO)
        self.one, self.other, self.distance = one[near], other[near], distance[near]

    def measure(self, unsteady) -> np.ndarray:
        """Return the relative motions (N,), in body heights a second; NaN where not known.

        Args:
            unsteady: (N, 4) how far off its steady way each edge of each person is.
        """
        own = measure_edges(unsteady)
        between = unsteady.take(self.one, axis=0) - unsteady.take(self.other, axis=0)
        between = measure_edges(between)
        # Of the other one it may not be known; what is not known of oneself stays so.
        between[np.isnan(between)] = np.inf
        most = np.full(len(own), np.nan)
        np.fmax.at(most, self.one, between)
        np.fmax.at(most, self.other, between)
        return np.minimum(own, most)

    def select_limbs(self, speeds: Sequence[float | None]) -> np.ndarray | None:
        """Return the limb speeds (N,) of those in a pair, NaN elsewhere; None where none is known.

        Args:
            speeds: of everyone.
        """
        if speeds.count(None) == len(speeds):
            return None
        limbs = np.full(len(speeds), np.nan)
        rows = np.concatenate((self.one, self.other))
        limbs[rows] = np.array(speeds, np.float64)[rows]
        return limbs


@lru_cache(maxsize=32)
def each_pair_once(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the first and of the second of each pair of so many."""
    return np.triu_indices(count, 1)


def measure_edges(shifts: np.ndarray) -> np.ndarray:
    """Return the mean shift of opposite edges, both directions taken together.

    Args:
        shifts: (..., 4) x1, y1, x2, y2.
    """
    sizes = np.abs(shifts)
    return np.hypot(sizes[..., 0] + sizes[..., 2], sizes[..., 1] + sizes[..., 3]) / 2


def connect(links) -> list[tuple[set[int], list[int]]]:
    """Return the groups that links make: their members and their links.

    Args:
        links: (one, other, name) of each.
    """
    groups: list[tuple[set[int], list[int]]] = []
    for one, other, name in links:
        members, names = {one, other}, [name]
        apart = []
        for group in groups:
            if group[0] & members:
                members |= group[0]
                names = group[1] + names
            else:
                apart.append(group)
        groups = [*apart, (members, names)]
    return groups
