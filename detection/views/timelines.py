"""A comparison of rules as the pages show it: figures, lists, and two rows along the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from detection.services import rule_drafts

WIDTH = 1000.0
NARROWEST = 2.0
MOST_MARKS = 1000


@dataclass(frozen=True)
class Mark:
    """An incident on a row of the timeline."""

    x: float
    width: float
    fate: str
    incident: object


@dataclass(frozen=True)
class Timeline:
    """Rows of marks along one axis of WIDTH units.

    Attributes:
        rows: (name, number of incidents, marks) of each row; not all are drawn of very many.
        film: (x, width) of the stretches of which there is film.
        labels: five times, evenly spread from the axis' start to its end.
        label_format: how much of a time is worth saying on an axis of this length.
    """

    rows: list
    film: list
    labels: list
    label_format: str


def effect_context(camera, difference, *, footage=None):
    """Return what the templates need to show a ``replay.Difference``."""
    spans = rule_drafts.film_spans(
        camera, since=difference.since, until=difference.until, footage=footage
    )
    return {
        "difference": difference,
        "kept": [after for _, after in difference.kept],
        "timeline": timeline(difference, spans),
        "time_zone": camera.site.time_zone,
    }


def timeline(difference, spans):
    """Lay out both rows on the time of the film, or None where there is nothing to lay out."""
    shown = [*difference.before, *difference.after]
    starts = [span.start for span in spans] + [one.opened_at for one in shown]
    ends = [span.end for span in spans] + [one.closed_at for one in shown]
    if not starts:
        return None
    start, end = min(starts), max(ends)
    length = max(end - start, timedelta(seconds=1))
    axis = _Axis(start, length)
    before, after = difference.before, difference.after
    return Timeline(
        rows=[
            ("Before", len(before), _marks(before, difference.disappeared, "disappeared", axis)),
            ("After", len(after), _marks(after, difference.appeared, "appeared", axis)),
        ],
        film=[axis.place(span.start, span.end) for span in spans],
        labels=[_rounded(start + length * share / 4, length) for share in range(5)],
        label_format=_label_format(length),
    )


@dataclass(frozen=True)
class _Axis:
    """The time of a timeline, drawn WIDTH units long."""

    start: datetime
    length: timedelta

    def place(self, begins, closes):
        """Return (x, width) of a stretch of time."""
        x = WIDTH * ((begins - self.start) / self.length)
        return round(x, 2), round(WIDTH * ((closes - begins) / self.length), 2)


def _marks(incidents, changed, fate, axis):
    """Return the marks of a row, those of the changed incidents last, over what stays."""
    theirs = {(one.footage_id, one.key) for one in changed}
    marks = []
    for one in incidents[:MOST_MARKS]:
        is_changed = (one.footage_id, one.key) in theirs
        place = axis.place(one.opened_at, one.closed_at)
        marks.append(_mark(one, *place, fate if is_changed else "kept"))
    return sorted(marks, key=lambda mark: mark.fate != "kept")


def _label_format(length):
    if length < timedelta(hours=1.5):
        return "H:i:s"
    return "H:i" if length < timedelta(hours=20) else "j M H:i"


def _rounded(at, length):
    """Return a time to the second, or to the minute on an axis that tells no seconds."""
    step = timedelta(seconds=1) if "s" in _label_format(length) else timedelta(minutes=1)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + step * round((at - midnight) / step)


def _mark(incident, x, width, fate):
    width = max(width, NARROWEST)
    return Mark(min(x, WIDTH - width), width, fate, incident)
