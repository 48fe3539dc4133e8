"""Small drawn videos of somebody who walks, and what measures them without any weights."""

import json

import numpy as np

from detection.vision.task_features import FeatureExtractor
from detection.vision.types import Detections
from tests import factories

WIDTH, HEIGHT, FPS = 160, 96, 10
SOURCES = {
    "detector": {
        "name": "bright things",
        "sha256": "b" * 64,
        "backend": "numpy",
        "input_size": 0,
        "precision": "f32",
        "deployment": None,
    }
}


def film(frames=30):
    """Return the bytes of a video in which a bright person walks to the right."""
    pictures = []
    for number in range(frames):
        picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        left = 10 + 3 * (number % 40)
        picture[20:80, left : left + 16] = 240
        pictures.append(picture)
    return factories.clip(pictures, fps=FPS)


class BrightThings:
    """A detector that takes what is bright for one person, and an empty picture for none."""

    name, backend, input_size, precision = "bright things", "numpy", 0, "f32"
    class_names, weights_sha256 = ("person", "cup"), "b" * 64

    def detect(self, image, at_seconds=0.0):
        rows, columns = np.nonzero(image.min(axis=2) > 160)
        if not len(rows):
            return Detections.empty()
        height, width = image.shape[:2]
        box = (columns.min() / width, rows.min() / height)
        box += ((columns.max() + 1) / width, (rows.max() + 1) / height)
        return Detections(np.array([box], np.float32), np.array([0.9], np.float32), ("person",))

    def state(self):
        return {}

    def restore(self, state):
        """Remember nothing."""


def extractor(mode, camera, pinned=None):
    """Stand in for ``feature_sources.extractor`` where there are no weights."""
    return FeatureExtractor("yolo", detector=BrightThings()), None, json.loads(json.dumps(SOURCES))


def expected(mode, camera):
    return {"detector": {"sha256": SOURCES["detector"]["sha256"]}}


def measuring(monkeypatch):
    """Let extractions of this test be measured by numpy alone."""
    from training.services import feature_sources

    monkeypatch.setattr(feature_sources, "extractor", extractor)
    monkeypatch.setattr(feature_sources, "expected", expected)


def video(folder, name="walk.mp4", **drawn):
    """Write a drawn video and return its path."""
    path = folder / name
    path.write_bytes(film(**drawn))
    return path
