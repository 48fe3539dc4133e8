"""Every closed incident becomes exactly one item, with where it came from."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hitlsite import audit, jobs
from hitlsite.models import Job
from review import tasks
from review.models import TrainingItem
from review.services import conversion, proposing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _light(data_dir, settings, tmp_path):
    """Keep the files apart and load no weights: scans fail, which is not what is tested here."""
    settings.DETECTOR, settings.MODEL_DIR = "motion", tmp_path / "no-models"


def test_only_closed_incidents_with_whole_evidence_become_items(camera):
    ready = factories.incident(camera)
    factories.incident(camera, whole=False, with_files=False)
    factories.incident(camera, state="open", whole=False, with_files=False)

    report = conversion.convert_ready()

    item = TrainingItem.objects.get()
    assert (report.converted, report.failed, item.incident) == ([item], [], ready)
    assert (item.status, item.category, item.proposed_category) == (
        "pending_review",
        "loitering",
        "loitering",
    )
    assert (item.site, item.camera) == (camera.site, camera)
    assert (item.collection_method, item.privacy) == ("automatic", "failed")
    assert conversion.convert_ready().converted == []
    assert audit.verify().is_whole


def test_converting_twice_gives_the_same_item(camera):
    incident = factories.incident(camera, with_files=False)

    first, second = conversion.convert(incident), conversion.convert(incident)

    assert (first[1], second[1], first[0]) == (True, False, second[0])


def test_the_provenance_stays_when_the_rows_change(camera):
    incident = factories.incident(camera)
    item, _ = conversion.convert(incident)
    kept = json.loads(json.dumps(item.provenance))

    assert kept["camera"] == {"id": camera.pk, "name": "Gate"}
    assert kept["footage"]["sha256"] == incident.footage.sha256
    assert kept["times"]["opened_at_seconds"] == 30.0
    assert kept["rules"][0]["parameters"] == {"threshold_seconds": 30.0}
    assert kept["rules"][0]["numbers"] == {"dwell_seconds": 31.2}
    assert kept["rules"][0]["why"] == incident.why
    assert {"backend", "input_size", "precision", "threshold"} <= set(kept["deployment"])
    assert (kept["track_ids"], kept["code_version"]) == ([7], "test")
    assert {one["sha256"] for one in kept["evidence"]} == {
        row.sha256 for row in incident.evidence.all()
    }
    assert len(kept["evidence"]) == 4


def test_severe_and_doubtful_comes_first(camera):
    for severity, score in (("low", 0.5), ("high", 0.95), ("high", 0.55), ("critical", 1.0)):
        incident = factories.incident(camera, with_files=False, severity=severity, peak_score=score)
        conversion.convert(incident)

    order = [(one.severity, one.incident.peak_score) for one in TrainingItem.objects.all()]
    assert order == [("critical", 1.0), ("high", 0.55), ("high", 0.95), ("low", 0.5)]


def test_one_that_fails_does_not_keep_the_others(camera, monkeypatch):
    bad, good = (factories.incident(camera, with_files=False) for _ in range(2))
    whole = conversion.provenance

    def provenance(incident):
        if incident == bad:
            raise ValueError("a broken rule hit")
        return whole(incident)

    monkeypatch.setattr(conversion, "provenance", provenance)
    report = conversion.convert_ready()

    assert [item.incident for item in report.converted] == [good]
    assert report.failed == [(bad.pk, "ValueError: a broken rule hit")]
    monkeypatch.undo()
    assert [item.incident for item in conversion.convert_ready().converted] == [bad]


def test_one_that_always_fails_does_not_block_the_queue(camera, monkeypatch):
    incidents = [factories.incident(camera, with_files=False) for _ in range(3)]
    whole = conversion.provenance

    def provenance(incident):
        if incident in incidents[:2]:
            raise ValueError("broken")
        return whole(incident)

    monkeypatch.setattr(conversion, "provenance", provenance)

    assert len(conversion.convert_ready(limit=1).converted) == 1


def test_the_task_converts_and_asks_for_proposals(
    camera, monkeypatch, django_capture_on_commit_callbacks
):
    factories.incident(camera)
    asked = []
    monkeypatch.setattr(
        tasks.propose_redaction, "apply_async", lambda arguments, **_: asked.append(arguments)
    )
    with django_capture_on_commit_callbacks(execute=True):
        tasks.convert_closed_incidents()

    item = TrainingItem.objects.get()
    assert asked == [(item.pk,)]
    tasks.propose_redaction(item.pk)
    item.refresh_from_db()
    assert item.proposal == "ready"
    tasks.propose_redaction(item.pk)
    tasks.propose_redaction(10**6)


def test_work_that_another_worker_does_is_left_alone(camera):
    item = factories.item(factories.incident(camera), privacy="faces", proposal="waiting")
    with jobs.alone(proposing.KIND, str(item.pk)) as job:
        assert job is not None
        proposing.propose_waiting(item.pk)
        item.refresh_from_db()
        assert item.proposal == "waiting"
    proposing.propose_waiting(item.pk)
    item.refresh_from_db()
    assert item.proposal == "blocked"


def test_old_turns_leave_no_rows_behind(db):
    for _ in range(3):
        with jobs.alone(proposing.CONVERSION, "all"):
            pass
    assert Job.objects.count() == 3
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    with jobs.alone(proposing.CONVERSION, "all"):
        pass
    assert Job.objects.count() == 1


def test_the_command_converts_and_reports(camera, tmp_path, capsys):
    factories.incident(camera)
    report = tmp_path / "report.json"
    call_command("convert_incidents", json=report)

    item = TrainingItem.objects.get()
    assert f"ITEM {item.pk} loitering privacy=failed" in capsys.readouterr().out
    assert json.loads(report.read_text()) == {
        "converted": [item.pk],
        "rescanned": [],
        "failed": [],
        "proposed": 1,
    }
    assert item.proposal == "ready"
    call_command("convert_incidents", "--no-proposals")
    assert "0 converted" in capsys.readouterr().out
    with pytest.raises(CommandError, match="--limit"):
        call_command("convert_incidents", limit=0)
