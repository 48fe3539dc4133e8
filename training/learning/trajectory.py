"""What a level-of-detail policy looks at: five measures of now, and how the view moved before.

One function makes the columns both for training and for serving, from rows in time order. A row
sees nothing of itself but its measures, and nothing at all of what came after it.

Where a sequence is younger than ten rows, and where a device did not say how its view moved, the
columns are 0: what has not begun to move stands still.
"""

from collections.abc import Mapping, Sequence

import numpy as np

MEASURES = (
    "frustumCoverage",
    "occlusionRatio",
    "meanVisibleDistance",
    "deviceFPS",
    "deviceCPULoad",
)
MOTION = ("viewportVelocity", "viewportAcceleration", "viewportAngularVelocity")
POINTS = 10
# How many rows ago, then of what: the newest point first.
COLUMNS = MEASURES + tuple(f"{name}_{ago}" for ago in range(1, POINTS + 1) for name in MOTION)


def features(measures, motion, sequences) -> np.ndarray:
    """Return the columns (n, 35) of rows that stand in time order within each sequence.

    Args:
        measures: (n, 5) float, in the order of MEASURES; NaN stays NaN.
        motion: (n, 3) float, in the order of MOTION; NaN counts as 0.
        sequences: (n,) which sequence each row belongs to; sequences may be mixed.

    >>> table = features(np.ones((3, 5)), np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), [0, 0, 0])
    >>> table.shape, table[2, 5:14].tolist()
    ((3, 35), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0])
    """
    measures = np.asarray(measures, dtype=float).reshape(-1, len(MEASURES))
    count = len(measures)
    motion = np.nan_to_num(np.asarray(motion, dtype=float).reshape(count, len(MOTION)), nan=0.0)
    _, number = np.unique(np.asarray(sequences), return_inverse=True)
    order = np.argsort(number, kind="stable")
    number, moved = number[order], motion[order]
    since = _since_start(number)
    table = np.zeros((count, len(COLUMNS)))
    table[:, : len(MEASURES)] = measures[order]
    for ago in range(1, min(POINTS, count - 1) + 1):
        has_past = since[ago:] >= ago
        first = len(MEASURES) + (ago - 1) * len(MOTION)
        table[ago:, first : first + len(MOTION)] = moved[:-ago] * has_past[:, None]
    found = np.empty_like(table)
    found[order] = table
    return found


def _since_start(number):
    """Return how many rows of its own sequence stand before each row; sequences lie together."""
    place = np.arange(len(number))
    is_first = np.append(True, number[1:] != number[:-1])[: len(number)]
    return place - np.maximum.accumulate(np.where(is_first, place, 0))


def of_requests(rows: Sequence[Mapping[str, float]], pasts: Sequence[Sequence]) -> np.ndarray:
    """Return the columns (n, 35) of rows that each come with their own past.

    Args:
        rows: measures by name.
        pasts: of each row up to ten rows before it, the oldest first.
    """
    measures, motion, sequences, last = [], [], [], []
    for number, (row, past) in enumerate(zip(rows, pasts, strict=True)):
        for one in past[-POINTS:]:
            measures.append([np.nan] * len(MEASURES))
            motion.append([one.get(name, np.nan) for name in MOTION])
        measures.append([row[name] for name in MEASURES])
        motion.append([row.get(name, np.nan) for name in MOTION])
        sequences += [number] * (len(measures) - len(sequences))
        last.append(len(measures) - 1)
    return features(measures, motion, sequences)[last]
