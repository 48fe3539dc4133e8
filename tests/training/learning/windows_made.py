"""Windows that three tasks could have left, easy enough that every algorithm learns them."""

import numpy as np

from detection.vision.windows import WindowSpec

SPEC = WindowSpec(window_seconds=0.8)
COLUMNS = ("level", "course", "noise", "never")
CLASSES = ("carry", "rest", "sweep")
QUICK = {
    "random_forest": {"n_estimators": 30},
    "lightgbm": {"n_estimators": 30},
    "lstm": {"epochs": 12, "hidden": 16, "batch": 16, "learning_rate": 0.01},
    "tcn": {"epochs": 8, "hidden": 16, "batch": 16, "learning_rate": 0.01},
    "transformer": {"epochs": 8, "hidden": 16, "batch": 16, "learning_rate": 0.01},
    "online": {"epochs": 8},
}


def made(count, seed):
    """Return (windows (count, 8, 4) with gaps, labels); the last column is missing throughout."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 3, count)
    windows = rng.normal(0, 0.4, (count, SPEC.steps, 4)).astype(np.float32)
    windows[:, :, 0] += 2.0 * (places == 0)[:, None]
    windows[:, :, 1] += np.where(places == 2, 1.0, 0.0)[:, None] * np.linspace(-2, 2, SPEC.steps)
    windows[rng.random(windows.shape) < 0.1] = np.nan
    windows[:, :, 3] = np.nan
    return windows, np.array(CLASSES)[places]


TRAIN, VAL, TEST = made(240, 1), made(90, 2), made(120, 3)
