"""Film of which only the tracks are there: who stood where and when, ready to be replayed."""

from dataclasses import dataclass

from detection.models import TrackLog
from detection.services import tracklogs
from detection.vision.types import Observation, TrackedFrame
from tests import factories

FPS = 5.0


@dataclass(frozen=True)
class Stay:
    """Somebody stands with the feet at (x, y) for a time, in seconds of the film."""

    start: float
    end: float
    x: float
    y: float
    class_name: str = "person"


def store(camera, stays, *, seconds=120.0, **columns):
    """Store footage with the track log of these stays; return the Footage."""
    configuration = {"sampling_fps": FPS, "lost_seconds": 2.0, "zones": [], "rules": []}
    configuration |= {"tracker": "bytetrack", "detector": "auto", "time_zone": "UTC"}
    configuration |= {"estimates_poses": False}
    columns = {"configuration": configuration, "duration_seconds": seconds, **columns}
    footage = factories.footage(camera, **columns)
    segment = factories.segment(footage, start_seconds=0.0, end_seconds=seconds)
    size = (factories.WIDTH, factories.HEIGHT)
    rows = tracklogs.TrackRows(sampling_fps=FPS, frame_size=size)
    for number in range(round(seconds * FPS)):
        at_seconds = number / FPS
        seen = [
            _seen(at_seconds, track_id, stay)
            for track_id, stay in enumerate(stays, start=1)
            if stay.start <= at_seconds <= stay.end
        ]
        rows.add(TrackedFrame(at_seconds, tuple(seen)))
    log = tracklogs.store(
        segment, rows, deployment=factories.deployment(), source="detector", last_seconds=seconds
    )
    TrackLog.objects.bulk_create([log])
    return footage


def _seen(at_seconds, track_id, stay):
    box = (stay.x - 0.05, stay.y - 0.3, stay.x + 0.05, stay.y)
    return Observation(at_seconds, track_id, stay.class_name, 0.9, box)
