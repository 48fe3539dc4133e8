"""Photos that ingestion takes for a camera: with their detections, once, and never in the way."""

from datetime import timedelta

import cv2
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from detection.models import Camera, Photo, PhotoDetection, Segment, TrackLog
from detection.rules.config import parse_config
from detection.services import cameras, ingestion
from hitlsite import storage
from hitlsite.models import AuditEntry
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


def watched(film, name="Door", *, rules=films.RULES, **wishes):
    """Ingest the film of two visits for a camera with wishes; return the footage."""
    row = films.register(film, name, rules=rules)
    Camera.objects.filter(pk=row.camera_id).update(**wishes)
    ingestion.ingest_footage(row)
    return row


def taken(row):
    return list(Photo.objects.filter(camera=row.camera_id).order_by("captured_at"))


def seconds(row):
    return [round((one.captured_at - row.starts_at).total_seconds(), 3) for one in taken(row)]


def test_no_camera_takes_photos_by_default(site, film):
    assert not Camera().photo_on_detection
    assert Camera().photo_every_seconds is None
    assert taken(watched(film)) == []


def test_a_photo_of_each_visitor_with_what_was_seen(site, film):
    row = watched(film, photo_on_detection=True)
    photos = taken(row)
    assert len(photos) == 2
    for photo, (start, end) in zip(photos, films.VISITS, strict=True):
        at = photo.captured_at - row.starts_at
        assert timedelta(seconds=start) <= at <= timedelta(seconds=end)
        assert photo.origin == Photo.Origin.SNAPSHOT
        assert photo.detected_at
        found = photo.detections.get()
        assert (found.class_name, found.deployment.backend) == ("moving", "motion")
        assert found.deployment == row.incidents.first().deployment
        with default_storage.open(photo.path, "rb") as stored:
            image = cv2.imdecode(np.frombuffer(stored.read(), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape[:2] == (photo.height, photo.width)
        assert storage.sha256_of(default_storage.path(photo.path)) == photo.sha256


def test_a_photo_every_so_many_seconds(site, film):
    assert seconds(watched(film, photo_every_seconds=10.0)) == [0.0, 10.0, 20.0, 30.0]


def test_photos_change_nothing_of_what_is_found(site, film):
    plain = watched(film, "Plain")
    both = watched(film, "Both", photo_on_detection=True, photo_every_seconds=5.0)
    assert films.told(both) == films.told(plain)
    assert len(taken(both)) >= 8


def test_what_is_ingested_again_adds_nothing(site, film, settings):
    settings.SEGMENT_SECONDS = 15
    row = watched(film, photo_every_seconds=10.0)
    before = list(Photo.objects.values_list("pk", "sha256"))
    row.incidents.all().delete()
    TrackLog.objects.filter(segment__footage=row).delete()
    row.segments.exclude(position=0).delete()
    row.segments.update(state=Segment.State.QUEUED, checkpoint=None, finished_at=None)
    ingestion.ingest_footage(row)
    assert list(Photo.objects.values_list("pk", "sha256")) == before
    assert PhotoDetection.objects.filter(photo__in=[pk for pk, _ in before]).exists()


def test_a_killed_worker_leaves_each_photo_once(site, film, monkeypatch, settings):
    whole = watched(film, "Whole", photo_on_detection=True, photo_every_seconds=6.0)
    row = films.register(film, "Killed")
    Camera.objects.filter(pk=row.camera_id).update(photo_on_detection=True, photo_every_seconds=6.0)

    class Stop(Exception):
        pass

    class Killer(ingestion.Observer):
        def on_frame(self, at_seconds):
            if at_seconds >= 26.0:
                raise Stop

    monkeypatch.setattr(ingestion.Ingestion, "_give_back", lambda self, error: None)
    with pytest.raises(Stop):
        ingestion.ingest_footage(row, observer=Killer())
    assert 0 < len(taken(row)) < len(taken(whole))
    monkeypatch.undo()
    Segment.objects.filter(footage=row).update(
        state=Segment.State.QUEUED, lease_holder="", lease_expires_at=None
    )
    ingestion.ingest_footage(row)
    assert seconds(row) == seconds(whole)
    assert [one.sha256 for one in taken(row)] == [one.sha256 for one in taken(whole)]


def test_private_zones_are_black_before_anything_is_written(site, film):
    rules = {
        **films.RULES,
        "zones": [
            *films.RULES["zones"],
            {"name": "desk", "kind": "private", "polygon": [[0, 0], [0.3, 0], [0.3, 1], [0, 1]]},
        ],
    }
    row = films.register(film, "Desk", rules=rules)
    Camera.objects.filter(pk=row.camera_id).update(photo_every_seconds=20.0)
    # One more was drawn after the footage was registered.
    rules["zones"].append(
        {"name": "bed", "kind": "private", "polygon": [[0.8, 0], [1, 0], [1, 1], [0.8, 1]]}
    )
    cameras.apply_config(row.camera, parse_config(rules, file_name="rules"))
    ingestion.ingest_footage(row)
    photos = taken(row)
    assert len(photos) == 2
    for photo in photos:
        image = cv2.imread(default_storage.path(photo.path))
        assert image[:, : int(photo.width * 0.3) - 8].max() < 20
        assert image[:, int(photo.width * 0.8) + 8 :].max() < 20
        assert image[:, int(photo.width * 0.4) : int(photo.width * 0.7)].mean() > 40


def test_a_photo_that_cannot_be_stored_stops_nothing(site, film, monkeypatch, caplog):
    plain = films.told(watched(film, "Plain"))
    store = storage.store_bytes

    def full(site_id, kind, content, *, suffix):
        if kind == "photos":
            raise OSError("the disk is full")
        return store(site_id, kind, content, suffix=suffix)

    monkeypatch.setattr(storage, "store_bytes", full)
    row = watched(film, "Full", photo_on_detection=True)
    assert taken(row) == []
    assert films.told(row) == plain
    assert "the disk is full" in caplog.text


def test_a_stream_heeds_wishes_that_change_while_it_runs(site, film, settings):
    settings.SEGMENT_SECONDS = 20

    class Switch(ingestion.Observer):
        def on_segment(self, segment):
            Camera.objects.filter(pk=segment.footage.camera_id).update(photo_every_seconds=5.0)

    row = films.register(film)
    ingestion.ingest_footage(row, observer=Switch())
    assert seconds(row) == [20.0, 25.0, 30.0, 35.0]


class TestForm:
    """A camera's page says what photos it takes."""

    @pytest.fixture
    def send(self, client, supervisor, camera):
        client.force_login(supervisor)

        def sent(**values):
            columns = {
                "name": camera.name,
                "detector": "motion",
                "sampling_fps": "5",
                "tracker": "botsort",
                "lost_seconds": "2",
                "is_enabled": "on",
                **values,
            }
            response = client.post(reverse("detection:camera_edit", args=[camera.pk]), columns)
            camera.refresh_from_db()
            return response

        return sent

    def test_both_wishes_are_stored_and_recorded(self, send, camera):
        assert send(photo_on_detection="on", photo_every_seconds="30").status_code in (302, 303)
        assert (camera.photo_on_detection, camera.photo_every_seconds) == (True, 30.0)
        told = AuditEntry.objects.get(action="camera.changed").detail.content
        assert (told["photo_on_detection"], told["photo_every_seconds"]) == (True, 30.0)
        send()
        assert (camera.photo_on_detection, camera.photo_every_seconds) == (False, None)

    @pytest.mark.parametrize("seconds", ["0", "0.5", "-1", "inf", "nan", "often"])
    def test_nonsense_is_refused(self, send, camera, seconds):
        response = send(photo_every_seconds=seconds)
        assert response.status_code == 422
        assert "photo_every_seconds" in response.context["form"].errors
        assert camera.photo_every_seconds is None
