"""The three pictures of an incident: at opening, at peak score, and the last one.

Pictures are kept as they pass and encoded only when somebody needs the bytes, because which one
shows the peak is known only once the incident is over.
"""

import time

import numpy as np

from detection.vision.recording import encode_jpeg, private_mask
from detection.vision.types import Observation

OPEN, PEAK, LAST = "frame_open", "frame_peak", "frame_last"


class Still:
    """A picture with the tracks in view.

    Attributes:
        at_seconds: presentation time on the source's clock.
        observations: every track visible then.
        width, height: in pixels.
        encode_seconds: what making the JPEG took; 0 until then.
    """

    def __init__(self, at_seconds, observations, size, *, image=None, jpeg=None):
        self.at_seconds = at_seconds
        self.observations = tuple(observations)
        self.width, self.height = size
        self.encode_seconds = 0.0
        self._image, self._jpeg = image, jpeg

    def jpeg(self):
        """Return the picture as JPEG bytes; encoded once."""
        if self._jpeg is None:
            started = time.perf_counter()
            self._jpeg, self._image = encode_jpeg(self._image), None
            self.encode_seconds = time.perf_counter() - started
        return self._jpeg

    def state(self):
        return {
            "at_seconds": self.at_seconds,
            "observations": [
                [o.at_seconds, o.track_id, o.class_name, o.score, list(o.box_xyxy)]
                for o in self.observations
            ],
            "size": [self.width, self.height],
            "jpeg": np.frombuffer(self.jpeg(), np.uint8),
        }

    @classmethod
    def from_state(cls, state):
        seen = [
            Observation(at, track_id, name, score, tuple(box))
            for at, track_id, name, score, box in state["observations"]
        ]
        return cls(state["at_seconds"], seen, state["size"], jpeg=state["jpeg"].tobytes())


class StillKeeper:
    """Keep the pictures of every open incident of one session.

    Args:
        private_polygons: polygons of (x, y) in 0..1, blackened in every picture.
    """

    def __init__(self, *, private_polygons=()):
        self._polygons = private_polygons
        self._mask = None
        self._kept = {}

    def blacken(self, private_polygons):
        """Blacken these polygons from now on, in place of those before."""
        self._polygons, self._mask = private_polygons, None

    def see(self, frame, tracked, live):
        """Note the picture of a sampled frame for the incidents that it matters to.

        Args:
            live: open incidents as (key, peak_at_seconds, last_held_seconds).
        """
        still = None
        for key, peak_at, last_held in live:
            kept = self._kept.setdefault(key, {})
            wanted = [PEAK] if peak_at == tracked.at_seconds else []
            if OPEN not in kept:
                wanted.append(OPEN)
            if last_held == tracked.at_seconds and not (tracked.is_held and LAST in kept):
                wanted.append(LAST)
            if wanted and still is None:
                still = self.picture(frame, tracked)
            kept.update(dict.fromkeys(wanted, still))

    def peek(self, key, kind):
        """Return the still of this kind kept so far, or None."""
        return self._kept.get(key, {}).get(kind)

    def pop(self, key):
        """Return {kind: Still} of an incident that is over, and forget it."""
        return self._kept.pop(key, {})

    def state(self):
        return {
            key: {kind: still.state() for kind, still in kept.items()}
            for key, kept in self._kept.items()
        }

    def restore(self, state):
        self._kept = {
            key: {kind: Still.from_state(saved) for kind, saved in kept.items()}
            for key, kept in state.items()
        }

    def picture(self, frame, tracked):
        """Return the Still of a frame, private zones black."""
        image = frame.image()
        height, width = image.shape[:2]
        if self._polygons:
            if self._mask is None or self._mask.shape != (height, width):
                self._mask = private_mask(width, height, self._polygons)
            image = image.copy()
            image[self._mask] = 0
        at_rest = [one for one in tracked.foreground if one.at_seconds == tracked.at_seconds]
        seen = (*tracked.observations, *at_rest)
        return Still(tracked.at_seconds, seen, (width, height), image=image)
