"""Replay: the same rules over the stored tracks find exactly what was found live."""

import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import default_storage

from detection.rules.config import parse_config
from detection.services import cameras, ingestion, replay, sessions
from hitlsite import storage
from hitlsite.errors import DomainError, NotFound
from tests import factories
from tests.detection import films
from tests.detection.rules.scenes import Visit
from tests.detection.rules.scenes import film as film_of
from tests.detection.test_commands import refusal_of, run
from tests.detection.track_logs import store_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


@pytest.fixture
def row(db):
    """Return a session of the film's two visits, made of tracks alone, at the camera "Door"."""
    camera = cameras.get_or_create_camera(cameras.find_site(), "Door", detector="motion")
    cameras.apply_config(camera, rules())
    return visited(camera, *films.VISITS, until=films.SECONDS)


def visited(camera, *visits, until):
    people = [Visit(number, *visit) for number, visit in enumerate(visits, start=1)]
    return store_frames(film_of(people, fps=films.FPS, until=until), fps=films.FPS, camera=camera)


def rules(**loitering):
    zone, entry, stay = films.RULES["zones"][0], *films.RULES["rules"]
    return parse_config({"zones": [zone], "rules": [entry, {**stay, **loitering}]}, file_name="r")


def stored(row):
    """Return what live ingestion stored, as ``told`` says it of a replay."""
    return [
        (
            one.key,
            one.category,
            one.severity,
            one.class_name,
            (one.opened_at_seconds, one.closed_at_seconds, one.opened_at, one.closed_at),
            one.close_reason,
            one.why,
            one.track_ids,
            [
                (hit.rule_name, hit.kind, hit.zone, hit.opened_at_seconds, hit.closed_at_seconds)
                + (hit.why, hit.numbers)
                for hit in one.rule_hits.all()
            ],
        )
        for one in row.incidents.order_by("opened_at_seconds", "key")
    ]


def told(replayed):
    return [
        (
            one.key,
            one.category,
            one.severity,
            one.class_name,
            (one.opened_at_seconds, one.closed_at_seconds, one.opened_at, one.closed_at),
            one.close_reason,
            one.why,
            list(one.track_ids),
            [tuple(hit.values()) for hit in one.hits],
        )
        for one in replayed
    ]


class TestTheSameRules:
    def test_find_what_was_found_live(self, film):
        row = films.register(film)
        ingestion.ingest_footage(row)
        found = replay.replay(row.camera, rules())
        assert len(found) == 2
        assert told(found) == stored(row)

    @pytest.mark.parametrize("segment_seconds", [3.0, 7.0])
    def test_however_the_session_was_cut(self, film, settings, segment_seconds):
        settings.SEGMENT_SECONDS = segment_seconds
        row = films.register(film)
        segment_id = row.segments.get().pk
        while segment_id:
            segment_id = ingestion.ingest_segment(segment_id)
        assert row.track_logs.count() > 5
        assert told(replay.replay(row.camera, rules())) == stored(row)

    def test_with_an_open_incident_while_the_session_goes_on(self, film, settings):
        settings.SEGMENT_SECONDS = 30.0
        row = films.register(film)
        ingestion.ingest_segment(row.segments.get().pk)
        assert row.incidents.filter(state="open").exists()
        *whole, last = replay.replay(row.camera, rules())
        assert told(whole) == stored(row)[:1]
        assert (last.key, last.close_reason) == (row.incidents.get(state="open").key, "")
        assert last.closed_at_seconds == pytest.approx(30.0, abs=0.21)

    def test_after_a_restart_in_the_middle(self, film, settings, monkeypatch):
        settings.SEGMENT_SECONDS = 17.0
        row = films.register(film)
        real_step, taken = sessions.CameraSession.step, []

        def step_or_crash(self, frame):
            taken.append(frame)
            if len(taken) == 57:
                raise MemoryError("the worker is gone")
            return real_step(self, frame)

        monkeypatch.setattr(sessions.CameraSession, "step", step_or_crash)
        with pytest.raises(MemoryError):
            ingestion.ingest_footage(row)
        ingestion.ingest_footage(row)
        assert told(replay.replay(row.camera, rules())) == stored(row)


class TestOtherRules:
    def test_a_higher_threshold_takes_the_shorter_visit_off_the_loitering(self, row):
        zone, _, stay = films.RULES["zones"][0], *films.RULES["rules"]
        cameras.apply_config(
            row.camera, parse_config({"zones": [zone], "rules": [stay]}, file_name="r")
        )
        draft = parse_config(
            {"zones": [zone], "rules": [{**stay, "threshold_seconds": 11}]}, file_name="r"
        )
        difference = replay.compare(row.camera, draft)
        assert len(difference.before) == 2
        ((old, new),) = difference.kept
        assert old.opened_at_seconds < new.opened_at_seconds
        assert [one.key for one in difference.disappeared] == [difference.before[0].key]
        assert difference.appeared == ()
        back = replay.compare(row.camera, rules())
        assert len(back.appeared) == 0
        cameras.apply_config(row.camera, draft)
        back = replay.compare(
            row.camera, parse_config({"zones": [zone], "rules": [stay]}, file_name="r")
        )
        assert [one.key for one in back.appeared] == [difference.before[0].key]

    def test_hours_are_those_of_the_site(self, row):
        local = row.starts_at.astimezone(ZoneInfo(row.configuration["time_zone"]))
        hours = {"from": f"{(local.hour + 2) % 24:02d}:00", "to": f"{(local.hour + 4) % 24:02d}:00"}
        found = replay.replay(row.camera, rules(active_hours=[hours]))
        assert {one.rules for one in found} == {("restricted_zone_entry",)}

    def test_a_name_does_not_make_another_incident(self, row):
        difference = replay.compare(row.camera, rules(name="stays long"))
        assert len(difference.kept) == 2
        assert difference.appeared == difference.disappeared == ()

    def test_fixtures_are_heeded(self, row, monkeypatch):
        given = []
        monkeypatch.setattr(
            "detection.rules.engine.RuleEngine.heed_fixtures",
            lambda self, boxes: given.append(boxes),
        )
        monkeypatch.setattr(cameras, "fixture_boxes", lambda camera: [(0.1, 0.1, 0.2, 0.2)])
        replay.compare(row.camera, rules())
        assert given == [[(0.1, 0.1, 0.2, 0.2)]] * 2


class TestWhere:
    def test_another_session_and_another_site_are_left_alone(self, row):
        second = visited(row.camera, (2.0, 9.0), until=12)
        elsewhere = factories.camera(factories.site("Depot"), row.camera.name)
        assert len(replay.replay(row.camera, rules())) == 3
        found = replay.replay(row.camera, rules(), footage=second)
        assert {one.footage_id for one in found} == {second.pk}
        assert replay.replay(row.camera, rules(), footage=second.pk) == found
        with pytest.raises(NotFound, match=str(row.pk)):
            replay.replay(elsewhere, rules(), footage=row)
        with pytest.raises(DomainError, match="no track logs") as refusal:
            replay.replay(elsewhere, rules())
        assert refusal.value.code == "nothing_to_replay"

    def test_a_window_gives_the_incidents_that_overlap_it(self, row):
        first, second = replay.replay(row.camera, rules())
        middle = row.starts_at + timedelta(seconds=20)
        assert replay.replay(row.camera, rules(), until=middle) == [first]
        assert replay.replay(row.camera, rules(), since=middle) == [second]
        during = second.opened_at + timedelta(seconds=1)
        assert replay.replay(row.camera, rules(), since=during, until=during) == [second]
        with pytest.raises(DomainError, match="in that time"):
            replay.replay(row.camera, rules(), since=row.starts_at + timedelta(days=1))

    def test_newest(self, row):
        end = row.starts_at + timedelta(seconds=films.SECONDS - 1 / films.FPS)
        assert replay.newest_at(row.camera) == end
        assert replay.newest_at(factories.camera()) is None

    def test_a_log_that_is_gone_is_named(self, row):
        log = row.track_logs.first()
        storage.delete(log.path)
        with pytest.raises(DomainError, match=log.sha256) as refusal:
            replay.replay(row.camera, rules())
        assert refusal.value.code == "track_log_unreadable"

    def test_a_damaged_log_is_named(self, row):
        log = row.track_logs.first()
        Path(default_storage.path(log.path)).write_bytes(b"PAR1 and nothing else PAR1")
        with pytest.raises(DomainError, match=log.sha256):
            replay.replay(row.camera, rules())


def test_progress_ends_at_the_whole(row):
    heard = []
    replay.replay(row.camera, rules(), progress=lambda done, total: heard.append((done, total)))
    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4), (4, 4)]


class TestCommand:
    @pytest.fixture
    def config(self, tmp_path):
        path = tmp_path / "rules.json"
        zone = films.RULES["zones"][0]
        loitering = {"kind": "loitering", "zones": ["spot"], "threshold_seconds": 11}
        path.write_text(json.dumps({"zones": [zone], "rules": [loitering]}))
        return path

    def test_it_prints_every_incident_and_a_summary(self, row, config):
        zone, _, stay = films.RULES["zones"][0], *films.RULES["rules"]
        saved = parse_config({"zones": [zone], "rules": [stay]}, file_name="r")
        cameras.apply_config(row.camera, saved)
        out, _ = run("replay", camera="Door", config=config)
        *lines, summary = out.splitlines()
        assert [line.split()[0] for line in lines] == ["disappears", "stays"]
        assert all("person loitering in spot for" in line for line in lines)
        assert "2 incidents by the saved rules, 1 by" in summary
        assert "0 appear, 1 disappear, 1 stay" in summary

    def test_twice_gives_the_same_bytes(self, row, config, tmp_path):
        one, two = tmp_path / "one.json", tmp_path / "two.json"
        run("replay", camera="Door", config=config, json=one)
        run("replay", camera="Door", config=config, json=two)
        assert one.read_bytes() == two.read_bytes()
        report = json.loads(one.read_text())
        assert (report["sessions"], len(report["before"]), len(report["after"])) == (1, 2, 1)
        assert report["after"][0]["hits"][0]["numbers"]["dwell_seconds"] >= 11

    def test_a_window_by_the_clock_of_the_site(self, row, config):
        row.camera.site.time_zone = "Asia/Tokyo"
        row.camera.site.save()
        middle = (row.starts_at + timedelta(seconds=20)).astimezone(ZoneInfo("Asia/Tokyo"))
        told_so = middle.replace(tzinfo=None).isoformat()
        out, _ = run("replay", camera="Door", config=config, since=told_so, footage=row.pk)
        assert "1 incidents by the saved rules" in out

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"camera": "Nowhere"}, "Nowhere"),
            ({"site": "Nowhere"}, "Nowhere"),
            ({"camera": "Blind"}, "Blind has no track logs"),
            ({"footage": 10**6}, "no footage 1000000"),
            ({"footage": 2**70}, "no footage"),
            ({"since": "noon"}, "--since"),
            ({"since": "2030-01-02", "until": "2030-01-01"}, "--since must be earlier"),
            ({"until": "1999-01-01"}, "in that time"),
            ({"config": "missing.yaml"}, "missing.yaml"),
        ],
    )
    def test_bad_input_is_one_line(self, row, config, options, named):
        factories.camera(row.camera.site, "Blind")
        assert named in refusal_of("replay", **{"camera": "Door", "config": config, **options})

    def test_a_bad_rule_names_its_key(self, row, tmp_path):
        path = tmp_path / "bad.yaml"
        path.write_text("rules: [{kind: loitering, threshold_seconds: soon}]")
        message = refusal_of("replay", camera="Door", config=path)
        assert "bad.yaml: rules[0].threshold_seconds" in message
