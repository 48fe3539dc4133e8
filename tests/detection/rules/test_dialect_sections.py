"""Rules as sections of thresholds, nested and flat, and how they meet zones."""

import json

import pytest

from detection.rules.base import RULE_KINDS, ZoneSpec
from detection.rules.config import parse_config
from tests.detection.rules.foreign import (
    BY_TYPE,
    BY_ZONE_ID,
    FLAT,
    NESTED,
    OWN,
    by_kind,
    read,
    refusal_of,
)


class TestNested:
    @pytest.fixture
    def imported(self):
        return read(BY_TYPE, NESTED)

    def test_each_section_is_a_rule(self, imported):
        rules = by_kind(imported)
        assert {kind: (rule.zones, rule.classes) for kind, rule in rules.items()} == {
            "loitering": (("Main gate", "Lobby"), ("person",)),
            "object_left_unattended": (("Lobby",), ("backpack",)),
            "restricted_zone_entry": (("Main gate",), ("car",)),
            "rapid_movement": (("Lobby",), ("person",)),
            "crowd_formation": (("Lobby",), ("person",)),
        }
        assert imported.rules_dialect == "nested sections of thresholds"
        assert all(rule.parameters["grace_seconds"] == 1.5 for rule in rules.values())
        assert all(rule.name == kind for kind, rule in rules.items())

    @pytest.mark.parametrize(
        "kind, name, value",
        [
            ("loitering", "threshold_seconds", 20.0),
            ("object_left_unattended", "threshold_seconds", 90.0),
            ("restricted_zone_entry", "min_duration_seconds", 2.5),
            ("crowd_formation", "threshold_count", 5),
            # 540 px/s of a person 270 px tall; 10 frames of 25 a second.
            ("rapid_movement", "threshold_speed", 2.0),
            ("rapid_movement", "window_seconds", 0.4),
        ],
    )
    def test_thresholds_in_our_units(self, imported, kind, name, value):
        assert by_kind(imported)[kind].parameters[name] == value

    def test_every_conversion_and_omission_is_told(self, imported):
        assert set(imported.notes) >= {
            "R.yaml: rules read as nested sections of thresholds",
            "rapid_movement.threshold_pixels_per_second: 540 px/s became threshold_speed 2 body "
            "heights/s, taking a person to be 270 px tall (0.25 of the frame's height)",
            "rapid_movement.frame_window: 10 frames became window_seconds 0.4 s, at 25 frames a "
            "second",
            "global.zone_grace_period: 1.5 s became grace_seconds of every rule",
            "global.max_track_age: ignored, the camera's lost_seconds says how long a track may "
            "be out of sight",
            "global.min_confidence: ignored, the threshold of the detector in use decides what "
            "counts as seen",
            "global.min_track_hits: ignored, a track counts from its first sighting once a second "
            "one has confirmed it",
        }

    def test_the_assumptions_may_be_other_ones(self):
        imported = read(BY_TYPE, NESTED, body_height_share=0.5, fps=10)
        parameters = by_kind(imported)["rapid_movement"].parameters
        assert (parameters["threshold_speed"], parameters["window_seconds"]) == (1.0, 1.0)

    def test_a_speed_means_the_same_at_every_resolution(self):
        text = "rapid_movement: {threshold_pixels_per_second: %d}"
        large = read(rules=text % 600, frame_size=(1280, 960))
        small = read(rules=text % 150, frame_size=(320, 240))
        assert large.config == small.config

    def test_a_window_shorter_than_ours_is_raised_and_told(self):
        imported = read(rules="rapid_movement: {frame_window: 1}")
        shortest = RULE_KINDS["rapid_movement"].parameters_by_name["window_seconds"].minimum
        assert by_kind(imported)["rapid_movement"].parameters["window_seconds"] == shortest
        assert "raised to the shortest window there is" in " ".join(imported.notes)

    def test_types_pick_the_restricted_zones_and_make_them_so(self):
        imported = read(BY_TYPE, "restricted_zone: {restricted_types: [LOBBY]}")
        assert [zone.kind for zone in imported.config.zones] == [
            "restricted",
            "restricted",
            "private",
        ]
        assert imported.config.rules[0].zones == ("Lobby",)
        assert "restricted_zone.restricted_types: now restricted: Lobby" in imported.notes
        assert 'zones[1].type: "lobby" is no kind of ours; "Lobby" is restricted' in imported.notes

    def test_without_a_zone_of_the_type_there_is_no_rule(self):
        imported = read(BY_ZONE_ID, "restricted_zone: {min_duration_seconds: 2}")
        assert imported.config.rules == ()
        assert "restricted_zone: left out, no zone remains for it" in imported.notes

    def test_without_named_zones_all_that_let_it_in_count(self):
        imported = read(BY_TYPE, "loitering: {}\ncrowd_formation: {monitored_zones: []}")
        rules = by_kind(imported)
        assert rules["loitering"].zones == ("Main gate", "Lobby")
        assert rules["crowd_formation"].zones == ("Lobby",)
        assert "loitering: no zone is named, so these count: Main gate, Lobby" in imported.notes

    def test_without_any_zone_the_whole_picture_counts(self):
        imported = read(rules="loitering: {threshold_seconds: 9}")
        assert imported.config.rules[0].zones == ()
        assert "loitering: no zone is named, so the whole picture counts" in imported.notes

    def test_rules_enabled_limits_which_rules_name_a_zone(self):
        imported = read(BY_TYPE, "crowd_formation: {monitored_zones: [gate, Lobby]}")
        assert imported.config.rules[0].zones == ("Lobby",)
        place = "crowd_formation.monitored_zones[0]"
        assert f'{place}: "Main gate" is left out by its rules_enabled' in imported.notes
        alone = read(BY_TYPE, "crowd_formation: {monitored_zones: [gate]}")
        assert alone.config.rules == ()
        assert "crowd_formation: left out, no zone remains for it" in alone.notes

    def test_rapid_movement_keeps_to_zones_that_enable_it(self):
        zones = BY_TYPE.replace("[restricted_zone, loitering]", "[rapid_movement]")
        assert read(zones, "rapid_movement: {}").config.rules[0].zones == ("Main gate",)

    @pytest.mark.parametrize(
        ("limits", "zones", "note"),
        [
            ({}, [()], "no zone has rules_enabled, so the whole picture counts"),
            (
                {"bay": ["loitering"]},
                [("yard",)],
                "no zone enables it by name, so these count: yard",
            ),
            (
                {"bay": ["loitering"], "yard": ["rapid_movement"], "desk": ["rapid_movement"]},
                [("yard",)],
                "these zones enable it: yard",
            ),
            (
                {"bay": ["loitering"], "yard": ["loitering"], "desk": ["rapid_movement"]},
                [],
                "left out, no zone remains for it",
            ),
            ({"desk": ["rapid_movement"]}, [()], "so the whole picture counts"),
        ],
    )
    def test_rapid_movement_never_widens_what_the_zones_say(self, limits, zones, note):
        written = [
            {"id": name, "type": kind, "polygon": [[0, 0], [90, 0], [90, 90]]}
            for name, kind in (("bay", "monitored"), ("yard", "monitored"), ("desk", "private"))
        ]
        for zone in written:
            if zone["id"] in limits:
                zone["rules_enabled"] = limits[zone["id"]]
        imported = read(json.dumps(written), "rapid_movement: {}")
        assert [rule.zones for rule in imported.config.rules] == zones
        told = [line for line in imported.notes if line.startswith("rapid_movement: ")]
        assert [note in line for line in told] == [True]

    def test_a_zone_that_is_not_enabled_is_left_out_of_rules_too(self):
        imported = read(BY_ZONE_ID, "loitering: {monitored_zones: [z1, z2]}")
        assert imported.config.rules[0].zones == ("hall",)
        place = "loitering.monitored_zones[1]"
        assert f'{place}: "yard" is left out, it is not enabled' in imported.notes

    def test_a_section_may_be_switched_off(self):
        imported = read(rules="loitering: {enabled: false}\ncrowd_formation: {}")
        assert list(by_kind(imported)) == ["crowd_formation"]
        assert "loitering: left out, it is not enabled" in imported.notes

    def test_rules_alone_name_the_zones_that_are_there(self):
        known = parse_config(OWN, file_name="x").zones
        rules = "loitering: {monitored_zones: [hall]}\nrestricted_zone: {}"
        imported = read(rules=rules, known_zones=known)
        assert imported.config.zones == known
        assert [rule.zones for rule in imported.config.rules] == [("hall",), ("hall",)]
        assert imported.zones_dialect is None

    def test_rules_alone_do_not_change_the_kind_of_a_zone(self):
        known = (ZoneSpec("hall", "monitored", ((0, 0), (1, 0), (1, 1))),)
        rules = "restricted_zone: {restricted_types: [monitored]}"
        error = refusal_of(rules=rules, known_zones=known)
        assert 'would make the camera\'s zone "hall" a restricted one' in error.message

    @pytest.mark.parametrize(
        "text, key, words",
        [
            (
                "loitering: {threshold_seconds: -1}",
                "loitering.threshold_seconds",
                "from 0 to 86400",
            ),
            ("loitering: {threshold_seconds: .nan}", "loitering.threshold_seconds", "it is nan"),
            ("loitering: {threshold_seconds: .inf}", "loitering.threshold_seconds", "it is inf"),
            ("loitering: {threshold_seconds: 1e9}", "loitering.threshold_seconds", "from 0 to"),
            ("loitering: {threshold_seconds: '5'}", "loitering.threshold_seconds", 'it is "5"'),
            ("loitering: {threshold_seconds: }", "loitering.threshold_seconds", "it is None"),
            ("loitering: {threshold: 5}", "loitering.threshold", "did you mean threshold_seconds"),
            ("loitering: 5", "loitering", "must be a mapping, it is a number"),
            ("loitering: {enabled: 1}", "loitering.enabled", "must be true or false"),
            ("loitring: {}", "loitring", "is an unknown key; did you mean loitering?"),
            ("loitering: {classes: person}", "loitering.classes", "must be a list, it is a text"),
            ("loitering: {classes: [0]}", "loitering.classes[0]", "must be a text, it is 0"),
            ("loitering: {classes: [persn]}", "loitering.classes[0]", "did you mean person?"),
            (
                "loitering: {monitored_zones: [gate, nowhere]}",
                "loitering.monitored_zones[1]",
                'names the unknown zone "nowhere"',
            ),
            (
                "loitering: {monitored_zones: gate}",
                "loitering.monitored_zones",
                "must be a list, it is a text",
            ),
            (
                "loitering: {monitored_zones: [1.5]}",
                "loitering.monitored_zones[0]",
                "must be a zone's id or name, it is 1.5",
            ),
            (
                "loitering: {monitored_zones: [gate, desk]}",
                "loitering.monitored_zones[1]",
                'names "desk", a private zone',
            ),
            (
                "unattended_object: {object_classes: [bakpack]}",
                "unattended_object.object_classes[0]",
                "did you mean backpack?",
            ),
            (
                "restricted_zone: {restricted_types: [restricted, public]}",
                "restricted_zone.restricted_types[1]",
                "the opposite of restricted",
            ),
            (
                "restricted_zone: {alert_classes: 3}",
                "restricted_zone.alert_classes",
                "must be a list, it is a number",
            ),
            (
                "rapid_movement: {threshold_pixels_per_second: -5}",
                "rapid_movement.threshold_pixels_per_second",
                "must be a number from 0 to 1000000, it is -5",
            ),
            (
                "rapid_movement: {threshold_pixels_per_second: 900000}",
                "rapid_movement.threshold_pixels_per_second",
                "it is 3333.33",
            ),
            (
                "rapid_movement: {frame_window: 0}",
                "rapid_movement.frame_window",
                "must be a number from 1",
            ),
            (
                "rapid_movement: {frame_window: 9000}",
                "rapid_movement.frame_window",
                "it is 360.0 (from 9000 frames)",
            ),
            (
                "crowd_formation: {threshold_count: 2.5}",
                "crowd_formation.threshold_count",
                "must be a whole number",
            ),
            ("global: {min_confidence: 1.5}", "global.min_confidence", "must be a number from 0"),
            ("global: {min_confidence: .nan}", "global.min_confidence", "it is nan"),
            ("global: {zone_grace_period: -1}", "global.zone_grace_period", "must be a number"),
            ("global: {max_age: 1}", "global.max_age", "did you mean max_track_age"),
            ("global: []", "global", "must be a mapping, it is a list"),
        ],
    )
    def test_a_bad_section_is_named(self, text, key, words):
        error = refusal_of(BY_TYPE, text, known_classes=("person", "backpack", "car"))
        assert error.message.startswith(f"R.yaml: {key} ")
        assert words in error.message
        assert list(error.fields) == [key]

    def test_a_reference_that_may_mean_two_zones(self):
        zones = [
            {"id": "a", "name": "b", "polygon": [[0, 0], [9, 0], [9, 9]]},
            {"id": "b", "name": "c", "polygon": [[0, 0], [9, 0], [9, 9]]},
        ]
        error = refusal_of(json.dumps(zones), "loitering: {monitored_zones: [b]}")
        assert 'monitored_zones[0] may mean more than one zone: "b" is "b" and "c"' in error.message

    def test_a_speed_without_a_frame_size(self):
        error = refusal_of(rules=FLAT, frame_size=None)
        assert error.message.startswith("R.yaml: rapid_movement_threshold_pps is in pixels")


class TestFlat:
    def test_each_threshold_is_a_rule(self):
        imported = read(BY_TYPE, FLAT)
        rules = by_kind(imported)
        assert imported.rules_dialect == "a flat list of thresholds"
        assert {kind: rule.zones for kind, rule in rules.items()} == {
            "loitering": ("Main gate", "Lobby"),
            "object_left_unattended": ("Lobby",),
            "restricted_zone_entry": ("Main gate",),
            "rapid_movement": ("Lobby",),
            "crowd_formation": ("Lobby",),
        }
        assert rules["loitering"].parameters["threshold_seconds"] == 45
        assert rules["object_left_unattended"].parameters["threshold_seconds"] == 120
        assert rules["restricted_zone_entry"].parameters["min_duration_seconds"] == 3
        assert rules["rapid_movement"].parameters["threshold_speed"] == 2.0
        assert rules["crowd_formation"].parameters["threshold_count"] == 6
        assert rules["crowd_formation"].parameters["release_count"] == 5

    @pytest.mark.parametrize(
        "text, key, words",
        [
            ("loitering_threshold_seconds: -1", "loitering_threshold_seconds", "from 0 to 86400"),
            ("crowd_threshold: 3.5", "crowd_threshold", "must be a whole number"),
            ("rapid_movement_threshold_pps: x", "rapid_movement_threshold_pps", 'it is "x"'),
            ("crowd_threshold: 3\ncrowd_treshold: 3", "crowd_treshold", "mean crowd_threshold?"),
            ("crowd_threshold: 3\nloitering: {}", "loitering", "is an unknown key"),
        ],
    )
    def test_a_bad_threshold_is_named(self, text, key, words):
        error = refusal_of(BY_TYPE, text)
        assert error.message.startswith(f"R.yaml: {key} ")
        assert words in error.message


class TestOwnRules:
    def test_a_file_of_both_is_taken_from_either_side(self):
        expected = parse_config(OWN, file_name="x")
        assert read(json.dumps(OWN)).config == expected
        assert read(rules=json.dumps(OWN)).config == expected

    def test_own_rules_over_zones_of_another_system(self):
        rules = {"rules": [{"kind": "loitering", "zones": ["Main gate", "Lobby"]}]}
        imported = read(BY_TYPE, json.dumps(rules))
        assert imported.config.rules[0].zones == ("Main gate", "Lobby")
        assert imported.rules_dialect == "our own form"

    def test_rules_enabled_limits_them_too(self):
        zones = ["Main gate", "Lobby"]
        crowd = {"kind": "crowd_formation", "zones": zones}
        presence = {"kind": "presence", "zones": ["Main gate"]}
        imported = read(BY_TYPE, json.dumps({"rules": [crowd, presence, {"kind": "loitering"}]}))
        assert [(rule.kind, rule.zones) for rule in imported.config.rules] == [
            ("crowd_formation", ("Lobby",)),
            ("loitering", ()),
        ]
        assert 'rule "presence" is left out: no zone remains' in imported.notes

    def test_a_bad_rule_is_named_in_its_file(self):
        rules = {"rules": [{"kind": "loitering", "zones": ["Gate"]}]}
        error = refusal_of(BY_TYPE, json.dumps(rules))
        assert error.message.startswith('R.yaml: rules[0].zones[0] names the unknown zone "Gate"')

    @pytest.mark.parametrize("key", ["zones", "rules"])
    def test_what_is_given_twice_is_refused(self, key):
        both = json.dumps(OWN)
        one = json.dumps({key: OWN[key]})
        texts = (both, one) if key == "rules" else (one, both)
        error = refusal_of(*texts)
        assert error.message == f"R.yaml: {key} are given twice: Z.yaml has {key} too"
