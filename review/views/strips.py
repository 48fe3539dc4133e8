"""The filmstrip on the page: where each moment stands in the sheet, and what is drawn over it."""

from dataclasses import dataclass

from detection.models import Evidence
from review.services import filmstrips
from review.views.exhibits import is_visible

UNIT = 320  # the width of one frame, in the drawing's own units
NEAR_SECONDS = 0.35


@dataclass(frozen=True)
class Moment:
    """One frame of the sheet, its time on the clip's own clock and on the footage's."""

    x: float
    y: float
    at_seconds: float
    shown_seconds: float
    boxes: tuple = ()


@dataclass(frozen=True)
class Strip:
    evidence: Evidence
    columns: int
    width: int
    height: int
    moments: tuple[Moment, ...]


def strip(user, item):
    """Return the filmstrip of an item's clip; None where there is none, or none to be seen."""
    rows = item.evidence if item.incident is not None else []
    clip = next((row for row in rows if row.is_clip), None)
    if clip is None or not is_visible(user, item, clip):
        return None
    columns = filmstrips.columns(clip)
    frame_height = round(UNIT * clip.height / max(clip.width, 1))
    subjects = set(item.incident.track_ids)
    moments = tuple(
        _moment(clip, place, at_seconds, columns, frame_height, subjects)
        for place, at_seconds in enumerate(filmstrips.moments(clip))
    )
    height = frame_height * -(-len(moments) // columns)
    return Strip(clip, columns, UNIT * columns, height, moments)


def _moment(clip, place, at_seconds, columns, frame_height, subjects):
    x, y = place % columns * UNIT, place // columns * frame_height
    shown_seconds = clip.at_seconds + at_seconds
    boxes = tuple(
        _box(row["box_xyxy"], x, y, frame_height)
        for row in _near(clip.observations, shown_seconds)
        if row.get("track_id") in subjects
    )
    return Moment(x, y, at_seconds, shown_seconds, boxes)


def _near(observations, at_seconds):
    """Return the observations of the sampled frame that is nearest to a time."""
    rows = [row for row in observations if row.get("box_xyxy")]
    times = (row["at_seconds"] for row in rows)
    nearest = min(times, key=lambda one: abs(one - at_seconds), default=None)
    if nearest is None or abs(nearest - at_seconds) > NEAR_SECONDS:
        return []
    return [row for row in rows if row["at_seconds"] == nearest]


def _box(box_xyxy, x, y, frame_height):
    x1, y1, x2, y2 = box_xyxy
    return (
        round(x + x1 * UNIT, 1),
        round(y + y1 * frame_height, 1),
        round((x2 - x1) * UNIT, 1),
        round((y2 - y1) * frame_height, 1),
    )
