"""One sampled frame in, every visible track out: gate, detector and tracker in one step.

The order matters for what a frame costs: the gate looks at a thumbnail, and only when it wants a
detection is the full picture converted and the network run.
"""

import time
from dataclasses import replace

from detection.vision.types import Observation, TrackedFrame

STAGES = (
    "gate",
    "image",
    "letterbox",
    "inference",
    "boxes",
    "tracking",
    "poses",
    "foreground",
)


class TrackingPipeline:
    """The detector, the tracker and, where there is one, the motion gate of a camera session.

    Args:
        detector: see detectors.Detector.
        tracker: see tracking.make_tracker.
        gate: see motion.MotionGate; None detects in every frame.
        limbs: see poses.LimbMotion; None estimates no poses.
        statics: see static_objects.StaticForeground; None looks for nothing that came to rest.

    Attributes:
        timings: seconds spent since the start, by stage: gate, image (conversion of the
            picture), letterbox, inference, boxes (decoding of the network's output), tracking,
            poses, foreground.
        frames_seen, frames_detected: frames taken, and those the detector ran on.
    """

    def __init__(self, detector, tracker, gate=None, *, limbs=None, statics=None):
        self.detector = detector
        self.tracker = tracker
        self.gate = gate
        self.limbs = limbs
        self.statics = statics
        self.timings = dict.fromkeys(STAGES, 0.0)
        self.frames_seen = 0
        self.frames_detected = 0
        self._last = None

    def step(self, frame):
        """Take a frame later than the last one; see types.TrackedFrame for what comes back."""
        started = time.perf_counter()
        self.frames_seen += 1
        # A track that awaits its second detection is not left to the gate.
        is_needed = self.gate is None or self.gate.needs_detection(frame, self._last)
        is_needed = is_needed or self.tracker.is_unsettled
        gated = time.perf_counter()
        self.timings["gate"] += gated - started
        if is_needed:
            self._last = self._detect(frame, gated)
        else:
            self._last = self.tracker.hold(frame.at_seconds)
            self.timings["tracking"] += time.perf_counter() - gated
        self._last = self._enriched(frame, self._last)
        return self._last

    def _enriched(self, frame, tracked):
        """Return the tracked frame with limb speeds and with what has come to rest."""
        started = time.perf_counter()
        if self.limbs is not None:
            tracked = self.limbs.update(frame, tracked)
        posed = time.perf_counter()
        self.timings["poses"] += posed - started
        if self.statics is not None:
            tracked = replace(tracked, foreground=self.statics.update(frame, tracked))
            self.timings["foreground"] += time.perf_counter() - posed
        return tracked

    def state(self):
        """Return everything a restart needs: JSON values and arrays."""
        return {
            "detector": self.detector.state(),
            "tracker": self.tracker.state(),
            "gate": self.gate.state() if self.gate is not None else None,
            "limbs": self.limbs.state() if self.limbs is not None else None,
            "statics": self.statics.state() if self.statics is not None else None,
            "last": _frame_state(self._last),
            "frames_seen": self.frames_seen,
            "frames_detected": self.frames_detected,
        }

    def restore(self, state):
        """Continue from a state; the parts must be made with the same settings as then."""
        self.detector.restore(state["detector"])
        self.tracker.restore(state["tracker"])
        if self.gate is not None and state["gate"] is not None:
            self.gate.restore(state["gate"])
        if self.limbs is not None and state.get("limbs") is not None:
            self.limbs.restore(state["limbs"])
        if self.statics is not None and state.get("statics") is not None:
            self.statics.restore(state["statics"])
        self._last = _restored_frame(state["last"])
        self.frames_seen = int(state["frames_seen"])
        self.frames_detected = int(state["frames_detected"])

    def _detect(self, frame, started):
        self.frames_detected += 1
        image = frame.image()
        converted = time.perf_counter()
        self.timings["image"] += converted - started
        before = dict(getattr(self.detector, "timings", {}))
        detections = self.detector.detect(image, frame.at_seconds)
        detected = time.perf_counter()
        self._add_inference(before, detected - converted)
        tracked = self.tracker.update(detections, frame.at_seconds)
        self.timings["tracking"] += time.perf_counter() - detected
        return tracked

    def _add_inference(self, before, spent):
        if not before:
            self.timings["inference"] += spent
            return
        for stage, seconds in self.detector.timings.items():
            self.timings[stage] += seconds - before[stage]


def _frame_state(tracked):
    if tracked is None:
        return None
    return {
        "at_seconds": tracked.at_seconds,
        "is_held": tracked.is_held,
        "observations": [
            [o.at_seconds, o.track_id, o.class_name, o.score, list(o.box_xyxy)]
            for o in tracked.observations
        ],
    }


def _restored_frame(state):
    if state is None:
        return None
    observations = tuple(
        Observation(at, track_id, name, score, tuple(box))
        for at, track_id, name, score, box in state["observations"]
    )
    return TrackedFrame(state["at_seconds"], observations, (), state["is_held"])
