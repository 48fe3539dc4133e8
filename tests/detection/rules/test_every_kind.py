"""What holds for every kind of rule that there is, those added later included."""

from dataclasses import replace

import pytest

from detection.rules.base import RULE_KINDS, ZONE_KINDS, RuleSpec
from detection.rules.config import dump_config, parse_config
from hitlsite.errors import DomainError
from tests.detection.rules.scenes import Visit, loitering, run

KINDS = sorted(RULE_KINDS)
PARAMETERS = [(kind, name) for kind in KINDS for name in RULE_KINDS[kind].parameters_by_name]
SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
ZONES = [{"name": kind, "kind": kind, "polygon": SQUARE} for kind in ZONE_KINDS]


def parse(*rules):
    return parse_config({"zones": ZONES, "rules": list(rules)}, file_name="R.yaml").rules


def refusal_of(*rules):
    with pytest.raises(DomainError) as caught:
        parse(*rules)
    assert caught.value.code == "config_invalid"
    assert "\n" not in caught.value.message
    return caught.value.message


def parameter_of(kind, name):
    return RULE_KINDS[kind].parameters_by_name[name]


class TestParameters:
    def test_every_promised_kind_is_registered(self):
        assert set(KINDS) >= {
            "aggression",
            "crowd_formation",
            "loitering",
            "object_left_unattended",
            "presence",
            "rapid_movement",
            "restricted_zone_entry",
        }

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_kind_alone_is_a_rule_with_all_parameters(self, kind):
        (rule,) = parse({"kind": kind})
        assert set(rule.parameters) == set(RULE_KINDS[kind].parameters_by_name)
        assert parse(
            *dump_config(parse_config({"zones": ZONES, "rules": [{"kind": kind}]}, file_name="R"))[
                "rules"
            ]
        ) == (rule,)

    @pytest.mark.parametrize("kind, name", PARAMETERS)
    @pytest.mark.parametrize(
        "value",
        [-1, -1e-9, float("nan"), float("inf"), float("-inf"), 10**400, 1e300, True, None, "1", []],
        ids=str,
    )
    def test_no_nonsense_in_any_parameter(self, kind, name, value):
        message = refusal_of({"kind": kind, name: value})
        assert message.startswith(f"R.yaml: rules[0].{name} must be a ")
        assert len(message) < 300

    @pytest.mark.parametrize("kind, name", PARAMETERS)
    def test_limits_belong_to_what_is_allowed_and_nothing_beyond(self, kind, name):
        parameter = parameter_of(kind, name)
        step = 1 if parameter.is_whole else 1e-6 * max(1.0, abs(parameter.maximum))
        for value in (parameter.minimum - step, parameter.maximum + step):
            assert f"rules[0].{name} must be a " in refusal_of({"kind": kind, name: value})
        for value in (parameter.minimum, parameter.maximum):
            given = {name: value}
            if RULE_KINDS[kind].find_conflict(RULE_KINDS[kind].complete_parameters(given)) is None:
                (rule,) = parse({"kind": kind, **given})
                assert rule.parameters[name] == value

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_unknown_key_is_named_with_what_was_meant(self, kind):
        name = next(iter(RULE_KINDS[kind].parameters_by_name))
        message = refusal_of({"kind": kind, f"{name}x": 1})
        assert f"rules[0].{name}x is an unknown key; did you mean {name}" in message

    @pytest.mark.parametrize("kind, name", [p for p in PARAMETERS if parameter_of(*p).is_whole])
    def test_a_count_is_whole(self, kind, name):
        assert "must be a whole number" in refusal_of(
            {"kind": kind, name: parameter_of(kind, name).minimum + 0.5}
        )


class TestZones:
    @pytest.mark.parametrize("kind", KINDS)
    def test_no_rule_names_a_private_zone(self, kind):
        message = refusal_of({"kind": kind, "zones": ["private"]})
        assert message == (
            'R.yaml: rules[0].zones[0] names "private", a private zone: nothing that happens there '
            "is looked at"
        )

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("zone", ["monitored", "restricted", "public"])
    def test_a_rule_names_the_zones_of_its_kinds_only(self, kind, zone):
        entry = {"kind": kind, "zones": [zone]}
        if zone in (RULE_KINDS[kind].zone_kinds or ZONE_KINDS):
            assert parse(entry)[0].zones == (zone,)
        else:
            assert f'names "{zone}", a {zone} zone; {kind} takes' in refusal_of(entry)

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_unknown_zone_is_named(self, kind):
        message = refusal_of({"kind": kind, "zones": ["restrictd"]})
        assert 'the unknown zone "restrictd"; did you mean restricted?' in message


class TestContradictions:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_rule_twice_is_refused(self, kind):
        message = refusal_of({"kind": kind, "name": "a"}, {"kind": kind, "name": "b"})
        assert message == 'R.yaml: rules[1] ("b") says the same as rules[0] ("a")'

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_rule_with_another_severity_contradicts_it(self, kind):
        first = {"kind": kind, "name": "a", "severity": "low"}
        message = refusal_of(first, {"kind": kind, "name": "b", "severity": "critical"})
        assert message == (
            'R.yaml: rules[1] ("b") contradicts rules[0] ("a"): they differ in nothing but '
            "severity, critical and low"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"zones": ["public", "monitored"]},
            {"classes": ["person", "car", "car"]},
            {"active_hours": [{"from": "08:00", "to": "09:00"}, {"from": "22:00", "to": "06:00"}]},
            {"threshold_seconds": 30},
        ],
    )
    def test_order_repetition_and_defaults_make_no_difference(self, change):
        values = {
            "zones": ["monitored", "public"],
            "classes": ["car", "person"],
            "active_hours": [{"from": "22:00", "to": "06:00"}, {"from": "08:00", "to": "09:00"}],
        }
        first = {"kind": "loitering", "name": "a", **values}
        assert "says the same" in refusal_of(first, {**first, "name": "b", **change})

    def test_a_rule_that_takes_all_zones_repeats_one_that_names_them_all(self):
        first = {"kind": "restricted_zone_entry", "name": "a"}
        assert "says the same" in refusal_of(first, {**first, "name": "b", "zones": ["restricted"]})

    @pytest.mark.parametrize(
        "change",
        [
            {"threshold_seconds": 60},
            {"zones": ["monitored"]},
            {"classes": ["person"]},
            {"active_hours": [{"from": "22:00", "to": "06:00"}]},
            {"kind": "presence"},
        ],
    )
    def test_what_differs_in_more_than_severity_stands_beside_it(self, change):
        first = {"kind": "loitering", "severity": "low"}
        assert len(parse(first, {**first, "severity": "high", **change})) == 2

    def test_two_thresholds_are_an_escalation(self):
        """One incident with both hits, each with its own threshold, and the higher severity."""
        rules = [
            replace(loitering(5.0), severity="low"),
            replace(loitering(12.0), name="too long", severity="critical"),
        ]
        (brief, long) = run(rules, [Visit(1, 0, 9, x=0.2), Visit(2, 0, 20, x=0.8)])
        assert [hit.rule_name for hit in brief.hits] == ["loitering"]
        assert brief.severity == "low"
        assert [(hit.rule_name, hit.opened_at_seconds) for hit in long.hits] == [
            ("loitering", 5.0),
            ("too long", 12.0),
        ]
        assert [hit.numbers["threshold_seconds"] for hit in long.hits] == [5.0, 12.0]
        assert (long.severity, long.opened_at_seconds) == ("critical", 5.0)


class TestPerClassThresholds:
    """A person may stand in a zone for 10 s and a car for 120 s, both at the same time."""

    RULES = (
        RuleSpec(
            "people", "loitering", ("hall",), ("person",), parameters={"threshold_seconds": 10}
        ),
        RuleSpec("cars", "loitering", ("hall",), ("car",), parameters={"threshold_seconds": 120}),
    )

    @pytest.mark.parametrize("fps", [25, 5, 2])
    def test_each_class_has_its_own(self, fps):
        visits = [
            Visit(1, 0, 130, x=0.2, class_name="car"),
            Visit(2, 60, 90, x=0.5),
            Visit(3, 20, 100, x=0.8, class_name="car"),
            Visit(4, 100, 108, x=0.9),
        ]
        incidents = run(self.RULES, visits, fps=fps)
        assert [(one.class_name, one.track_ids, len(one.hits)) for one in incidents] == [
            ("person", (2,), 1),
            ("car", (1,), 1),
        ]
        assert [one.opened_at_seconds for one in incidents] == [70.0, 120.0]
        assert [one.hits[0].why for one in incidents] == [
            "person loitering in hall for 30 s",
            "car loitering in hall for 130 s",
        ]

    def test_both_at_the_same_moment_are_two_incidents(self):
        visits = [Visit(1, 0, 125, x=0.2, class_name="car"), Visit(2, 110, 125, x=0.8)]
        incidents = run(self.RULES, visits)
        assert [(one.class_name, one.opened_at_seconds) for one in incidents] == [
            ("car", 120.0),
            ("person", 120.0),
        ]
