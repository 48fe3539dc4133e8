"""Which sampled frames are worth a detector's time.

A detector costs a hundred times what it costs to see that nothing moved. The gate compares a
small grey image with that of the last detection and lets the detector rest while the picture
stays the same. It is made to err on the side of looking: whatever moves where no track is needs a
detection at once, as does a track whose outline changes; only stirring inside the outline of a
known track may wait, and not for long.
"""

import math

import cv2
import numpy as np

GRID_WIDTH = 160
NOISE_SECONDS = 10.0
NOISE_START = 2.0
NOISE_CEILING = 8.0
NOISE_FACTOR = 4.0
PIXELS_PER_LIGHT_SAMPLE = 7


class MotionGate:
    """Decide from cheap differences whether a frame needs the detector.

    All times are seconds, so the behaviour does not depend on the sampling rate.

    Args:
        refresh_seconds: longest rest while tracks are visible.
        refresh_empty_seconds: longest rest while none is.
        hold_seconds: longest rest while more than ``stir_share`` of the tracks' boxes changes
            inside their outlines, or while a track was lost less than ``lost_seconds`` ago.
        stir_share: less than this, such as a hand or a head, needs no look of its own.
        lost_seconds: how long a vanished track is looked for more often.
        threshold: smallest change of grey (0..255) that counts as motion, noise apart.
        minimum_area: smallest moving share of the frame that counts.
        padding: how far motion may reach beyond a track's box, as a share of its size.
        explaining_share: a box that covers more of the frame than this explains no motion in it:
            now and then a detector takes the whole picture for one thing, and what moves there
            may be anybody.
    """

    def __init__(
        self,
        *,
        refresh_seconds=2.0,
        refresh_empty_seconds=4.0,
        hold_seconds=0.6,
        stir_share=0.1,
        lost_seconds=2.0,
        threshold=14.0,
        minimum_area=0.0006,
        padding=0.08,
        explaining_share=0.5,
    ):
        self.refresh_seconds = refresh_seconds
        self.refresh_empty_seconds = refresh_empty_seconds
        self.hold_seconds = hold_seconds
        self.stir_share = stir_share
        self.lost_seconds = lost_seconds
        self.threshold = threshold
        self.minimum_area = minimum_area
        self.padding = padding
        self.explaining_share = explaining_share
        self._reference = None
        self._noise = None
        self._previous = None
        self._previous_seconds = None
        self._detected_seconds = None
        self._unexplained = None
        self._track_ids = frozenset()
        self._lost_at_seconds = None

    def needs_detection(self, frame, tracked):
        """Say whether the detector must look at ``frame``.

        Args:
            frame: the next sampled ``SourceFrame``.
            tracked: the last ``TrackedFrame``, None before the first.
        """
        grey = frame.small_gray(GRID_WIDTH)
        self._note_tracks(tracked)
        needs = self._decide(grey, frame.at_seconds, tracked)
        self._learn_noise(grey, frame.at_seconds)
        if needs:
            self._reference, self._detected_seconds = grey, frame.at_seconds
        return needs

    def look_ahead(self, frame):
        """Compute what ``needs_detection`` will want of a frame; safe in another thread."""
        frame.small_gray(GRID_WIDTH)

    def note_detection(self, frame):
        """Learn that the detector looked at ``frame`` though the gate did not ask for it."""
        self._reference = frame.small_gray(GRID_WIDTH)
        self._detected_seconds = frame.at_seconds

    def state(self):
        """Return what a restarted gate needs."""
        return {
            "reference": self._reference,
            "noise": None if self._noise is None else self._noise.copy(),
            "previous": self._previous,
            "previous_seconds": self._previous_seconds,
            "detected_seconds": self._detected_seconds,
            "unexplained": self._unexplained,
            "track_ids": sorted(self._track_ids),
            "lost_at_seconds": self._lost_at_seconds,
        }

    def restore(self, state):
        """Continue from ``state()``."""
        noise = state["noise"]
        self._reference, self._noise = state["reference"], None if noise is None else noise.copy()
        self._previous = state["previous"]
        self._previous_seconds = state["previous_seconds"]
        self._detected_seconds = state["detected_seconds"]
        self._unexplained = state["unexplained"]
        self._track_ids = frozenset(state["track_ids"])
        self._lost_at_seconds = state["lost_at_seconds"]

    def _decide(self, grey, at_seconds, tracked):
        if self._reference is None or self._reference.shape != grey.shape:
            self._unexplained = None
            return True
        rested = at_seconds - self._detected_seconds + 1e-6
        if rested >= self._longest_rest(at_seconds):
            return True
        smallest = max(4, self.minimum_area * grey.size)
        outlines = self._outlines(tracked)
        if self._is_unexplained(outlines, smallest):
            return True
        moved = self._moved(grey)
        moving = cv2.countNonZero(moved)
        if moving < smallest:
            return False
        outside = _cleared(moved, outlines, self.padding)
        if cv2.countNonZero(outside) >= smallest:
            self._unexplained = outside
            return True
        is_stirring = moving < self.stir_share * grey.size * sum(map(_area, outlines))
        return rested >= self.hold_seconds and not is_stirring

    def _outlines(self, tracked):
        """Return the boxes (xyxy) in which motion is that of a known track."""
        boxes = [seen.box_xyxy for seen in tracked.observations] if tracked else []
        return [box for box in boxes if _area(box) <= self.explaining_share]

    def _is_unexplained(self, outlines, smallest):
        """Say once whether the motion that called for the last detection has no track yet.

        A tracker reports a new track on its second detection only, and a detector may miss what
        has just come through the door.
        """
        outside, self._unexplained = self._unexplained, None
        if outside is None:
            return False
        return cv2.countNonZero(_cleared(outside, outlines, self.padding)) >= smallest

    def _longest_rest(self, at_seconds):
        if self._lost_at_seconds is not None:
            if at_seconds - self._lost_at_seconds <= self.lost_seconds:
                return self.hold_seconds
            self._lost_at_seconds = None
        return self.refresh_seconds if self._track_ids else self.refresh_empty_seconds

    def _note_tracks(self, tracked):
        if tracked is None or tracked.is_held:
            return
        track_ids = frozenset(seen.track_id for seen in tracked.observations)
        if self._track_ids - track_ids:
            self._lost_at_seconds = tracked.at_seconds
        self._track_ids = track_ids

    def _moved(self, grey):
        """Return a mask (h, w) uint8 of what differs from the frame of the last detection."""
        change = _change(grey, self._reference)
        moved = cv2.compare(change, self._limits(), cv2.CMP_GT)
        return cv2.morphologyEx(moved, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))

    def _limits(self):
        if self._noise is None:
            return np.full(self._reference.shape, self.threshold, np.float32)
        return np.maximum(np.minimum(self._noise, NOISE_CEILING) * NOISE_FACTOR, self.threshold)

    def _learn_noise(self, grey, at_seconds):
        """Learn what each pixel does by itself: leaves, screens and sensors are never still."""
        if self._previous is None or self._previous.shape != grey.shape:
            self._noise = np.full(grey.shape, NOISE_START, np.float32)
        else:
            elapsed = max(0.0, at_seconds - self._previous_seconds)
            rate = 1 - math.exp(-elapsed / NOISE_SECONDS)
            cv2.accumulateWeighted(_change(grey, self._previous), self._noise, rate)
        self._previous, self._previous_seconds = grey, at_seconds


def _change(grey, reference):
    """Return |difference| as float32 after taking out a change of light common to the frame."""
    change = cv2.subtract(grey, reference, dtype=cv2.CV_32F)
    samples = change.ravel()[::PIXELS_PER_LIGHT_SAMPLE]
    middle = len(samples) // 2
    light = np.partition(samples, middle)[middle]
    return cv2.absdiff(change, (float(light), 0.0, 0.0, 0.0))


def _area(box):
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def _cleared(moved, outlines, padding):
    """Return the mask without what lies inside the padded boxes (xyxy)."""
    height, width = moved.shape
    outside = moved.copy()
    for left, top, right, bottom in outlines:
        pad_x, pad_y = padding * (right - left), padding * (bottom - top)
        columns = slice(max(0, int((left - pad_x) * width)), math.ceil((right + pad_x) * width))
        rows = slice(max(0, int((top - pad_y) * height)), math.ceil((bottom + pad_y) * height))
        outside[rows, columns] = 0
    return outside
