"""A picture of what a camera sees, to draw zones on, with as few people in it as footage allows.

A frame in which nobody was found is not a frame without people: a detector misses somebody now and
then, and a frame chosen for its emptiness is likely to be just that one. Who was seen shortly
before or after therefore counts as there, and is made unrecognisable there, too.
"""

from collections import deque

import cv2
import numpy as np

from detection.vision.people import is_person
from detection.vision.recording import encode_jpeg, private_mask

MOST_WIDTH_PX = 1280
# Added on every side of a box, as shares of its size; what merely moves ends at no outline.
PERSON_PADDING, MOVING_PADDING = 0.15, 0.3
# Cells across the longer side of a box: of a face, a seventh of a person, hardly one is left.
CELLS_ACROSS = 8
CELLS_ACROSS_PICTURE = 80
JPEG_QUALITY = 85


class Candidate:
    """A frame that may become the picture.

    Attributes:
        at_seconds: presentation time on the source's clock.
        people: how many were there or thereabouts.
    """

    def __init__(self, frame, at_seconds):
        self.at_seconds = at_seconds
        self.people = 0
        self._frame = frame
        self._boxes = []

    def settle(self, seen):
        """Take in who was seen around this time: observations."""
        self.people = len({one.track_id for one in seen})
        self._boxes = [(one.class_name, one.box_xyxy) for one in seen]

    def render(self, private_polygons=()):
        """Return the picture, (H, W, 3) uint8 BGR, fit to be kept."""
        image = self._frame.image()
        height, width = image.shape[:2]
        scale = min(1.0, MOST_WIDTH_PX / width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for class_name, box in self._boxes:
            pixelate(image, padded(box, MOVING_PADDING if class_name == "moving" else None))
        mask = private_mask(*size, private_polygons)
        if mask is not None:
            image[mask] = 0
        return image

    def jpeg(self, private_polygons=()):
        """Return (JPEG bytes, width, height)."""
        image = self.render(private_polygons)
        return encode_jpeg(image, quality=JPEG_QUALITY), image.shape[1], image.shape[0]


class SnapshotKeeper:
    """Keep the frame of a session that shows the fewest people; the newest among equals.

    Frames are held as they were decoded, two at most, and encoded only when somebody asks.

    Args:
        around_seconds: how long before and after a frame somebody counts as there.
    """

    def __init__(self, *, around_seconds=3.0):
        self.around_seconds = around_seconds
        self._seen = deque()
        self._waiting = self._best = None

    def see(self, frame, tracked):
        """Take in a sampled frame and the tracks in it."""
        at_seconds = tracked.at_seconds
        for one in (*tracked.earlier, *tracked.observations):
            if is_person(one.class_name):
                self._seen.append(one)
        if self._waiting and at_seconds >= self._waiting.at_seconds + self.around_seconds:
            self._settle()
        if self._waiting is None and not tracked.is_held:
            self._waiting = Candidate(frame.raw(), at_seconds)
        oldest = self._waiting.at_seconds if self._waiting else at_seconds
        while self._seen and self._seen[0].at_seconds < oldest - self.around_seconds:
            self._seen.popleft()

    def take(self):
        """Return the best Candidate since the last call, or None; whoever follows starts anew."""
        if self._best is None and self._waiting is not None:
            self._settle()
        best, self._best = self._best, None
        return best

    def _settle(self):
        candidate, self._waiting = self._waiting, None
        first = candidate.at_seconds - self.around_seconds
        last = candidate.at_seconds + self.around_seconds
        candidate.settle([one for one in self._seen if first <= one.at_seconds <= last])
        if self._best is None or candidate.people <= self._best.people:
            self._best = candidate


def padded(box_xyxy, share=None):
    """Return a box grown on every side, cut off at the edges of the picture."""
    share = PERSON_PADDING if share is None else share
    x1, y1, x2, y2 = box_xyxy
    across, down = share * (x2 - x1), share * (y2 - y1)
    return max(0.0, x1 - across), max(0.0, y1 - down), min(1.0, x2 + across), min(1.0, y2 + down)


def pixelate(image, box_xyxy):
    """Replace what a box of ``image`` (H, W, 3) shows by a few large cells, in place."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box_xyxy
    left, top = int(np.floor(x1 * width)), int(np.floor(y1 * height))
    right, bottom = int(np.ceil(x2 * width)), int(np.ceil(y2 * height))
    part = image[top:bottom, left:right]
    if part.size == 0:
        return
    longest = max(part.shape[:2])
    cell = max(longest / CELLS_ACROSS, max(width, height) / CELLS_ACROSS_PICTURE)
    cells = (max(1, round(part.shape[1] / cell)), max(1, round(part.shape[0] / cell)))
    few = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
    part[:] = cv2.resize(few, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST)
