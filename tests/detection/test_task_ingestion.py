"""Task classification in a session: every sample once, and nothing else is touched by it."""

import pytest
from django.urls import reverse

from detection.models import Camera, Deployment, Segment, TaskLog
from detection.services import (
    deployments,
    footage,
    ingestion,
    sessions,
    task_logs,
    task_serving,
    task_watching,
)
from detection.slots import TASK_CLASSIFIER
from detection.vision import landmarks
from detection.vision.task_features import FeatureExtractor
from detection.vision.task_predictor import TaskPredictor
from detection.vision.task_stream import TaskStream
from detection.vision.video import open_source
from hitlsite import jobs
from tests.detection import films, tasking

pytestmark = [pytest.mark.django_db, pytest.mark.sql, pytest.mark.usefixtures("data_dir")]
SECONDS = 16.0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "visit.mp4"
    return films.draw_film(path, visits=((3.0, 11.0),), seconds=SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "first"
    tasking.train(path)
    return path


@pytest.fixture(scope="module")
def second_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "second"
    tasking.train(path, seed=1)
    return path


@pytest.fixture(autouse=True)
def landmarker(monkeypatch):
    """Landmarks without mediapipe."""
    found = tasking.BrightLandmarker()
    monkeypatch.setattr(landmarks, "kept", lambda model_dir, is_on=True: found)
    task_serving.forget()
    return found


def register(film, name="Door", **settings):
    return films.register(film, name, classifies_tasks=True, **settings)


def offline(film, folder):
    """Return the samples of a file by the parts themselves, without session or storage."""
    predictor = TaskPredictor.load(folder)
    extractor = FeatureExtractor("mediapipe", landmarker=tasking.BrightLandmarker())
    stream, found = TaskStream(predictor, extractor.names), []
    source = open_source(film)
    for frame in source.frames():
        features = extractor.step(frame.image(), frame.at_seconds, frame.index)
        found.append(stream.step(features.at_seconds, features.values))
    source.close()
    return [task_watching.row_of(sample) for sample in found if sample is not None]


def said(row, deployment):
    return task_logs.samples_of(row, deployment)


def test_every_frame_with_a_whole_window_gets_the_sample_that_the_file_gives(film, folder):
    champion, row = tasking.deploy(folder), register(film)
    ingestion.ingest_footage(row)
    samples = said(row, champion)
    assert samples == offline(film, folder)
    assert len(samples) == SECONDS * films.FPS - 4
    assert {label for _, label, _ in samples} == {"idle", "work"}
    assert all(set(log.latency) == {"median", "p95", "slowest"} for log in row.task_logs.all())


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_segments_in_sessions_of_their_own_say_the_same(
    film, folder, settings, monkeypatch, seconds
):
    monkeypatch.setattr(task_watching, "STORE_SECONDS", seconds)
    settings.SEGMENT_SECONDS = 3.0
    champion, row = tasking.deploy(folder), register(film)
    following = row.segments.get().pk
    while following:
        following = ingestion.ingest_segment(following)
    assert row.segments.count() > 4
    assert said(row, champion) == offline(film, folder)


@pytest.mark.parametrize("seconds", [0.0, 1e9])
@pytest.mark.parametrize("crash_at", [0, 3, 31, 52, 79])
def test_a_crash_at_any_frame_costs_and_doubles_no_sample(
    film, folder, settings, monkeypatch, crash_at, seconds
):
    monkeypatch.setattr(task_watching, "STORE_SECONDS", seconds)
    settings.SEGMENT_SECONDS = 6.0
    champion, row = tasking.deploy(folder), register(film)
    real_step, taken = sessions.CameraSession.step, []

    def step_or_crash(self, frame):
        taken.append(frame)
        if len(taken) == crash_at + 1:
            raise MemoryError("the worker is gone")
        return real_step(self, frame)

    monkeypatch.setattr(sessions.CameraSession, "step", step_or_crash)
    with pytest.raises(MemoryError):
        ingestion.ingest_footage(row)
    ingestion.ingest_footage(row)
    assert said(row, champion) == offline(film, folder)


def test_what_is_found_otherwise_stays_as_it_is(film, folder):
    tasking.deploy(folder)
    plain, classified = films.register(film, "Plain"), register(film, "Classified")
    for row in (plain, classified):
        ingestion.ingest_footage(row)
    assert films.told(plain) == films.told(classified)
    assert not plain.task_logs.exists()


def test_a_worker_that_lost_its_lease_stores_no_sample(film, folder, monkeypatch):
    monkeypatch.setattr(task_watching, "STORE_SECONDS", 0.0)
    tasking.deploy(folder)
    row = register(film)
    segment = jobs.claim(Segment.objects.select_related("footage__camera"), row.segments.get().pk)
    worker = ingestion.Ingestion(segment)
    Segment.objects.filter(pk=segment.pk).update(lease_holder="another")
    with pytest.raises(jobs.LeaseLost):
        worker.run()
    worker.close()
    assert not TaskLog.objects.exists()


def test_a_deployment_serves_from_the_next_segment_on(film, folder, second_folder, settings):
    settings.SEGMENT_SECONDS = 4.0
    first, row = tasking.deploy(folder), register(film)
    found = []

    class Promotes(ingestion.Observer):
        def on_segment(self, segment):
            if segment.position == 0:
                found.append(tasking.deploy(second_folder, "tasks-2"))
            if segment.position == 2:
                found.append(deployments.roll_back(TASK_CLASSIFIER)[0])

    ingestion.ingest_footage(row, observer=Promotes())
    second, back = found
    assert said(row, first)[-1][0] < 4.0 < said(row, second)[0][0] < 5.5
    assert said(row, second)[-1][0] < 12.0 < said(row, back)[0][0] < 13.5


def test_a_challenger_looks_on_at_the_same_frames(film, folder, second_folder):
    champion = tasking.deploy(folder)
    role = Deployment.Role.CHALLENGER
    challenger = tasking.deploy(second_folder, "tasks-2", role=role)
    row = register(film)
    ingestion.ingest_footage(row)
    assert said(row, champion) == offline(film, folder)
    assert said(row, challenger) == offline(film, second_folder)


def test_a_share_of_the_cameras_is_the_challengers(film, folder, second_folder):
    champion = tasking.deploy(folder)
    role = Deployment.Role.CHALLENGER
    rows = [register(film, f"Camera {number}") for number in range(4)]
    films.register(film, "Not classified")
    challenger = tasking.deploy(second_folder, "tasks-2", role=role, share=0.5)
    chosen = [task_serving.for_camera(row.camera_id) for row in rows]
    assert sorted(one.name for one, _ in chosen) == ["tasks-1"] * 2 + ["tasks-2"] * 2
    assert all(looks_on is None for _, looks_on in chosen)
    assert {one for one, _ in chosen} == {champion, challenger}


class TestTrouble:
    def ingested(self, film, **settings):
        row = register(film, **settings)
        ingestion.ingest_footage(row)
        return row

    def why(self, row):
        return tasking.trouble_of(row.camera)

    def test_nothing_deployed_is_said(self, film):
        row = self.ingested(film)
        assert self.why(row) == "No task classifier is deployed yet."
        assert row.incidents.count() == 1

    def test_without_mediapipe_ingestion_goes_on_and_says_why(
        self, film, folder, monkeypatch, settings
    ):
        monkeypatch.undo()
        settings.MEDIAPIPE = False
        tasking.deploy(folder)
        row = self.ingested(film)
        assert "mediapipe is switched off" in self.why(row)
        assert row.incidents.count() == 1
        assert not row.task_logs.exists()
        assert row.segments.get().state == Segment.State.DONE

    def test_a_model_of_other_features_is_refused_by_their_names(self, film, tmp_path):
        tasking.train(tmp_path / "odd", columns=(*tasking.COLUMNS[:3], "left_foot_x"))
        tasking.deploy(tmp_path / "odd", "odd-1")
        row = self.ingested(film)
        assert "odd-1: The classifier needs left_foot_x" in self.why(row)

    def test_objects_are_not_told_by_motion(self, film, tmp_path, settings):
        settings.DETECTOR = "motion"
        tasking.train(tmp_path / "fused", mode="fusion")
        tasking.deploy(tmp_path / "fused")
        assert "motion does not" in self.why(self.ingested(film))

    def test_missing_files_are_said(self, film, folder):
        champion = tasking.deploy(folder)
        champion.files[0]["path"] = "shared/model/none.skops"
        champion.save(update_fields=["files"])
        assert "missing from storage" in self.why(self.ingested(film))

    def test_a_challenger_that_cannot_serve_leaves_the_champion_alone(self, film, folder, tmp_path):
        champion = tasking.deploy(folder)
        tasking.train(tmp_path / "slow", frames_per_second=1.0)
        role = Deployment.Role.CHALLENGER
        challenger = tasking.deploy(tmp_path / "slow", "slow-1", role=role)
        row = self.ingested(film)
        assert said(row, champion) == offline(film, folder)
        assert said(row, challenger) == []
        assert "slow-1 learned from another number of frames" in self.why(row)

    def test_a_frame_without_an_answer_is_no_sample(self, film, folder, landmarker):
        landmarker.fails_at = {50, 51, 70}
        champion = tasking.deploy(folder)
        row = self.ingested(film)
        missing = {at for at, *_ in offline(film, folder)} - {at for at, *_ in said(row, champion)}
        assert missing == {9.8, 10.0, 13.8}
        assert self.why(row) == ""

    def test_after_three_it_rests_until_the_next_segment(self, film, folder, landmarker, settings):
        settings.SEGMENT_SECONDS = 12.0
        landmarker.fails_at = {50, 51, 52}
        champion = tasking.deploy(folder)
        row = self.ingested(film)
        first = row.segments.get(position=0)
        assert "died twice" in first.error_message
        assert "From frame 51 on" in first.error_message
        assert row.segments.get(position=1).error_message == ""
        times = [at for at, *_ in said(row, champion)]
        assert not [at for at in times if 9.8 <= at < 12.8]
        assert [at for at in times if at > 13]

    def test_the_camera_page_says_it(self, film, admin_client):
        row = self.ingested(film)
        page = admin_client.get(reverse("detection:camera", args=[row.camera_id]))
        assert "No task classifier is deployed yet." in page.content.decode()


class TestRows:
    def test_what_is_there_is_not_stored_again(self, film, folder, camera):
        champion, row = tasking.deploy(folder), footage.register_file(camera, film)

        def store(*times):
            samples = [[at, "idle", 0.9] for at in times]
            return task_logs.store(row, [task_watching.Said(champion, samples, {})])

        assert store(5.0, 6.0) == 2
        assert store(1.0, 4.0, 5.0, 5.5, 6.0, 7.0) == 3
        assert store(1.0, 7.0) == 0
        assert [at for at, *_ in said(row, champion)] == [1.0, 4.0, 5.0, 6.0, 7.0]

    def test_long_ones_are_cut(self, film, folder, camera, monkeypatch):
        monkeypatch.setattr(task_logs, "MOST_SAMPLES", 3)
        champion, row = tasking.deploy(folder), footage.register_file(camera, film)
        samples = [[float(at), "idle", 0.9] for at in range(7)]
        task_logs.store(row, [task_watching.Said(champion, samples, {})])
        assert [len(log.samples) for log in row.task_logs.order_by("pk")] == [3, 3, 1]
        assert said(row, champion) == samples


def test_the_camera_form_has_the_switch(admin_client, camera):
    address = reverse("detection:camera_edit", args=[camera.pk])
    assert "classifies_tasks" in admin_client.get(address).content.decode()
    form = admin_client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    values = {name: value for name, value in values.items() if value not in (None, False)}
    admin_client.post(address, values | {"classifies_tasks": "on"})
    assert Camera.objects.get(pk=camera.pk).classifies_tasks
