"""The hours of the night in which a slot may be trained by itself, as moments.

A window is named by the day on which it begins at the site. It goes over midnight where it ends
before it begins, and lasts a whole day where both are the same. A night on which the clocks leap
over its beginning has it when they land, as long as on any other; one on which an hour comes twice
still is one night.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Night:
    """One night's window: ``day`` at the site, and from when until when (excluded), in UTC."""

    day: date
    begins: datetime
    ends: datetime


def current(policy, zone, at):
    """Return the Night whose window ``at`` falls into, or None.

    Args:
        policy: with ``window_from`` and ``window_until``.
        zone: a ZoneInfo.
    """
    today = at.astimezone(zone).date()
    for day in (today, today - DAY):
        night = of_day(policy, zone, day)
        if night.begins <= at < night.ends:
            return night
    return None


def following(policy, zone, at):
    """Return the first Night that begins after ``at``."""
    today = at.astimezone(zone).date()
    nights = (of_day(policy, zone, today + number * DAY) for number in (-1, 0, 1, 2))
    return next(night for night in nights if night.begins > at)


def of_day(policy, zone, day):
    """Return the Night that begins on a day at the site."""
    start = datetime.combine(day, policy.window_from)
    until = datetime.combine(day, policy.window_until)
    if until <= start:
        until += DAY
    begins, ends = _moment(start, zone), _moment(until, zone)
    return Night(day, begins, max(ends, begins + (until - start)))


def _moment(wall, zone: ZoneInfo):
    return wall.replace(tzinfo=zone).astimezone(UTC)
