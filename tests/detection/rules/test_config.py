"""Zones and rules as people write them, right and wrong."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.rules.base import RULE_KINDS, SEVERITIES, ZONE_KINDS, RuleSpec, ZoneSpec
from detection.rules.config import RulesConfig, dump_config, parse_config
from detection.rules.hours import DAYS, HoursWindow
from hitlsite.errors import DomainError

TEXT = """
zones:
  - {name: table, kind: restricted, polygon: [[0.4, 0.78], [0.75, 0.78], [0.75, 1.0]]}
  - {name: hall, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}
rules:
  - kind: loitering
    zones: [hall]
    classes: [person]
    threshold_seconds: 15
    active_hours: [{days: [sat, fri], from: 22:00, to: 06:00}, {from: 0:00, to: "24:00"}]
  - {kind: loitering, severity: critical}
  - {kind: restricted_zone_entry, name: no entry}
  - {kind: crowd_formation, threshold_count: 5, classes: [moving]}
"""
TRIANGLE = [[0, 0], [1, 0], [1, 1]]
COCO = ("person", "car", "dog")


def parse(text, **options):
    return parse_config(text, file_name="RULES.yaml", **options)


def refuse(text, **options):
    with pytest.raises(DomainError) as caught:
        parse(text, **options)
    assert caught.value.code == "config_invalid"
    assert caught.value.message.startswith("RULES.yaml: ")
    return caught.value


class TestGood:
    def test_zones(self):
        assert parse(TEXT).zones == (
            ZoneSpec("table", "restricted", ((0.4, 0.78), (0.75, 0.78), (0.75, 1.0))),
            ZoneSpec("hall", "monitored", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),
        )

    def test_a_rule_with_its_parameters_and_hours(self):
        assert parse(TEXT, known_classes=COCO).rules[0] == RuleSpec(
            "loitering",
            "loitering",
            ("hall",),
            ("person",),
            "medium",
            {"threshold_seconds": 15.0, "grace_seconds": 2.0, "cooldown_seconds": 30.0},
            (HoursWindow(1320, 360, ("fri", "sat")), HoursWindow(0, 1440)),
        )

    def test_names_and_severities_by_default(self):
        rules = parse(TEXT).rules
        names = ["loitering", "loitering-2", "no entry", "crowd_formation"]
        assert [rule.name for rule in rules] == names
        assert [rule.severity for rule in rules] == ["medium", "critical", "high", "medium"]

    def test_a_default_name_gives_way_to_a_given_one(self):
        rules = [
            {"kind": "loitering"},
            {"kind": "loitering", "threshold_seconds": 60},
            {"kind": "presence", "name": "loitering"},
        ]
        names = [rule.name for rule in parse({"rules": rules}).rules]
        assert names == ["loitering-2", "loitering-3", "loitering"]

    def test_release_count_follows_the_threshold(self):
        assert parse(TEXT).rules[3].parameters["release_count"] == 4
        single = parse({"rules": [{"kind": "crowd_formation", "threshold_count": 1}]})
        assert single.rules[0].parameters["release_count"] == 1

    def test_json_is_read_too(self):
        ring = "[[1e-05, 0], [1, 0], [1, 1]]"
        (tiny,) = parse(f'{{"zones": [{{"name": "\\ud83d\\ude00", "polygon": {ring}}}]}}').zones
        assert tiny == ZoneSpec("😀", "monitored", ((1e-05, 0.0), (1.0, 0.0), (1.0, 1.0)))
        assert parse(json.dumps(dump_config(parse(TEXT)))) == parse(TEXT)

    def test_a_closed_ring_is_opened(self):
        zones = [{"name": "a", "polygon": [*TRIANGLE, TRIANGLE[0]]}]
        assert len(parse({"zones": zones}).zones[0].polygon) == 3

    def test_nothing_is_a_configuration(self):
        assert parse({}) == parse("zones: []\nrules: []") == RulesConfig((), ())


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "must be a mapping with zones and rules, it is empty"),
        ("- a", "must be a mapping with zones and rules, it is a list"),
        ("zones: [\nrules: }", "line 2 is not valid YAML"),
        ("zones: []\nzones: []", 'line 2 is not valid YAML: the key "zones" stands twice'),
        ("zones: \x00", "line 1 is not valid YAML"),
        ("[" * 3000, "not valid YAML: it is nested too deeply"),
        ("zones: 2020-13-45", "not valid YAML: month"),
        ("zones: !!python/object/apply:os.getcwd []", "line 1 is not valid YAML"),
        ("a" * 300_001, "is longer than 300000 characters"),
        ('{"zones": [], "zones": []}', 'the key "zones" stands twice'),
        ('{"zones": [', "line 1 is not valid YAML"),
        ('{"zones": ' + "9" * 5000 + "}", "not valid YAML: Exceeds the limit"),
        ("zones: 3", "zones must be a list, it is a number"),
        ("rules:", "rules must be a list, it is a nothing"),
        ("rules: [loitering]", "rules[0] must be a mapping, it is a text"),
        ("zone: []", "zone is an unknown key; did you mean zones?"),
    ],
)
def test_a_bad_document_is_named(text, words):
    assert words in refuse(text).message


def zone(**changes):
    return {"zones": [{"name": "hall", "polygon": TRIANGLE, **changes}]}


@pytest.mark.parametrize(
    "document, key, words",
    [
        (zone(polygon=[[0, 0], [1, 1]]), "polygon", "needs at least 3 points, it has 2"),
        (zone(polygon=[[0, 0], [1, 1], [0, 0]]), "polygon", "needs at least 3 points, it has 2"),
        (zone(polygon=[]), "polygon", "needs at least 3 points, it has 0"),
        (zone(polygon=[[0, 0], [1, 1], [0, 1], [1, 0]]), "polygon", "crosses or touches itself"),
        (zone(polygon=[[0, 0], [0.5, 0.5], [1, 1]]), "polygon", "has no area"),
        (zone(polygon=[[0, 0], [1e-4, 0], [0, 1e-4]]), "polygon", "has no area"),
        (zone(polygon="0 0, 1 1"), "polygon", "must be a list of [x, y] points, it is a text"),
        (zone(polygon=[[0, 0], [1, 0], [1.5, 1]]), "polygon[2]", "numbers within 0..1"),
        (zone(polygon=[[0, -0.1], [1, 0], [1, 1]]), "polygon[0]", "numbers within 0..1"),
        (zone(polygon=[[0, 0], [float("nan"), 0], [1, 1]]), "polygon[1]", "numbers within 0..1"),
        (zone(polygon=[[0, 0], [True, 0], [1, 1]]), "polygon[1]", "numbers within 0..1"),
        (zone(polygon=[[0, 0], ["1", 0], [1, 1]]), "polygon[1]", "numbers within 0..1"),
        (zone(polygon=[[0, 0], [1, 0, 0], [1, 1]]), "polygon[1]", "must be a point [x, y]"),
        (zone(polygon=[[0, 0]] * 501), "polygon", "has 501 points, at most 500"),
        (zone(kind="forbidden"), "kind", "must be one of monitored, restricted, private, public"),
        (zone(name=""), "name", "must be a text of 1 to 60 characters"),
        (zone(name="z" * 61), "name", "must be a text of 1 to 60 characters"),
        (zone(name=7), "name", "must be a text of 1 to 60 characters, it is 7"),
        (zone(name="a\nb"), "name", "must be a text"),
        (zone(name="x" * 81), "name", "must be a text"),
        (zone(name="frame"), "name", "means the whole picture"),
        (zone(polygn=[]), "polygn", "is an unknown key; did you mean polygon?"),
        ({"zones": [{"name": "hall"}]}, "polygon", "is missing"),
        ({"zones": [{"polygon": TRIANGLE}]}, "name", "is missing"),
    ],
)
def test_a_bad_zone_is_named(document, key, words):
    error = refuse(document)
    assert error.message.startswith(f"RULES.yaml: zones[0].{key} ")
    assert words in error.message
    assert list(error.fields) == [f"zones[0].{key}"]


def test_two_zones_of_one_name():
    document = zone()
    document["zones"] *= 2
    error = refuse(document)
    assert error.message == 'RULES.yaml: zones[1].name "hall" is already the name of another zone'


def rule(kind="loitering", **changes):
    return {**zone(), "rules": [{"kind": kind, **changes}]}


LIMITS = "must be a number from 0 to 86400 s"


@pytest.mark.parametrize(
    "document, key, words",
    [
        (rule("loiterin"), "kind", "did you mean loitering?"),
        (rule("juggling"), "kind", f"must be one of {', '.join(sorted(RULE_KINDS))}, it is"),
        (rule([]), "kind", "must be one of"),
        ({"rules": [{}]}, "kind", "is missing"),
        (rule(treshold_seconds=3), "treshold_seconds", "did you mean threshold_seconds"),
        (rule(min_duration_seconds=3), "min_duration_seconds", "is an unknown key"),
        (rule(threshold_seconds=-1), "threshold_seconds", f"{LIMITS}, it is -1"),
        (rule(threshold_seconds=True), "threshold_seconds", f"{LIMITS}, it is True"),
        (rule(threshold_seconds="15"), "threshold_seconds", f'{LIMITS}, it is "15"'),
        (rule(threshold_seconds=None), "threshold_seconds", f"{LIMITS}, it is None"),
        (rule(threshold_seconds=float("nan")), "threshold_seconds", f"{LIMITS}, it is nan"),
        (rule(threshold_seconds=float("inf")), "threshold_seconds", f"{LIMITS}, it is inf"),
        (rule(threshold_seconds=10**5000), "threshold_seconds", f"{LIMITS}, it is a huge number"),
        (rule(grace_seconds=601), "grace_seconds", "from 0 to 600 s"),
        (rule("crowd_formation", threshold_count=2.5), "threshold_count", "must be a whole number"),
        (rule("crowd_formation", threshold_count=0), "threshold_count", "from 1 to 1000 subjects"),
        (rule("crowd_formation", release_count=4), "release_count", "must not exceed"),
        (rule(zones=["hal"]), "zones[0]", 'unknown zone "hal"; did you mean hall?'),
        (rule(zones="hall"), "zones", "must be a list, it is a text"),
        (rule(zones=[3]), "zones[0]", "must be a text, it is 3"),
        (rule("restricted_zone_entry", zones=["hall"]), "zones[0]", '"hall", a monitored zone'),
        (rule("restricted_zone_entry"), "zones", "there is no restricted zone to take"),
        (rule(classes=["dog", "persn"]), "classes[1]", '"persn" is not a class'),
        (rule(classes=["persn"]), "classes[0]", "did you mean person?"),
        (rule(severity="severe"), "severity", "must be one of info, low, medium, high, critical"),
        (rule(name=" "), "name", "must be a text"),
        (rule(active_hours=[]), "active_hours", "must be a list of {days, from, to}"),
        (rule(active_hours=["22:00"]), "active_hours[0]", "must be a mapping"),
        (rule(active_hours=[{"from": "8:00"}]), "active_hours[0].to", "is missing"),
        (rule(active_hours=[{"from": "8", "to": "9:00"}]), "active_hours[0].from", "HH:MM"),
        (rule(active_hours=[{"from": 8, "to": "9:00"}]), "active_hours[0].from", "HH:MM"),
        (rule(active_hours=[{"from": "8:00", "to": "08:00"}]), "active_hours[0]", "two times"),
        (
            rule(active_hours=[{"from": "8:00", "to": "9:00", "days": ["monday"]}]),
            "active_hours[0].days[0]",
            "must be one of mon",
        ),
        (
            rule(active_hours=[{"from": "8:00", "to": "9:00", "days": []}]),
            "active_hours[0].days",
            "at least one day",
        ),
    ],
)
def test_a_bad_rule_is_named(document, key, words):
    error = refuse(document, known_classes=COCO)
    assert error.message.startswith(f"RULES.yaml: rules[0].{key} ")
    assert words in error.message


def test_two_rules_of_one_name():
    rules = [{"kind": "loitering", "name": "a"}, {"kind": "presence", "name": "a"}]
    assert refuse({"rules": rules}).fields == {
        "rules[1].name": '"a" is already the name of another rule'
    }


def test_too_many_entries():
    assert "201 entries" in refuse({"rules": [{"kind": "loitering"}] * 201}).message


def test_a_document_that_grows_when_unfolded_is_refused_at_once():
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    bomb = "\n".join(lines)
    nested = f"zones: [{{name: x, polygon: [*l]}}]\nrules: [{{kind: *l}}]\n{bomb}"
    assert len(refuse(bomb).message) < 500
    assert len(refuse(bomb + "\nrules: [{kind: *l, name: *l}]").message) < 500
    assert "line 1" in refuse(nested).message


names = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12)
boxes = st.tuples(*[st.floats(0.0, 0.4)] * 2, *[st.floats(0.5, 1.0)] * 2)

days = st.sets(st.sampled_from(DAYS), min_size=1).map(
    lambda chosen: tuple(day for day in DAYS if day in chosen)
)
windows_of_hours = st.builds(HoursWindow, st.integers(0, 1439), st.integers(1, 1440), days).filter(
    lambda window: window.from_minute != window.to_minute
)


@st.composite
def configs(draw):
    zones = []
    for name in draw(st.lists(names.filter(lambda name: name != "frame"), max_size=4, unique=True)):
        left, top, right, bottom = draw(boxes)
        ring = ((left, top), (right, top), (right, bottom), (left, bottom))
        zones.append(ZoneSpec(name, draw(st.sampled_from(ZONE_KINDS)), ring))
    rules = [
        draw(rules_over(zones, name)) for name in draw(st.lists(names, max_size=4, unique=True))
    ]
    # No two of them may say the same.
    rules = {(rule.kind, str(rule.parameters), rule.classes): rule for rule in rules}
    return RulesConfig(tuple(zones), tuple(rules.values()))


@st.composite
def rules_over(draw, zones, name):
    present = {zone.kind for zone in zones}
    kind = draw(
        st.sampled_from(
            [k for k, one in RULE_KINDS.items() if set(one.zone_kinds or ()) <= present]
        )
    )
    allowed = RULE_KINDS[kind].zone_kinds or set(ZONE_KINDS) - {"private"}
    usable = [zone.name for zone in zones if zone.kind in allowed]
    given_names = st.lists(st.sampled_from(usable), unique=True) if usable else st.just([])
    windows = draw(st.lists(windows_of_hours, max_size=2))
    classes = draw(st.lists(names, max_size=3, unique=True))
    return RuleSpec(
        name,
        kind,
        zones=tuple(draw(given_names)),
        classes=tuple(classes),
        severity=draw(st.sampled_from(SEVERITIES)),
        parameters=draw(parameters_of(RULE_KINDS[kind])),
        active_hours=tuple(windows) or None,
    )


@st.composite
def parameters_of(draw, rule_class):
    """All parameters of a kind within their limits; the defaults where they exclude each other."""
    values = {}
    for name, parameter in rule_class.parameters_by_name.items():
        numbers = st.integers if parameter.is_whole else st.floats
        values[name] = draw(numbers(parameter.minimum, parameter.maximum))
    clashes = rule_class.find_conflict(values) is not None
    return rule_class.complete_parameters({} if clashes else values)


@given(config=configs())
@settings(max_examples=100, deadline=None)
def test_what_is_dumped_is_read_as_the_same(config):
    dumped = dump_config(config)
    assert parse(dumped) == config
    assert parse(json.dumps(dumped)) == config


@given(
    text=st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["zones", "rules", "name", "kind", "polygon"]), inner)
        ),
    ).map(json.dumps)
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_or_refused(text):
    try:
        assert isinstance(parse(text), RulesConfig)
    except DomainError as error:
        assert error.code == "config_invalid"


def test_what_was_stored_once_is_still_read():
    private = {"name": "window", "kind": "private", "polygon": [[0, 0], [1, 0], [0, 1]]}
    rule = {"kind": "loitering", "zones": ["window"]}
    stored = {"zones": [private], "rules": [rule, {**rule, "name": "again"}]}

    with pytest.raises(DomainError, match="private"):
        parse_config(stored, file_name="camera")
    assert len(parse_config(stored, file_name="camera", is_stored=True).rules) == 2
