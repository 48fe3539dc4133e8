"""Ingestion: what a film gives, once and only once, whatever happens in the middle."""

import json

import pytest
from django.core.files.storage import default_storage

from detection import tasks
from detection.models import Camera, Evidence, Incident, Segment
from detection.rules import documents
from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.services import footage as footage_service
from detection.services import ingestion, sessions
from detection.vision.types import Observation, TrackedFrame
from hitlsite import audit, jobs, storage
from hitlsite.errors import Conflict, DomainError
from hitlsite.models import Site
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.sql, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


def ingest_by_segments(row):
    segment_id = row.segments.get().pk
    while segment_id:
        segment_id = ingestion.ingest_segment(segment_id)


class TestWhatAFilmGives:
    @pytest.fixture
    def row(self, film):
        row = films.register(film)
        ingestion.ingest_footage(row)
        row.refresh_from_db()
        return row

    def test_every_visit_is_one_incident_with_both_rules(self, row):
        incidents = list(row.incidents.order_by("opened_at_seconds"))
        assert [incident.state for incident in incidents] == ["closed", "closed"]
        for incident, (start, end) in zip(incidents, films.VISITS, strict=True):
            assert start < incident.opened_at_seconds < start + 3.5
            assert end - 3.5 < incident.closed_at_seconds < end + 1
            first, second = incident.rule_hits.all()
            assert (first.rule_name, second.rule_name) == ("restricted_zone_entry", "loitering")
            assert incident.category == "restricted_zone_entry"
            assert second.opened_at_seconds > first.opened_at_seconds
            assert second.why.startswith("moving loitering in spot for")

    def test_every_incident_has_its_history_in_order(self, row):
        for incident in row.incidents.all():
            kinds = [event.kind for event in incident.events.all()]
            assert (kinds[0], kinds[-1]) == ("opened", "closed")
            assert "updated" in kinds

    def test_every_incident_has_stills_and_a_clip_that_match_their_hashes(self, row):
        for incident in row.incidents.all():
            files = {file.kind: file for file in incident.evidence.all()}
            assert set(files) == films.WHOLE
            assert incident.evidence_complete_at
            clip = files["clip"]
            assert clip.at_seconds <= incident.opened_at_seconds - 2.5
            assert clip.end_seconds >= incident.closed_at_seconds + 2.5
            for file in files.values():
                assert file.observations
                assert file.sha256 in file.path
                assert default_storage.size(file.path) == file.byte_count

    def test_the_track_log_names_the_deployment(self, row):
        import pyarrow.parquet as pq

        logs = row.track_logs.all()
        assert sum(log.row_count for log in logs) > 60
        table = pq.read_table(default_storage.path(logs[0].path))
        assert set(table["deployment_id"].to_pylist()) == {row.deployment_id}
        assert set(table["source"].to_pylist()) == {"foreground"}

    def test_watching_again_adds_nothing(self, row, film):
        before = films.told(row)
        again = films.register(film)
        assert again.pk == row.pk
        assert ingestion.ingest_footage(again) is None
        assert films.told(row) == before

    def test_every_frame_is_counted_once(self, row):
        counts = row.segments.get()
        assert counts.frames_decoded == films.SECONDS * films.FPS
        assert counts.frames_sampled == counts.frames_decoded

    def test_what_was_done_is_in_the_audit(self, row):
        assert audit.verify().is_whole


def test_segments_in_sessions_of_their_own_give_the_same(film, settings):
    whole = films.register(film, "Whole")
    ingestion.ingest_footage(whole)
    settings.SEGMENT_SECONDS = 5.0
    split = films.register(film, "Split")
    ingest_by_segments(split)
    assert split.segments.count() > 6
    assert films.told(split) == films.told(whole)


@pytest.mark.parametrize("crash_at", [0, 1, 31, 55, 68, 75, 120, 150, 199])
def test_a_crash_at_any_frame_costs_and_doubles_nothing(film, settings, monkeypatch, crash_at):
    settings.SEGMENT_SECONDS = 13.0
    whole = films.register(film, "Whole")
    ingestion.ingest_footage(whole)
    broken = films.register(film, "Broken")
    real_step, taken = sessions.CameraSession.step, []

    def step_or_crash(self, frame):
        taken.append(frame)
        if len(taken) == crash_at + 1:
            raise MemoryError("the worker is gone")
        return real_step(self, frame)

    monkeypatch.setattr(sessions.CameraSession, "step", step_or_crash)
    with pytest.raises(MemoryError):
        ingestion.ingest_footage(broken)
    ingestion.ingest_footage(broken)
    assert films.told(broken) == films.told(whole)
    assert Segment.objects.exclude(state="done").count() == 0


def test_a_worker_that_lost_its_lease_stores_nothing_more(film):
    row = films.register(film)
    segment = jobs.claim(Segment.objects.select_related("footage__camera"), row.segments.get().pk)
    worker = ingestion.Ingestion(segment)
    Segment.objects.filter(pk=segment.pk).update(lease_holder="another")
    with pytest.raises(jobs.LeaseLost):
        worker.run()
    worker.close()
    assert Incident.objects.count() == 0
    assert Segment.objects.get().lease_holder == "another"


def test_a_segment_that_another_worker_holds_is_left_alone(film):
    row = films.register(film)
    jobs.claim(Segment.objects, row.segments.get().pk, holder="elsewhere:1:x")
    assert ingestion.ingest_segment(row.segments.get().pk) is None
    assert ingestion.ingest_footage(row) is None


def test_a_full_disk_leaves_no_half_row_and_a_retry_works(film, monkeypatch):
    from hitlsite import storage

    row = films.register(film)
    real_put = storage._put

    def no_room(name, path):
        raise DomainError("disk_full", "No space left on the disk of the media folder.")

    monkeypatch.setattr(storage, "_put", no_room)
    with pytest.raises(DomainError, match="No space left"):
        ingestion.ingest_footage(row)
    segment = row.segments.get()
    assert (segment.state, segment.error_code) == ("queued", "disk_full")
    assert Incident.objects.count() == Evidence.objects.count() == 0
    monkeypatch.setattr(storage, "_put", real_put)
    ingestion.ingest_footage(row)
    assert row.incidents.count() == 2


@pytest.mark.usefixtures("eager_tasks")
def test_the_tasks_ingest_what_waits(film, settings):
    settings.SEGMENT_SECONDS = 15.0
    row = films.register(film)
    tasks.ingest_waiting()
    assert row.incidents.count() == 2
    assert set(row.segments.values_list("state", flat=True)) == {"done"}


class TestWatchRefuses:
    """What ``watch`` refuses leaves nothing behind, whenever it is refused."""

    @pytest.fixture
    def row(self, film):
        return footage_service.register_watch(
            film, camera_name="Door", session="monday", detector="motion"
        )

    def test_a_session_that_is_taken(self, row, tmp_path):
        other = films.draw_film(tmp_path / "other.mp4", visits=(), seconds=2)
        rules = tmp_path / "rules.json"
        rules.write_text(json.dumps(films.RULES))
        with pytest.raises(Conflict, match="another file"):
            footage_service.register_watch(
                other, camera_name="Door", session="monday", config_path=rules, fps=9
            )
        row.camera.refresh_from_db()
        assert (row.camera.sampling_fps, row.camera.zones.count()) == (5.0, 0)

    def test_a_file_that_vanishes_while_it_is_read(self, film, monkeypatch):
        def gone(path):
            raise FileNotFoundError(2, "No such file or directory")

        monkeypatch.setattr(storage, "sha256_of", gone)
        with pytest.raises(DomainError, match="visits.mp4: it can no longer be read: No such"):
            footage_service.register_watch(film, camera_name="Door", detector="motion")
        assert (Site.objects.count(), Camera.objects.count()) == (0, 0)

    @pytest.mark.parametrize("session", ["s" * 101, "two\nlines", "\x00"])
    def test_a_session_that_no_column_holds(self, film, session):
        with pytest.raises(DomainError, match="at most 100 printable"):
            footage_service.register_watch(film, camera_name="Door", session=session)
        assert (Site.objects.count(), Camera.objects.count()) == (0, 0)


class TestLongNames:
    """The longest names that rules and zones may have fit everywhere they are written to."""

    RULE, ZONE = "r" * documents.LONGEST_NAME, "z" * documents.LONGEST_NAME

    def test_from_the_file_to_the_incident(self, film):
        zone, entry = {**films.RULES["zones"][0]}, {**films.RULES["rules"][0]}
        zone["name"], entry["name"], entry["zones"] = self.ZONE, self.RULE, [self.ZONE]
        row = films.register(film, rules={"zones": [zone], "rules": [entry]})
        ingestion.ingest_footage(row)
        for incident in row.incidents.all():
            incident.full_clean(validate_unique=False, validate_constraints=False)
            hit = incident.rule_hits.get()
            hit.full_clean(exclude=["numbers", "parameters"], validate_unique=False)
            assert (hit.rule_name, hit.zone) == (self.RULE, self.ZONE)

    def test_the_longest_key_an_engine_makes(self):
        polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        rule = RuleSpec(self.RULE, "crowd_formation", (self.ZONE,))
        engine = RuleEngine(
            [ZoneSpec(self.ZONE, "monitored", polygon)], [rule], aspect_ratio=1.5, sampling_fps=1.0
        )
        a_year, transitions = 31_536_000, []
        for second in range(a_year, a_year + 30):
            seen = [
                Observation(float(second), track, "person", 0.9, (x, 0.4, x + 0.1, 0.8))
                for track, x in ((1, 0.1), (2, 0.4), (3, 0.7))
            ]
            transitions += engine.update(TrackedFrame(float(second), tuple(seen)))
        keys = [one.incident.key for one in transitions if one.kind == "opened"]
        assert len(keys) == 1
        assert 120 < len(keys[0]) < Incident._meta.get_field("key").max_length


def test_another_file_under_the_same_session_is_refused(film, tmp_path):
    row = films.register(film)
    other = films.draw_film(tmp_path / "other.mp4", visits=(), seconds=2)
    with pytest.raises(Conflict, match="another file"):
        footage_service.register_file(row.camera, other, session=row.session)


@pytest.mark.parametrize("content", [None, b"", b"this is not a film" * 50])
def test_a_bad_file_is_named_and_stores_nothing(tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DomainError, match="bad.mp4"):
        films.register(path)
    assert Segment.objects.count() == 0


def test_a_truncated_film_gives_what_it_holds_and_says_so(film, tmp_path):
    cut = tmp_path / "cut.mp4"
    write_truncated(film, cut)
    row = films.register(cut, "Cut")
    ingestion.ingest_footage(row)
    row.refresh_from_db()
    assert row.ended_at
    assert "cut.mp4" in row.damage


def write_truncated(film, cut):
    """Copy a film with its index in front, and drop the second half of the bytes."""
    import av

    with (
        av.open(str(film)) as source,
        av.open(str(cut), "w", options={"movflags": "faststart"}) as sink,
    ):
        stream = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                sink.mux(packet)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
