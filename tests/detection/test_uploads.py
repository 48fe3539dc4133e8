"""Uploads that are taken: stored once, told what became of them, and worked on."""

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone
from PIL import Image

from detection import tasks
from detection.models import Footage, Incident, Photo, Segment
from detection.rules.config import parse_config
from detection.services import cameras, ingestion, photos, uploads
from hitlsite import audit, storage
from hitlsite.errors import DomainError
from hitlsite.models import AuditEntry, Job
from tests.detection import films
from tests.detection.uploading import (
    Phone,
    assert_nothing_is_left,
    code_of,
    photo,
    scratch_files,
    stored_files,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


class TestPhoto:
    def test_a_new_photo_is_stored_queued_and_told(self, phone, camera):
        content = photo()
        response = phone.send(content)
        assert response.status_code == 201
        told, row = response.json(), Photo.objects.get()
        assert told == {
            "id": f"p{row.pk}",
            "kind": "photo",
            "client_id": "a1",
            "state": "queued",
            "error": "",
            "damage": "",
            "sha256": hashlib.sha256(content).hexdigest(),
            "received_bytes": len(content),
            "captured_at": told["captured_at"],
            "created_at": told["created_at"],
        }
        assert phone.ask(told["id"]).json() == told
        assert (row.camera, row.device) == (camera, phone.device)
        assert row.sha256 in row.path
        assert scratch_files() == []
        assert audit.verify().is_whole
        assert AuditEntry.objects.get(action="photo.received").actor == phone.device.user

    def test_it_is_upright_and_says_nothing_about_its_maker(self, phone):
        phone.send(photo(orientation=6))
        row = Photo.objects.get()
        content = default_storage.open(row.path).read()
        image = Image.open(io.BytesIO(content))
        assert (row.width, row.height) == image.size == (24, 40)
        assert min(image.getpixel((12, 4))) > 200 > image.getpixel((12, 36))[0]
        assert not image.getexif()
        assert b"Telltale" not in content

    def test_private_zones_are_black_before_it_is_stored(self, phone, camera):
        left_half = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
        camera.zones.create(name="bench", kind="private", polygon=left_half)
        phone.send(photo())
        image = Image.open(default_storage.open(Photo.objects.get().path))
        assert max(image.getpixel((8, 12))) < 30
        assert image.getpixel((34, 12))[2] > 150

    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "1"])
    def test_private_zones_are_black_in_every_kind_of_png(self, phone, camera, mode):
        left_half = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
        camera.zones.create(name="bench", kind="private", polygon=left_half)
        content = io.BytesIO()
        Image.new("L", (40, 24), 255).convert(mode).save(content, "PNG")
        assert phone.send(content.getvalue()).status_code == 201
        image = Image.open(default_storage.open(Photo.objects.get().path)).convert("RGBA")
        assert image.getpixel((8, 12)) == image.getpixel((0, 0)) == (0, 0, 0, 255)
        assert image.getpixel((34, 12)) != (0, 0, 0, 255)

    @pytest.mark.parametrize(
        ("exif", "given", "offset", "captured_at"),
        [
            ({}, "2026-03-04T05:06:07+02:00", 0, "2026-03-04T03:06:07Z"),
            ({}, "2026-03-04T05:06:07Z", -90.5, "2026-03-04T05:04:36.500000Z"),
            ({}, "2026-07-01T12:00:00", 0, "2026-07-01T10:00:00Z"),
            ({"taken": "2026:01:02 03:04:05"}, None, 0, "2026-01-02T02:04:05Z"),
            ({"taken": "2026:07:02 03:04:05"}, "2026-03-04T05:06:07Z", 0, "2026-07-02T01:04:05Z"),
            (
                {"taken": "2026:01:02 03:04:05", "zone": "-05:00"},
                None,
                60,
                "2026-01-02T08:05:05Z",
            ),
            ({"taken": "1980:01:01 00:00:00"}, "2026-03-04T05:06:07Z", 0, "2026-03-04T05:06:07Z"),
        ],
        ids=["given", "offset", "site's zone", "exif", "exif first", "exif zone", "exif nonsense"],
    )
    def test_the_time_of_capture(self, phone, site, exif, given, offset, captured_at):
        type(site).objects.filter(pk=site.pk).update(time_zone="Europe/Berlin")
        response = phone.send(photo(**exif), captured_at=given, clock_offset_seconds=offset)
        assert response.json()["captured_at"] == captured_at
        row = Photo.objects.get()
        assert row.captured_at == datetime.fromisoformat(captured_at)
        assert row.clock_offset_seconds == offset

    def test_without_any_time_it_was_now(self, phone):
        phone.send(photo(), clock_offset_seconds=5000)
        assert abs(Photo.objects.get().captured_at - timezone.now()) < timedelta(seconds=60)

    def test_what_hangs_on_behind_a_photo_is_not_kept(self, phone):
        assert phone.send(photo() + b"PK\x03\x04<script>evil</script>").status_code == 201
        assert b"script" not in default_storage.open(Photo.objects.get().path).read()


class TestVideo:
    def test_a_film_goes_through_zones_and_rules(self, phone, camera, visit):
        type(camera).objects.filter(pk=camera.pk).update(detector="motion")
        cameras.apply_config(camera, parse_config(films.RULES, file_name="rules"))
        response = phone.send(
            visit, "video", captured_at="2026-03-04T05:06:07Z", clock_offset_seconds=3
        )
        assert response.status_code == 201
        row = Footage.objects.get()
        assert response.json()["id"] == f"v{row.pk}"
        assert (row.kind, row.device, row.client_id) == ("upload", phone.device, "a1")
        assert row.starts_at == datetime(2026, 3, 4, 5, 6, 10, tzinfo=UTC)
        assert (row.sha256, row.byte_count) == (hashlib.sha256(visit).hexdigest(), len(visit))
        assert default_storage.open(row.location).read() == visit

        told = phone.ask(f"v{row.pk}").json()
        assert (told["state"], told["error"]) == ("queued", "")
        ingestion.ingest_footage(row)
        assert phone.ask(f"v{row.pk}").json()["state"] == "done"
        incident = Incident.objects.get()
        assert incident.category == "restricted_zone_entry"
        assert incident.opened_at > row.starts_at

    def test_the_states_follow_the_segments(self, phone, visit):
        upload_id = phone.send(visit, "video").json()["id"]
        for state, seen in (("running", "running"), ("failed", "failed")):
            Segment.objects.update(state=state, error_message="The disk is full.")
            told = phone.ask(upload_id).json()
            assert told["state"] == seen
        assert told["error"] == "The disk is full."

    def test_a_film_that_is_missing_from_storage_fails_and_says_so(self, phone, visit):
        upload_id = phone.send(visit, "video").json()["id"]
        storage.delete(Footage.objects.get().location)
        for _ in range(5):
            Segment.objects.update(not_before=None)
            with pytest.raises(DomainError, match="no such file"):
                ingestion.ingest_segment(Segment.objects.get().pk)
        told = phone.ask(upload_id).json()
        assert told["state"] == "failed"
        assert "no such file" in told["error"]


@pytest.mark.django_db(transaction=True)
def test_what_is_uploaded_is_worked_on_at_once(phone, camera, visit, eager_tasks):
    type(camera).objects.filter(pk=camera.pk).update(detector="motion")
    for content, kind in ((photo(), "photo"), (visit, "video")):
        upload_id = phone.send(content, kind, kind).json()["id"]
        assert phone.ask(upload_id).json()["state"] == "done"


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_no_upload(phone, monkeypatch):
    def away(*args, **kwargs):
        raise OSError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(tasks.detect_photo, "delay", away)
        assert phone.send(photo()).status_code == 201
    assert photos.waiting() == [Photo.objects.get().pk]


class TestAgain:
    @pytest.mark.parametrize("kind", ["photo", "video"])
    def test_the_same_upload_is_the_same_row(self, phone, visit, kind):
        content = {"photo": photo(), "video": visit}[kind]
        first = phone.send(content, kind)
        again = phone.send(content, kind, name="renamed.bin")
        under_another_id = phone.send(content, kind, "b2")
        statuses = [one.status_code for one in (first, again, under_another_id)]
        assert statuses == [201, 200, 200]
        assert first.json() == again.json() == under_another_id.json()
        assert Footage.objects.count() + Photo.objects.count() == 1
        assert scratch_files() == []

    def test_another_device_of_the_camera_gets_the_same_row(self, phone, camera):
        other = Phone(camera, "tablet")
        first, second = phone.send(photo()), other.send(photo())
        assert (second.status_code, second.json()["id"]) == (200, first.json()["id"])
        assert other.ask(second.json()["id"]).status_code == 200

    def test_other_bytes_under_the_same_client_id_are_refused(self, phone, visit):
        phone.send(photo())
        files = stored_files()
        assert code_of(phone.send(photo(shade=90))) == (409, "client_id_taken")
        assert code_of(phone.send(visit, "video")) == (409, "client_id_taken")
        assert Photo.objects.count() == 1
        assert stored_files() == files

    def test_a_client_id_is_the_devices_own(self, phone, camera):
        other = Phone(camera, "tablet")
        assert phone.send(photo()).status_code == 201
        assert other.send(photo(shade=90)).status_code == 201

    def test_a_film_that_was_watched_here_is_not_ingested_again(
        self, phone, camera, visit, tmp_path
    ):
        from detection.services import footage

        path = tmp_path / "film.mp4"
        path.write_bytes(visit)
        watched = footage.register_file(camera, path)
        response = phone.send(visit, "video")
        assert (response.status_code, response.json()["id"]) == (200, f"v{watched.pk}")


def test_a_crash_between_file_and_row_leaves_no_half_row(phone, camera, monkeypatch):
    def crash(*args, **kwargs):
        raise MemoryError("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(uploads.photos, "enqueue", crash)
        with pytest.raises(MemoryError):
            phone.send(photo())
    assert (Photo.objects.count(), Job.objects.count()) == (0, 0)
    assert AuditEntry.objects.filter(action="photo.received").count() == 0
    assert len(stored_files()) == 1
    assert phone.send(photo()).status_code == 201
    assert len(stored_files()) == 1


def test_a_full_disk_is_said_and_leaves_nothing(phone, monkeypatch):
    import errno
    import shutil

    def no_room(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", no_room)
    assert code_of(phone.send(photo())) == (507, "disk_full")
    assert_nothing_is_left()


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.parametrize("kind", ["photo", "video"])
    def test_equal_uploads_are_one_row(self, camera, visit, kind):
        content = {"photo": photo(), "video": visit}[kind]
        phones = [Phone(camera, "one"), Phone(camera, "two")]
        acts = [(phones[0], "a"), (phones[0], "a"), (phones[1], "b"), (phones[1], "c")]
        responses = at_once(*(lambda p=p, c=c: p.send(content, kind, c) for p, c in acts))
        statuses = sorted(response.status_code for response in responses)
        assert statuses == [200, 200, 200, 201]
        assert len({response.json()["id"] for response in responses}) == 1
        assert Footage.objects.count() + Photo.objects.count() == 1
        assert Segment.objects.count() + Job.objects.count() == 1
        assert audit.verify().is_whole

    def test_of_different_bytes_under_one_client_id_one_is_taken(self, camera):
        phone = Phone(camera)
        responses = at_once(
            *(lambda shade=shade: phone.send(photo(shade=shade)) for shade in (10, 60, 110))
        )
        assert sorted(response.status_code for response in responses) == [201, 409, 409]
        assert Photo.objects.count() == 1


def at_once(*acts):
    """Run acts in threads of their own, started together; return what they gave."""
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait(timeout=20)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
