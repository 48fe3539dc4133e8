"""Chosen thresholds at work: what footage, photos, replays and near misses make of them."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from detection import checkpoints
from detection.models import Incident, PhotoDetection, SampleDraw, ScoreThreshold
from detection.rules.config import parse_config
from detection.services import cameras, inference, ingestion, photos, replay, sampling
from detection.vision.motion_detector import MotionDetector
from detection.vision.types import Detections
from tests.detection import films
from tests.detection.test_photos import FoundOne, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
RISES_AT = 30.0
DOUBTFUL, SURE = 0.6, 0.9


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


@pytest.fixture(autouse=True)
def _doubt(monkeypatch):
    """Let the detector be sure of the second visitor only, and only from RISES_AT on."""
    detect = MotionDetector.detect

    def doubting(self, image, at_seconds):
        seen = detect(self, image, at_seconds)
        score = SURE if at_seconds >= RISES_AT else DOUBTFUL
        return replace(seen, scores=np.full(len(seen), score, np.float32))

    monkeypatch.setattr(MotionDetector, "detect", doubting)


def choose(value, by, camera=None, class_name="moving"):
    return ScoreThreshold.objects.create(
        class_name=class_name,
        camera=camera,
        value=value,
        accepted_by=by,
        accepted_at=timezone.now(),
    )


def without_files(told):
    return [(*one[:7], sorted(kind for kind, *_ in one[8]), one[9]) for one in told]


def test_only_what_reaches_it_is_told_and_with_all_its_times(film, superuser):
    plain = films.register(film)
    ingestion.ingest_footage(plain)
    choose(0.8, superuser)
    row = films.register(film, "Other door")
    ingestion.ingest_footage(row)

    every, told = films.told(plain), films.told(row)
    assert without_files(told) == without_files(every[-len(told) :])
    assert 0 < len(told) < len(every)
    assert {one.peak_score >= 0.8 for one in row.incidents.all()} == {True}
    (incident,) = row.incidents.all()
    assert incident.opened_at_seconds < RISES_AT - 3
    kinds = {file.kind: file for file in incident.evidence.all()}
    assert set(kinds) == films.WHOLE
    assert kinds["frame_open"].at_seconds == incident.opened_at_seconds
    # Until it was told, its clip was only the last seconds before.
    assert kinds["clip"].at_seconds == pytest.approx(RISES_AT - 3.0, abs=0.5)
    assert incident.evidence_complete_at


def test_the_track_log_keeps_everybody(film, superuser):
    choose(0.95, superuser)
    row = films.register(film)
    ingestion.ingest_footage(row)

    assert not row.incidents.exists()
    assert sum(log.row_count for log in row.track_logs.all()) > 50


def test_a_restart_between_changes_nothing(film, superuser, settings):
    choose(0.8, superuser)
    whole = films.register(film)
    ingestion.ingest_footage(whole)
    settings.SEGMENT_SECONDS = 4.0
    row = films.register(film, "Other door")
    segment_id = row.segments.get().pk
    held = []
    while segment_id:
        segment_id = ingestion.ingest_segment(segment_id)
        if segment_id:
            checkpoint = row.segments.get(pk=segment_id).checkpoint
            held += checkpoints.decode(checkpoint)["score_floor"]["held"]

    assert held
    assert without_files(films.told(row)) == without_files(films.told(whole))


def test_a_segment_heeds_what_was_chosen_before_it(film, superuser, settings):
    settings.SEGMENT_SECONDS = 20.0
    choose(0.95, superuser)
    row = films.register(film)
    segment_id = ingestion.ingest_segment(row.segments.get().pk)
    choose(None, superuser)
    while segment_id:
        segment_id = ingestion.ingest_segment(segment_id)

    assert {one.opened_at_seconds > 20 for one in row.incidents.all()} == {True}


def test_a_replay_tells_what_would_be_told(film, superuser):
    row = films.register(film)
    ingestion.ingest_footage(row)
    config = parse_config(films.RULES, file_name="rules")
    before = replay.replay(row.camera, config)
    choose(0.8, superuser, row.camera)
    told = replay.replay(row.camera, config)

    assert len(before) == row.incidents.count() > len(told) == 1
    assert [one.key for one in told] == [before[-1].key]
    difference = replay.compare(row.camera, config)
    assert (len(difference.before), len(difference.after)) == (1, 1)
    assert len(replay.replay(row.camera, config, heeds_thresholds=False)) == len(before)


def test_what_nearly_reached_it_may_be_drawn_as_a_near_miss(film, superuser):
    choose(0.8, superuser)
    row = films.register(film)
    ingestion.ingest_footage(row)
    day = row.starts_at.date()
    later = row.starts_at + timedelta(days=2)
    made = sampling.draw(row.camera, day, SampleDraw.Kind.NEAR_MISS, at=later)

    assert made.drawn == 1
    sample = Incident.objects.get(origin="near_miss")
    assert sample.why.startswith("nearly: score 0.60 of 0.80 (")
    assert sample.peak_score == pytest.approx(0.6)


def test_without_a_threshold_nothing_nearly_reached_one(film):
    row = films.register(film)
    ingestion.ingest_footage(row)
    later = row.starts_at + timedelta(days=2)
    day = row.starts_at.date()

    assert sampling.draw(row.camera, day, SampleDraw.Kind.NEAR_MISS, at=later).population == 0


class FoundSome(FoundOne):
    """A detector that finds a doubtful person, a doubtful car and a sure one."""

    class_names = ("person", "car")

    def detect(self, image, at_seconds):
        boxes = np.array([[0.1, 0.2, 0.3, 0.4]] * 3, np.float32)
        return Detections(boxes, np.array([0.3, 0.4, 0.9], np.float32), ("person", "car", "car"))


@pytest.mark.parametrize("is_own", [True, False])
def test_photos_lose_what_lies_below_but_people(camera, superuser, monkeypatch, is_own):
    monkeypatch.setattr(inference, "load", lambda spec: FoundSome())
    for name in ("car", "person"):
        choose(0.5, superuser, camera if is_own else None, class_name=name)
    row = stored(camera)
    photos.detect_queued(row.pk)

    kept = PhotoDetection.objects.order_by("score").values_list("class_name", "score")
    assert list(kept) == [("person", 0.3), ("car", 0.9)]


@pytest.mark.parametrize(("value", "kept"), [(0.8, set()), (0.5, {"car"})])
def test_photos_that_a_camera_takes_lose_it_too(film, superuser, monkeypatch, value, kept):
    detect = MotionDetector.detect

    def as_cars(self, image, at_seconds):
        seen = detect(self, image, at_seconds)
        return replace(seen, class_names=("car",) * len(seen))

    monkeypatch.setattr(MotionDetector, "detect", as_cars)
    choose(value, superuser, class_name="car")
    camera = films.register(film).camera
    cameras.get_or_create_camera(camera.site, camera.name, photo_on_detection=True)
    ingestion.ingest_footage(camera.footage.get())

    assert camera.photos.count() == 2
    assert set(PhotoDetection.objects.values_list("class_name", flat=True)) == kept
