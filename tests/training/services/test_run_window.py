"""The hours of the night: over midnight, across summer time, each night once."""

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from training.services import run_window

NEW_YORK = ZoneInfo("America/New_York")


def hours(begins, ends):
    return SimpleNamespace(
        window_from=time.fromisoformat(begins), window_until=time.fromisoformat(ends)
    )


def moment(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("begins", "ends", "at", "day"),
    [
        ("01:00", "05:00", "2026-06-10 00:59", None),
        ("01:00", "05:00", "2026-06-10 01:00", 10),
        ("01:00", "05:00", "2026-06-10 04:59", 10),
        ("01:00", "05:00", "2026-06-10 05:00", None),
        ("22:00", "04:00", "2026-06-10 23:00", 10),
        ("22:00", "04:00", "2026-06-11 03:59", 10),
        ("22:00", "04:00", "2026-06-11 04:00", None),
        ("03:00", "03:00", "2026-06-10 02:59", 9),
        ("03:00", "03:00", "2026-06-10 03:00", 10),
    ],
)
def test_which_night_a_moment_belongs_to(begins, ends, at, day):
    found = run_window.current(hours(begins, ends), NEW_YORK, moment(at, NEW_YORK))
    assert (found and found.day) == (day and date(2026, 6, day))


def test_the_hours_are_those_of_the_site():
    policy = hours("01:00", "05:00")
    at = moment("2026-06-10 18:00")  # 03:00 of the next day in Tokyo
    assert run_window.current(policy, ZoneInfo("Asia/Tokyo"), at).day == date(2026, 6, 11)
    assert run_window.current(policy, UTC, at) is None


@pytest.mark.parametrize(
    ("begins", "ends", "day", "first", "length"),
    [
        # 02:00 does not exist: the hour begins when the clocks have landed.
        ("02:00", "03:00", date(2026, 3, 8), "2026-03-08 07:00", 1),
        ("01:00", "05:00", date(2026, 3, 8), "2026-03-08 06:00", 4),
        # The hour from 01:00 comes twice: one night, an hour longer.
        ("01:00", "05:00", date(2026, 11, 1), "2026-11-01 05:00", 5),
        ("22:00", "04:00", date(2026, 10, 31), "2026-11-01 02:00", 7),
    ],
)
def test_nights_on_which_the_clocks_change(begins, ends, day, first, length):
    night = run_window.of_day(hours(begins, ends), NEW_YORK, day)
    assert night.begins == moment(first)
    assert night.ends - night.begins == timedelta(hours=length)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize(("begins", "ends"), [("01:00", "05:00"), ("23:30", "02:30")])
def test_every_day_of_a_year_has_one_night(zone, begins, ends):
    policy, at = hours(begins, ends), moment("2025-12-30 00:00")
    seen = set()
    while at < moment("2027-01-03 00:00"):
        night = run_window.current(policy, ZoneInfo(zone), at)
        if night:
            seen.add(night.day)
        at += timedelta(minutes=10)
    assert len([day for day in seen if day.year == 2026]) == 365


def test_the_next_night_is_told():
    policy = hours("01:00", "05:00")
    assert run_window.following(policy, UTC, moment("2026-06-10 02:00")).day == date(2026, 6, 11)
    assert run_window.following(policy, UTC, moment("2026-06-10 00:30")).day == date(2026, 6, 10)
