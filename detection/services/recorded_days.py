"""A camera's day at its site, and the minutes of it that were recorded and can still be seen.

A day runs from midnight to midnight where the camera stands, so that it has 23 or 25 hours on the
nights on which clocks change. Its minutes are those of the clock on the wall, each of them once
for every footage that was recording in it, cut off where the footage or the day begins or ends.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, Max, OuterRef, Q, Subquery

from detection.models import Footage, Segment
from detection.services import excerpts

MINUTE = timedelta(minutes=1)
# What is left of a minute at the end of a film and shorter than this is nothing to look at.
SHORTEST_SECONDS = 1.0
# Nobody records a file that is longer; streams are found by their kind.
LONGEST_FILE = timedelta(days=2)
Kind = Footage.Kind


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of the clock in a footage, in the seconds of that footage."""

    footage: Footage
    starts_at: datetime
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class RecordedDay:
    """What there is of a camera's day.

    Attributes:
        minutes: all that can be looked at, in the order of time.
        footage: the rows that they are of.
        is_settled: nothing of the day is still being ingested.
        left_out: why some footage of the day is not among them, a phrase each.
    """

    minutes: tuple[Minute, ...]
    footage: tuple[Footage, ...]
    is_settled: bool
    left_out: tuple[str, ...]

    @property
    def is_empty(self):
        return not self.footage and not self.left_out


def bounds(day, time_zone):
    """Return the first moment of a day at a place and that of the next day, in UTC."""
    zone = ZoneInfo(time_zone)
    midnights = (datetime.combine(one, time.min, zone) for one in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return start, end


def day_of(at, time_zone):
    """Return the date of a moment at a place."""
    return at.astimezone(ZoneInfo(time_zone)).date()


def read(camera, day):
    """Return the RecordedDay of a camera at its site."""
    since, until = bounds(day, camera.site.time_zone)
    minutes, shown, left_out, is_settled = [], [], {}, True
    for footage in _footage_between(camera, since, until):
        if footage.starts_at + timedelta(seconds=_covered_seconds(footage)) <= since:
            continue
        reason = excerpts.why_gone(footage)
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        is_settled = is_settled and not footage.is_busy
        found = minutes_of(footage, _covered_seconds(footage), since, until)
        if found:
            shown.append(footage)
            minutes += found
    minutes.sort(key=lambda one: (one.starts_at, one.footage.pk))
    told = tuple(f"{reason} ({count} footage)" for reason, count in sorted(left_out.items()))
    return RecordedDay(tuple(minutes), tuple(shown), is_settled, told)


def _footage_between(camera, since, until):
    """Return the camera's footage that may reach into a stretch of time, oldest first."""
    segments = Segment.objects.filter(footage=OuterRef("pk"))
    done = segments.filter(state=Segment.State.DONE).order_by().values("footage")
    may_reach = Q(starts_at__gt=since - LONGEST_FILE) | Q(kind=Kind.STREAM)
    rows = Footage.objects.filter(may_reach, camera=camera, starts_at__lt=until)
    rows = rows.annotate(
        is_busy=Exists(segments.filter(state__in=[Segment.State.QUEUED, Segment.State.RUNNING])),
        done_until=Subquery(done.annotate(last=Max("end_seconds")).values("last")),
    )
    return rows.select_related("camera__site", "deployment").order_by("starts_at", "pk")


def _covered_seconds(footage):
    """Return how much of a footage was ingested: nothing was ever going to be found in the rest."""
    done = footage.done_until or 0.0
    if footage.duration_seconds is None:
        return done
    return footage.duration_seconds if footage.ended_at else min(done, footage.duration_seconds)


def minutes_of(footage, covered_seconds, since, until):
    """Return the Minutes of a footage between two moments."""
    begin = max(footage.starts_at, since)
    end = min(footage.starts_at + timedelta(seconds=covered_seconds), until)
    found, at = [], begin
    while at < end:
        following = min(at.replace(second=0, microsecond=0) + MINUTE, end)
        start_seconds = (at - footage.starts_at).total_seconds()
        end_seconds = (following - footage.starts_at).total_seconds()
        if end_seconds - start_seconds >= SHORTEST_SECONDS:
            found.append(Minute(footage, at, start_seconds, end_seconds))
        at = following
    return found
