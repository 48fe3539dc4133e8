"""Live sources: one session as long as it lasts, and one clock across connections."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from detection.models import Footage, Segment
from detection.rules.config import parse_config
from detection.services import cameras, ingestion, sessions, sources
from detection.services import footage as footage_service
from detection.vision.frames import SourceFrame
from hitlsite.errors import DomainError
from tests.detection import films
from tests.detection.vision.scenes import HEIGHT, WIDTH

pytestmark = [pytest.mark.django_db, pytest.mark.sql, pytest.mark.usefixtures("data_dir")]


class FakeCamera:
    """What a live source is to a session: each connection counts its seconds from 0."""

    average_fps, damage, duration_seconds = films.FPS, None, None
    width, height = WIDTH, HEIGHT

    def __init__(self):
        self.connections = 0
        self.visits, self.seconds = (), 6.0

    @contextmanager
    def opened(self, footage):
        self.connections += 1
        yield self

    def frames(self, start_seconds=0.0):
        for at_seconds, image in films.pictures(self.visits, self.seconds):
            yield SourceFrame.from_image(image, at_seconds)


@pytest.fixture
def live(monkeypatch):
    fake = FakeCamera()
    monkeypatch.setattr(sources, "opened", fake.opened)
    return fake


@pytest.fixture
def row():
    camera = cameras.get_or_create_camera(cameras.find_site(), "Door", detector="motion")
    cameras.apply_config(camera, parse_config(films.RULES, file_name="rules"))
    values = {"kind": Footage.Kind.STREAM, "location": "rtsp://door/1", "sha256": "0" * 64}
    return footage_service.create(camera, "today", {**values, "width": WIDTH, "height": HEIGHT})


class Listener(ingestion.Observer):
    def __init__(self):
        self.times, self.after_segments = [], []

    def on_frame(self, at_seconds):
        self.times.append(at_seconds)

    def on_segment(self, segment):
        self.after_segments.append(list(segment.footage.incidents.values("evidence_complete_at")))


def let_pass(row, seconds):
    """Let so much time pass for a footage, as its clock sees it."""
    row.refresh_from_db()
    row.starts_at -= timedelta(seconds=seconds)
    row.save(update_fields=["starts_at"])
    Segment.objects.update(not_before=None)


def ingest(row):
    listener = Listener()
    waiting = ingestion.waiting_segments().filter(footage=row).get()
    assert ingestion.ingest_segment(waiting.pk, observer=listener) is None
    return listener


def test_one_connection_lasts_over_many_segments(row, live, settings):
    settings.SEGMENT_SECONDS = 1.0
    Segment.objects.update(end_seconds=1.0)
    times = ingest(row).times
    assert live.connections == 1
    assert len(times) == live.seconds * films.FPS
    assert times[-1] - times[0] == pytest.approx(live.seconds - 1 / films.FPS)
    assert row.segments.count() >= 6
    assert set(row.segments.values_list("state", flat=True)) == {"done"}
    row.refresh_from_db()
    assert row.ended_at


def test_its_clock_counts_from_the_start_of_the_session(row, live):
    let_pass(row, 3600)
    times = ingest(row).times
    now = (timezone.now() - row.starts_at).total_seconds()
    assert 3600 <= times[0] <= now
    starts = list(row.segments.values_list("start_seconds", flat=True))
    assert starts[:2] == [0.0, 3600.0]


class TestAnotherConnection:
    @pytest.fixture
    def broken(self, row, live, monkeypatch):
        """Let the worker break once the first visitor's incident is closed, its clip not yet."""
        live.visits, live.seconds = ((2.0, 10.0),), 20.0
        real_step, closed = sessions.CameraSession.step, []

        def step(self, frame):
            if closed:
                raise DomainError("worker_gone", "The worker is gone.")
            taken = real_step(self, frame)
            closed.extend(one for one in taken.transitions if one.kind == "closed")
            return taken

        monkeypatch.setattr(sessions.CameraSession, "step", step)
        with pytest.raises(DomainError):
            ingest(row)
        monkeypatch.undo()
        monkeypatch.setattr(sources, "opened", live.opened)
        incident = row.incidents.get()
        assert (incident.state, incident.evidence_complete_at) == ("closed", None)
        return row

    def test_goes_on_after_what_was_seen(self, broken, live):
        seen_until = broken.segments.get().checkpoint_seconds
        let_pass(broken, 100)
        live.visits, live.seconds = ((4.0, 14.0),), 20.0
        times = ingest(broken).times
        assert len(times) == live.seconds * films.FPS
        assert times[0] > max(100.0, seen_until)
        first, second = broken.incidents.order_by("opened_at_seconds")
        assert second.opened_at_seconds == pytest.approx(times[0] + 5.5, abs=3)
        assert second.evidence.filter(kind="clip").exists()

    def test_never_goes_back(self, broken, live):
        seen_until = broken.segments.get().checkpoint_seconds
        let_pass(broken, -1000)
        live.visits, live.seconds = (), 2.0
        times = ingest(broken).times
        assert times[0] > seen_until
        assert times == sorted(times)

    def test_completes_what_lost_its_clip(self, broken, live, settings):
        let_pass(broken, 100)
        live.visits, live.seconds = (), 6.0
        settings.SEGMENT_SECONDS = 2.0
        after_segments = ingest(broken).after_segments
        # The first segment ends before the reader has come to the next frame.
        assert all(one["evidence_complete_at"] for one in after_segments[1])
