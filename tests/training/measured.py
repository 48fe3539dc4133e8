"""Rows of a device for tests: levels of detail that follow from its measures and its past."""

import numpy as np

from training.learning.sample_tables import OLD_FORM
from training.learning.trajectory import MEASURES

SLOT = "lod-policy"
START = 1_772_442_000


def sample(number=0, **columns):
    """Return one row as a device sends it."""
    minute, second = divmod(number, 60)
    row = {
        "client_id": f"row {number}",
        "sequence": "walk",
        "timestamp": f"2026-03-02T09:{minute:02}:{second:02}Z",
        **dict.fromkeys(MEASURES, 0.5),
        "viewportVelocity": float(number),
        "decisionLOD": 1,
    }
    return {name: value for name, value in (row | columns).items() if value is not None}


def csv_text(rows=1500, *, seed=1, noise=0.0):
    """Return a table whose level is 0, 2 or 5 by frame rate, and by how the view moved before."""
    rng = np.random.default_rng(seed)
    lines, moved = [",".join(OLD_FORM)], 0.0
    for number in range(rows):
        fps, velocity = rng.uniform(10, 60), rng.uniform(0, 2)
        level = 5 if moved > 1.2 else 2 if fps > 35 else 0
        if rng.random() < noise:
            level = int(rng.choice([0, 2, 5]))
        cells = dict.fromkeys(OLD_FORM, 0.5) | {
            "timestamp": START + number,
            "deviceFPS": round(fps, 3),
            "viewportVelocity": round(velocity, 3),
            "decisionLOD": level,
        }
        lines.append(",".join(str(cells[name]) for name in OLD_FORM))
        moved = velocity
    return "\n".join(lines) + "\n"


class Quiet:
    """A report that nobody reads."""

    def stage(self, stage): ...

    def progress(self, done, total, message=""): ...

    def epoch(self, figures): ...

    def log(self, line): ...
