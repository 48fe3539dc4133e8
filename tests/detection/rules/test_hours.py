"""Hours in which a rule applies, on the site's wall clock."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detection.rules.hours import HoursWindow, format_minute, parse_minute
from tests.detection.rules.scenes import Visit, loitering, run

VIENNA = ZoneInfo("Europe/Vienna")
NIGHT = HoursWindow(parse_minute("22:00"), parse_minute("06:00"), ("fri",))
OFFICE = HoursWindow(parse_minute("08:30"), parse_minute("17:00"))


@pytest.mark.parametrize(
    "window, local, expected",
    [
        (OFFICE, "2025-03-28 08:29", False),
        (OFFICE, "2025-03-28 08:30", True),
        (OFFICE, "2025-03-28 16:59", True),
        (OFFICE, "2025-03-28 17:00", False),
        (NIGHT, "2025-03-28 21:59", False),  # a Friday
        (NIGHT, "2025-03-28 22:00", True),
        (NIGHT, "2025-03-29 05:59", True),  # Saturday, still Friday's night
        (NIGHT, "2025-03-29 06:00", False),
        (NIGHT, "2025-03-29 23:00", False),
        (NIGHT, "2025-03-28 03:00", False),  # Friday, Thursday's night
    ],
)
def test_windows_within_a_day_and_across_midnight(window, local, expected):
    assert window.contains(datetime.fromisoformat(local).replace(tzinfo=VIENNA)) is expected


def test_sunday_night_reaches_into_monday():
    window = HoursWindow(parse_minute("23:00"), parse_minute("01:00"), ("sun",))
    assert window.contains(datetime(2025, 3, 31, 0, 30, tzinfo=VIENNA))


def test_a_whole_day_ends_at_24():
    window = HoursWindow(0, parse_minute("24:00"), ("sat",))
    assert window.contains(datetime(2025, 3, 29, 23, 59, tzinfo=VIENNA))
    assert not window.contains(datetime(2025, 3, 30, 0, 0, tzinfo=VIENNA))


@pytest.mark.parametrize(
    "text", ["", "8", "8.30", "24:01", "12:60", "1:5", "-1:00", "١٢:00", "a:bc"]
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError):
        parse_minute(text)


@pytest.mark.parametrize("text", ["00:00", "09:05", "24:00"])
def test_minutes_are_written_as_they_are_read(text):
    assert format_minute(parse_minute(text)) == text


def clock_from(text):
    start = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC"))
    return lambda at_seconds: (start + timedelta(seconds=at_seconds)).astimezone(VIENNA)


def run_at(text, windows):
    rule = replace(loitering(5), active_hours=windows)
    return run([rule], [Visit(1, 0, 60)], clock=clock_from(text))


def test_a_rule_is_silent_outside_its_hours():
    assert run_at("2025-03-27 12:00", (NIGHT,)) == []
    assert len(run_at("2025-03-28 22:00", (NIGHT,))) == 1
    assert len(run_at("2025-03-28 22:00", (OFFICE, NIGHT))) == 1


def test_a_hit_ends_with_the_hours():
    (incident,) = run_at("2025-03-27 15:59:30", (OFFICE,))
    assert incident.close_reason == "rule_stopped"
    assert incident.closed_at_seconds == 29.8


def test_a_hit_opens_with_the_hours_and_knows_the_whole_dwell():
    (incident,) = run_at("2025-03-27 07:29:30", (OFFICE,))
    assert incident.opened_at_seconds == 30.0
    assert incident.hits[0].numbers["since_seconds"] == 0.0


@pytest.mark.parametrize(
    "utc, count",
    [
        ("2025-03-30 01:30", 1),  # 03:30, the hour after 02:00 was skipped
        ("2025-03-30 04:30", 0),  # 06:30
        ("2025-10-26 00:30", 1),  # 02:30 in summer time
        ("2025-10-26 01:30", 1),  # 02:30 again, in winter time
        ("2025-10-26 05:30", 0),  # 06:30
    ],
)
def test_nights_are_right_when_the_clocks_change(utc, count):
    window = HoursWindow(parse_minute("22:00"), parse_minute("06:00"), ("sat",))
    assert len(run_at(utc, (window,))) == count


def test_without_a_clock_a_rule_always_applies():
    rule = replace(loitering(5), active_hours=(NIGHT,))
    assert len(run([rule], [Visit(1, 0, 9)])) == 1


class TestNightsOfTheClockChange:
    """Hours are those on the wall: one may be missing, and one may come twice."""

    AT_TWO = (HoursWindow(parse_minute("02:00"), parse_minute("03:00")),)
    STAY = (Visit(1, 0, 4 * 3600),)

    def spans(self, text, windows):
        rule = replace(loitering(5), active_hours=windows)
        incidents = run([rule], self.STAY, fps=0.2, clock=clock_from(text), lost_seconds=30)
        return [(one.opened_at_seconds, one.closed_at_seconds) for one in incidents]

    def test_an_hour_that_is_skipped_never_comes(self):
        # 00:00 to 04:00 in UTC is 01:00 to 06:00 on the wall, without 02:00 to 03:00.
        assert self.spans("2025-03-30 00:00", self.AT_TWO) == []

    def test_an_hour_that_comes_twice_counts_both_times_in_one_go(self):
        # From 23:00 in UTC, 01:00 on the wall; 02:00 comes an hour later and lasts for two.
        assert self.spans("2025-10-25 23:00", self.AT_TWO) == [(3600.0, 3600.0 * 3 - 5)]

    @pytest.mark.parametrize(
        "text, hours_awake",
        [
            ("2025-03-29 23:00", 3.0),  # midnight on the wall until 04:00, which is 02:00 in UTC
            ("2025-10-25 22:00", 4.0),  # from midnight on the wall; until 04:00 it is 5 hours
            ("2025-06-01 22:00", 4.0),
        ],
    )
    def test_a_night_window_covers_the_whole_night(self, text, hours_awake):
        until_four = (HoursWindow(parse_minute("22:00"), parse_minute("04:00")),)
        ((opened, closed),) = self.spans(text, until_four)
        assert opened == 5.0
        assert closed == pytest.approx(hours_awake * 3600, abs=5)

    def test_every_minute_of_both_nights_is_in_a_window_and_its_complement_once(self):
        day = HoursWindow(parse_minute("06:00"), parse_minute("22:00"))
        night = HoursWindow(parse_minute("22:00"), parse_minute("06:00"))
        for start in ("2025-03-29 12:00", "2025-10-25 12:00"):
            clock = clock_from(start)
            for minute in range(24 * 60):
                local = clock(60.0 * minute)
                assert day.contains(local) is not night.contains(local)
