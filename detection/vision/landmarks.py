"""Landmarks of the person in a picture: 33 points of the body and 21 of each hand, by mediapipe.

One person counts in a picture: of those found the one whose trunk, from shoulders to hips, is
the longest, which is mostly the nearest. Nothing is remembered from picture to picture, so that
a stream, a file and a restart in the middle of either see the same. What cannot be seen is
missing: a whole body or hand is None, a single point NaN.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection.vision import mediapipe_process
from detection.vision.landmarks_child import COUNTS, MOST_HANDS, MOST_POSES
from detection.vision.mediapipe_process import (
    MediapipeError,
    MediapipeProcess,
    child_of,
    nonsense,
)
from hitlsite.errors import DomainError

__all__ = ["Landmarker", "Landmarks", "MediapipeError", "kept", "model_paths"]

CHILD = child_of("detection.vision.landmarks_child")
POSE_MODELS = ("pose_landmarker_lite.task",)
HAND_MODELS = ("hand_landmarker_lite.task", "hand_landmarker.task")
POSE_POINTS, HAND_POINTS = 33, 21
# The numbers of points are mediapipe's own; a hand's first point is its wrist.
LEFT_SHOULDER, RIGHT_SHOULDER = 11, 12
LEFT_ELBOW, RIGHT_ELBOW = 13, 14
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HIP, RIGHT_HIP = 23, 24
LEFT_KNEE, RIGHT_KNEE = 25, 26
LEFT_ANKLE, RIGHT_ANKLE = 27, 28
WRIST_OF_HAND = 0
SEEN = 0.5  # a point of the body of less visibility is guessed, not seen
FARTHEST = 20.0
# A hand farther from both wrists than this part of the trunk, its length or the width of the
# shoulders, whichever is more, is somebody else's.
REACH = 0.5
OFF = ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The points of one person; x and y are shares of the picture.

    Attributes:
        pose: (33, 3) float32, or None where nobody was found; a point outside the picture or
            hidden is NaN. z is the depth against the middle of the hips, less is nearer, on
            about the scale of x.
        left_hand, right_hand: the person's own left and right, (21, 3) float32 or None; a point
            outside the picture is NaN. z is the depth against the wrist, on the scale of x.
    """

    pose: np.ndarray | None = None
    left_hand: np.ndarray | None = None
    right_hand: np.ndarray | None = None


class Landmarker(MediapipeProcess):
    """mediapipe's landmarkers of bodies and hands behind a pipe. Threads take turns.

    Args:
        pose_path, hands_path: the files of the models.
        command: what to start in place of the real process; it is given the two paths and the
            two limits.
        limits: start_seconds and frame_seconds of every MediapipeProcess.
    """

    def __init__(self, pose_path: Path, hands_path: Path, *, command=CHILD, **limits):
        super().__init__([*command, str(pose_path), str(hands_path)], **limits)
        self.pose_path, self.hands_path = Path(pose_path), Path(hands_path)

    def find(self, image: np.ndarray) -> Landmarks:
        """Find the points of the nearest person in a BGR picture, (H, W, 3) uint8.

        Raises:
            MediapipeError: the process died twice, hung, or answered nonsense or a failure.
        """
        poses, hands = self.answer(image, _understood)
        return chosen(poses, hands, aspect=image.shape[1] / image.shape[0])


def chosen(poses, hands, *, aspect) -> Landmarks:
    """Take one person of a picture and that person's hands.

    A hand is left or right by the wrist of the pose that it is nearest to, each wrist getting the
    hand nearest to it; without a pose it is what mediapipe says of it, the surest of each side.

    Args:
        poses: (n, 33, 4) of x, y, z, visibility.
        hands: list of (score for being a right hand 0..1, (21, 3)).
        aspect: width of the picture over its height.
    """
    person = max(poses, key=lambda pose: _trunk(pose, aspect), default=None)
    if person is None:
        left, right = _by_side(hands)
    else:
        left, right = _by_wrist(person, hands, aspect)
    pose = None if person is None else _in_view(person[:, :3], person[:, 3] >= SEEN)
    return Landmarks(pose, _in_view(left), _in_view(right))


def _trunk(pose, aspect):
    """Return the length from the middle of the shoulders to that of the hips, picture heights."""
    points = pose[:, :2].astype(float) * (aspect, 1.0)
    shoulders = (points[LEFT_SHOULDER] + points[RIGHT_SHOULDER]) / 2
    hips = (points[LEFT_HIP] + points[RIGHT_HIP]) / 2
    return float(np.hypot(*(shoulders - hips)))


def _by_side(hands):
    left, right = None, None
    for rightness, points in sorted(hands, key=lambda hand: hand[0]):
        right = points if rightness >= 0.5 else right  # the last is the surest right
        left = points if left is None and rightness < 0.5 else left
    return left, right


def _by_wrist(pose, hands, aspect):
    scale = np.array((aspect, 1.0))
    shoulders = (pose[LEFT_SHOULDER, :2] - pose[RIGHT_SHOULDER, :2]) * scale
    reach = REACH * max(_trunk(pose, aspect), float(np.hypot(*shoulders)))
    pairs = sorted(
        (float(np.hypot(*((points[WRIST_OF_HAND, :2] - pose[wrist, :2]) * scale))), number, wrist)
        for number, (_, points) in enumerate(hands)
        for wrist in (LEFT_WRIST, RIGHT_WRIST)
    )
    taken = {}
    for distance, number, wrist in pairs:
        if distance <= reach and wrist not in taken and number not in taken.values():
            taken[wrist] = number
    return tuple(
        hands[taken[wrist]][1] if wrist in taken else None for wrist in (LEFT_WRIST, RIGHT_WRIST)
    )


def _in_view(points, is_seen=True):
    """Return a copy in which what lies outside the picture, or is hidden, is NaN."""
    if points is None:
        return None
    is_inside = ((points[:, :2] >= 0.0) & (points[:, :2] <= 1.0)).all(axis=1)
    return np.where((is_inside & is_seen)[:, None], points, np.nan).astype(np.float32)


def _understood(content):
    """Return (poses (n, 33, 4), list of (rightness, (21, 3))) of a process's answer."""
    if len(content) < COUNTS.size:
        raise nonsense()
    pose_count, hand_count = COUNTS.unpack_from(content)
    in_pose, in_hand = POSE_POINTS * 4, 1 + HAND_POINTS * 3
    expected = COUNTS.size + 4 * (pose_count * in_pose + hand_count * in_hand)
    if len(content) != expected or pose_count > MOST_POSES or hand_count > MOST_HANDS:
        raise nonsense()
    numbers = np.frombuffer(content, "<f4", offset=COUNTS.size)
    if not (np.isfinite(numbers) & (np.abs(numbers) <= FARTHEST)).all():
        raise nonsense()
    poses = numbers[: pose_count * in_pose].reshape(pose_count, POSE_POINTS, 4)
    rows = numbers[pose_count * in_pose :].reshape(hand_count, in_hand)
    shares = np.concatenate([poses[:, :, 3].ravel(), rows[:, 0]])
    if not ((shares >= 0.0) & (shares <= 1.0)).all():
        raise nonsense()
    return poses, [(float(row[0]), row[1:].reshape(HAND_POINTS, 3)) for row in rows]


def model_paths(model_dir) -> tuple[Path, Path]:
    """Return the files of the pose and hand models in a model directory.

    Raises:
        DomainError: mediapipe_unavailable, naming every file that is missing.
    """
    found, missing = [], []
    for names in (POSE_MODELS, HAND_MODELS):
        path = next((p for p in (Path(model_dir) / name for name in names) if p.is_file()), None)
        found.append(path)
        if path is None:
            missing.append(" or ".join(names))
    if missing:
        raise DomainError(
            "mediapipe_unavailable",
            f"There is no {' and no '.join(missing)} in the model directory: body and hand"
            " landmarks cannot be measured. manage.py fetch_models pose_landmarker_lite.task"
            " hand_landmarker.task gets them.",
        )
    return tuple(found)


def kept(model_dir, *, is_on: bool | None = None) -> Landmarker:
    """Return the landmarker that this process keeps for a model directory.

    Args:
        is_on: whether mediapipe may run; where left out, what SECOND_LOOK_MEDIAPIPE says.

    Raises:
        DomainError: mediapipe_unavailable: switched off, or a model's file is missing, and which.
    """
    if is_on is None:
        is_on = os.environ.get("SECOND_LOOK_MEDIAPIPE", "1").strip().lower() not in OFF
    if not is_on:
        raise DomainError(
            "mediapipe_unavailable",
            "mediapipe is switched off (SECOND_LOOK_MEDIAPIPE): body and hand landmarks cannot"
            " be measured.",
        )
    return mediapipe_process.kept(Landmarker, *model_paths(model_dir))
