"""Tasks go round: predicted, doubted, corrected, frozen, learned online, judged by the gate."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from detection.models import Footage
from detection.services import serving, task_logs, task_serving
from detection.services.task_watching import Said
from detection.slots import TASK_CLASSIFIER
from detection.vision.task_columns import names_of
from detection.vision.task_stream import TaskStream
from hitlsite.errors import Conflict
from hitlsite.models import Job
from tests import factories
from tests.training import task_material
from training.models import (
    Dataset,
    GateDecision,
    GroupSplit,
    LabelSet,
    ModelVersion,
    RetrainingPolicy,
    SpanToLabel,
    TrainingEvent,
    TrainingRun,
)
from training.selectors.new_samples import new_samples
from training.services import (
    policies,
    preparing,
    promotion,
    retraining,
    runs,
    spans_to_label,
    task_labels,
)
from training.services.retraining import Act

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NIGHT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)
VIDEOS, SECONDS = 8, 60.0


@pytest.fixture
def labels(camera):
    """Return a label set by which several measured videos are labelled."""
    made = task_material.label_set(camera.site)
    for _ in range(VIDEOS):
        task_material.video(camera, made, seconds=SECONDS)
    return made


@pytest.fixture
def policy(labels):
    policies.policy_of(TASK_CLASSIFIER)
    RetrainingPolicy.objects.filter(slot=TASK_CLASSIFIER).update(
        enabled=True,
        algorithm="online",
        interval_hours=1,
        min_samples=1,
        window_from="00:00",
        window_until="00:00",
    )
    return policies.policy_of(TASK_CLASSIFIER)


def learned(decision):
    """Carry out what was decided and return the run."""
    run = preparing.carry_out(decision.job.pk).run
    runs.execute(run.pk)
    run.refresh_from_db()
    assert run.state == "done", run.error_message
    return run


def pin(footage, split):
    GroupSplit.objects.create(slot=TASK_CLASSIFIER, group=f"video {footage.sha256}", split=split)


def predicted(footage, seconds=SECONDS):
    """Let what serves look at a new video whose hands tell nothing, as a session does."""
    deployment = serving.champion(TASK_CLASSIFIER)
    predictor = task_serving.predictor_of(deployment)
    stream = TaskStream(predictor, names_of("fusion"))
    times = task_material.times_of(seconds)
    # Half of either task: whatever it says, it cannot be sure.
    values = task_material.values_of(times, [[0.0, seconds, "work"]], seed=5) + 0.5
    samples = []
    for at_seconds, row in zip(times, values, strict=True):
        said = stream.step(at_seconds, row)
        if said is not None:
            samples.append([said.at_seconds, said.label, said.confidence])
    task_logs.store(footage, [Said(deployment, samples, {})])
    return times, values


@pytest.mark.slow
def test_what_a_model_doubts_is_corrected_and_learned(settings, policy, labels, camera, reviewer):
    settings.UNSURE_BELOW = 0.95
    assert new_samples(TASK_CLASSIFIER) == VIDEOS * SECONDS / 10
    first = learned(retraining.decide(TASK_CLASSIFIER, timezone.now()))
    version = ModelVersion.objects.get(run=first)
    assert new_samples(TASK_CLASSIFIER) == 0
    promotion.promote(version.pk, by=None, purpose="Says who works.", reason="the first one")

    video = task_material.video(camera, seconds=SECONDS, spans=[]).footage
    pin(video, "train")
    Footage.objects.filter(pk=video.pk).update(ended_at=timezone.now())
    predicted(video)
    assert spans_to_label.find_waiting() > 0
    span = SpanToLabel.objects.filter(state="waiting").exclude(reason="random").first()
    assert span.label_set == labels and span.footage == video

    later = timezone.now() + timedelta(hours=1)
    early = retraining.decide(TASK_CLASSIFIER, later)
    assert (early.act, early.reason) == (Act.SKIP, "too_few_samples")
    assert TrainingEvent.objects.filter(event_type="TRAINING_SKIPPED").count() == 1

    corrected = [[span.start_seconds, span.end_seconds, "idle"]]
    saved = task_labels.save(
        labels.pk, video.pk, by=reviewer, spans=corrected, version=0, source="correction"
    )
    span.refresh_from_db()
    assert (span.state, span.annotation, span.handled_by) == ("labelled", saved, reviewer)
    assert new_samples(TASK_CLASSIFIER) == 1

    second = learned(retraining.decide(TASK_CLASSIFIER, later))
    assert (second.algorithm, second.trigger) == ("online", "nightly")
    assert second.dataset != first.dataset
    assert second.dataset.options["label_set"] == labels.pk
    entries = second.dataset.entries.filter(feature_set__footage=video)
    assert entries.exists()
    for entry in entries:
        assert entry.label["label"] == "idle"
        middle = (entry.label["start"] + entry.label["end"]) / 2
        assert span.start_seconds - 0.01 <= middle <= span.end_seconds + 0.01
    assert new_samples(TASK_CLASSIFIER) == 0
    told = GateDecision.objects.get(version__run=second)
    assert told.champion is not None and told.outcome in ("promote", "keep", "not_enough_data")
    assert serving.champion(TASK_CLASSIFIER).model_version_uuid == version.uuid


@pytest.mark.slow
def test_what_only_tests_is_learned_from_once(policy, labels, camera, reviewer):
    """A correction whose video is pinned to the test teaches nothing; it is not tried each hour."""
    first = learned(retraining.decide(TASK_CLASSIFIER, timezone.now()))
    version = ModelVersion.objects.get(run=first)
    promotion.promote(version.pk, by=None, purpose="Says who works.", reason="the first one")
    video = task_material.video(camera, labels, seconds=SECONDS, spans=[]).footage
    pin(video, "test")
    task_labels.save(labels.pk, video.pk, by=reviewer, spans=[[5.0, 15.0, "idle"]], version=1)
    later = timezone.now() + timedelta(hours=1)

    run = preparing.carry_out(retraining.decide(TASK_CLASSIFIER, later).job.pk).run
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("failed", "nothing_new")
    again = retraining.decide(TASK_CLASSIFIER, later + timedelta(hours=2))
    assert (again.act, again.n_samples) == (Act.SKIP, 0)


class TestCounting:
    def test_before_the_first_time_every_span_of_a_measured_video_counts(self, camera):
        labels = task_material.label_set(camera.site)
        task_material.video(camera, labels, seconds=30.0)
        unmeasured = factories.footage(camera)
        task_material.annotate(labels, unmeasured, [[0.0, 5.0, "work"]])
        assert new_samples(TASK_CLASSIFIER) == 3

    def test_without_labels_there_are_none(self, db):
        assert new_samples(TASK_CLASSIFIER) == 0

    def test_only_what_the_last_dataset_was_not_cut_by(self, camera):
        labels = task_material.label_set(camera.site)
        other = task_material.label_set(camera.site, name="door")
        made = task_material.video(camera, labels, seconds=30.0)
        task_material.annotate(other, made.footage, [[0.0, 5.0, "work"]])
        seen = labels.annotations.get(is_current=True)
        learned_from(labels, made.footage, seen)
        assert new_samples(TASK_CLASSIFIER) == 0

        moved = [[0.0, 12.0, "work"], [12.0, 20.0, "idle"], seen.spans[2]]
        task_material.annotate(labels, made.footage, moved)
        assert new_samples(TASK_CLASSIFIER) == 2


def learned_from(labels, footage, annotation):
    """Make rows of a run that learned from a dataset which was cut by an annotation."""
    dataset = Dataset.objects.create(
        slot=TASK_CLASSIFIER,
        number=1,
        state="done",
        options={"label_set": labels.pk, "step_seconds": 0.25, "feature_sets": [1]},
        counts={
            "windows": {
                "label_set": labels.pk,
                "inputs": [{"footage": footage.pk, "annotation": annotation.pk}],
            }
        },
    )
    TrainingRun.objects.create(
        slot=TASK_CLASSIFIER,
        number=1,
        dataset=dataset,
        algorithm="online",
        state="done",
        inputs_sha256="0" * 64,
    )


class TestByTheHour:
    """Rows only: what is decided when."""

    @pytest.fixture
    def online(self, camera):
        made = task_material.label_set(camera.site)
        task_material.video(camera, made, seconds=30.0)
        return policy_row(algorithm="online", interval_hours=1)

    def test_it_trains_more_than_once_a_night(self, online):
        first = retraining.decide(TASK_CLASSIFIER, NIGHT)
        assert first.act == Act.TRAIN
        with pytest.raises(Conflict):
            preparing.ask(online, trigger="nightly")
        Job.objects.all().delete()
        assert retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(hours=1)).act == Act.TRAIN

    def test_a_run_goes_on(self, online):
        retraining.decide(TASK_CLASSIFIER, NIGHT)
        again = retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(hours=1))
        assert (again.act, again.reason) == (Act.SKIP, "run_active")

    def test_why_not_is_written_once_a_night(self, online):
        RetrainingPolicy.objects.update(min_samples=99)
        for minutes in range(0, 120, 10):
            retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(minutes=minutes))
        assert TrainingEvent.objects.filter(event_type="TRAINING_SKIPPED").count() == 1
        RetrainingPolicy.objects.update(min_samples=1)
        assert retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(hours=2)).act == Act.TRAIN

    @pytest.mark.parametrize(
        "columns",
        [{"algorithm": "random_forest", "interval_hours": 1}, {"algorithm": "online"}],
        ids=["a full retraining", "once a day"],
    )
    def test_all_else_is_decided_once_a_night(self, online, columns):
        policy_row(**{"interval_hours": 24, **columns})
        assert retraining.decide(TASK_CLASSIFIER, NIGHT).act == Act.TRAIN
        Job.objects.all().delete()
        again = retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(hours=1))
        assert (again.act, again.reason) == (Act.NOTHING, "decided_already")

    def test_the_interval_counts_from_the_last_run(self, online, camera):
        labels = LabelSet.objects.get()
        footage = factories.footage(camera)
        learned_from(labels, footage, labels.annotations.first())
        TrainingRun.objects.update(created_at=NIGHT, trigger="nightly")
        early = retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(minutes=50))
        assert (early.act, early.reason) == (Act.NOTHING, "not_due_yet")
        assert retraining.decide(TASK_CLASSIFIER, NIGHT + timedelta(hours=1)).act == Act.TRAIN


def policy_row(**columns):
    policies.policy_of(TASK_CLASSIFIER)
    rows = RetrainingPolicy.objects.filter(slot=TASK_CLASSIFIER)
    rows.update(**{"enabled": True, "min_samples": 1, **columns})
    return policies.policy_of(TASK_CLASSIFIER)


class TestOptions:
    def test_windows_are_cut_as_before_and_by_the_same_labels(self, camera):
        labels = task_material.label_set(camera.site)
        task_material.label_set(camera.site, name="door")
        made = task_material.video(camera, labels, seconds=30.0)
        learned_from(labels, made.footage, labels.annotations.get())
        job = preparing.ask(policy_row(), trigger="nightly")
        assert job.parameters["options"] == {"label_set": labels.pk, "step_seconds": 0.25}

    def test_where_nobody_knows_which_labels_the_skip_says_so(self, camera):
        for name in ("table", "door"):
            task_material.video(camera, task_material.label_set(camera.site, name=name))
        job = preparing.ask(policy_row(), trigger="nightly")
        prepared = preparing.carry_out(job.pk)
        assert prepared.reason == "label_set_needed"
        assert "door" in TrainingEvent.objects.get().message
