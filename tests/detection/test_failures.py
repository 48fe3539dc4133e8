"""Footage that cannot be ingested: waiting between attempts, an end in order, another chance."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from detection.models import Footage, Incident, Photo, Segment
from detection.selectors import incidents_ready
from detection.services import failures, ingestion, photos, sessions
from hitlsite import audit, jobs, storage
from hitlsite.errors import Conflict, DomainError
from hitlsite.models import AuditEntry, Job
from tests import factories
from tests.detection import films
from tests.detection.uploading import photo

pytestmark = [pytest.mark.django_db, pytest.mark.sql, pytest.mark.usefixtures("data_dir")]

BROKEN_AT = 13.0  # in the middle of the first visit, both rules having fired


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


@pytest.fixture
def breaking(monkeypatch):
    """Make every session break at one moment until ``undo`` is called."""
    real_step = sessions.CameraSession.step

    def step(self, frame):
        if frame.at_seconds >= BROKEN_AT:
            raise DomainError("disk_full", "No space left on the disk of the media folder.")
        return real_step(self, frame)

    monkeypatch.setattr(sessions.CameraSession, "step", step)
    return monkeypatch


def fail_once(row):
    Segment.objects.update(not_before=None)
    with pytest.raises(DomainError, match="No space"):
        ingestion.ingest_segment(row.segments.get().pk)


def fail_for_good(row):
    for _ in range(jobs.MAX_ATTEMPTS):
        fail_once(row)


class TestWaiting:
    def test_a_worker_leaves_it_alone_for_a_while(self, film, breaking):
        row = films.register(film)
        fail_once(row)
        segment = row.segments.get()
        assert (segment.state, segment.error_code) == ("queued", "disk_full")
        assert segment.not_before > timezone.now() + timedelta(seconds=30)
        assert not ingestion.waiting_segments().exists()
        assert ingestion.ingest_segment(segment.pk) is None
        assert row.segments.get().attempts == 1

    def test_somebody_who_watches_it_takes_it_at_once(self, film, breaking):
        row = films.register(film)
        fail_once(row)
        breaking.undo()
        ingestion.ingest_footage(row)
        assert row.incidents.count() == 2
        row.refresh_from_db()
        assert row.ended_at


class TestFailedForGood:
    @pytest.fixture
    def row(self, film, breaking):
        row = films.register(film)
        fail_for_good(row)
        breaking.undo()
        return row

    def test_what_was_open_is_closed_and_reaches_review(self, row):
        segment, incident = row.segments.get(), row.incidents.get()
        assert (segment.state, segment.error_code) == ("failed", "disk_full")
        assert (incident.state, incident.close_reason) == ("closed", "source_ended")
        assert incident.opened_at_seconds < incident.closed_at_seconds <= BROKEN_AT
        assert incident.closed_at_seconds == segment.checkpoint_seconds
        assert incident.closed_at == row.starts_at + timedelta(seconds=incident.closed_at_seconds)
        assert [event.kind for event in incident.events.all()] == ["opened", "updated", "closed"]
        assert not incident.rule_hits.filter(closed_at_seconds__isnull=True).exists()
        assert list(incidents_ready()) == [incident]
        assert audit.verify().is_whole

    def test_the_pictures_of_the_last_checkpoint_are_its_evidence(self, row):
        kinds = set(row.incidents.get().evidence.values_list("kind", flat=True))
        assert kinds == {"frame_open", "frame_peak", "frame_last"}

    def test_tried_again_it_goes_on_and_what_people_saw_stays(self, row):
        before = films.told(row)
        failures.requeue(row)
        assert ingestion.ingest_segment(row.segments.get().pk) is None
        row.refresh_from_db()
        assert row.ended_at
        first, goes_on, second = row.incidents.order_by("opened_at_seconds")
        assert films.told(row)[0] == before[0]
        assert goes_on.opened_at_seconds > first.closed_at_seconds
        assert (goes_on.close_reason, second.state) != ("source_ended", "open")
        assert Incident.objects.filter(evidence_complete_at__isnull=True).count() == 0
        assert set(goes_on.evidence.values_list("kind", flat=True)) == films.WHOLE

    def test_settling_again_changes_nothing(self, row):
        before = films.told(row)
        assert failures.settle_failed() == 0
        assert films.told(row) == before

    def test_the_command_queues_it_and_says_so(self, row):
        out = io.StringIO()
        call_command("requeue", footage=row.pk, stdout=out)
        assert f"Footage {row.pk}" in out.getvalue()
        segment = row.segments.get()
        assert (segment.state, segment.attempts, segment.error_code) == ("queued", 0, "")
        assert AuditEntry.objects.filter(action="footage.requeued").count() == 1
        assert list(ingestion.waiting_segments()) == [segment]


def test_without_room_for_pictures_the_incident_still_reaches_review(film, breaking, monkeypatch):
    row = films.register(film)
    for _ in range(jobs.MAX_ATTEMPTS - 1):
        fail_once(row)

    def no_room(*arguments, **options):
        raise DomainError("disk_full", "No space left.")

    monkeypatch.setattr(storage, "store_bytes", no_room)
    fail_once(row)
    assert list(incidents_ready()) == [row.incidents.get()]


def test_a_footage_whose_workers_were_all_lost_is_settled_by_the_sweeper():
    incident = factories.incident(
        state="open", closed_at_seconds=None, closed_at=None, whole=False, with_files=False
    )
    incident.rule_hits.update(closed_at_seconds=None)
    Segment.objects.filter(pk=incident.segment_id).update(
        state="running",
        attempts=jobs.MAX_ATTEMPTS,
        lease_expires_at=timezone.now() - timedelta(seconds=1),
        checkpoint_seconds=45.0,
    )
    ingestion.sweep()
    incident.refresh_from_db()
    assert (incident.state, incident.closed_at_seconds) == ("closed", 45.0)
    assert list(incidents_ready()) == [incident]


class TestRequeueRefuses:
    @pytest.mark.parametrize(
        ("state", "ended_at", "said"),
        [("done", timezone.now(), "has been ingested"), ("running", None, "is being ingested")],
    )
    def test_what_is_done_or_running(self, state, ended_at, said):
        row = factories.footage(ended_at=ended_at)
        factories.segment(row, state=state)
        with pytest.raises(Conflict, match=said):
            failures.requeue(row)
        assert Segment.objects.get().state == state

    def test_an_unknown_footage(self):
        with pytest.raises(CommandError, match="no footage 4711") as refusal:
            call_command("requeue", footage=4711)
        assert refusal.value.returncode == 2


class TestSentAgain:
    def test_a_failed_film_is_queued_and_put_back_where_it_was_lost(self, phone, visit):
        upload_id = phone.send(visit, "video").json()["id"]
        storage.delete(Footage.objects.get().location)
        Segment.objects.update(state="failed", attempts=5, error_message="The disk is full.")
        again = phone.send(visit, "video")
        assert (again.status_code, again.json()["id"]) == (200, upload_id)
        assert (again.json()["state"], again.json()["error"]) == ("queued", "")
        ingestion.ingest_footage(Footage.objects.get())
        assert phone.ask(upload_id).json()["state"] == "done"

    def test_a_failed_photo_is_queued(self, phone):
        upload_id = phone.send(photo()).json()["id"]
        Job.objects.update(state="failed", error_message="The disk is full.")
        assert phone.ask(upload_id).json()["state"] == "failed"
        again = phone.send(photo())
        assert (again.status_code, again.json()["state"]) == (200, "queued")
        assert photos.waiting() == [Photo.objects.get().pk]

    def test_what_did_not_fail_stays_as_it_is(self, phone, visit):
        phone.send(visit, "video")
        Segment.objects.update(state="running")
        assert phone.send(visit, "video").json()["state"] == "running"
        assert not AuditEntry.objects.filter(action="footage.requeued").exists()
