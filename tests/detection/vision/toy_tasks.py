"""A task classifier that anybody can follow by hand, for tests that are about what is around it."""

import numpy as np

from detection.vision.windows import WindowSpec
from hitlsite.errors import DomainError

NAMES = ("right_hand_speed", "num_objects", "person_x")


class ToyPredictor:
    """Says "work" the likelier, the faster the hand was on average."""

    detector_mode, algorithm, agg = "fusion", "toy", "stats"

    def __init__(
        self,
        columns=("right_hand_speed", "person_x"),
        *,
        classes=("idle", "work"),
        spec=None,
        frames_per_second=10.0,
        sample_rate=1,
    ):
        self.columns, self.classes = tuple(columns), tuple(classes)
        self.spec = spec or WindowSpec()
        self.frames_per_second, self.sample_rate = frames_per_second, sample_rate

    def place_in(self, names):
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise DomainError("features_differ", f"The classifier needs {', '.join(missing)}.")
        return np.array([list(names).index(name) for name in self.columns])

    def probabilities(self, windows):
        speed = np.nan_to_num(windows[:, :, 0].astype(float)).sum(axis=1) / self.spec.steps
        busy = 1 / (1 + np.exp(-(speed - 1.0)))
        rest = (1 - busy) / (len(self.classes) - 1)
        return np.stack([*[rest] * (len(self.classes) - 1), busy], axis=1)


def rows(seconds, fps=10.0, *, busy=(), seed=0):
    """Return (times, values (n, 3)) of a hand that is fast in the stretches ``busy``."""
    noise = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps
    speed = 0.2 * noise.random(len(times))
    for start, end in busy:
        speed[(times >= start) & (times < end)] += 3.0
    values = np.stack([speed, noise.integers(0, 4, len(times)), noise.random(len(times))], axis=1)
    return times, values.astype(np.float32)
