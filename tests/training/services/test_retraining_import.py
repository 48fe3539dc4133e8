"""Another system's training settings: all of them taken, or nothing."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, POSE_ANOMALY
from hitlsite.errors import DomainError
from hitlsite.models import AuditEntry
from training.services import policies, retraining_import

pytestmark = pytest.mark.django_db

SECTION = {
    "autoTrain": True,
    "autoTrainIntervalHours": 12,
    "minSamplesForTraining": 250,
    "modelType": "svm",
    "logFile": "logs/run.log",
    "trainingLogFile": "logs/training.log",
}


def taken(slot=LOD_POLICY):
    policy = policies.policy_of(slot)
    return policy.enabled, policy.interval_hours, policy.min_samples, policy.algorithm


@pytest.mark.parametrize(
    ("document", "outside"),
    [
        ({"training": SECTION}, ()),
        ({"lod": {"training": SECTION}}, ()),
        ({"lod": {"training": SECTION, "port": 1}, "server": {}}, ("server", "lod.port")),
    ],
)
def test_a_configuration_becomes_a_policy(document, outside, admin_user):
    done = retraining_import.from_document(document, by=admin_user)
    assert taken() == (True, 12, 250, "svm")
    assert done.ignored == {"logFile": "logs/run.log", "trainingLogFile": "logs/training.log"}
    assert done.outside == outside
    assert AuditEntry.objects.get().actor == admin_user
    assert retraining_import.from_document(document).changed == {}


def test_what_is_not_said_stays():
    retraining_import.from_document({"training": {"minSamplesForTraining": 7}})
    assert taken() == (False, 24, 7, "")


def test_another_slot_may_be_named():
    retraining_import.from_document({"training": {"autoTrain": True}}, slot=INCIDENT_TRIAGE)
    assert taken(INCIDENT_TRIAGE)[0] and not taken()[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("autoTrain", "yes"),
        ("autoTrain", 1),
        ("autoTrainIntervalHours", 0),
        ("autoTrainIntervalHours", 1.5),
        ("autoTrainIntervalHours", True),
        ("autoTrainIntervalHours", 1e30),
        ("minSamplesForTraining", -1),
        ("minSamplesForTraining", None),
        ("modelType", "mlp"),
        ("modelType", ["svm"]),
        ("autotrain", True),
    ],
)
def test_a_bad_value_is_named_and_nothing_changed(key, value):
    with pytest.raises(DomainError) as refused:
        retraining_import.from_document({"training": {**SECTION, key: value}})
    assert set(refused.value.fields) == {f"training.{key}"}
    assert taken() == (False, 24, 100, "")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"training": 3},
        {"training": None},
        {"a": {"b": {"training": SECTION}}},
        {"a": {"training": SECTION}, "b": {"training": SECTION}},
        {"training": SECTION, "a": {"training": SECTION}},
    ],
)
def test_a_file_of_another_shape_is_refused(document):
    with pytest.raises(DomainError) as refused:
        retraining_import.from_document(document)
    assert refused.value.code == "config_invalid"
    assert taken() == (False, 24, 100, "")


def test_a_slot_that_cannot_be_trained_takes_nothing():
    with pytest.raises(DomainError) as refused:
        retraining_import.from_document({"training": SECTION}, slot=POSE_ANOMALY)
    assert "training.modelType" in refused.value.fields


def test_the_command_tells_what_it_did(tmp_path):
    path, report, out = tmp_path / "config.json", tmp_path / "report.json", StringIO()
    path.write_text(json.dumps({"lod": {"training": SECTION}}))
    call_command("import_training_config", file=path, json=report, stdout=out)
    assert "algorithm: svm" in out.getvalue()
    assert "ignored: logFile (logs/run.log)" in out.getvalue()
    assert json.loads(report.read_text())["changed"]["min_samples"] == 250


@pytest.mark.parametrize("text", [None, "{", "\ud800", "NaN", "[" * 99])
def test_the_command_refuses_what_is_no_file_of_this_kind(tmp_path, text):
    path = tmp_path / "config.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(CommandError) as refused:
        call_command("import_training_config", file=path)
    assert refused.value.returncode == 2
    assert str(path) in str(refused.value)
