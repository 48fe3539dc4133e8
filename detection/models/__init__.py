"""What cameras are, what they saw, and which model said so."""

from detection.models.camera import Camera, Device, Fixture, Rule, Snapshot, Zone
from detection.models.deployment import Deployment
from detection.models.footage import Footage, Photo, PhotoDetection, Segment
from detection.models.incident import Evidence, Incident, IncidentEvent, RuleHit
from detection.models.prediction import Prediction, ScoreThreshold
from detection.models.sample import SampleDraw
from detection.models.task import Caption, TaskLog
from detection.models.track import TrackLog

__all__ = [
    "Camera",
    "Caption",
    "Deployment",
    "Device",
    "Evidence",
    "Fixture",
    "Footage",
    "Incident",
    "IncidentEvent",
    "Photo",
    "PhotoDetection",
    "Prediction",
    "Rule",
    "RuleHit",
    "SampleDraw",
    "ScoreThreshold",
    "Segment",
    "Snapshot",
    "TaskLog",
    "TrackLog",
    "Zone",
]
