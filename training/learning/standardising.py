"""Mean and spread of columns, of what trains alone, however much there is of it."""

from collections.abc import Iterable

import numpy as np


def mean_and_std(parts: Iterable[np.ndarray], width: int) -> tuple[np.ndarray, ...]:
    """Return (mean, std, how many are known), each (C,), of all points of windows.

    What is missing counts for nothing. A column without any known value has mean NaN and std NaN;
    one that never changes has std 0.

    Args:
        parts: windows (m, S, C), a part at a time, of at least one point.
    """
    count, mean, spread = np.zeros(width), np.zeros(width), np.zeros(width)
    for part in parts:
        rows = part.reshape(-1, width).astype(float)
        is_known = ~np.isnan(rows)
        here = is_known.sum(axis=0)
        own = np.where(is_known, rows, 0.0).sum(axis=0) / np.maximum(here, 1)
        away = np.where(is_known, rows - own, 0.0)
        both = np.maximum(count + here, 1)
        apart = own - mean
        spread += (away * away).sum(axis=0) + apart * apart * count * here / both
        mean += apart * here / both
        count += here
    is_empty = count == 0
    std = np.sqrt(spread / np.maximum(count, 1))
    return np.where(is_empty, np.nan, mean), np.where(is_empty, np.nan, std), count.astype(int)


def scaled(windows: np.ndarray, mean, std) -> np.ndarray:
    """Return windows (m, S, C) as z-scores, float32; a column that never changes becomes 0."""
    std = np.asarray(std, dtype=float)
    divisor = np.where(std > 0, std, 1.0)
    return ((windows - np.asarray(mean, dtype=float)) / divisor).astype(np.float32)
