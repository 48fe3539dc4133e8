"""Rules in words: every kind has a sentence, and what was set is in it."""

import pytest

from detection.rules.base import RULE_KINDS, RuleSpec
from detection.rules.config import parse_config
from detection.rules.words import SENTENCES, describe, duration

ZONES = [
    {"name": "door", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]},
    {"name": "hall", "kind": "monitored", "polygon": [[0, 0], [1, 0], [1, 1]]},
]


def told(**rule):
    config = parse_config({"zones": ZONES, "rules": [rule]}, file_name="rules")
    return describe(config.rules[0], config.zones)


@pytest.mark.parametrize("kind", sorted(RULE_KINDS))
def test_every_kind_has_a_sentence_with_all_of_it_filled_in(kind):
    words = told(kind=kind)
    assert kind in SENTENCES
    assert "{" not in words.sentence
    assert "unset" not in words.sentence
    assert words.sentence.endswith(".")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            {"kind": "loitering", "zones": ["hall"], "classes": ["person"]},
            "A person stays in “hall” for 30 s or longer.",
        ),
        (
            {"kind": "loitering", "threshold_seconds": 120},
            "Anything tracked stays in the picture for 2 min or longer.",
        ),
        (
            {"kind": "restricted_zone_entry", "classes": ["car", "truck"]},
            "A car or truck is inside “door” for 1 s or longer.",
        ),
        (
            {"kind": "presence", "zones": ["hall", "door"], "classes": ["umbrella"]},
            "An umbrella is in “hall” or “door” for 1 s or longer.",
        ),
        (
            {"kind": "presence", "zones": ["hall"], "classes": ["moving"]},
            "Whatever moves is in “hall” for 1 s or longer.",
        ),
        (
            {"kind": "object_left_unattended", "zones": ["hall"], "classes": ["suitcase"]},
            "A suitcase is left in “hall”, and its owner stays away, farther than 1.5 owner "
            "heights, for 60 s or longer.",
        ),
        (
            {"kind": "aggression", "zones": ["hall"]},
            "Two or more people struggle within reach of each other in “hall” for 2 s or longer.",
        ),
        (
            {"kind": "rapid_movement", "zones": ["hall"], "classes": ["person"]},
            "A person moves in “hall” at 2 body heights/s or faster.",
        ),
        (
            {"kind": "crowd_formation", "zones": ["hall"], "classes": ["person"]},
            "3 or more people are together in “hall” for 3 s; it is over when fewer than 2 are "
            "left.",
        ),
    ],
)
def test_what_was_set_is_said(rule, sentence):
    assert told(**rule).sentence == sentence


def test_a_rule_about_restricted_zones_whose_zones_are_not_known():
    rule = RuleSpec("entry", "restricted_zone_entry")
    assert "of which there is none" in describe(rule).sentence


def test_the_rest_is_in_the_details():
    words = told(kind="loitering", grace_seconds=4, cooldown_seconds=90, severity="high")
    assert words.details == ("gaps up to 4 s are bridged", "quiet for 90 s after")
    assert words.severity == "high"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "only things that have a name"), (1, "things without a name, too")]
)
def test_a_switch_is_said(value, text):
    assert text in told(kind="object_left_unattended", unknown_objects=value).details


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (None, "at all hours"),
        ([{"from": "00:00", "to": "24:00"}], "at all hours"),
        ([{"from": "22:00", "to": "06:00"}], "22:00–06:00"),
        ([{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}], "Sat and Sun"),
        (
            [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "22:00", "to": "06:00"},
                {"days": ["sat"], "from": "08:00", "to": "12:30"},
            ],
            "Mon–Fri 22:00–06:00, Sat 08:00–12:30",
        ),
    ],
)
def test_hours(hours, text):
    assert told(kind="presence", active_hours=hours).hours == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (0.5, "0.5 s"), (60, "60 s"), (90, "90 s"), (120, "2 min"), (7200, "2 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
