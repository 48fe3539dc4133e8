"""Zones and whole documents as other systems write them."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.rules.base import ZoneSpec
from detection.rules.config import RulesConfig, parse_config
from detection.rules.dialects import parse_frame_size
from hitlsite.errors import DomainError
from tests.detection.rules.foreign import BY_TYPE, BY_ZONE_ID, FLAT, FULL_HD, OWN, read, refusal_of


class TestZones:
    def test_a_list_with_ids_and_types_in_pixels(self):
        imported = read(BY_TYPE)
        assert imported.config.zones == (
            ZoneSpec("Main gate", "restricted", ((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5))),
            ZoneSpec("Lobby", "monitored", ((0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1))),
            ZoneSpec("desk", "private", ((0, 0.75), (0.25, 0.75), (0.25, 1))),
        )
        assert imported.zones_dialect == "a list of zones with id and type"
        assert imported.rules_dialect is None
        assert imported.notes == (
            "Z.yaml: zones read as a list of zones with id and type",
            "zones: pixels of a 1920x1080 frame became shares of the picture",
            'zones[1].type: "lobby" is no kind of ours; "Lobby" is monitored',
            "zones[0].rules_enabled: not applied, there are no rules in this import",
        )

    def test_a_mapping_with_zone_ids(self):
        imported = read(BY_ZONE_ID)
        assert imported.config.zones == (
            ZoneSpec("hall", "monitored", ((0, 0.5), (1, 0.5), (1, 1))),
        )
        assert imported.zones_dialect == "a list of zones with zone_id"
        assert 'zones[1]: "yard" is left out, it is not enabled' in imported.notes

    def test_json_means_the_same_as_yaml(self):
        assert read(json.dumps(yaml.safe_load(BY_TYPE))).config == read(BY_TYPE).config

    def test_shares_need_no_frame_size(self):
        zones = [{"id": 1, "polygon": [[0, 0], [1, 0], [1, 1]]}]
        imported = read(json.dumps(zones), frame_size=None)
        assert imported.config.zones == (ZoneSpec("1", "monitored", ((0, 0), (1, 0), (1, 1))),)
        assert "zones: no coordinate exceeds 1, so they are shares of the picture" in imported.notes

    def test_one_coordinate_beyond_1_makes_all_of_the_file_pixels(self):
        zones = [
            {"id": "wide", "polygon": [[0, 0], [100, 0], [100, 50]]},
            {"id": "speck", "polygon": [[0, 0], [1, 0], [1, 1]]},
        ]
        imported = read(json.dumps(zones), frame_size=(100, 50))
        assert imported.config.zones[1].polygon == ((0, 0), (0.01, 0), (0.01, 0.02))

    def test_pixels_in_a_file_that_could_be_ours(self):
        zones = {"zones": [{"name": "hall", "polygon": [[0, 0], [960, 0], [960, 540]]}]}
        imported = read(json.dumps(zones))
        assert imported.config.zones[0].polygon == ((0, 0), (0.5, 0), (0.5, 0.5))

    @pytest.mark.parametrize("zones", [OWN["zones"], {"zones": OWN["zones"]}])
    def test_our_own_form(self, zones):
        imported = read(json.dumps(zones))
        assert imported.config.zones == parse_config(OWN, file_name="x").zones
        assert imported.zones_dialect == "our own form"

    @pytest.mark.parametrize(
        "change, key, words",
        [
            ({"polygon": [[0, 0], [1921, 0], [9, 9]]}, "polygon[1]", "outside the frame of 1920x"),
            ({"polygon": [[0, 0], [9, 0], [9, 1081]]}, "polygon[2]", "outside the frame of 1920x"),
            ({"polygon": [[0, 0], [-1, 0], [9, 9]]}, "polygon[1]", "outside the frame of 1920x"),
            ({"polygon": [[0, 0], [10**400, 0], [9, 9]]}, "polygon[1]", "outside the frame"),
            ({"polygon": [[0, 0], [9, 9], [0, 9], [9, 0]]}, "polygon", "crosses or touches itself"),
            ({"polygon": [[0, 0], [9, 9], [18, 18]]}, "polygon", "has no area"),
            ({"polygon": [[0, 0], [9, 9]]}, "polygon", "needs at least 3 points"),
            ({"polygon": [[0, 0], [9, "9"], [9, 0]]}, "polygon[1]", "must have numbers"),
            ({"polygon": [[0, 0], [9, float("nan")], [9, 0]]}, "polygon[1]", "must have numbers"),
            ({"polygon": [[0, 0], {"x": 1, "y": 2}, [9, 0]]}, "polygon[1]", "must be a point"),
            ({"polygon": "0,0 9,9"}, "polygon", "must be a list of [x, y] points, it is a text"),
            ({"polygon": [[0, 0]] * 501}, "polygon", "has 501 points, at most 500"),
            ({"polygon": None}, "polygon", "must be a list of [x, y] points"),
            ({"id": None}, "id", "must be a text of 1 to 60 characters"),
            ({"id": 1.5}, "id", "must be a text of 1 to 60 characters"),
            ({"id": True}, "id", "must be a text of 1 to 60 characters"),
            ({"id": 10**18}, "id", "must be a text of 1 to 60 characters"),
            ({"id": "other"}, "id", '"other" is already the id of another zone'),
            ({"name": "Other"}, "name", '"Other" is already the name of another zone'),
            ({"name": "a\nb"}, "name", "must be a text of 1 to 60 characters"),
            ({"name": "frame"}, "name", "means the whole picture"),
            ({"zone_id": 4}, "zone_id", "stands beside id"),
            ({"type": 3}, "type", "must be a text"),
            ({"type": ""}, "type", "must be a text"),
            ({"enabled": "yes"}, "enabled", 'must be true or false, it is "yes"'),
            ({"rules_enabled": "loitering"}, "rules_enabled", "must be a list, it is a text"),
            ({"rules_enabled": ["loitring"]}, "rules_enabled[0]", "did you mean loitering?"),
            ({"rules_enabled": [[]]}, "rules_enabled[0]", "must be a text"),
            ({"colour": "red"}, "colour", "is an unknown key (known: id, zone_id, name, type,"),
        ],
    )
    def test_a_bad_zone_is_named(self, change, key, words):
        other = {"id": "other", "name": "Other", "polygon": [[0, 0], [500, 0], [500, 500]]}
        one = {"id": "a", "name": "A", "polygon": [[0, 0], [900, 0], [900, 900]], **change}
        error = refusal_of(json.dumps([other, one]))
        assert error.code == "config_invalid"
        assert error.message.startswith(f"Z.yaml: zones[1].{key} ")
        assert words in error.message
        assert list(error.fields) == [f"zones[1].{key}"]

    def test_pixels_without_a_frame_size_are_refused(self):
        error = refusal_of(BY_TYPE, frame_size=None)
        assert error.message == (
            "Z.yaml: zones[0].polygon is in pixels, and nobody said of which frame size "
            "(WIDTHxHEIGHT)"
        )

    def test_two_left_out_zones_are_checked_all_the_same(self):
        zones = BY_ZONE_ID.replace("[[0, 0], [1920, 0]", "[[0, 0], [1920, -1]")
        assert "zones[1].polygon[1]" in refusal_of(zones).fields


class TestDocuments:
    @pytest.mark.parametrize(
        "zones, rules, words",
        [
            ("", None, "Z.yaml: must be a list of zones or a mapping with zones, it is empty"),
            (None, "", "R.yaml: must be a mapping with rules, it is empty"),
            (None, "{}", "R.yaml: must be a mapping with rules, it is empty"),
            (None, "[]", "R.yaml: must be a mapping with rules, it is a list"),
            ("text", None, "Z.yaml: must be a list of zones or a mapping with zones, it is a text"),
            (FLAT, None, "Z.yaml: has rules and no zones; give it as the rules"),
            (None, BY_ZONE_ID, "R.yaml: has zones and no rules; give it as the zones"),
            ("\x00", None, "Z.yaml: line 1 is not valid YAML"),
            (None, "a: \x00", "R.yaml: line 1 is not valid YAML"),
            ("[" * 5000, None, "Z.yaml: is not valid YAML: it is nested too deeply"),
            (None, '{"loitering": ' * 2000, "R.yaml: is not valid YAML: it is nested too deeply"),
            ("- 1", None, "Z.yaml: zones[0] must be a mapping, it is a number"),
            ("zones: 5", None, "Z.yaml: zones must be a list, it is a number"),
            ("zones: []\nextra: 1", None, "Z.yaml: extra is an unknown key"),
            ("a" * 300_001, None, "Z.yaml: is longer than 300000 characters"),
            (json.dumps([{"id": n} for n in range(201)]), None, "Z.yaml: zones has 201 entries"),
            (None, "loitering: {}\nloitering: {}", 'the key "loitering" stands twice'),
        ],
    )
    def test_a_bad_document_is_named(self, zones, rules, words):
        assert words in refusal_of(zones, rules).message

    def test_nothing_at_all(self):
        assert refusal_of().code == "nothing_to_import"

    def test_a_document_that_grows_when_unfolded_is_refused_at_once(self):
        lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1]"]
        for before, name in zip("abcdefghijk", "bcdefghijkl", strict=True):
            lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
        bomb = "\n".join(lines)
        for key in ("loitering: {threshold_seconds: *l, classes: *l}", "crowd_threshold: *l"):
            assert len(refusal_of(rules=f"{bomb}\n{key}").message) < 500
        unfolded = "".join(
            f"- &{name} [{', '.join([f'*{b}'] * 9)}]\n"
            for b, name in zip("abcdefghijk", "bcdefghijkl", strict=True)
        )
        zones = f"- &a [1, 1]\n{unfolded}- {{id: *l, polygon: *l, rules_enabled: *l}}"
        assert "zones[0] must be a mapping" in refusal_of(zones).message

    @pytest.mark.parametrize("size", [(0, 5), (5,), (1.5, 2), ("1", "2"), (10**9, 5), (True, 5), 7])
    def test_a_frame_size_that_is_none(self, size):
        assert refusal_of(BY_TYPE, frame_size=size).code == "frame_size_invalid"

    @pytest.mark.parametrize(
        "options",
        [
            {"body_height_share": 0},
            {"body_height_share": 1.5},
            {"body_height_share": float("nan")},
            {"fps": 0},
            {"fps": float("inf")},
            {"fps": "25"},
        ],
    )
    def test_an_assumption_that_makes_no_sense(self, options):
        assert refusal_of(BY_TYPE, **options).code == "scale_invalid"

    @pytest.mark.parametrize(
        "text, size", [("1920x1080", (1920, 1080)), (" 640 X 360", (640, 360)), ("4×3", (4, 3))]
    )
    def test_frame_sizes_as_people_write_them(self, text, size):
        assert parse_frame_size(text) == size

    @pytest.mark.parametrize(
        "text", ["", "1920", "1920x", "0x5", "-1x5", "1.5x2", "99999999x1", "٣x٣", "1x2x3"]
    )
    def test_what_is_no_frame_size(self, text):
        with pytest.raises(DomainError) as caught:
            parse_frame_size(text)
        assert caught.value.code == "frame_size_invalid"


KEYS = ["zones", "rules", "id", "zone_id", "name", "type", "kind", "polygon", "enabled", "global"]
KEYS += ["rules_enabled", "monitored_zones", "restricted_types", "classes", "alert_classes"]
KEYS += ["loitering", "restricted_zone", "unattended_object", "rapid_movement", "crowd_formation"]
KEYS += ["threshold_seconds", "threshold_pixels_per_second", "frame_window", "threshold_count"]
KEYS += ["object_classes", "min_confidence", "zone_grace_period"]
KEYS += ["crowd_threshold", "rapid_movement_threshold_pps"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["restricted", "gate", "person", "loitering", 1, 5, 100])
)
POLYGONS = st.lists(st.lists(st.integers(-5, 2000) | st.floats(0, 1), min_size=2, max_size=2))
DOCUMENTS = st.recursive(
    LEAVES | POLYGONS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)
SECTIONS = st.dictionaries(
    st.sampled_from(KEYS), st.dictionaries(st.sampled_from(KEYS), LEAVES, max_size=4), max_size=4
)
ZONE_LISTS = st.lists(
    st.fixed_dictionaries(
        {"polygon": POLYGONS | st.just([[0, 0], [9, 0], [9, 9]])},
        optional=dict.fromkeys(("id", "name", "type", "rules_enabled", "enabled"), LEAVES),
    ),
    max_size=3,
)


@given(
    zones=st.none() | DOCUMENTS | ZONE_LISTS,
    rules=st.none() | DOCUMENTS | SECTIONS,
    frame_size=st.none() | st.just(FULL_HD),
)
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_is_imported_or_refused(zones, rules, frame_size):
    texts = [None if one is None else json.dumps(one) for one in (zones, rules)]
    try:
        imported = read(*texts, frame_size=frame_size)
    except DomainError as error:
        assert error.code in ("config_invalid", "nothing_to_import")
        assert "\n" not in error.message
    else:
        assert isinstance(imported.config, RulesConfig)
        assert all(isinstance(note, str) and note for note in imported.notes)


@given(text=st.text(max_size=100))
@settings(max_examples=100, deadline=None)
def test_whatever_text_is_given(text):
    for texts in ((text, None), (None, text)):
        try:
            read(*texts)
        except DomainError as error:
            assert error.code == "config_invalid"
