"""When a rule applies.

Hours are wall-clock hours of the site, so both nights on which the clocks change come out the way
a person reading "22:00 to 06:00" expects.
"""

from dataclasses import dataclass
from datetime import datetime

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class HoursWindow:
    """From one minute of the day until another, which may lie past midnight.

    Attributes:
        from_minute: 0..1439, inclusive.
        to_minute: 1..1440, exclusive; smaller than ``from_minute`` means the next day.
        days: names out of DAYS on which the window begins.
    """

    from_minute: int
    to_minute: int
    days: tuple[str, ...] = DAYS

    def contains(self, local: datetime) -> bool:
        """Say whether a local wall-clock time falls into the window."""
        minute = local.hour * 60 + local.minute
        today = DAYS[local.weekday()] in self.days
        if self.from_minute < self.to_minute:
            return today and self.from_minute <= minute < self.to_minute
        yesterday = DAYS[local.weekday() - 1] in self.days
        return (today and minute >= self.from_minute) or (yesterday and minute < self.to_minute)


def format_minute(minute: int) -> str:
    """Write a minute of the day as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_minute(text: str) -> int:
    """Read HH:MM, 24:00 included, as a minute of the day; ValueError otherwise."""
    hours, separator, minutes = text.partition(":")
    if not separator or len(minutes) != 2 or not (hours + minutes).isascii():
        raise ValueError(text)
    if not (hours.isdigit() and minutes.isdigit()) or len(hours) > 2 or int(minutes) > 59:
        raise ValueError(text)
    minute = int(hours) * 60 + int(minutes)
    if minute > MINUTES_OF_DAY:
        raise ValueError(text)
    return minute
