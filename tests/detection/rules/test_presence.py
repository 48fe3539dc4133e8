"""Presence: who or what is there, at hours when that matters."""

from datetime import UTC, datetime, timedelta

import pytest

from detection.rules.base import VEHICLE_CLASSES, RuleSpec
from detection.rules.hours import HoursWindow
from tests.detection.rules.scenes import OUTSIDE, Visit, run

AT_NIGHT = HoursWindow(22 * 60, 6 * 60)


def presence(*classes, zones=("hall",), hours=None, **parameters):
    return RuleSpec("presence", "presence", zones, classes, "info", parameters, active_hours=hours)


def clock_from(hour, minute=0):
    start = datetime(2026, 3, 2, hour, minute, tzinfo=UTC)
    return lambda at_seconds: start + timedelta(seconds=at_seconds)


@pytest.mark.parametrize("seconds, count", [(0.8, 0), (1.0, 1), (9.0, 1)])
def test_it_takes_the_least_duration(seconds, count):
    assert len(run([presence()], [Visit(1, 0, seconds)])) == count


@pytest.mark.parametrize(
    "class_name, category",
    [("person", "person_detected")]
    + [(name, "vehicle_detected") for name in sorted(VEHICLE_CLASSES)]
    + [("dog", "unknown"), ("moving", "unknown")],
)
def test_the_class_decides_the_category(class_name, category):
    (incident,) = run([presence()], [Visit(1, 0, 5, class_name=class_name)])
    assert (incident.category, incident.class_name) == (category, class_name)
    assert incident.hits[0].why == f"{class_name} present in hall for 5 s"


def test_only_its_classes_count():
    visits = [Visit(1, 0, 5, x=0.2), Visit(2, 0, 5, x=0.5, class_name="car")]
    visits.append(Visit(3, 0, 5, x=0.8, class_name="dog"))
    incidents = run([presence("person", "car")], visits)
    assert sorted(one.category for one in incidents) == ["person_detected", "vehicle_detected"]


def test_elsewhere_is_nowhere_and_no_zone_is_everywhere():
    visits = [Visit(1, 0, 5, feet=OUTSIDE)]
    assert run([presence()], visits) == []
    assert run([presence(zones=())], visits)[0].hits[0].zone == "frame"


def test_the_numbers_say_why():
    (incident,) = run([presence(min_duration_seconds=2.0)], [Visit(1, 1, 6)])
    assert incident.opened_at_seconds == 3.0
    assert incident.hits[0].numbers == {
        "dwell_seconds": 5.0,
        "since_seconds": 1.0,
        "min_duration_seconds": 2.0,
    }


@pytest.mark.parametrize(
    "hour, minute, opened",
    [(12, 0, []), (21, 59, [60.0]), (22, 0, [1.0]), (3, 0, [1.0]), (5, 59, [1.0]), (6, 0, [])],
)
def test_it_applies_in_its_hours(hour, minute, opened):
    incidents = run(
        [presence("person", hours=(AT_NIGHT,))],
        [Visit(1, 0, 90)],
        clock=clock_from(hour, minute),
    )
    assert [one.opened_at_seconds for one in incidents] == opened


def test_it_ends_with_its_hours_and_not_with_the_visit():
    (incident,) = run([presence(hours=(AT_NIGHT,))], [Visit(1, 0, 90)], clock=clock_from(5, 59))
    assert (incident.closed_at_seconds, incident.close_reason) == (59.8, "rule_stopped")
