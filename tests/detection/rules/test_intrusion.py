"""Entries of restricted zones."""

from dataclasses import replace

import pytest

from tests.detection.rules.scenes import HALL, OUTSIDE, VAULT, Visit, entry, run


@pytest.mark.parametrize("seconds, count", [(0.8, 0), (1.0, 1), (6.0, 1)])
def test_an_entry_takes_the_least_duration(seconds, count):
    assert len(run([entry()], [Visit(1, 0, seconds)])) == count


def test_only_restricted_zones_count():
    assert run([entry()], [Visit(1, 0, 6)], zones=[HALL]) == []


def test_every_restricted_zone_counts_when_none_is_named():
    upper = replace(VAULT, name="upper", polygon=((0, 0.4), (1, 0.4), (1, 0.6), (0, 0.6)))
    visits = [Visit(1, 0, 3), Visit(1, 3.1, 6, feet=OUTSIDE)]
    (incident,) = run([entry(cooldown_seconds=0)], visits, zones=[HALL, VAULT, upper])
    assert [hit.zone for hit in incident.hits] == ["vault", "upper"]


def test_the_sentence_and_the_numbers_say_why():
    (incident,) = run([entry()], [Visit(1, 0, 21)])
    (hit,) = incident.hits
    assert hit.why == "person inside restricted zone vault for 21 s"
    assert hit.numbers == {
        "dwell_seconds": 21.0,
        "since_seconds": 0.0,
        "min_duration_seconds": 1.0,
    }
