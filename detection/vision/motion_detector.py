"""A detector that needs no weights: whatever differs from the empty scene is ``moving``.

Two running backgrounds are kept, both with time constants in seconds, so that the sampling rate
does not change what is seen: a slow one that a person cannot join by standing still, and a fast
one that says what the scene looks like now. Cameras change their exposure, so each frame is
brought to the background's brightness before it is compared.
"""

import math

import cv2
import numpy as np

from detection.vision.types import Detections

GRID_WIDTH = 256
SLOW_SECONDS = 600.0
FAST_SECONDS = 4.0
# Where nothing stands, the background follows shadows and daylight at this pace.
EMPTY_SECONDS = 20.0
LEARN_SECONDS = 2.0
CHROMA_WEIGHT = 1.6
PIXELS_PER_LIGHT_SAMPLE = 11
# More of the frame than this at once is the light, or the camera, and not things that move.
LIGHT_STEP_SHARE = 0.6
# A hole's outline is this much sharper in the background than in the frame.
GHOST_CONTRAST = 1.6


class MotionDetector:
    """Detect what does not belong to the background.

    Args:
        threshold: difference (0..255) that starts a blob; half of it extends one.
        minimum_area: smallest box as a share of the frame.
    """

    name = "motion"
    backend = "motion"
    input_size = GRID_WIDTH
    precision = "none"
    class_names = ("moving",)
    weights_sha256 = None

    def __init__(self, *, threshold=28.0, minimum_area=0.002):
        self.threshold = threshold
        self.minimum_area = minimum_area
        self.reset()

    def reset(self):
        """Forget the scene."""
        self._slow = self._fast = None
        self._first_seconds = self._last_seconds = None

    def detect(self, image, at_seconds):
        """Return boxes of class ``moving``.

        Args:
            image: (H, W, 3) uint8 BGR.
            at_seconds: the frame's time; frames come in order.
        """
        small = _small(image)
        if self._slow is None or self._slow.shape != small.shape:
            self._slow, self._fast = small.copy(), small.copy()
            self._first_seconds = self._last_seconds = at_seconds
            return Detections.empty()
        elapsed = max(0.0, at_seconds - self._last_seconds)
        self._last_seconds = at_seconds
        small = _with_light_of(small, self._slow)
        change = _change(small, self._slow)
        blobs = self._blobs(change)
        if np.count_nonzero(blobs) > LIGHT_STEP_SHARE * blobs.size:
            self._slow, self._fast = small.copy(), small.copy()
            return Detections.empty()
        blobs = self._without_ghosts(blobs, small)
        boxes = merge_fragments(self._boxes(blobs))
        self._learn(small, blobs, elapsed, at_seconds)
        return self._detections(boxes, change)

    def state(self):
        """Return what a restarted detector needs."""
        return {
            "slow": _copied(self._slow),
            "fast": _copied(self._fast),
            "first_seconds": self._first_seconds,
            "last_seconds": self._last_seconds,
        }

    def restore(self, state):
        """Continue from ``state()``; a network before us leaves an empty one, which is none."""
        if not state:
            return
        self._slow, self._fast = _copied(state["slow"]), _copied(state["fast"])
        self._first_seconds, self._last_seconds = state["first_seconds"], state["last_seconds"]

    def _blobs(self, change):
        """Return a label image: 0 background, 1.. blobs that hold at least one strong pixel."""
        weak = (change > self.threshold / 2).astype(np.uint8)
        weak = cv2.morphologyEx(weak, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
        weak = cv2.morphologyEx(weak, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        count, labels = cv2.connectedComponents(weak, connectivity=8)
        is_strong = np.zeros(count, bool)
        is_strong[np.unique(labels[change > self.threshold])] = True
        is_strong[0] = False
        return np.where(is_strong[labels], labels, 0)

    def _without_ghosts(self, blobs, small):
        """Take holes out: what was in the background from the start and has left since.

        A hole is settled, and the outline that marks it is in the background, not in the frame.
        """
        settled = _change(small, self._fast) < self.threshold / 4
        edges_now = edges_then = None
        for label in np.unique(blobs[settled]):
            mask = (blobs == label).astype(np.uint8)
            if label == 0 or np.mean(settled[mask > 0]) < 0.9:
                continue
            if edges_now is None:
                edges_now, edges_then = _edges(small), _edges(self._slow)
            around = cv2.dilate(mask, np.ones((5, 5), np.uint8))
            outline = (around - cv2.erode(mask, np.ones((5, 5), np.uint8))) > 0
            if edges_then[outline].mean() > GHOST_CONTRAST * edges_now[outline].mean():
                self._slow[around > 0] = small[around > 0]
                blobs = np.where(blobs == label, 0, blobs)
        return blobs

    def _boxes(self, blobs):
        """Return (N, 4) xyxy in grid pixels."""
        labels = np.unique(blobs)
        boxes = []
        for label in labels[labels > 0]:
            left, top, width, height = cv2.boundingRect((blobs == label).astype(np.uint8))
            boxes.append((left, top, left + width, top + height))
        return np.array(boxes, np.float32).reshape(-1, 4)

    def _learn(self, small, blobs, elapsed, at_seconds):
        slow_rate = 1 - math.exp(-elapsed / SLOW_SECONDS)
        empty_rate = 1 - math.exp(-elapsed / EMPTY_SECONDS)
        if at_seconds - self._first_seconds < LEARN_SECONDS:
            empty_rate = max(empty_rate, 1 - math.exp(-elapsed / 0.5))
        fast_rate = 1 - math.exp(-elapsed / FAST_SECONDS)
        covered = cv2.dilate((blobs > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
        cv2.accumulateWeighted(small, self._slow, empty_rate, mask=1 - covered)
        cv2.accumulateWeighted(small, self._slow, slow_rate, mask=covered)
        cv2.accumulateWeighted(small, self._fast, fast_rate)

    def _detections(self, boxes, change):
        height, width = change.shape
        found, scores = [], []
        for left, top, right, bottom in boxes.astype(int):
            if (right - left) * (bottom - top) < self.minimum_area * width * height:
                continue
            strength = float(np.mean(np.minimum(change[top:bottom, left:right], 255.0)))
            found.append((left / width, top / height, right / width, bottom / height))
            scores.append(min(1.0, 0.5 + strength / (4 * self.threshold)))
        return Detections(
            np.array(found, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            ("moving",) * len(found),
        )


def merge_fragments(boxes, *, gap_up=0.35, gap_aside=0.12):
    """Join boxes (N, 4) xyxy that are likely parts of one upright thing.

    Heads and legs come apart more often than left and right halves: boxes that share columns may
    be ``gap_up`` of their common height apart, boxes that share rows ``gap_aside``.
    """
    merged = [tuple(box) for box in boxes]
    is_changed = True
    while is_changed:
        is_changed = False
        for first in range(len(merged)):
            partner = _partner(merged, first, gap_up, gap_aside)
            if partner is not None:
                merged.append(_union(merged[first], merged[partner]))
                merged = [box for at, box in enumerate(merged) if at not in (first, partner)]
                is_changed = True
                break
    return np.array(merged, np.float32).reshape(-1, 4)


def _partner(boxes, first, gap_up, gap_aside):
    for second in range(first + 1, len(boxes)):
        if _belong_together(boxes[first], boxes[second], gap_up, gap_aside):
            return second
    return None


def _belong_together(first, second, gap_up, gap_aside):
    apart_x = max(first[0], second[0]) - min(first[2], second[2])
    apart_y = max(first[1], second[1]) - min(first[3], second[3])
    height = max(first[3], second[3]) - min(first[1], second[1])
    narrower = min(first[2] - first[0], second[2] - second[0])
    if -apart_x >= 0.4 * narrower:
        return apart_y <= gap_up * height
    shorter = min(first[3] - first[1], second[3] - second[1])
    return -apart_y >= 0.4 * shorter and apart_x <= gap_aside * shorter


def _union(first, second):
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )


def _small(image):
    """Return float32 (h, w, 3): luma and two chroma planes at the grid's size."""
    height, width = image.shape[:2]
    rows = max(1, round(height * GRID_WIDTH / width))
    small = cv2.resize(image, (GRID_WIDTH, rows), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cv2.GaussianBlur(small, (3, 3), 0), cv2.COLOR_BGR2YCrCb).astype(np.float32)


def _copied(array):
    return None if array is None else array.copy()


def _edges(small):
    """Return the luma's gradient magnitude, (h, w) float32."""
    luma = np.ascontiguousarray(small[..., 0])
    return cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))


def _with_light_of(small, background):
    """Scale the luma so that most of the frame is as bright as the background."""
    luma = small[..., 0].ravel()[::PIXELS_PER_LIGHT_SAMPLE]
    wanted = background[..., 0].ravel()[::PIXELS_PER_LIGHT_SAMPLE]
    gain = float(np.median((wanted + 4.0) / (luma + 4.0)))
    small[..., 0] *= min(2.0, max(0.5, gain))
    return small


def _change(small, background):
    """Return (h, w) float32: how far each pixel is from the background, luma or chroma."""
    change = cv2.absdiff(small, background)
    chroma = np.maximum(change[..., 1], change[..., 2]) * CHROMA_WEIGHT
    return np.maximum(change[..., 0], chroma)
