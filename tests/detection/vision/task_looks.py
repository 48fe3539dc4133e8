"""Whoever looks at a picture, answering what a test says: known bodies, known objects."""

import numpy as np

from detection.vision import landmarks as body_points
from detection.vision.landmarks import Landmarks
from detection.vision.types import Detections

SQUARE = np.zeros((100, 100, 3), np.uint8)
WIDE = np.zeros((100, 200, 3), np.uint8)


class Looks:
    """Stands for whoever looks: answers what it is given, one picture after another."""

    class_names = ("person", "cup")

    def __init__(self, answers, class_names=class_names):
        self._answers, self.class_names = iter(answers or ()), class_names
        self.restored = None

    def find(self, image):
        found = next(self._answers)
        if isinstance(found, Exception):
            raise found
        return found

    def detect(self, image, at_seconds):
        return self.find(image)

    def state(self):
        return {}

    def restore(self, state):
        self.restored = state


class Remembers(Looks):
    """A detector with a memory: its score is how many pictures it has seen."""

    def __init__(self):
        self.seen = np.zeros(2)

    def detect(self, image, at_seconds):
        self.seen[0] += 1
        box = np.array([[0.1, 0.1, 0.1 + self.seen[0] / 100, 0.9]], np.float32)
        return Detections(box, np.array([0.9], np.float32), ("person",))

    def state(self):
        return {"seen": self.seen.copy()}

    def restore(self, state):
        self.seen = np.array(state["seen"])


def body(**places):
    """Return (33, 3) landmarks of which only the points named are seen."""
    pose = np.full((33, 3), np.nan, np.float32)
    for name, place in places.items():
        pose[getattr(body_points, name.upper())] = (*place, 0.0)[:3]
    return pose


def standing(x=0.5, hand=(0.5, 0.5), width=0.2):
    """Return somebody whose right hand is somewhere; shoulders are ``width`` apart."""
    return Landmarks(
        body(
            right_shoulder=(x - width / 2, 0.3),
            left_shoulder=(x + width / 2, 0.3),
            right_wrist=hand,
        )
    )


def seen(*objects):
    """Return Detections of (class, score, box)."""
    if not objects:
        return Detections.empty()
    names, scores, boxes = zip(*objects, strict=True)
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), names)
