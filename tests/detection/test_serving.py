"""What people deploy serves from the next segment on; every row names what made it."""

import numpy as np
import pytest
from django.utils import timezone

from detection.models import Deployment, Incident, Prediction, TrackLog
from detection.services import (
    deployments,
    inference,
    ingestion,
    model_store,
    photos,
    serving,
    shadowing,
)
from detection.slots import OBJECT_DETECTOR
from detection.vision.motion import MotionDetector
from detection.vision.types import Detections
from hitlsite.errors import Conflict, DomainError
from tests import factories
from tests.detection import films


class Learned:
    """A network that sees what moves, and calls it a person."""

    backend, precision, input_size = "openvino", "f32", 320
    class_names = ("person",)
    timings = {}
    min_score = 0.1

    def __init__(self, name):
        self.name, self.weights_sha256 = name, name
        self.choice = {"served": {"backend": "openvino", "input_size": 320, "precision": "f32"}}
        self._motion = MotionDetector()

    def detect(self, image, at_seconds):
        seen = self._motion.detect(image, at_seconds)
        return Detections(seen.boxes_xyxy, seen.scores, ("person",) * len(seen.scores))

    def state(self):
        return {}

    def restore(self, state):
        """Nothing is remembered."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("serving") / "visits.avi")


@pytest.fixture
def learned(monkeypatch):
    """Promoted deployments load a Learned of their name."""
    kept = {}

    def load(deployment):
        return kept.setdefault(deployment.name, Learned(deployment.name))

    monkeypatch.setattr(inference, "load_deployment", load)


def deploy(name, **columns):
    columns = {
        "files": [],
        "sha256": name,
        "backend": "openvino",
        "input_size": 320,
        "precision": "f32",
        "class_names": ["person"],
        **columns,
    }
    return deployments.activate(OBJECT_DETECTOR, name=name, **columns)


@pytest.fixture
def row(film, data_dir, settings):
    settings.SEGMENT_SECONDS, settings.DETECTOR = 10.0, "motion"
    made = films.register(film)
    made.configuration["detector"] = "auto"
    made.save(update_fields=["configuration"])
    return made


def logged(row):
    """Return the name of the deployment of every segment."""
    logs = TrackLog.objects.filter(footage=row).order_by("segment__position")
    return list(logs.values_list("deployment__name", flat=True))


@pytest.mark.django_db
class TestIngestion:
    def ingest(self, row, acts):
        """Ingest segment by segment in one process; ``acts`` are called before their segment."""
        position, following = 0, row.segments.first().pk
        while following:
            acts.get(position, lambda: None)()
            following = ingestion.ingest_segment(following)
            position += 1

    def test_a_deployment_serves_from_the_next_segment_on(self, row, learned):
        acts = {1: lambda: deploy("learned-1"), 2: lambda: deploy("learned-2")}
        acts[3] = lambda: deployments.roll_back(OBJECT_DETECTOR)
        self.ingest(row, acts)
        first, *rest = logged(row)
        assert first == "motion"
        assert rest == ["learned-1", "learned-2", "learned-1"]

    def test_a_running_session_goes_on_with_the_new_one(self, row, learned):
        class Promotes(ingestion.Observer):
            def on_segment(self, segment):
                if segment.position == 0:
                    deploy("learned-1")
                if segment.position == 2:
                    deployments.roll_back(OBJECT_DETECTOR)

        ingestion.ingest_footage(row, observer=Promotes())
        assert logged(row) == ["motion", "learned-1", "learned-1", "motion"]

    def test_incidents_name_what_saw_them(self, row, learned):
        self.ingest(row, {2: lambda: deploy("learned-1")})
        early, late = Incident.objects.filter(footage=row).order_by("opened_at_seconds")
        assert early.deployment.name == "motion"
        assert (late.deployment.name, late.class_name) == ("learned-1", "person")

    def test_a_camera_with_a_detector_of_its_own_keeps_it(self, row, learned):
        row.configuration["detector"] = "motion"
        row.save(update_fields=["configuration"])
        deploy("learned-1")
        ingestion.ingest_footage(row)
        assert set(logged(row)) == {"motion"}


@pytest.mark.django_db
class TestLedger:
    def test_going_back_leads_to_what_served_before(self):
        first, second = deploy("one"), deploy("two")
        assert second.replaces == first
        back, before = deployments.roll_back(OBJECT_DETECTOR)
        assert (back.name, before.name) == ("one", "two")
        assert deployments.roll_back(OBJECT_DETECTOR)[0] is None
        assert serving.champion(OBJECT_DETECTOR) is None
        with pytest.raises(Conflict):
            deployments.roll_back(OBJECT_DETECTOR)

    def test_what_a_setting_names_is_no_promoted_champion(self):
        factories.deployment(slot=OBJECT_DETECTOR)
        assert serving.champion(OBJECT_DETECTOR) is None

    def test_a_challenger_leaves_the_champion_alone(self):
        champion = deploy("one")
        deploy("two", role=Deployment.Role.CHALLENGER, share=0.5)
        champion.refresh_from_db()
        assert champion.retired_at is None
        assert serving.champion(OBJECT_DETECTOR) == champion


class TestModelStore:
    @pytest.fixture
    def files(self, data_dir, tmp_path):
        paths = [tmp_path / "model.xml", tmp_path / "model.bin"]
        for path in paths:
            path.write_bytes(path.name.encode())
        return model_store.keep(paths)

    def test_what_is_kept_comes_back_under_its_names(self, files):
        folder = model_store.local_folder(files)
        assert (folder / "model.bin").read_bytes() == b"model.bin"
        assert model_store.local_folder(files) == folder
        assert model_store.main_path(folder, ["model.xml", "model.bin"]) == folder
        assert model_store.main_path(folder, ["model.onnx"]) == folder / "model.onnx"

    def test_a_missing_file_is_named(self, files):
        from hitlsite import storage

        storage.delete(files[1]["path"])
        with pytest.raises(DomainError, match=r"model\.bin") as refused:
            model_store.local_folder(files)
        assert refused.value.code == "artifact_missing"

    def test_another_file_in_its_place_is_not_used(self, files, settings):
        path = settings.MEDIA_ROOT / files[0]["path"]
        path.write_bytes(b"something else")
        with pytest.raises(DomainError) as refused:
            model_store.local_folder(files)
        assert refused.value.code == "artifact_damaged"
        assert not any((settings.CACHE_DIR / "models").iterdir())


@pytest.mark.django_db
class TestShadow:
    @pytest.fixture
    def incident(self, data_dir, camera):
        return factories.incident(
            camera, opened_at=timezone.now(), evidence_complete_at=timezone.now()
        )

    class Sees:
        class_names = ("person",)

        def __init__(self, score, box=factories.PERSON_BOX):
            self.found = Detections(
                np.array([box], np.float32), np.array([score], np.float32), ("person",)
            )

        def detect(self, image, at_seconds):
            return self.found

    def look(self, monkeypatch, detector):
        monkeypatch.setattr(inference, "load_deployment", lambda deployment: detector)
        return shadowing.look_at_waiting()

    def test_without_a_challenger_nobody_looks(self, incident):
        assert shadowing.look_at_waiting() == 0

    @pytest.mark.parametrize(
        ("detector", "score"),
        [(Sees(0.7), 0.7), (Sees(0.7, (0.0, 0.0, 0.1, 0.1)), 0.0)],
    )
    def test_what_it_would_have_said_is_kept_once(self, incident, monkeypatch, detector, score):
        old = timezone.now() - timezone.timedelta(hours=1)
        challenger = deploy("two", role=Deployment.Role.CHALLENGER, at=old)
        assert self.look(monkeypatch, detector) == 1
        assert self.look(monkeypatch, detector) == 0
        said = Prediction.objects.get()
        assert (said.deployment, said.incident) == (challenger, incident)
        assert said.score == pytest.approx(score)

    def test_a_lost_still_is_no_reason_to_look_for_ever(self, incident, monkeypatch):
        from hitlsite import storage

        old = timezone.now() - timezone.timedelta(hours=1)
        deploy("two", role=Deployment.Role.CHALLENGER, at=old)
        for still in incident.evidence.all():
            storage.delete(still.path)
        assert self.look(monkeypatch, self.Sees(0.7)) == 1
        assert Prediction.objects.get().output == {"stills": []}

    def test_what_was_before_its_time_is_left_alone(self, incident, monkeypatch):
        later = timezone.now() + timezone.timedelta(hours=1)
        deploy("two", role=Deployment.Role.CHALLENGER, at=later)
        assert self.look(monkeypatch, self.Sees(0.7)) == 0


@pytest.mark.django_db
def test_a_photo_is_looked_at_by_what_serves_now(data_dir, camera, learned):
    from tests.detection.test_photos import stored

    champion = deploy("learned-1")
    row = stored(camera)
    photos.detect_queued(row.pk)
    row.refresh_from_db()
    assert row.detected_at
    detector, found = inference.for_photo(row)
    assert (detector.name, found) == ("learned-1", champion)
