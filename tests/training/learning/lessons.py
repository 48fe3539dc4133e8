"""Small drawn pictures to train on: a bright and a dark square, each a class."""

import cv2
import numpy as np

from review.labels import yolo
from training.learning.detector import FineTune, LabelledPicture

WIDTH, HEIGHT, SIDE = 96, 72, 0.4
NAMES = ("bright", "dark")


def drawn(folder, count, *, exhaustive=None, seed=0):
    """Write pictures with one square each and return them labelled, the classes in turn."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number in range(count):
        image = rng.integers(90, 150, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        left, top = rng.uniform(0.05, 0.5, 2)
        corner = int(left * WIDTH), int(top * HEIGHT)
        other = int((left + SIDE) * WIDTH), int((top + SIDE) * HEIGHT)
        label = number % 2
        cv2.rectangle(image, corner, other, (20, 20, 20) if label else (250, 250, 250), -1)
        path = folder / f"{seed}-{number:03}.png"
        cv2.imwrite(str(path), image)
        box = (left, top, left + SIDE, top + SIDE)
        pictures.append(LabelledPicture(path, ((label, box),), exhaustive))
    return tuple(pictures)


class Heard:
    """A report that keeps what it hears, and raises at the batch or epoch that it is told to."""

    def __init__(self, *, stop_at_batch=None, stop_after_epoch=None, error=InterruptedError):
        self.progress_told, self.epochs = [], []
        self._stop_at_batch, self._stop_after_epoch = stop_at_batch, stop_after_epoch
        self._error = error

    def progress(self, done, total, message=""):
        self.progress_told.append((done, total, message))
        if done == self._stop_at_batch:
            raise self._error

    def epoch(self, figures):
        self.epochs.append(figures)
        if figures["epoch"] == self._stop_after_epoch:
            raise self._error


def lesson(tmp_path, cache_dir, **changes):
    """Return a FineTune of a moment: eight pictures from nothing at 64 px."""
    told = {
        "pictures": drawn(tmp_path / "pictures", 8),
        "validation": drawn(tmp_path / "pictures", 4, seed=1),
        "class_names": NAMES,
        "cache_dir": cache_dir,
        "epochs": 1,
        "batch": 4,
        "image_size": 64,
        "device": "cpu",
    }
    return FineTune(**told | changes)


def coco_names(material):
    """Return the 80 class names of COCO in order."""
    names = yolo.read_folder(material / "images/coco128").class_names
    return tuple(names[label] for label in sorted(names))


def coco128(material):
    """Return the pictures of coco128, on which every one of the 80 classes is labelled."""
    found = yolo.read_folder(material / "images/coco128").pictures
    return tuple(
        LabelledPicture(picture.path, tuple((box.label, box.box_xyxy) for box in picture.boxes))
        for picture in sorted(found, key=lambda one: one.name)
    )
