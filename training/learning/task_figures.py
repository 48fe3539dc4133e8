"""Figures of answers as places of classes, and what each column is worth to them."""

from collections.abc import Callable, Sequence

import numpy as np

REPEATS = 3


def macro_f1(true: np.ndarray, answered: np.ndarray) -> float:
    """Return the mean F1 of the classes that occur among the truths.

    >>> round(macro_f1(np.array([0, 0, 1]), np.array([0, 1, 1])), 3)
    0.667
    """
    found = []
    for place in np.unique(true):
        hits = int(((true == place) & (answered == place)).sum())
        found.append(2 * hits / (int((true == place).sum()) + int((answered == place).sum())))
    return float(np.mean(found)) if found else 0.0


def importance(
    probabilities: Callable[[np.ndarray], np.ndarray],
    windows: np.ndarray,
    true: np.ndarray,
    columns: Sequence[str],
    *,
    seed: int = 0,
    repeats: int = REPEATS,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict]:
    """Return by how much macro F1 falls when a column is another window's (Breiman 2001, 10).

    A column goes from window to window with its whole course, so that each stays one that occurs.

    Args:
        windows: (m, S, C).
        true: (m,) places of the classes in the probabilities, -1 of one that is not among them.
        told: called with (columns done, columns).

    Returns:
        {"column", "fall": the mean, "spread": the standard deviation over the repeats}, the
        greatest fall first; columns that are worth the same stay in their order.
    """
    rng = np.random.default_rng(seed)
    whole = macro_f1(true, probabilities(windows).argmax(axis=1))
    rows = []
    for place, name in enumerate(columns):
        told(place, len(columns))
        falls = []
        for _ in range(repeats):
            mixed = windows.copy()
            mixed[:, :, place] = windows[rng.permutation(len(windows)), :, place]
            falls.append(whole - macro_f1(true, probabilities(mixed).argmax(axis=1)))
        row = {"column": name, "fall": float(np.mean(falls)), "spread": float(np.std(falls))}
        rows.append(row)
    return sorted(rows, key=lambda row: -row["fall"])
