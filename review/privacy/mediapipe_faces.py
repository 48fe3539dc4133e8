"""mediapipe's face detector, asked through a pipe: what it answers is checked before it counts."""

import math
from pathlib import Path

import numpy as np

from detection.vision import mediapipe_process
from detection.vision.mediapipe_process import (
    MediapipeError,
    MediapipeProcess,
    child_of,
    nonsense,
)
from review.privacy.mediapipe_child import FACE
from review.privacy.regions import clipped, has_area

__all__ = ["MediapipeError", "MediapipeFaces", "kept"]

CHILD = child_of("review.privacy.mediapipe_child")
FARTHEST = 3.0


class MediapipeFaces(MediapipeProcess):
    """mediapipe's face detector behind a pipe. Threads take turns.

    Args:
        path: the model's file.
        score: faces at or above it are answered, 0..1.
        command: what to start in place of the real process; it is given the model's path, the
            score and the two limits.
        limits: start_seconds and frame_seconds of every MediapipeProcess.
    """

    def __init__(self, path: Path, score: float, *, command=CHILD, **limits):
        super().__init__([*command, str(path), str(score)], **limits)

    def faces(self, image: np.ndarray) -> list[tuple[tuple, float]]:
        """Return (box normalised, score) of every face in a BGR picture, duplicates included.

        Raises:
            MediapipeError: the process died twice, hung, or answered nonsense or a failure.
        """
        return self.answer(image, _faces_of)


def _faces_of(content):
    if len(content) % FACE.size:
        raise nonsense()
    faces = []
    for *box, score in FACE.iter_unpack(content):
        is_sane = all(math.isfinite(side) and abs(side) <= FARTHEST for side in box)
        if not (is_sane and 0.0 <= score <= 1.0 and box[0] < box[2] and box[1] < box[3]):
            raise nonsense()
        if has_area(box):
            faces.append((clipped(box), score))
    return faces


def kept(path: Path, score: float) -> MediapipeFaces:
    """Return the detector that this process keeps for a model."""
    return mediapipe_process.kept(MediapipeFaces, str(path), score)
