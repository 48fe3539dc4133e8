"""Photos keep what was found on them, with the deployment that found it, once."""

import importlib.util
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections

from detection import tasks
from detection.models import Deployment, Photo, PhotoDetection
from detection.services import inference, photos
from hitlsite import storage
from hitlsite.errors import DomainError
from hitlsite.models import Job
from tests import factories
from tests.detection.uploading import photo as drawn

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("data_dir"),
]


def stored(camera, content=None, **columns):
    """Store a photo and queue it."""
    content = content or drawn()
    path, sha256, size = storage.store_bytes(camera.site_id, "photos", content, suffix=".jpg")
    row = Photo.objects.create(
        camera=camera,
        received_sha256=sha256,
        path=path,
        sha256=sha256,
        width=40,
        height=24,
        captured_at=factories.STARTS_AT,
        **columns,
    )
    photos.enqueue(row, received_bytes=size)
    return row


@pytest.fixture
def motion_camera(site):
    return factories.camera(site, "Motion", detector="motion")


def test_a_motion_camera_finds_nothing_on_one_picture(motion_camera):
    row = stored(motion_camera)
    assert photos.waiting() == [row.pk]
    assert photos.detect_queued(row.pk) == []
    row.refresh_from_db()
    assert row.detected_at
    assert Deployment.objects.count() == 0
    assert photos.job_of(row).state == Job.State.DONE
    assert photos.waiting() == []


def test_the_task_and_a_second_message_do_it_once(motion_camera):
    row = stored(motion_camera)
    tasks.detect_photo(row.pk)
    first = Photo.objects.get().detected_at
    tasks.detect_photo(row.pk)
    assert Photo.objects.get().detected_at == first
    assert photos.detect_queued(row.pk) is None


def test_a_lost_message_is_made_up_for(motion_camera, eager_tasks):
    row = stored(motion_camera)
    tasks.detect_waiting_photos()
    assert Photo.objects.get(pk=row.pk).detected_at


def test_another_workers_photo_is_left_alone(motion_camera):
    from hitlsite import jobs

    row = stored(motion_camera)
    jobs.claim(Job.objects.all(), photos.job_of(row).pk)
    assert photos.detect_queued(row.pk) is None
    assert Photo.objects.get().detected_at is None


def test_a_missing_file_fails_in_the_end_and_names_the_photo(site, monkeypatch):
    camera = factories.camera(site, "Weights")
    monkeypatch.setattr(inference, "load", lambda spec: FoundOne())
    row = stored(camera)
    storage.delete(row.path)
    for _ in range(5):
        Job.objects.update(not_before=None)
        with pytest.raises(DomainError, match=f"photo {row.pk}"):
            photos.detect_queued(row.pk)
    job = photos.job_of(row)
    assert (job.state, job.error_code) == ("failed", "photo_missing")
    assert photos.waiting() == []


@pytest.mark.sql
def test_two_workers_at_once_store_one_set_of_boxes(site, monkeypatch):
    monkeypatch.setattr(inference, "load", lambda spec: FoundOne())
    row = stored(factories.camera(site, "Weights"))
    start = threading.Barrier(3)

    def work(_):
        start.wait(timeout=20)
        try:
            return photos.detect_queued(row.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(work, range(3)))
    assert sorted(outcome is None for outcome in outcomes) == [False, True, True]
    found = PhotoDetection.objects.get()
    assert (found.class_name, found.score, found.box_xyxy) == ("person", 0.9, [0.1, 0.2, 0.3, 0.4])
    assert found.deployment == Deployment.objects.get(backend="drawn")


class FoundOne:
    """A detector that finds one sure and one doubtful person on every picture."""

    name, backend, input_size, precision = "drawn", "drawn", 320, "f32"
    class_names, weights_sha256 = ("person",), "1" * 64

    def detect(self, image, at_seconds):
        import numpy as np

        from detection.vision.types import Detections

        assert image.shape == (24, 40, 3)
        boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.6, 0.6]], np.float32)
        return Detections(boxes, np.array([0.9, 0.15], np.float32), ("person", "person"))


@pytest.mark.slow
def test_real_weights_find_people_on_a_real_photo(site, model_dir, settings):
    settings.MODEL_DIR = model_dir
    settings.DETECTOR = "auto"
    library = Path(importlib.util.find_spec("ultralytics").origin).parent
    picture = library / "assets" / "bus.jpg"
    row = stored(factories.camera(site, "Street"), picture.read_bytes())
    found = photos.detect_queued(row.pk)
    people = [one for one in found if one.class_name == "person"]
    assert len(people) >= 3
    assert {one.deployment_id for one in found} == {Deployment.objects.get().pk}
    assert all(0 <= edge <= 1 for one in found for edge in one.box_xyxy)
