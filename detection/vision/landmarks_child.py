"""A process of its own for mediapipe's landmarkers; see ``detection.vision.mediapipe_pipe``.

A picture is answered with ``COUNTS`` (poses, hands) and so many float32 numbers: of every pose
33 rows of x, y, z, visibility, and of every hand its score for being a right one and 21 rows of
x, y, z. x and y are shares of the picture and may lie outside it. Every picture is taken by
itself: nothing of the one before is remembered.
"""

import struct
import sys
from pathlib import Path

from detection.vision.mediapipe_pipe import serve

COUNTS = struct.Struct("<BB")
MOST_POSES, MOST_HANDS = 2, 4
# At mediapipe's own 0.5 the furniture of an empty room is a body every now and then.
POSE_SCORE = 0.6


class Landmarks:
    """mediapipe's landmarkers of bodies and of hands."""

    def __init__(self, pose_path, hands_path):
        import mediapipe
        from mediapipe.tasks.python import vision

        self._mediapipe = mediapipe
        self._pose = _loaded(
            pose_path,
            vision.PoseLandmarker,
            vision.PoseLandmarkerOptions,
            num_poses=MOST_POSES,
            min_pose_detection_confidence=POSE_SCORE,
        )
        self._hands = _loaded(
            hands_path, vision.HandLandmarker, vision.HandLandmarkerOptions, num_hands=MOST_HANDS
        )

    def found_in(self, rgb):
        """Return the packed answer for a picture, (H, W, 3) uint8."""
        import numpy

        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=numpy.ascontiguousarray(rgb)
        )
        poses = self._pose.detect(image).pose_landmarks[:MOST_POSES]
        seen = self._hands.detect(image)
        hands = list(zip(seen.hand_landmarks, seen.handedness, strict=True))[:MOST_HANDS]
        numbers = [
            number
            for pose in poses
            for point in pose
            for number in (point.x, point.y, point.z, point.visibility)
        ]
        for points, sides in hands:
            numbers.append(_rightness(sides[0]))
            numbers.extend(number for point in points for number in (point.x, point.y, point.z))
        return COUNTS.pack(len(poses), len(hands)) + numpy.asarray(numbers, "<f4").tobytes()


def _loaded(path, landmarker, options, **counts):
    """Load one model; a failure names its file."""
    from mediapipe.tasks.python import BaseOptions

    name = Path(path).name
    try:
        with open(path, "rb") as stream:
            model = BaseOptions(model_asset_buffer=stream.read())
        return landmarker.create_from_options(options(base_options=model, **counts))
    except Exception as error:
        raise RuntimeError(f"{name}: {str(error) or type(error).__name__}") from error


def _rightness(side):
    score = min(max(side.score, 0.0), 1.0)
    return score if side.category_name == "Right" else 1.0 - score


def main(pose_path, hands_path, start_seconds, frame_seconds):
    """Serve pictures until the pipe ends."""
    serve(lambda: Landmarks(pose_path, hands_path).found_in, start_seconds, frame_seconds)


if __name__ == "__main__":
    main(*sys.argv[1:5])
