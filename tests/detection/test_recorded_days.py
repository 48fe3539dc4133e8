"""A camera's day: midnight to midnight where it stands, in minutes of the clock."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from detection.models import Footage, Segment
from detection.services import recorded_days
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
DAY = date(2026, 3, 2)


@pytest.fixture
def film(tmp_path):
    """Return a function that makes footage of a camera whose file is there."""

    def made(camera, starts_at, seconds, **columns):
        path = tmp_path / f"{starts_at:%H%M%S}.mp4"
        path.write_bytes(b"film")
        columns = {"ended_at": starts_at, "duration_seconds": seconds, **columns}
        return factories.footage(
            camera, location=str(path), byte_count=4, starts_at=starts_at, **columns
        )

    return made


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", DAY, 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Havana", date(2026, 3, 8), 23),  # its midnight does not exist
        ("America/Havana", date(2026, 11, 1), 25),  # its first hour is there twice
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone, day, hours):
    start, end = recorded_days.bounds(day, zone)
    assert (end - start) == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe"])
def test_days_follow_each_other_without_a_gap_or_an_overlap(zone):
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    for one, following in pairwise(recorded_days.bounds(day, zone) for day in days):
        assert one[1] == following[0]
    for day in days:
        start, end = recorded_days.bounds(day, zone)
        assert recorded_days.day_of(start, zone) == day
        assert recorded_days.day_of(end - timedelta(seconds=1), zone) == day


def test_minutes_are_those_of_the_clock_and_cover_the_film_once(camera, film):
    row = film(camera, datetime(2026, 3, 2, 9, 0, 40, tzinfo=UTC), 150.0)
    minutes = recorded_days.read(camera, DAY).minutes
    spans = [(one.start_seconds, one.end_seconds) for one in minutes]
    assert spans == [(0.0, 20.0), (20.0, 80.0), (80.0, 140.0), (140.0, 150.0)]
    assert {one.footage for one in minutes} == {row}


def test_a_film_over_midnight_is_split_between_two_days(camera, film):
    camera.site.time_zone = "Europe/Berlin"
    camera.site.save()
    film(camera, datetime(2026, 3, 2, 22, 58, 30, tzinfo=UTC), 180.0)  # 23:58:30 there
    before, after = (recorded_days.read(camera, DAY + timedelta(days=ago)) for ago in (0, 1))
    assert sum(one.end_seconds - one.start_seconds for one in before.minutes) == 90.0
    assert sum(one.end_seconds - one.start_seconds for one in after.minutes) == 90.0


def test_every_minute_of_a_switch_night_is_there(camera, film):
    camera.site.time_zone = "Europe/Berlin"
    camera.site.save()
    day = date(2026, 10, 25)
    film(camera, recorded_days.bounds(day, "Europe/Berlin")[0], 25 * 3600.0)
    assert len(recorded_days.read(camera, day).minutes) == 25 * 60
    assert len(recorded_days.read(camera, day + timedelta(days=1)).minutes) == 0


def test_a_scrap_at_the_end_is_no_minute(camera, film):
    film(camera, datetime(2026, 3, 2, 9, 0, tzinfo=UTC), 60.5)
    assert len(recorded_days.read(camera, DAY).minutes) == 1


def test_two_films_at_once_count_each_for_itself(camera, film):
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    film(camera, at, 60.0)
    film(camera, at + timedelta(seconds=30), 60.0)
    assert len(recorded_days.read(camera, DAY).minutes) == 3


def test_only_what_was_ingested_counts_and_a_busy_day_is_not_settled(camera, film):
    row = film(camera, datetime(2026, 3, 2, 9, 0, tzinfo=UTC), 300.0, ended_at=None)
    factories.segment(row, 0)
    factories.segment(row, 1, state=Segment.State.FAILED)
    day = recorded_days.read(camera, DAY)
    assert (len(day.minutes), day.is_settled) == (1, True)
    factories.segment(row, 2, state=Segment.State.QUEUED)
    assert not recorded_days.read(camera, DAY).is_settled


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"kind": Footage.Kind.STREAM, "location": "rtsp://door/1"}, "a stream keeps no pictures"),
        ({"kind": Footage.Kind.UPLOAD, "location": "gone.mp4"}, "the upload is no longer stored"),
        ({"kind": Footage.Kind.FILE, "location": "gone.mp4"}, "its file is no longer there"),
        ({"kind": Footage.Kind.IMPORT, "location": ""}, "imported incidents came without footage"),
    ],
)
def test_footage_that_is_gone_is_told_and_not_counted(camera, columns, reason):
    factories.footage(camera, **columns)
    day = recorded_days.read(camera, DAY)
    assert day.minutes == ()
    assert day.left_out == (f"{reason} (1 footage)",)


def test_another_file_in_its_place_is_not_the_footage(camera, film):
    film(camera, datetime(2026, 3, 2, 9, 0, tzinfo=UTC), 60.0, sha256="0" * 64)
    row = Footage.objects.get()
    row.byte_count = 5
    row.save()
    assert recorded_days.read(camera, DAY).left_out == (
        "another file lies in its place (1 footage)",
    )
