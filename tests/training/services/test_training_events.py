"""The training history: the same in the rows and in the file."""

import json
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from detection.slots import LOD_POLICY
from tests.training import toy_work
from training.models import TrainingEvent, TrainingRun
from training.services import training_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(settings, tmp_path):
    settings.TRAINING_HISTORY_LOG = tmp_path / "history.log"
    return settings.TRAINING_HISTORY_LOG


@pytest.fixture
def run(site):
    return TrainingRun.objects.create(
        slot=LOD_POLICY,
        number=3,
        dataset=toy_work.dataset(groups=1, site=site),
        algorithm="svm",
        code_version="1",
        trigger="api",
        inputs_sha256="0" * 64,
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_has_just_its_details(run, history, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        training_events.started(run, 120)
        training_events.completed(
            run,
            figure_name="accuracy",
            figure=0.9,
            n_samples=120,
            n_test_samples=30,
            model_version="lod-policy-1",
        )
        training_events.failed(run, "no memory")
        training_events.skipped(LOD_POLICY, "too_few_samples", n_samples=4, min_required=100)
    told = {row["event_type"]: row["details"] for row in lines(history)}
    assert told == {
        "TRAINING_STARTED": {"n_samples": 120, "model_type": "svm"},
        "TRAINING_COMPLETED": {
            "accuracy": 0.9,
            "n_samples": 120,
            "n_test_samples": 30,
            "model_version": "lod-policy-1",
        },
        "TRAINING_FAILED": {"error": "no memory"},
        "TRAINING_SKIPPED": {"reason": "too_few_samples", "n_samples": 4, "min_required": 100},
    }


def test_the_file_and_the_rows_agree(run, history, django_capture_on_commit_callbacks):
    at = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        training_events.record(
            "TRAINING_FAILED", LOD_POLICY, "Zürich\nburns", {"error": "é"}, run, at
        )
    (row,), (line,) = TrainingEvent.objects.all(), lines(history)
    assert line == {
        "timestamp": at.isoformat(),
        "event_type": row.event_type,
        "message": "Zürich\nburns",
        "details": {"error": "é"},
    }


def test_what_is_rolled_back_is_not_written(history, django_capture_on_commit_callbacks):
    committed = django_capture_on_commit_callbacks(execute=True)
    with committed, pytest.raises(ZeroDivisionError), transaction.atomic():
        training_events.skipped(LOD_POLICY, "disabled")
        1 / 0  # noqa: B018
    assert not history.exists()
    assert not TrainingEvent.objects.exists()


def test_a_file_that_cannot_be_written_stops_nothing(
    settings, tmp_path, caplog, django_capture_on_commit_callbacks
):
    settings.TRAINING_HISTORY_LOG = tmp_path / "nowhere" / "history.log"
    with django_capture_on_commit_callbacks(execute=True):
        training_events.skipped(LOD_POLICY, "disabled")
    assert TrainingEvent.objects.count() == 1
    assert "cannot be written" in caplog.text


def test_a_long_message_is_cut(history):
    event = training_events.skipped(LOD_POLICY, "x", message="long " * 500)
    assert len(event.message) == 500


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_many_at_once_write_whole_lines(history):
    def write():
        for number in range(20):
            training_events.skipped(LOD_POLICY, "disabled", message="word " * 60, n_samples=number)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(history)) == TrainingEvent.objects.count() == 60
