"""Where a clip moves, for the case that nothing can tell faces or people apart in it.

Small grey copies of the sampled frames are compared with their median over time: what differs
was not there most of the time.
"""

import cv2
import numpy as np

from review.privacy.regions import WHOLE_PICTURE, Region

WIDTH = 160
MEDIAN_FRAMES = 48
LEAST_DIFFERENCE = 12
LEAST_SHARE = 0.0008


class SmallFrames:
    """Small grey copies of the sampled frames of one clip, and when they were."""

    def __init__(self):
        self.times: list[float] = []
        self.frames: list[np.ndarray] = []
        self.aspect_ratio = 1.0
        self._cell = None

    @property
    def last_seconds(self) -> float | None:
        return self.times[-1] if self.times else None

    def wants(self, at_seconds: float, sample_fps: float, phase: float = 0.0) -> bool:
        """Say whether a frame is the first of its cell of the sampling grid.

        Args:
            phase: by which part of a cell the grid is shifted to earlier times.
        """
        cell = int(at_seconds * sample_fps + phase + 1e-6)
        is_new, self._cell = cell != self._cell, cell
        return is_new

    def add(self, at_seconds: float, image: np.ndarray) -> None:
        """Keep a small copy of a BGR picture."""
        height, width = image.shape[:2]
        self.aspect_ratio = width / height
        small = cv2.resize(
            image, (WIDTH, max(round(WIDTH * height / width), 1)), interpolation=cv2.INTER_AREA
        )
        self.times.append(at_seconds)
        self.frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def moving_regions(small: SmallFrames) -> list[Region]:
    """Return what moves in each sampled frame, or the whole picture if nothing ever does."""
    chosen = np.linspace(0, len(small.frames) - 1, MEDIAN_FRAMES).round().astype(int)
    background = np.median([small.frames[index] for index in np.unique(chosen)], axis=0)
    found = [
        Region(box, "moving", 1.0, at_seconds)
        for at_seconds, frame in zip(small.times, small.frames, strict=True)
        for box in _moving_boxes(frame, background)
    ]
    return found or [Region(WHOLE_PICTURE, "moving", 1.0)]


def _moving_boxes(frame, background):
    difference = cv2.GaussianBlur(np.abs(frame - background).astype(np.float32), (0, 0), 1.0)
    mask = (difference > LEAST_DIFFERENCE).astype(np.uint8)
    mask = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    height, width = mask.shape
    stats = cv2.connectedComponentsWithStats(mask)[2]
    for x, y, w, h, area in stats[1:].tolist():
        if area >= LEAST_SHARE * mask.size:
            yield (x / width, y / height, (x + w) / width, (y + h) / height)
