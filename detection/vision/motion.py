"""Motion, in two uses: a gate before a detector, and a detector that needs no weights."""

from detection.vision.motion_detector import MotionDetector
from detection.vision.motion_gate import MotionGate

__all__ = ["MotionDetector", "MotionGate"]
