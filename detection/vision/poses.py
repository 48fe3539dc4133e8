"""Poses: where the joints of persons are, and how fast arms and legs move.

Estimating poses costs as much as detecting, so it is done only where it can tell something: around
persons who are within reach of each other, in frames in which something moves. The network sees
that part of the picture enlarged, which shows small persons better than the whole picture would.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detection.vision import libraries
from detection.vision.boxes import Letterbox, suppress
from detection.vision.checkpoints import exported, load_network
from detection.vision.detectors import (
    NetworkDetector,
    OnnxDetector,
    OpenVinoDetector,
    TorchDetector,
    file_sha256,
)
from detection.vision.overlaps import overlaps
from detection.vision.types import Observation, TrackedFrame

POSE_WEIGHTS = ("yolov8n-pose.pt", "yolov8n-pose_int8_openvino_model")
JOINTS = 17  # of COCO, in its order
TRUNK = (5, 6, 11, 12)  # shoulders and hips
LIMBS = (9, 10, 15, 16)  # wrists and ankles
INPUT_SIZE = 416
MIN_SCORE = 0.25
MIN_CONFIDENCE = 0.5

REACH_HEIGHTS = 1.0
SIZE_RATIO = 1.6
MARGIN_SHARE = 0.15
MOST_REGIONS = 4
MIN_OVERLAP = 0.3
# A limb is compared with where it was about so long ago, a strike's length, and never with where
# it was longer ago than the second: it may have been there and back, and its speed is not known.
STROKE_SECONDS, LONGEST_STROKE_SECONDS = 0.2, 0.25
# Containers round presentation times, often to a hundredth of a second at worst.
SLACK_SECONDS = 0.02
MIN_LIMBS = 2


@dataclass(frozen=True, slots=True)
class Poses:
    """Persons with their joints.

    Attributes:
        boxes_xyxy: (N, 4), normalised.
        scores: (N,).
        keypoints: (N, 17, 3): x and y, normalised, and confidence.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    keypoints: np.ndarray

    @classmethod
    def empty(cls):
        return cls(np.zeros((0, 4)), np.zeros(0), np.zeros((0, JOINTS, 3)))


class _PoseDecoding(NetworkDetector):
    """Reads (5 + 51, N) outputs: box, score and 17 times x, y and confidence, in input px."""

    def _decoded(self, output, letterbox):
        return decode_poses(output, letterbox, self.min_score, self.max_overlap)


class TorchPoses(_PoseDecoding, TorchDetector):
    def _load(self, weights_path):
        return load_network(weights_path, architecture="PoseModel")


class OnnxPoses(_PoseDecoding, OnnxDetector):
    pass


class OpenVinoPoses(_PoseDecoding, OpenVinoDetector):
    pass


def decode_poses(output, letterbox, min_score=MIN_SCORE, max_overlap=0.7) -> Poses:
    """Turn a network's raw output into poses, normalised to the picture.

    Args:
        output: (56, N), a column per anchor: centre, size, score, then the joints.
        letterbox: how the picture was placed.
    """
    rows = output[:, output[4] >= min_score].T.astype(np.float64)
    halves = rows[:, 2:4] / 2
    boxes = np.concatenate((rows[:, :2] - halves, rows[:, :2] + halves), axis=1)
    keep = suppress(boxes, rows[:, 4], np.zeros(len(rows), np.intp), max_overlap)
    if not len(keep):
        return Poses.empty()
    joints = rows[keep, 5:].reshape(-1, JOINTS, 3)
    joints[..., 0] = (joints[..., 0] - letterbox.left) / letterbox.scaled_width
    joints[..., 1] = (joints[..., 1] - letterbox.top) / letterbox.scaled_height
    return Poses(letterbox.to_picture(boxes[keep]).astype(np.float64), rows[keep, 4], joints)


class PoseEstimator:
    """Estimates the poses in a part of a picture.

    Args:
        network: answers ``detect(image, at_seconds)`` of a square picture with ``Poses``.
    """

    def __init__(self, network):
        self.network = network

    @property
    def name(self):
        return self.network.name

    def estimate(self, image: np.ndarray, region) -> Poses:
        """Return the poses in a part of a BGR picture, normalised to the whole picture.

        Args:
            region: xyxy, normalised.
        """
        height, width = image.shape[:2]
        x1, y1 = int(region[0] * width), int(region[1] * height)
        x2, y2 = int(np.ceil(region[2] * width)), int(np.ceil(region[3] * height))
        part = image[max(y1, 0) : y2, max(x1, 0) : x2]
        if min(part.shape[:2]) < 2:
            return Poses.empty()
        side = self.network.input_size
        placed = Letterbox.fit_into(*part.shape[:2], input_height=side, input_width=side)
        canvas = placed.canvas()
        placed.draw(part, canvas)
        found = self.network.detect(canvas, 0.0)
        offset = np.array([placed.left, placed.top]) / side
        extent = np.array([placed.scaled_width, placed.scaled_height]) / side
        scale = np.array([part.shape[1] / width, part.shape[0] / height])
        start = np.array([max(x1, 0) / width, max(y1, 0) / height])

        def restore(points):
            return (points - offset) / extent * scale + start

        boxes = restore(found.boxes_xyxy.reshape(-1, 2, 2)).reshape(-1, 4)
        joints = found.keypoints.copy()
        joints[..., :2] = restore(joints[..., :2])
        return Poses(boxes, found.scores, joints)


def find_pose_weights(model_dir) -> Path | None:
    """Return the pose weights of a model directory, or None."""
    paths = (Path(model_dir) / name for name in POSE_WEIGHTS)
    return next((path for path in paths if path.exists()), None)


def load_estimator(path, *, cache_dir) -> PoseEstimator:
    """Load pose weights: a .pt file or an OpenVINO folder.

    Raises:
        DomainError: weights_missing, weights_unreadable, weights_unsafe, weights_wrong_task.
    """
    libraries.prepare(cache_dir)
    path = Path(path)
    options = {
        "name": path.stem,
        "weights_sha256": file_sha256(path),
        "min_score": MIN_SCORE,
        "input_size": INPUT_SIZE,
    }
    if path.is_dir():
        return PoseEstimator(OpenVinoPoses(path, ("person",), **options))
    if libraries.is_installed("onnx"):
        portable = [("openvino", OpenVinoPoses), ("onnxruntime", OnnxPoses)]
        for library, network in portable:
            if libraries.is_installed(library):
                model = exported(path, cache_dir, architecture="PoseModel")
                return PoseEstimator(network(model, ("person",), **options))
    options.pop("name")
    return PoseEstimator(TorchPoses(path, **options))


class LimbMotion:
    """Tells how fast wrists and ankles of persons near each other move against the trunk.

    Where frames are further apart than LONGEST_STROKE_SECONDS it tells nothing.

    Args:
        estimator: see PoseEstimator.
        aspect_ratio: frame width / height.
        class_name: of the tracks that are persons.

    Attributes:
        estimates: how often the network ran.
    """

    def __init__(self, estimator, *, aspect_ratio, class_name="person"):
        self._estimator = estimator
        self._aspect_ratio = aspect_ratio
        self._class_name = class_name
        # Per track: (time, body height, limbs (4, 2) against the trunk; NaN where unknown).
        self._memory: dict[int, list[tuple[float, float, np.ndarray]]] = {}
        self.estimates = 0

    def update(self, frame, tracked: TrackedFrame) -> TrackedFrame:
        """Return the frame with the limb speeds of those who are within reach of others."""
        if tracked.is_held:
            return tracked
        self._forget_before(tracked.at_seconds - LONGEST_STROKE_SECONDS - SLACK_SECONDS)
        people = [one for one in tracked.observations if one.class_name == self._class_name]
        groups = group_within_reach(people, self._aspect_ratio)
        speeds: dict[int, float] = {}
        if groups:
            image = frame.image()
            for group in groups:
                poses = self._estimator.estimate(image, span_region(group))
                self.estimates += 1
                for person, joints in match_poses(group, poses):
                    speed = self._follow(person, joints, tracked.at_seconds)
                    if speed is not None:
                        speeds[person.track_id] = speed
        if not speeds:
            return tracked
        observations = tuple(
            replace(one, limb_speed=speeds[one.track_id]) if one.track_id in speeds else one
            for one in tracked.observations
        )
        return replace(tracked, observations=observations)

    def _follow(self, person, joints, at_seconds) -> float | None:
        """Remember a pose and return how fast its limbs have moved, in body heights a second."""
        limbs = limbs_against_trunk(joints, self._aspect_ratio)
        if limbs is None:
            return None
        x1, y1, x2, y2 = person.box_xyxy
        height = max(y2 - y1, (x2 - x1) * self._aspect_ratio)
        past = self._memory.setdefault(person.track_id, [])
        speed = None
        if past and height > 0:
            then = min(past, key=lambda one: abs(at_seconds - one[0] - STROKE_SECONDS))
            mean_height = float(np.median([height, *(one[1] for one in past)]))
            moved = np.hypot(*(limbs - then[2]).T) / (at_seconds - then[0]) / mean_height
            known = np.sort(moved[~np.isnan(moved)])
            if len(known) >= MIN_LIMBS:
                speed = float(known[-MIN_LIMBS:].mean())
        past.append((at_seconds, height, limbs))
        return speed

    def _forget_before(self, oldest):
        for track_id in list(self._memory):
            kept = [one for one in self._memory[track_id] if one[0] >= oldest]
            if kept:
                self._memory[track_id] = kept
            else:
                del self._memory[track_id]

    def state(self) -> dict:
        """Return the remembered poses: JSON values and arrays."""
        memory = [
            [track_id, [[at, height, limbs.copy()] for at, height, limbs in past]]
            for track_id, past in self._memory.items()
        ]
        return {"memory": memory, "estimates": self.estimates}

    def restore(self, state: dict) -> None:
        self.estimates = int(state["estimates"])
        self._memory = {
            int(track_id): [
                (float(at), float(height), np.array(limbs, np.float64))
                for at, height, limbs in past
            ]
            for track_id, past in state["memory"]
        }


def limbs_against_trunk(joints: np.ndarray, aspect_ratio: float) -> np.ndarray | None:
    """Return wrists and ankles (4, 2) from the middle of the trunk, in frame heights.

    Args:
        joints: (17, 3).

    Returns:
        NaN for a joint that is not sure; None when the trunk is not.
    """
    sure = joints[:, 2] >= MIN_CONFIDENCE
    points = joints[:, :2] * (aspect_ratio, 1.0)
    trunk = [joint for joint in TRUNK if sure[joint]]
    if not (sure[5] or sure[6]) or not (sure[11] or sure[12]):
        return None
    middle = points[trunk].mean(axis=0)
    limbs = points[list(LIMBS)] - middle
    limbs[~sure[list(LIMBS)]] = np.nan
    return limbs


def group_within_reach(people, aspect_ratio) -> list[list[Observation]]:
    """Return the groups of persons of whom each could touch another one, the largest first."""
    if len(people) < 2:
        return []
    boxes = np.array([one.box_xyxy for one in people], np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 * (aspect_ratio, 1.0)
    sizes = np.maximum(boxes[:, 3] - boxes[:, 1], (boxes[:, 2] - boxes[:, 0]) * aspect_ratio)
    gaps = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    ratios = sizes[:, None] / np.maximum(sizes[None], 1e-9)
    near = gaps <= REACH_HEIGHTS * (sizes[:, None] + sizes[None]) / 2
    near &= (ratios < SIZE_RATIO) & (ratios > 1 / SIZE_RATIO)
    labels = np.arange(len(people))
    for one, other in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        labels[labels == labels[other]] = labels[one]
    groups = [[people[row] for row in np.flatnonzero(labels == label)] for label in set(labels)]
    groups = [group for group in groups if len(group) > 1]
    groups.sort(key=lambda group: (-len(group), min(one.track_id for one in group)))
    return groups[:MOST_REGIONS]


def span_region(group) -> tuple[float, float, float, float]:
    """Return the part of the picture around a group, with a margin for arms and legs."""
    boxes = np.array([one.box_xyxy for one in group])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    margin = MARGIN_SHARE * (high - low)
    low, high = np.clip(low - margin, 0.0, 1.0), np.clip(high + margin, 0.0, 1.0)
    return (*low.tolist(), *high.tolist())


def match_poses(people, poses: Poses) -> list[tuple[Observation, np.ndarray]]:
    """Give each person the pose whose box overlaps theirs most; a pose serves one person."""
    if not len(poses.scores):
        return []
    shared = overlaps(np.array([one.box_xyxy for one in people], np.float64), poses.boxes_xyxy)
    matched = []
    while shared.size and shared.max() >= MIN_OVERLAP:
        row, column = np.unravel_index(int(shared.argmax()), shared.shape)
        matched.append((people[row], poses.keypoints[column]))
        shared[row, :] = shared[:, column] = -1.0
    return matched
