"""Track logs of frames that a test made up, stored as a live session stores its own."""

from datetime import timedelta

from detection import checkpoints
from detection.models import Segment
from detection.services import tracklogs
from tests import factories

SIZE = (1280, 720)


def store_frames(frames, *, fps=5.0, segment_seconds=13.0, camera=None, restarts=(), **columns):
    """Store frames as the track logs of a new session that has ended, and return its footage.

    Args:
        restarts: before the frames of these numbers the rows go through a checkpoint.
    """
    last_seconds = frames[-1].at_seconds
    columns = {"width": SIZE[0], "height": SIZE[1], "duration_seconds": None, **columns}
    columns.setdefault("ended_at", factories.STARTS_AT + timedelta(seconds=last_seconds))
    row = factories.footage(camera, **columns)
    row.configuration = {"sampling_fps": fps, "lost_seconds": 2.0, "time_zone": "UTC"}
    row.save()
    deployment = row.deployment or factories.deployment()
    rows = tracklogs.TrackRows(sampling_fps=fps, frame_size=SIZE)
    segment, last_at = None, 0.0
    for number, frame in enumerate(frames):
        position = int(frame.at_seconds // segment_seconds)
        if segment is None or position != segment.position:
            _end(segment, rows, deployment, last_at)
            segment = Segment.objects.create(
                footage=row,
                position=position,
                start_seconds=position * segment_seconds,
                end_seconds=(position + 1) * segment_seconds,
                state=Segment.State.DONE,
            )
        if number in restarts:
            stored = checkpoints.decode(checkpoints.encode(rows.state()))
            rows = tracklogs.TrackRows(sampling_fps=fps, frame_size=SIZE)
            rows.restore(stored)
        rows.add(frame)
        last_at = frame.at_seconds
    _end(segment, rows, deployment, last_at)
    return row


def _end(segment, rows, deployment, last_seconds):
    if segment is not None:
        tracklogs.store(
            segment, rows, deployment=deployment, source="detector", last_seconds=last_seconds
        ).save()
        rows.forget_before(last_seconds - 20.0)
