"""Random minutes and near misses: drawn once, with the chance that each had, and cut from film."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from detection.models import Evidence, Incident, SampleDraw
from detection.selectors import incidents_ready, reported_during
from detection.services import excerpts, fleet, ingestion, replay, sampling, summaries
from detection.services import footage as footage_service
from detection.services.cameras import current_config
from hitlsite import jobs
from hitlsite.errors import DomainError
from tests import factories
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
STARTS_AT = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
DAY, LATER = STARTS_AT.date(), STARTS_AT + timedelta(days=1)
MINUTES, NEARLY = SampleDraw.Kind.AUDIT_MINUTE, SampleDraw.Kind.NEAR_MISS


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


def watched(path, *, loitering=6, **settings):
    """Return the film as ingested footage of one camera, recorded on DAY."""
    zone, entry, stay = films.RULES["zones"][0], *films.RULES["rules"]
    rules = {"zones": [zone], "rules": [{**stay, "threshold_seconds": loitering}]}
    if loitering == 6:
        rules["rules"].insert(0, entry)
    row = films.register(path, rules=rules, **settings)
    row.starts_at = STARTS_AT
    row.save()
    ingestion.ingest_footage(row)
    row.refresh_from_db()
    return row


class TestMinutes:
    def test_a_draw_stores_how_many_of_how_many_and_a_sample_of_each(self, film):
        row = watched(film)
        made = sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        assert (made.population, made.drawn, made.note) == (2, 2, "")
        found = Incident.objects.filter(origin="audit_minute").order_by("opened_at_seconds")
        times = [(one.opened_at_seconds, one.closed_at_seconds) for one in found]
        assert times == [(0.0, 30.0), (30.0, pytest.approx(40.0, abs=0.2))]
        for one in found:
            assert (one.inclusion_probability, one.category, one.state) == (
                1.0,
                "unknown",
                "closed",
            )
            assert one in incidents_ready()
            assert one.sampled_day == DAY
            kinds = {file.kind for file in one.evidence.all()}
            assert kinds == {"frame_open", "frame_peak", "frame_last", "clip"}

    def test_its_pictures_show_what_the_tracks_were(self, film):
        row = watched(film)
        sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        first = Incident.objects.filter(origin="audit_minute").earliest("opened_at_seconds")
        clip = first.evidence.get(kind=Evidence.Kind.CLIP)
        assert clip.end_seconds - clip.at_seconds == pytest.approx(30.0, abs=0.3)
        assert {seen["class_name"] for seen in clip.observations} == {"moving"}
        assert first.evidence.get(kind="frame_peak").observations

    @pytest.mark.parametrize(("wanted", "drawn"), [(1, 1), (2, 2), (9, 2)])
    def test_the_chance_is_what_was_drawn_of_what_there_was(self, film, settings, wanted, drawn):
        settings.AUDIT_MINUTES = wanted
        row = watched(film)
        made = sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        assert made.drawn == drawn
        chances = Incident.objects.filter(origin="audit_minute").values_list(
            "inclusion_probability", flat=True
        )
        assert list(chances) == [drawn / 2] * drawn

    def test_a_day_is_drawn_from_once(self, film):
        row = watched(film)
        report = sampling.draw_due(day=DAY, at=LATER)
        assert {one.kind for one in report.drawn} == {"audit_minute", "near_miss"}
        assert sampling.draw_due(day=DAY, at=LATER).drawn == []
        assert sampling.draw(row.camera, DAY, MINUTES).drawn == 2
        assert SampleDraw.objects.count() == 2

    def test_after_a_crash_the_same_minutes_are_drawn(self, film, settings, monkeypatch):
        settings.AUDIT_MINUTES = 1
        row = watched(film)
        real = excerpts.store

        def crash(excerpt, incident):
            real(excerpt, incident)
            raise KeyboardInterrupt

        monkeypatch.setattr(excerpts, "store", crash)
        with pytest.raises(KeyboardInterrupt):
            sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        assert not SampleDraw.objects.exists()
        assert not Incident.objects.filter(origin="audit_minute").exists()
        monkeypatch.setattr(excerpts, "store", real)
        made = sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        (sample,) = Incident.objects.filter(origin="audit_minute")
        assert made.seed == sampling.seed_of(row.camera, DAY, MINUTES)
        places = sampling.choose([0.0, 30.0], 1, made.seed)
        assert places == [sample.opened_at_seconds]

    def test_scratch_is_empty_afterwards(self, film, settings):
        row = watched(film)
        sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        assert list(settings.SCRATCH_DIR.glob("*")) == []

    def test_what_cannot_be_cut_is_told_and_not_counted_as_drawn(self, film, monkeypatch):
        row = watched(film)
        real = excerpts.take

        def broken(footage, start_seconds, *rest, **options):
            if start_seconds == 0.0:
                raise DomainError("excerpt_empty", "nothing at 0 s")
            return real(footage, start_seconds, *rest, **options)

        monkeypatch.setattr(excerpts, "take", broken)
        made = sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        assert (made.population, made.drawn, made.note) == (2, 1, "nothing at 0 s")
        assert Incident.objects.get(origin="audit_minute").inclusion_probability == 0.5

    def test_a_full_disk_leaves_the_day_for_later(self, film, monkeypatch):
        row = watched(film)

        def full(*args, **options):
            raise DomainError("disk_full", "no space left", status=507)

        monkeypatch.setattr(excerpts, "take", full)
        report = sampling.draw_due(camera=row.camera, day=DAY, at=LATER)
        assert [error for _, error in report.failed] == ["no space left"]
        assert not SampleDraw.objects.filter(kind=MINUTES).exists()

    def test_of_a_stream_nothing_is_drawn_and_the_draw_says_why(self, camera):
        row = factories.footage(
            camera, kind="stream", location="rtsp://door/1", starts_at=STARTS_AT
        )
        factories.segment(row)
        made = sampling.draw(camera, DAY, MINUTES, at=LATER)
        assert (made.population, made.drawn) == (0, 0)
        assert "a stream keeps no pictures" in made.note

    def test_without_footage_there_is_no_draw(self, camera):
        assert sampling.draw(camera, DAY, MINUTES, at=LATER) is None

    def test_a_day_still_being_ingested_waits(self, film):
        row = watched(film)
        factories.segment(row, 5, state="queued")
        assert sampling.draw(row.camera, DAY, MINUTES, at=LATER) is None

    def test_a_private_zone_of_today_is_black_in_pictures_of_then(self, film):
        import cv2
        import numpy as np
        from django.core.files.storage import default_storage

        row = watched(film)
        row.camera.zones.create(
            name="till", kind="private", polygon=[[0, 0], [1, 0], [1, 1], [0, 1]]
        )
        sampling.draw(row.camera, DAY, MINUTES, at=LATER)
        for file in Evidence.objects.filter(incident__origin="audit_minute"):
            with default_storage.open(file.path, "rb") as stored:
                content = stored.read()
            if file.is_clip:
                continue
            assert cv2.imdecode(np.frombuffer(content, np.uint8), 1).max() < 3


class TestWhen:
    @pytest.mark.parametrize(
        ("hours", "kinds"), [(14.9, 0), (15.9, 0), (16.1, 2), (24 * 7 + 14, 2), (24 * 8 + 15, 0)]
    )
    def test_a_day_is_due_an_hour_after_its_end_and_for_a_week(self, film, hours, kinds):
        row = watched(film)
        at = STARTS_AT.replace(second=0) + timedelta(hours=hours)
        todo = sampling.due(camera=row.camera, at=at)
        assert len([one for one in todo if one[1] == DAY]) == kinds

    def test_by_name_a_day_is_drawn_as_soon_as_it_is_over(self, film):
        row = watched(film)
        over = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
        assert len(sampling.due(camera=row.camera, day=DAY, at=over)) == 2
        with pytest.raises(DomainError, match="not over"):
            sampling.due(camera=row.camera, day=DAY, at=over - timedelta(seconds=1))

    def test_none_are_due_where_none_are_wanted(self, film, settings):
        row = watched(film)
        settings.AUDIT_MINUTES = settings.NEAR_MISSES = 0
        assert sampling.due(camera=row.camera, day=DAY, at=LATER) == []

    def test_one_worker_draws_at_a_time(self, film):
        watched(film)
        job, _ = jobs.enqueue(sampling.KIND, "all")
        assert jobs.claim(type(job).objects.all(), job.pk)
        assert sampling.draw_due(day=DAY, at=LATER).drawn == []

    def test_the_chance_is_the_same_for_every_minute(self):
        hits = [0] * 10
        for number in range(4000):
            for place in sampling.choose(range(10), 3, f"seed {number}"):
                hits[place] += 1
        assert sum(hits) == 12_000
        assert max(abs(count - 1200) for count in hits) < 4.5 * (4000 * 0.3 * 0.7) ** 0.5


class TestNearMisses:
    def test_a_stay_just_too_short_is_found_with_its_figures(self, film):
        row = watched(film, loitering=14)
        assert not row.incidents.exists()
        made = sampling.draw(row.camera, DAY, NEARLY, at=LATER)
        assert (made.population, made.drawn) == (1, 1)
        sample = Incident.objects.get(origin="near_miss")
        hit = sample.rule_hits.get()
        assert hit.parameters["threshold_seconds"] == 14
        assert 0.6 * 14 - 0.3 <= hit.numbers["dwell_seconds"] < 14
        assert sample.why.startswith("nearly: ") and " of 14 s (moving loitering" in sample.why
        assert sample.category == "loitering"
        assert sample.evidence.count() == 4

    def test_what_was_reported_is_no_near_miss(self, film):
        row = watched(film)
        assert row.incidents.exists()
        made = sampling.draw(row.camera, DAY, NEARLY, at=LATER)
        assert (made.population, made.drawn) == (0, 0)

    def test_what_falls_far_short_is_none(self, film):
        row = watched(film, loitering=60)
        assert sampling.draw(row.camera, DAY, NEARLY, at=LATER).population == 0


class TestNotAmongIncidents:
    @pytest.fixture
    def row(self, film):
        row = watched(film, loitering=14)
        sampling.draw_due(camera=row.camera, day=DAY, at=LATER)
        assert row.incidents.count() == 3
        return row

    def test_figures_of_the_camera_leave_samples_out(self, row, superuser):
        assert fleet.counts(row.camera)["total"] == 0
        assert list(fleet.recent_incidents(row.camera)) == []
        (state,) = fleet.recent_footage(row.camera)
        assert state.incident_count == 0
        (fare,) = fleet.fares(superuser)
        assert fare.incident_count == 0

    def test_the_report_of_a_footage_leaves_samples_out(self, row):
        assert summaries.footage_report(row, seconds_taken=1.0)["incidents"] == []

    def test_a_comparison_of_rules_is_the_same_with_samples(self, row):
        from detection.rules.config import parse_config

        config = parse_config(current_config(row.camera), file_name="rules")
        difference = replay.compare(row.camera, config)
        assert (difference.before, difference.after) == ((), ())

    def test_ingesting_again_changes_nothing(self, row):
        ingestion.ingest_footage(row)
        footage_service.register_file(row.camera, row.location)
        assert row.incidents.count() == 3


def test_what_was_reported_in_a_minute_is_known(film):
    row = watched(film)
    sampling.draw(row.camera, DAY, MINUTES, at=LATER)
    first, last = Incident.objects.filter(origin="audit_minute").order_by("opened_at_seconds")
    reported = list(row.incidents.filter(origin="rule").order_by("opened_at_seconds"))
    assert len(reported) == 2
    assert list(reported_during(first)) == reported
    assert list(reported_during(last)) == reported[1:]


def test_the_command_says_what_it_drew(film, tmp_path):
    watched(film)
    out = StringIO()
    call_command("draw_samples", day="2026-03-02", json=tmp_path / "draws.json", stdout=out)
    assert "2026-03-02 Door: 2 of 2 audit minutes" in out.getvalue()
    assert '"population": 2' in (tmp_path / "draws.json").read_text()


@pytest.mark.sql
def test_a_second_draw_of_a_day_is_refused_by_the_database(camera):
    columns = {"camera": camera, "kind": MINUTES, "day": DAY, "population": 5, "drawn": 1}
    draft = SampleDraw(**columns, seed="a", drawn_at=LATER)
    first = sampling._store(draft, [])
    again = sampling._store(SampleDraw(**columns, seed="b", drawn_at=LATER), [])
    assert again == first
    assert connection.vendor in ("sqlite", "postgresql")
