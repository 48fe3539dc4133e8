"""The picture of a camera: people in it cannot be made out, and few may see it at all."""

from datetime import timedelta

import cv2
import numpy as np
import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.storage import FileSystemStorage, default_storage
from django.urls import reverse

from detection.models import Snapshot
from detection.rules.config import parse_config
from detection.services import cameras, ingestion, snapshots
from detection.vision.frames import SourceFrame
from detection.vision.snapshots import Candidate
from detection.vision.types import Observation
from hitlsite.models import AuditEntry
from tests import factories
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


class Session:
    """Only what the service asks of a session."""

    def __init__(self, candidate=None, private_polygons=()):
        self.snapshots = self
        self.private_polygons = list(private_polygons)
        self._candidate = candidate

    def take(self):
        return self._candidate


def candidate(brightness=90, *, at_seconds=5.0, people=0):
    image = np.full((180, 320, 3), brightness, np.uint8)
    made = Candidate(SourceFrame.from_image(image, at_seconds), at_seconds)
    made.settle(
        [Observation(at_seconds, n, "person", 0.9, (0.1, 0.1, 0.2, 0.5)) for n in range(people)]
    )
    return made


def decoded(snapshot):
    with default_storage.open(snapshot.path, "rb") as stored:
        return cv2.imdecode(np.frombuffer(stored.read(), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def source(camera):
    return factories.footage(camera)


@pytest.fixture
def kept(source):
    return snapshots.take(Session(candidate()), source)


class TestIngestion:
    def test_a_watched_film_leaves_a_picture_without_people(self, site, tmp_path):
        row = films.register(films.draw_film(tmp_path / "visit.mp4"))
        ingestion.ingest_footage(row)

        snapshot = Snapshot.objects.get(camera=row.camera)
        assert snapshot.footage == row
        assert snapshot.taken_at == row.starts_at + timedelta(seconds=snapshot.at_seconds)
        visits = films.VISITS
        assert not any(start - 1 <= snapshot.at_seconds <= end + 1 for start, end in visits)
        image = decoded(snapshot)
        assert image.shape[:2] == (snapshot.height, snapshot.width)

    @pytest.mark.parametrize("broken", ["see", "take"])
    def test_a_failure_stops_nothing(self, site, tmp_path, monkeypatch, caplog, broken):
        from detection.vision.snapshots import SnapshotKeeper

        path = films.draw_film(tmp_path / "visit.mp4")
        whole = films.register(path, "Whole")
        ingestion.ingest_footage(whole)

        def fail(*arguments):
            raise RuntimeError("no picture today")

        monkeypatch.setattr(SnapshotKeeper, broken, fail)
        row = films.register(path, "Other")
        ingestion.ingest_footage(row)

        assert films.told(row) == films.told(whole)
        assert len(films.told(row)) == 2
        assert not Snapshot.objects.filter(camera=row.camera).exists()
        assert "no picture today" in caplog.text

    def test_what_cannot_be_stored_stops_nothing(self, source, monkeypatch, caplog):
        def fail(*arguments, **options):
            raise OSError("the disk is gone")

        monkeypatch.setattr("hitlsite.storage.store_bytes", fail)
        assert snapshots.take(Session(candidate()), source) is None
        assert "the disk is gone" in caplog.text


class TestReplacing:
    def test_the_file_before_is_deleted(
        self, kept, source, camera, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            later = snapshots.take(Session(candidate(160, at_seconds=65.0)), source)

        assert Snapshot.objects.get(camera=camera).sha256 == later.sha256
        assert later.path != kept.path
        assert not default_storage.exists(kept.path)
        assert default_storage.exists(later.path)

    def test_a_file_that_another_camera_shows_stays(
        self, kept, source, site, django_capture_on_commit_callbacks
    ):
        beside = snapshots.take(Session(candidate()), factories.footage(factories.camera(site)))
        assert beside.path == kept.path
        with django_capture_on_commit_callbacks(execute=True):
            snapshots.take(Session(candidate(160)), source)

        assert default_storage.exists(beside.path)

    def test_the_same_picture_again_keeps_its_file(
        self, kept, source, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            snapshots.take(Session(candidate()), source)

        assert default_storage.exists(kept.path)

    @pytest.mark.parametrize(
        ("people", "at_seconds", "is_replaced"),
        [(0, 65.0, True), (2, 65.0, False), (2, 3700.0, True)],
    )
    def test_people_replace_only_an_old_one(
        self, kept, source, camera, people, at_seconds, is_replaced
    ):
        found = candidate(160, at_seconds=at_seconds, people=people)
        snapshots.take(Session(found), source)

        assert (Snapshot.objects.get(camera=camera).sha256 != kept.sha256) is is_replaced

    @pytest.mark.parametrize("people", [0, 2])
    def test_an_older_recording_replaces_nothing(self, kept, site, camera, people):
        old = factories.footage(camera, starts_at=factories.STARTS_AT - timedelta(days=30))
        assert snapshots.take(Session(candidate(160, people=people)), old) is None
        assert Snapshot.objects.get(camera=camera).sha256 == kept.sha256


class TestPrivateZones:
    LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))

    def configured(self, camera, *kinds, by=None):
        zones = [
            {"name": f"zone {number}", "kind": kind, "polygon": [list(xy) for xy in self.LEFT]}
            for number, kind in enumerate(kinds)
        ]
        config = parse_config({"zones": zones}, file_name="zones")
        cameras.apply_config(camera, config, actor=by)

    @pytest.mark.parametrize("known_to", ["session", "camera"])
    def test_are_black_from_the_start(self, source, camera, known_to):
        session = Session(candidate(), [self.LEFT] if known_to == "session" else [])
        if known_to == "camera":
            self.configured(camera, "private")
        image = decoded(snapshots.take(session, source))

        assert image[:, :150].max() < 12
        assert image[:, 170:].min() > 75

    def test_become_black_as_they_are_drawn(self, kept, camera, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            self.configured(camera, "private")
        shown = Snapshot.objects.get(camera=camera)

        image = decoded(shown)
        assert image[:, :150].max() < 12
        assert image[:, 170:].min() > 75
        assert not default_storage.exists(kept.path)
        assert (shown.taken_at, shown.width) == (kept.taken_at, kept.width)

    def test_other_zones_change_nothing(self, kept, camera):
        self.configured(camera, "restricted")
        assert Snapshot.objects.get(camera=camera).sha256 == kept.sha256

    def test_a_picture_that_cannot_be_blackened_is_dropped(
        self, kept, camera, supervisor, django_capture_on_commit_callbacks
    ):
        with default_storage.open(kept.path, "wb") as stored:
            stored.write(b"no picture")
        with django_capture_on_commit_callbacks(execute=True):
            self.configured(camera, "private", by=supervisor)

        entry = AuditEntry.objects.select_related("detail").get(action="snapshot.dropped")
        assert (entry.actor, entry.site) == (supervisor, camera.site)
        assert entry.object_id == str(kept.pk)
        assert entry.detail.content["camera"] == camera.pk
        assert camera.zones.count() == 1
        assert not Snapshot.objects.exists()
        assert not default_storage.exists(kept.path)


class TestServing:
    def address(self, camera):
        return reverse("detection:snapshot", args=[camera.pk])

    def test_to_a_reviewer_of_the_site(self, client, kept, camera, reviewer):
        client.force_login(reviewer)
        response = client.get(self.address(camera))

        assert response.status_code == 200
        assert response["Content-Type"] == "image/jpeg"
        assert response["ETag"] == f'"{kept.sha256}"'
        assert response["Cache-Control"] == "private, no-store"
        assert "sites/" not in str(response.headers)
        again = client.get(self.address(camera), headers={"If-None-Match": response["ETag"]})
        assert (again.status_code, again.content) == (304, b"")

    def test_not_to_a_stranger(self, client, kept, camera):
        response = client.get(self.address(camera))
        assert response.status_code == 302
        assert "login" in response.url

    def test_not_to_another_site(self, client, kept, camera, outsider):
        client.force_login(outsider)
        assert client.get(self.address(camera)).status_code == 404

    def test_not_to_a_device(self, client, kept, camera, device_user):
        client.force_login(device_user)
        assert client.get(self.address(camera)).status_code == 403

    def test_not_without_the_right_to_see_what_nobody_checked(self, client, kept, camera, reviewer):
        right = Permission.objects.get(codename="view_unredacted")
        Group.objects.get(name="reviewer").permissions.remove(right)
        client.force_login(reviewer)
        assert client.get(self.address(camera)).status_code == 404

    def test_a_supervisor_always_may(self, client, kept, camera, supervisor):
        right = Permission.objects.get(codename="view_unredacted")
        Group.objects.get(name="supervisor").permissions.remove(right)
        client.force_login(supervisor)
        assert client.get(self.address(camera)).status_code == 200

    def test_a_camera_without_one(self, client, camera, reviewer):
        client.force_login(reviewer)
        assert client.get(self.address(camera)).status_code == 404

    def test_a_file_that_is_gone(self, client, kept, camera, reviewer):
        default_storage.delete(kept.path)
        client.force_login(reviewer)
        assert client.get(self.address(camera)).status_code == 404

    def test_a_file_that_is_replaced_while_it_is_asked_for(
        self, client, kept, camera, source, reviewer, monkeypatch
    ):
        """Ingestion puts the next picture in its place, and deletes the file before."""
        opened = FileSystemStorage.open

        def late(stored, path, mode="rb"):
            if path == kept.path:
                snapshots.take(Session(candidate(160, at_seconds=65.0)), source)
                stored.delete(path)
            return opened(stored, path, mode)

        monkeypatch.setattr(FileSystemStorage, "open", late)
        client.force_login(reviewer)
        response = client.get(self.address(camera))

        shown = Snapshot.objects.get(camera=camera)
        assert response.status_code == 200
        assert response["ETag"] == f'"{shown.sha256}"' != f'"{kept.sha256}"'
        assert cv2.imdecode(np.frombuffer(response.content, np.uint8), 0).mean() > 120
