"""What is known of an incident beforehand, as columns."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.models import Incident as IncidentRow
from detection.models import Rule, Zone
from training.learning import triage
from training.learning.triage import COLUMNS, Incident, Past, features

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def incident(**columns):
    usual = {
        "category": "loitering",
        "severity": "high",
        "class_name": "person",
        "origin": "rule",
        "opened_at": AT,
        "duration_seconds": 30.0,
        "peak_score": 0.8,
        "threshold": 0.25,
        "tracks": 2,
        "rule_kinds": ("loitering", "loitering"),
        "zone_kinds": ("restricted",),
        "past_rejected": 3,
        "past_decided": 8,
    }
    return Incident(**(usual | columns))


def test_every_column_has_a_number():
    found = features(incident())
    assert tuple(found) == COLUMNS
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert found["severity"] == 3
    assert found["rule_hits"] == 2
    assert found["zone_restricted"] == 1
    assert found["past_rejected"] == pytest.approx(0.4)
    assert all(type(number) is float for number in found.values())


def test_the_vocabularies_are_those_of_the_rows():
    assert set(triage.CATEGORIES) == set(IncidentRow.Category.values)
    assert set(triage.ORIGINS) == set(IncidentRow.Origin.values)
    assert set(triage.SEVERITIES) == set(Rule.Severity.values)
    assert set(triage.ZONE_KINDS) == set(Zone.Kind.values)


@pytest.mark.parametrize(
    ("name", "kind"), [("person", "person"), ("truck", "vehicle"), ("kite", "other"), ("", "other")]
)
def test_classes_are_of_a_kind(name, kind):
    found = features(incident(class_name=name))
    assert [one for one in COLUMNS if one.startswith("class_") and found[one]] == [f"class_{kind}"]


@pytest.mark.parametrize(("hour", "is_night"), [(20, 1), (5, 1), (0, 1), (6, 0), (19, 0)])
def test_nights(hour, is_night):
    assert features(incident(opened_at=AT.replace(hour=hour)))["is_night"] == is_night


def test_what_is_unknown_still_has_numbers():
    odd = incident(severity="?", category="?", duration_seconds=-1.0, rule_kinds=(), zone_kinds=())
    found = features(odd)
    assert (found["severity"], found["log_duration"], found["rule_hits"]) == (2, 0, 0)


@given(
    decided=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30),
    at=st.integers(-1, 21),
    later=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=10),
)
def test_the_past_is_what_was_decided_strictly_before(decided, at, later):
    def moments(rows):
        return [(AT + timedelta(hours=hour), rejected) for hour, rejected in rows]

    now = AT + timedelta(hours=at)
    before = [rejected for hour, rejected in decided if hour < at]
    found = Past(moments(decided)).before(now)
    assert found == (sum(before), len(before))
    from_now_on = [(hour, rejected) for hour, rejected in later if hour >= at]
    assert Past(moments(decided + from_now_on)).before(now) == found
