"""Over a file a classifier says what a session says; features that are there are not made again."""

import json

import pytest
from django.core.management import CommandError, call_command

from detection.models import Footage, TaskLog
from detection.services import task_logs, task_serving
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry, Job
from tests.detection import tasking
from tests.training import walking
from tests.training.services import classified
from training.services import (
    classification_jobs,
    classifying,
    feature_sources,
    features,
    task_models,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
COLUMNS = ("person_x", "person_y", "person_height", "num_people")


@pytest.fixture(autouse=True)
def _measuring(monkeypatch):
    walking.measuring(monkeypatch)
    task_serving.forget()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "walker"
    tasking.train(path, columns=COLUMNS, mode="yolo", frames_per_second=10.0)
    return path


@pytest.fixture
def chosen(folder):
    return task_models.choose(str(folder))


@pytest.fixture
def film(tmp_path):
    return walking.video(tmp_path, frames=80)


@pytest.fixture
def footage(film, site):
    return features.register_video(film, camera_name="Table")


@pytest.fixture
def champion(folder):
    return tasking.deploy(folder, "task-classifier-1")


class TestAFile:
    def test_every_frame_with_a_whole_window_gets_a_label(self, film, chosen):
        found = classifying.classify(film, chosen)
        assert found.frames == 80
        assert [at for at, *_ in found.samples] == [number / 10 for number in range(8, 80)]
        assert {label for _, label, _ in found.samples} <= {"idle", "work"}
        assert found.spans[0].start_seconds == pytest.approx(0.8 - found.lag_seconds, abs=1e-6)
        assert found.spans[-1].end_seconds == 7.9
        assert list(found.warnings) == []

    def test_the_answer_for_machines_has_all_of_it(self, film, chosen):
        told = json.loads(json.dumps(classifying.classify(film, chosen).as_dict()))
        assert told["classes"] == ["idle", "work"]
        assert set(told["samples"][0]) == {"t", "label", "confidence"}
        assert {"start", "end", "label", "confidence"} <= set(told["segments"][0])
        assert told["latency"]["median"] <= told["latency"]["p95"]
        assert told["frames"] == 80
        assert told["model"]["algorithm"] == "random_forest"

    def test_smoothing_is_what_was_asked_for(self, film, chosen):
        told = [
            classifying.classify(film, chosen, smoothing=how, smoothing_seconds=2.0).samples
            for how in ("median", "ema", "none")
        ]
        assert told[0] != told[2] and told[1] != told[2] and told[0] != told[1]

    def test_every_so_many_th_frame_as_in_training(self, film, tmp_path):
        columns = {"columns": COLUMNS, "mode": "yolo"}
        tasking.train(tmp_path / "fifth", frames_per_second=5.0, sample_rate=2, **columns)
        found = classifying.classify(film, task_models.choose(str(tmp_path / "fifth")))
        assert found.frames == 40
        assert [at for at, *_ in found.samples][:2] == [0.8, 1.0]

    def test_too_short_a_video_says_nothing_and_why(self, tmp_path, chosen):
        found = classifying.classify(walking.video(tmp_path, "short.mp4", frames=6), chosen)
        assert (found.samples, found.spans, found.frames) == ([], [], 6)
        assert "nothing is said" in " ".join(found.warnings)
        assert found.as_dict()["latency"] == {"median": None, "p95": None}

    def test_a_video_without_people_is_labelled_as_what_it_is_and_said_to_be(
        self, tmp_path, chosen
    ):
        path = tmp_path / "empty.mp4"
        path.write_bytes(classified.empty_film(30))
        found = classifying.classify(path, chosen)
        assert found.without_people == found.frames == 30
        assert found.samples
        assert "Nobody was found" in " ".join(found.warnings)

    def test_an_uneven_rate_is_said(self, tmp_path, chosen):
        path = classified.uneven_film(tmp_path / "uneven.mp4")
        found = classifying.classify(path, chosen)
        low, high = found.rates
        assert low < 6 < 9 < high
        assert any("windows are cut by time" in told for told in found.warnings)
        assert found.samples

    def test_a_file_that_is_no_video_is_named(self, tmp_path, chosen):
        path = tmp_path / "broken.mp4"
        path.write_bytes(b"nothing")
        with pytest.raises(DomainError, match=r"broken\.mp4"):
            classifying.classify(path, chosen)

    def test_features_that_are_not_measured_are_named(self, film, tmp_path):
        tasking.train(tmp_path / "odd", columns=("left_foot_x", "person_x"), mode="yolo")
        with pytest.raises(DomainError, match="left_foot_x") as refused:
            classifying.classify(film, task_models.choose(str(tmp_path / "odd")))
        assert refused.value.code == "features_differ"


class TestFootage:
    def test_measured_features_give_the_same_to_the_last_bit(self, footage, chosen):
        fresh = classifying.classify_footage(footage, chosen)
        (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
        features.extract_now(row.pk)
        again = classifying.classify_footage(footage, chosen)
        assert (fresh.measured, again.measured) == ("video", "features")
        assert again.samples == fresh.samples
        assert again.spans == fresh.spans

    def test_features_of_more_frames_than_a_session_takes_are_not_used(self, footage, tmp_path):
        """The film has ten frames a second, and the classifier learned from five."""
        tasking.train(tmp_path / "five", columns=COLUMNS, mode="yolo", frames_per_second=5.0)
        chosen = task_models.choose(str(tmp_path / "five"))
        fresh = classifying.classify_footage(footage, chosen)
        (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
        assert features.extract_now(row.pk).frames > fresh.frames
        again = classifying.classify_footage(footage, chosen)
        assert again.samples == fresh.samples and again.frames == fresh.frames

    def test_features_of_other_models_are_not_used(self, footage, chosen, monkeypatch):
        (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
        features.extract_now(row.pk)
        other = {"detector": {"sha256": "c" * 64}}
        monkeypatch.setattr(feature_sources, "expected", lambda mode, camera: other)
        assert classifying.classify_footage(footage, chosen).measured == "video"

    def test_features_whose_file_is_lost_are_measured_again(self, footage, chosen, settings):
        (row,) = features.ask(footage_ids=[footage.pk], detector="yolo", trigger="command")
        done = features.extract_now(row.pk)
        (settings.MEDIA_ROOT / done.path).unlink()
        assert classifying.classify_footage(footage, chosen).measured == "video"

    def test_what_is_kept_is_kept_once(self, footage, champion):
        chosen = task_models.of_deployment(champion)
        found = classifying.classify_footage(footage, chosen)
        assert classifying.store(footage, found) == 72
        assert classifying.store(footage, found) == 0
        assert task_logs.samples_of(footage, champion) == found.samples

    def test_only_what_serves_is_kept(self, footage, chosen):
        found = classifying.classify_footage(footage, chosen)
        with pytest.raises(DomainError) as refused:
            classifying.store(footage, found)
        assert refused.value.code == "not_deployed"
        assert not TaskLog.objects.exists()


class TestChoosing:
    def test_without_any_model_it_is_said(self, db):
        with pytest.raises(NotFound, match="no task classifier yet"):
            task_models.choose()

    def test_latest_is_what_serves(self, champion):
        chosen = task_models.choose("latest")
        assert (chosen.name, chosen.deployment) == ("task-classifier-1", champion)

    def test_without_a_champion_it_is_the_newest_version(self, folder, site):
        version = classified.version(folder, site)
        chosen = task_models.choose("latest")
        assert (chosen.name, chosen.deployment) == (version.name, None)
        assert task_models.choose(version.name).name == version.name

    @pytest.mark.parametrize("wanted", ["task-classifier-99", "nothing", "task-classifier-x", "-1"])
    def test_an_unknown_name_is_told(self, champion, wanted):
        with pytest.raises(NotFound) as refused:
            task_models.choose(wanted)
        assert refused.value.code == "model_unknown"

    def test_a_folder_of_something_else_is_refused(self, tmp_path):
        with pytest.raises(DomainError) as refused:
            task_models.choose(str(tmp_path))
        assert refused.value.code == "artifact_missing"


class TestJobs:
    def test_it_is_asked_once_and_keeps_what_the_champion_says(self, footage, champion, supervisor):
        job = classification_jobs.ask(footage.pk, by=supervisor)
        assert classification_jobs.ask(footage.pk, by=supervisor) == job
        assert classification_jobs.run_waiting() == 1
        job = classification_jobs.latest(footage)
        assert job.state == Job.State.DONE
        assert (job.result["new"], job.result["model"]) == (72, "task-classifier-1")
        assert len(task_logs.samples_of(footage, champion)) == 72
        assert AuditEntry.objects.filter(action="tasks.classification_asked").count() == 1
        again = classification_jobs.ask(footage.pk, by=supervisor)
        assert classification_jobs.run(again.pk).result["new"] == 0

    def test_others_may_not_ask(self, footage, champion, reviewer, outsider):
        with pytest.raises(Forbidden):
            classification_jobs.ask(footage.pk, by=reviewer)
        with pytest.raises(NotFound):
            classification_jobs.ask(footage.pk, by=outsider)

    def test_without_a_champion_there_is_nothing_to_ask(self, footage, supervisor):
        with pytest.raises(Conflict) as refused:
            classification_jobs.ask(footage.pk, by=supervisor)
        assert refused.value.code == "no_deployment"

    def test_a_stream_is_no_video_file(self, footage, champion, supervisor):
        Footage.objects.update(kind=Footage.Kind.STREAM)
        with pytest.raises(DomainError) as refused:
            classification_jobs.ask(footage.pk, by=supervisor)
        assert refused.value.code == "footage_not_a_video"

    def test_a_lost_video_ends_the_job_with_a_sentence(self, footage, champion, supervisor, film):
        film.unlink()
        job = classification_jobs.run(classification_jobs.ask(footage.pk, by=supervisor).pk)
        assert job.state == Job.State.FAILED
        assert film.name in job.error_message

    def test_a_job_that_another_worker_took_over_stores_nothing(
        self, footage, champion, supervisor, monkeypatch
    ):
        job = classification_jobs.ask(footage.pk, by=supervisor)
        real = classifying.classify_footage

        def taken_over(*args, **options):
            found = real(*args, **options)
            Job.objects.filter(pk=job.pk).update(lease_holder="another")
            return found

        monkeypatch.setattr(classifying, "classify_footage", taken_over)
        from hitlsite.jobs import LeaseLost

        with pytest.raises(LeaseLost):
            classification_jobs.run(job.pk)
        assert not TaskLog.objects.exists()


class TestCommand:
    def run(self, *args):
        call_command("classify", *map(str, args))

    def test_it_prints_spans_and_writes_the_answer(self, film, folder, tmp_path, capsys):
        out = tmp_path / "out.json"
        self.run("--video", film, "--model", folder, "--smoothing", "none", "--json", out)
        printed = capsys.readouterr().out
        assert "80 frames looked at, 72 samples" in printed
        told = json.loads(out.read_text())
        assert len(told["samples"]) == 72
        assert not Footage.objects.exists()

    def test_it_keeps_what_the_champion_says(self, film, champion, site, capsys):
        self.run("--video", film, "--store", "--camera", "Table")
        assert "72 samples kept" in capsys.readouterr().out
        (row,) = Footage.objects.all()
        assert not row.segments.exists()
        assert len(task_logs.samples_of(row, champion)) == 72

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (("--store",), "--camera"),
            (("--store", "--camera", "Table", "--smoothing", "ema"), "median over 1 s"),
            (("--smoothing-sec", "0"), "smoothing_seconds"),
            (("--camera", "Nowhere"), "no camera named Nowhere"),
            (("--model", "task-classifier-7"), "task-classifier-7"),
        ],
    )
    def test_what_cannot_be_done_is_one_sentence(self, film, champion, options, told):
        with pytest.raises(CommandError, match=told) as refused:
            self.run("--video", film, *options)
        assert refused.value.returncode == 2

    def test_a_model_that_is_not_deployed_is_not_kept(self, film, folder, site):
        with pytest.raises(CommandError, match="not deployed"):
            self.run("--video", film, "--model", folder, "--store", "--camera", "Table")
