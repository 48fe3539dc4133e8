"""Zones and rules of other systems on their way to a camera: the service, and both commands."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from detection.models import Camera, Footage, Rule, Zone
from detection.rules.config import parse_config
from detection.services import cameras, rule_imports
from hitlsite.errors import DomainError
from hitlsite.models import AuditEntry, Site
from tests import factories
from tests.detection import films
from tests.detection.rules.foreign import BY_TYPE, BY_ZONE_ID, FLAT, NESTED, OWN

pytestmark = pytest.mark.django_db

HAVE = {
    "zones": [{"name": "hall", "polygon": [[0, 0], [1, 0], [1, 1]]}],
    "rules": [{"kind": "loitering", "name": "mine", "zones": ["hall"], "threshold_seconds": 7}],
}


def run(*arguments, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def refusal_of(*arguments, **options):
    with pytest.raises(CommandError) as refusal:
        run(*arguments, **options)
    assert refusal.value.returncode == 2
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture
def configured(camera):
    """A camera with a zone and a rule on it."""
    cameras.apply_config(camera, parse_config(HAVE, file_name="have"))
    return camera


@pytest.fixture
def files(tmp_path):
    """Write texts to files and return their paths by name."""

    def write(**texts):
        paths = {}
        for name, text in texts.items():
            paths[name] = tmp_path / f"{name}.yaml"
            paths[name].write_text(text)
        return paths

    return write


def names(camera):
    return (
        sorted(camera.zones.values_list("name", flat=True)),
        sorted(camera.rules.values_list("name", flat=True)),
    )


def changes():
    return AuditEntry.objects.filter(action="camera.rules_changed")


class TestService:
    def test_both_replace_both_and_say_who(self, configured, supervisor):
        result = rule_imports.import_rules(
            configured,
            zones_text=BY_TYPE,
            rules_text=NESTED,
            frame_size=(1920, 1080),
            by=supervisor,
        )
        assert result.is_stored
        assert names(configured) == (
            ["Lobby", "Main gate", "desk"],
            sorted(rule.name for rule in result.config.rules),
        )
        assert len(result.config.rules) == 5
        assert parse_config(cameras.current_config(configured), file_name="x").rules == (
            result.config.rules
        )
        assert changes().latest("pk").actor == supervisor

    def test_zones_alone_keep_the_rules(self, configured):
        zones = [{"id": 1, "name": "hall", "polygon": [[0, 0], [50, 0], [50, 50]]}]
        zones.append({"id": 2, "name": "yard", "polygon": [[0, 0], [50, 0], [50, 50]]})
        result = rule_imports.import_rules(
            configured, zones_text=json.dumps(zones), frame_size=(100, 100)
        )
        assert names(configured) == (["hall", "yard"], ["mine"])
        assert configured.zones.get(name="hall").polygon == [[0, 0], [0.5, 0], [0.5, 0.5]]
        assert [rule.name for rule in result.config.rules] == ["mine"]

    @pytest.mark.parametrize(
        "zone, words",
        [
            ({"name": "yard"}, 'names the unknown zone "hall"'),
            ({"name": "hall", "type": "private"}, 'names "hall", a private zone'),
        ],
    )
    def test_zones_that_a_kept_rule_needs_cannot_vanish(self, configured, zone, words):
        zones = json.dumps([{**zone, "id": 1, "polygon": [[0, 0], [1, 0], [1, 1]]}])
        before = changes().count()
        with pytest.raises(DomainError) as caught:
            rule_imports.import_rules(configured, zones_text=zones, zones_file="Z.json")
        assert caught.value.code == "rules_need_zones"
        assert caught.value.message.startswith('Z.json: the camera keeps its rule "mine", which ')
        assert words in caught.value.message
        assert (names(configured), changes().count()) == ((["hall"], ["mine"]), before)

    def test_kept_rules_may_be_at_odds_with_each_other(self, camera):
        """They were taken before an update became stricter, and are not what is brought."""
        twice = [{**HAVE["rules"][0], "name": name} for name in ("one", "two")]
        hidden = {"name": "desk", "kind": "private", "polygon": [[0, 0], [0.5, 0], [0.5, 0.5]]}
        blind = {"kind": "loitering", "name": "blind", "zones": ["desk"]}
        stored = {"zones": [*HAVE["zones"], hidden], "rules": [*twice, blind]}
        cameras.apply_config(camera, parse_config(stored, file_name="s", is_stored=True))

        moved = [{**HAVE["zones"][0], "polygon": [[0, 0], [1, 0], [0, 1]]}, hidden]
        result = rule_imports.import_rules(camera, zones_text=json.dumps(moved))

        assert [rule.name for rule in result.config.rules] == ["one", "two", "blind"]
        assert camera.zones.get(name="hall").polygon == [[0, 0], [1, 0], [0, 1]]

    def test_rules_alone_keep_the_zones(self, configured):
        rules = "loitering: {threshold_seconds: 20, monitored_zones: [hall]}"
        rule_imports.import_rules(configured, rules_text=rules)
        assert names(configured) == (["hall"], ["loitering"])
        assert configured.rules.get().zones == ["hall"]

    def test_the_frame_size_is_that_of_the_latest_footage(self, configured):
        factories.footage(configured, width=640, height=480)
        factories.footage(configured, width=0, height=0)
        rules = "rapid_movement: {threshold_pixels_per_second: 240}"
        result = rule_imports.import_rules(configured, rules_text=rules)
        assert result.frame_size == (640, 480)
        assert configured.rules.get().parameters["threshold_speed"] == 2.0

    def test_a_dry_run_stores_nothing(self, configured):
        before = changes().count()
        result = rule_imports.import_rules(
            configured, zones_text=BY_TYPE, rules_text=FLAT, frame_size=(1920, 1080), dry_run=True
        )
        assert (result.is_stored, len(result.config.zones)) == (False, 3)
        assert (names(configured), changes().count()) == ((["hall"], ["mine"]), before)

    def test_the_same_again_changes_nothing(self, configured):
        for _ in range(2):
            rule_imports.import_rules(configured, zones_text=json.dumps(OWN))
        assert changes().count() == 2

    def test_nothing_is_refused(self, configured):
        with pytest.raises(DomainError, match="Give zones, rules or both"):
            rule_imports.import_rules(configured)


class TestCommand:
    def test_what_came_in_is_told(self, camera, files, tmp_path):
        paths = files(zones=BY_TYPE, rules=NESTED)
        report = tmp_path / "report.json"
        out, err = run(
            "import_rules", camera=camera.name, frame_size="1920x1080", json=report, **paths
        )
        assert err == ""
        assert "zone  Main gate: restricted, 4 points" in out
        assert "rule  crowd_formation: crowd_formation, medium, Lobby" in out
        assert f"note  {paths['rules']}: rules read as nested sections of thresholds" in out
        assert "540 px/s became threshold_speed 2 body heights/s" in out
        assert out.endswith(f"Camera {camera.name} now has 3 zones and 5 rules.\n")
        told = json.loads(report.read_text())
        assert (told["is_stored"], told["frame_size"]) == (True, [1920, 1080])
        assert told["zones_dialect"] == "a list of zones with id and type"
        assert len(told["rules"]) == camera.rules.count() == 5
        assert parse_config({key: told[key] for key in ("zones", "rules")}, file_name="x")

    def test_a_dry_run_tells_the_same_and_stores_nothing(self, camera, files):
        paths = files(zones=BY_TYPE, rules=FLAT)
        options = {"camera": camera.name, "frame_size": "1920x1080", **paths}
        out, _ = run("import_rules", dry_run=True, **options)
        assert "would have (nothing is stored) 3 zones and 5 rules" in out
        assert names(camera) == ([], [])
        stored, _ = run("import_rules", **options)
        assert stored.splitlines()[:-1] == out.splitlines()[:-1]

    def test_the_assumptions_can_be_set(self, camera, files):
        paths = files(rules="rapid_movement: {threshold_pixels_per_second: 100, frame_window: 5}")
        run(
            "import_rules",
            camera=camera.name,
            frame_size="100x100",
            person_height=0.5,
            frame_rate=10,
            **paths,
        )
        parameters = Rule.objects.get().parameters
        assert (parameters["threshold_speed"], parameters["window_seconds"]) == (2.0, 0.5)

    @pytest.mark.parametrize(
        "zones, rules, options, words",
        [
            (BY_TYPE, None, {}, "zones[0].polygon is in pixels"),
            (BY_TYPE, None, {"frame_size": "1280x720"}, "zones[1].polygon[1] lies outside"),
            (BY_TYPE, None, {"frame_size": "wide"}, "WIDTHxHEIGHT"),
            (
                BY_ZONE_ID,
                "loitering: {threshold_seconds: -1}",
                {"frame_size": "1920x1080"},
                "loitering.threshold_seconds must be a number",
            ),
            (None, "loitering: {monitored_zones: [yard]}", {}, 'the unknown zone "yard"'),
            (None, "\x00", {}, "line 1 is not valid YAML"),
            ("", None, {}, "it is empty"),
            (None, FLAT, {"frame_size": "9x9", "person_height": 7.0}, "A person's height must be"),
            (None, FLAT, {"frame_size": "9x9", "frame_rate": -1.0}, "The frame rate must be"),
            (None, None, {}, "Give zones, rules or both"),
            (BY_ZONE_ID, None, {"camera": "Nowhere"}, "no camera named Nowhere"),
        ],
    )
    def test_a_refusal_leaves_the_camera_as_it_was(
        self, configured, files, zones, rules, options, words
    ):
        before = changes().count()
        texts = {"zones": zones, "rules": rules}
        paths = files(**{key: text for key, text in texts.items() if text is not None})
        options = {"camera": configured.name, **paths, **options}
        assert words in refusal_of("import_rules", **options)
        assert (names(configured), changes().count()) == ((["hall"], ["mine"]), before)

    def test_a_file_that_cannot_be_read_is_named(self, camera, tmp_path):
        (tmp_path / "picture").write_bytes(b"\x89PNG\xff\xfe")
        (tmp_path / "long").write_text("a" * 1_300_000)
        for name, words in {
            "missing": "No such file",
            "picture": "it is not text",
            "long": "is longer than 300000 characters",
            ".": "Is a directory",
            "nul\0": "cannot be read",
        }.items():
            message = refusal_of("import_rules", camera=camera.name, zones=tmp_path / name)
            assert words in message
            assert str(tmp_path / name) in message

    def test_a_byte_order_mark_is_no_text(self, camera, tmp_path):
        path = tmp_path / "zones.json"
        path.write_text(json.dumps(OWN["zones"]), encoding="utf-8-sig")
        run("import_rules", camera=camera.name, zones=path)
        assert camera.zones.count() == 1


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4", seconds=5.0)


WATCH = {"camera": "Door", "detector": "motion", "queue": True}


class TestWatch:
    def watch(self, film, **options):
        return run(
            "watch", video=str(film), camera="Door", detector="motion", queue=True, **options
        )

    def test_pixels_are_the_videos_own(self, film, files):
        from tests.detection.vision.scenes import HEIGHT, WIDTH

        corner = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]
        zones = json.dumps([{"id": 1, "name": "all", "type": "restricted", "polygon": corner}])
        paths = files(zones=zones, rules="restricted_zone: {min_duration_seconds: 2}")
        out, err = self.watch(film, **paths)
        assert "Queued" in out
        assert f"note: zones: pixels of a {WIDTH}x{HEIGHT} frame became shares" in err
        assert Zone.objects.get().polygon == [[0, 0], [1, 0], [1, 1], [0, 1]]
        rule = Footage.objects.get().configuration["rules"][0]
        assert (rule["kind"], rule["zones"]) == ("restricted_zone_entry", ["all"])

    def test_another_frame_size_may_be_said(self, film, files):
        zones = json.dumps([{"id": 1, "polygon": [[0, 0], [500, 0], [500, 1000]]}])
        self.watch(film, frame_size="1000x1000", **files(zones=zones))
        assert Zone.objects.get().polygon == [[0, 0], [0.5, 0], [0.5, 1]]

    def test_rules_for_the_zones_that_the_camera_has(self, film, files):
        self.watch(film, config=files(config=json.dumps(HAVE))["config"])
        self.watch(film, session="2", **files(rules="loitering: {monitored_zones: [hall]}"))
        assert names(Camera.objects.get()) == (["hall"], ["loitering"])

    @pytest.mark.parametrize(
        "zones, rules, options, words",
        [
            (
                "[{id: 1, polygon: [[0, 0], [9999, 0], [9, 9]]}]",
                None,
                {},
                "polygon[1] lies outside",
            ),
            (None, "loitering: {classes: [persn]}", {}, '"persn" is not a class of the detector'),
            (None, "loitering: {monitored_zones: [a]}", {}, 'names the unknown zone "a"'),
            (BY_ZONE_ID, None, {"frame_size": "0x0"}, "The frame size must be"),
            (BY_ZONE_ID, None, {"config": "x.yaml"}, "leave out --zones and --rules"),
        ],
    )
    def test_a_refusal_makes_nothing(self, film, files, zones, rules, options, words):
        texts = {"zones": zones, "rules": rules}
        paths = files(**{key: text for key, text in texts.items() if text is not None})
        options = {
            "video": str(film),
            "camera": "Door",
            "detector": "motion",
            "queue": True,
        } | options
        assert words in refusal_of("watch", **options, **paths)
        assert (Site.objects.count(), Camera.objects.count(), Footage.objects.count()) == (0, 0, 0)
