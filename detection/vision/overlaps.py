"""How much boxes cover of each other."""

import numpy as np


def overlaps(first, second):
    """Measure intersection over union of every pair.

    Args:
        first: (N, 4) xyxy. second: (M, 4) xyxy, same unit.

    Returns:
        (N, M), 0 where either box has no area.

    >>> overlaps(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3)
    array([[0.333, 0.   ]])
    """
    left, top, right, bottom = first.T[:, :, None]
    other_left, other_top, other_right, other_bottom = second.T
    shared = _common_length(left, right, other_left, other_right)
    shared *= _common_length(top, bottom, other_top, other_bottom)
    areas = (right - left) * (bottom - top), (other_right - other_left) * (other_bottom - other_top)
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def _common_length(start, end, other_start, other_end):
    """Return how much of two stretches is common to both, 0 where they are apart."""
    common = np.minimum(end, other_end) - np.maximum(start, other_start)
    return np.maximum(common, 0, out=common)
