"""Values that travel between sources, detectors, trackers and rules.

Boxes are ``xyxy`` and normalised to 0..1 of the frame's width and height; times are seconds on
the source's own clock.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector saw in one frame.

    Attributes:
        boxes_xyxy: (N, 4) float32, normalised.
        scores: (N,) float32 in 0..1.
        class_names: N names.
    """

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self):
        return len(self.class_names)

    @classmethod
    def empty(cls):
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), ())


# Not frozen, though nobody changes one: freezing makes an object that every track of every frame
# needs five times as dear.
@dataclass(slots=True, unsafe_hash=True)
class Observation:
    """One track seen at one time.

    Attributes:
        limb_speed: of wrists and ankles against the trunk, in body heights per second; None
            where no pose was estimated.
    """

    at_seconds: float
    track_id: int
    class_name: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    limb_speed: float | None = None


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """Every track visible at one time.

    Attributes:
        at_seconds: presentation time of the frame.
        observations: the tracks visible in it; each track id at most once.
        earlier: observations of tracks that this frame confirmed, from before it was known that
            they were tracks, oldest first. Dwell starts at the first of them.
        is_held: the motion gate saw nothing move, so the boxes are those of the last detection.
        foreground: what has come to rest before the background and stays there, whether a
            detector knows it or not; ids -1, -2, -3... apart from those of tracks. One that has
            just settled also brings a first sighting from the past.
    """

    at_seconds: float
    observations: tuple[Observation, ...] = ()
    earlier: tuple[Observation, ...] = field(default=())
    is_held: bool = False
    foreground: tuple[Observation, ...] = field(default=())
