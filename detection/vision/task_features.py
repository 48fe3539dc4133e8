"""Measuring one frame after another: what every model of tasks learns from and is served with.

A file, a stream and a restart in the middle of either give the same rows, for the same code runs
over all of them and all that it remembers, for velocities only, is in its state.
"""

import math
from dataclasses import dataclass

import numpy as np

from detection.vision import task_geometry as geometry
from detection.vision.landmarks import (
    LEFT_WRIST,
    RIGHT_WRIST,
    WRIST_OF_HAND,
    Landmarks,
)
from detection.vision.people import is_person
from detection.vision.task_columns import MEDIAPIPE, SIDES, YOLO, names_of
from detection.vision.types import Detections
from hitlsite.errors import DomainError

GAP_SECONDS = 1.0
SLACK_SECONDS = 1e-6
MIN_SCORE = 0.25  # a detector also tells what only a tracker can make something of
_WRISTS = {"right": RIGHT_WRIST, "left": LEFT_WRIST}
# Where a hand is: by the wrist of the body, and where that is not seen by the wrist of the hand.
_BODY, _HAND = "body", "hand"


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """What was measured in one frame.

    Attributes:
        index: of the frame in the video, from 0.
        at_seconds: on the video's clock.
        landmarks: of the nearest person; None where mediapipe does not look.
        objects: class names of what the detector saw.
        boxes_xyxy: (n, 4) float32, shares of the picture.
        scores: (n,) float32, 0..1.
        values: (columns,) float32 in the order of the extractor's names; NaN is missing.
    """

    index: int
    at_seconds: float
    landmarks: Landmarks | None
    objects: tuple[str, ...]
    boxes_xyxy: np.ndarray
    scores: np.ndarray
    values: np.ndarray


class FeatureExtractor:
    """Measures the frames of one video or stream, in their order.

    Args:
        mode: "fusion", "mediapipe" or "yolo": who looks.
        landmarker: finds Landmarks in a picture; not asked in mode "yolo".
        detector: a ``detection.vision.detectors.Detector``; not asked in mode "mediapipe".
        min_score: what the detector is less sure of does not count, 0..1.

    Raises:
        DomainError: detector_unknown (the mode), mediapipe_unavailable, detector_unavailable: the
            mode needs what was not given.
    """

    def __init__(self, mode, *, landmarker=None, detector=None, min_score=MIN_SCORE):
        self.mode = mode
        self.names = names_of(mode)
        self.min_score = min_score
        self._landmarker = None if mode == YOLO else landmarker
        self._detector = None if mode == MEDIAPIPE else detector
        if mode != YOLO and landmarker is None:
            raise DomainError("mediapipe_unavailable", f"Detector mode {mode} needs mediapipe.")
        if mode != MEDIAPIPE and detector is None:
            raise DomainError("detector_unavailable", f"Detector mode {mode} needs a detector.")
        self._last = {}

    def step(self, image_bgr, at_seconds: float, index: int) -> FrameFeatures:
        """Measure one BGR picture, (H, W, 3) uint8.

        Raises:
            MediapipeError: mediapipe has no answer about the picture; nothing is remembered of it.
        """
        at_seconds = float(at_seconds)
        aspect = image_bgr.shape[1] / image_bgr.shape[0]
        landmarks = self._landmarker.find(image_bgr) if self._landmarker else None
        seen = Detections.empty()
        if self._detector:
            seen = self._counted(self._detector.detect(image_bgr, at_seconds))
        values = {}
        if self._landmarker:
            hands, width = self._measure_body(landmarks, at_seconds, aspect, values)
        if self._detector:
            self._measure_objects(seen, at_seconds, aspect, values)
        if self._landmarker and self._detector:
            values["hand_obj_dist"] = _hand_to_object(hands, self._things(seen), width, aspect)
        return FrameFeatures(
            index=int(index),
            at_seconds=at_seconds,
            landmarks=landmarks,
            objects=tuple(seen.class_names),
            boxes_xyxy=seen.boxes_xyxy,
            scores=seen.scores,
            values=np.array([values.get(name, math.nan) for name in self.names], np.float32),
        )

    def state(self) -> dict:
        """Return what a restart needs, JSON values and arrays."""
        state = {"last": {name: list(seen) for name, seen in self._last.items()}}
        detector = self._detector.state() if self._detector else {}
        return state | ({"detector": detector} if detector else {})

    def restore(self, state: dict) -> None:
        """Continue from a state; one that knows nothing of a detector leaves the detector alone."""
        self._last = {name: tuple(seen) for name, seen in state.get("last", {}).items()}
        if self._detector and "detector" in state:
            self._detector.restore(state["detector"])

    def _counted(self, seen):
        is_counted = seen.scores >= self.min_score
        names = tuple(
            name for name, counts in zip(seen.class_names, is_counted, strict=True) if counts
        )
        return Detections(seen.boxes_xyxy[is_counted], seen.scores[is_counted], names)

    def _is_person(self, class_name):
        """Tell persons by their name, where a detector has none by all that may be persons."""
        if "person" in self._detector.class_names:
            return class_name == "person"
        return is_person(class_name)

    def _things(self, seen):
        return [
            box
            for name, box in zip(seen.class_names, seen.boxes_xyxy, strict=True)
            if not self._is_person(name)
        ]

    def _measure_body(self, landmarks, at_seconds, aspect, values):
        """Measure angles and hands; return the places of the hands and the shoulders' width."""
        width = math.nan
        if landmarks.pose is not None:
            body = geometry.points(landmarks.pose, aspect)
            values.update(geometry.joint_angles(body))
            width = geometry.shoulder_width(landmarks.pose, aspect)
            self._note_shoulders(geometry.shoulder_middle(body), at_seconds, width)
        hands = []
        for side in SIDES:
            places = _places(landmarks, side, aspect)
            if places:
                here = next(iter(places.values()))
                hands.append(here)
                values[f"{side}_hand_x"], values[f"{side}_hand_y"] = here[0] / aspect, here[1]
            moved = self._velocity(f"{side}_", places, at_seconds)
            if moved and width > 0.0:
                vx, vy = (part / width for part in moved)
                values[f"{side}_hand_vx"], values[f"{side}_hand_vy"] = vx, vy
                values[f"{side}_hand_speed"] = math.hypot(vx, vy)
        return hands, width

    def _note_shoulders(self, middle, at_seconds, width):
        """Remember where the shoulders are; forget the hands of somebody else."""
        if not width > 0.0:
            return
        before = self._before("shoulders", at_seconds)
        if before:
            moved = math.hypot(middle[0] - before[1], middle[1] - before[2])
            if geometry.is_another_body(moved, at_seconds - before[0], width):
                for side in SIDES:
                    for how in (_BODY, _HAND):
                        self._last.pop(f"{side}_{how}", None)
        self._last["shoulders"] = (at_seconds, *middle)

    def _velocity(self, prefix, places, at_seconds):
        """Return (vx, vy) in picture heights per second by the first place also seen before."""
        velocity = None
        for how, (x, y) in places.items():
            before = self._before(f"{prefix}{how}", at_seconds)
            if before and velocity is None:
                elapsed = at_seconds - before[0]
                velocity = (x - before[1]) / elapsed, (y - before[2]) / elapsed
            self._last[f"{prefix}{how}"] = (at_seconds, x, y)
        return velocity

    def _before(self, name, at_seconds):
        """Return (at_seconds, x, y, ...) of a thing's last sighting, None if it is too old."""
        before = self._last.get(name)
        if before and 0.0 < at_seconds - before[0] <= GAP_SECONDS + SLACK_SECONDS:
            return before
        return None

    def _measure_objects(self, seen, at_seconds, aspect, values):
        are_people = [self._is_person(name) for name in seen.class_names]
        values["num_people"] = float(sum(are_people))
        values["num_objects"] = float(len(are_people) - sum(are_people))
        boxes = seen.boxes_xyxy[are_people].astype(np.float64) if any(are_people) else ()
        if len(boxes) == 0:
            return
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        x1, y1, x2, y2 = (float(side) for side in boxes[int(np.argmax(areas))])
        x, height = (x1 + x2) / 2, y2 - y1
        values.update(person_x=x, person_y=y2, person_height=height)
        before = self._before("person", at_seconds)
        if before and height > 0.0:
            dx, dy = x * aspect - before[1], y2 - before[2]
            elapsed = at_seconds - before[0]
            if not geometry.is_another_box(math.hypot(dx, dy), elapsed, height):
                values["person_vx"] = dx / height / elapsed
                values["person_vy"] = dy / height / elapsed
        self._last["person"] = (at_seconds, x * aspect, y2)


def _places(landmarks, side, aspect):
    """Return {how: (x, y) in picture heights} of one hand, the best first; {} if it is not seen."""
    hand = landmarks.right_hand if side == "right" else landmarks.left_hand
    found = {}
    for how, points, number in (
        (_BODY, landmarks.pose, _WRISTS[side]),
        (_HAND, hand, WRIST_OF_HAND),
    ):
        if points is not None and not math.isnan(points[number, 0]):
            found[how] = float(points[number, 0]) * aspect, float(points[number, 1])
    return found


def _hand_to_object(hands, boxes, width, aspect):
    if not hands or not boxes or not width > 0.0:
        return math.nan
    return (
        min(geometry.distance_to_box(hand, box, aspect) for hand in hands for box in boxes) / width
    )
