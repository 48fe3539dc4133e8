"""Points of the plots that every kind of model has: how scores relate to being right."""

import numpy as np

CALIBRATION_BINS = 10
HISTOGRAM_BINS = 20
DIGITS = 5


def calibration(scores: np.ndarray, right: np.ndarray) -> list[list]:
    """Return [mean score, share right, count] of every bin of scores that has any.

    >>> calibration(np.array([0.12, 0.18, 0.9]), np.array([False, True, True]))
    [[0.15, 0.5, 2], [0.9, 1.0, 1]]
    """
    inner = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)[1:-1]
    places = np.searchsorted(inner, scores)
    points = []
    for number in range(CALIBRATION_BINS):
        here = places == number
        if here.any():
            share, score = float(right[here].mean()), float(scores[here].mean())
            points.append([round(score, DIGITS), round(share, DIGITS), int(here.sum())])
    return points


def histogram(scores: np.ndarray, right: np.ndarray) -> dict:
    """Return {"edges", "right", "wrong"}: how many answers of each kind a bin of scores holds."""
    edges = np.linspace(0.0, 1.0, HISTOGRAM_BINS + 1)
    return {
        "edges": [round(float(edge), DIGITS) for edge in edges],
        "right": np.histogram(scores[right], edges)[0].tolist(),
        "wrong": np.histogram(scores[~right], edges)[0].tolist(),
    }


def points(across, up) -> list[list[float]]:
    """Return [[x, y], ...] as plain numbers of few digits."""
    pairs = zip(across, up, strict=True)
    return [[round(float(x), DIGITS), round(float(y), DIGITS)] for x, y in pairs]
