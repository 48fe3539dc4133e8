"""Training over the API: asked for by admins only, without any path, and told as it stands."""

from datetime import UTC, datetime

import pytest

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, OBJECT_DETECTOR, POSE_ANOMALY
from hitlsite.models import Job
from tests import factories
from tests.training import toy_work
from training.models import RetrainingPolicy, TabularSample, TrainingEvent, TrainingRun
from training.services import preparing, runs, slot_work, training_events

AT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)
TRAIN, STATUS, RUNS = (
    f"/api/v1/training/{name}" for name in ("train", "status?slot=lod-policy", "runs/")
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)


@pytest.fixture
def dataset(site):
    return toy_work.dataset(site=site, groups=4)


@pytest.fixture
def admin(client, admin_user):
    client.force_login(admin_user)
    return client


def train(client, **body):
    body = {"slot": LOD_POLICY, **body}
    return client.post(TRAIN, body, content_type="application/json")


def refusal(response, status):
    assert response.status_code == status, response.content
    return response.json()["error"]


def test_a_dataset_is_trained_on(admin, dataset, admin_user):
    response = train(admin, dataset_id=dataset.pk, algorithm="svm")
    assert response.status_code == 202
    told = response.json()
    assert (told["is_unchanged"], told["is_preparing"]) == (False, False)
    run = TrainingRun.objects.get()
    assert (run.trigger, run.created_by, run.algorithm) == ("api", admin_user, "svm")
    assert told["run"]["id"] == run.pk
    assert told["run"]["state"] == "queued"


def test_the_newest_dataset_is_trained_on(admin, dataset):
    assert train(admin, sample_source="newest").json()["run"]["dataset"] == dataset.pk


def test_the_same_again_is_unchanged_unless_forced(admin, dataset):
    first = train(admin, dataset_id=dataset.pk).json()["run"]
    TrainingRun.objects.update(state="done")
    again = train(admin, dataset_id=dataset.pk).json()
    assert again["is_unchanged"] and again["run"]["id"] == first["id"]
    forced = train(admin, dataset_id=dataset.pk, force=True).json()
    assert not forced["is_unchanged"] and forced["run"]["id"] != first["id"]


@pytest.mark.parametrize("body", [{}, {"sample_source": "new"}, {"sample_source": "human"}])
def test_what_is_new_is_frozen_first(admin, site, body):
    response = train(admin, force=True, **body)
    assert response.status_code == 202
    assert response.json() == {"run": None, "is_unchanged": False, "is_preparing": True}
    asked = Job.objects.get(kind=preparing.KIND).parameters
    expected = "human" if body.get("sample_source") == "human" else "outcome"
    assert asked["options"] == {"label_source": expected}
    assert admin.get(STATUS).json()["training_in_progress"] is True
    assert refusal(train(admin, force=True), 409)["code"] == "run_active"


def test_too_few_new_samples_are_told_and_written(admin, site):
    RetrainingPolicy.objects.create(slot=LOD_POLICY, min_samples=2)
    TabularSample.objects.create(
        slot=LOD_POLICY, site=site, client_id="1", at=AT, label="2", label_source="human"
    )
    assert refusal(train(admin), 422)["code"] == "too_few_samples"
    event = TrainingEvent.objects.get()
    assert event.details == {"reason": "too_few_samples", "n_samples": 1, "min_required": 2}
    assert not Job.objects.exists()


def test_a_second_run_is_a_conflict(admin, dataset):
    train(admin, dataset_id=dataset.pk)
    assert refusal(train(admin, dataset_id=dataset.pk), 409)["code"] == "run_active"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slot": "lunch"}, "slot"),
        ({"slot": None}, "slot"),
        ({"slot": POSE_ANOMALY}, "slot"),
        ({"base": "/etc/passwd"}, "base"),
        ({"path": "weights.pt"}, "path"),
        ({"parameters": {"base_path": "/etc/passwd"}}, "parameters"),
        ({"force": "perhaps"}, "force"),
        ({"dataset_id": 0}, "dataset_id"),
        ({"dataset_id": 2**70}, "dataset_id"),
        ({"sample_source": "/data/rows.csv"}, "sample_source"),
        ({"sample_source": "new", "dataset_id": 1}, "sample_source"),
        ({"slot": INCIDENT_TRIAGE, "sample_source": "human"}, "sample_source"),
        ({"algorithm": "yolo"}, "algorithm"),
    ],
)
def test_nonsense_is_named(admin, site, body, field):
    error = refusal(train(admin, **body), 422)
    assert field in error["fields"]
    assert not TrainingRun.objects.exists() and not Job.objects.exists()


@pytest.mark.parametrize("person", ["reviewer", "supervisor", "device_user"])
def test_who_may_not_train_does_not(client, request, person):
    client.force_login(request.getfixturevalue(person))
    assert refusal(train(client, slot="lunch"), 403)


def test_a_foreign_dataset_does_not_exist(admin):
    foreign = toy_work.dataset(site=factories.site(), groups=1)
    refusal(train(admin, dataset_id=foreign.pk), 404)


def test_the_status_has_exactly_its_fields(admin, dataset):
    run = runs.start(slot=LOD_POLICY, trigger="command", dataset_id=dataset.pk).run
    runs.execute(run.pk)
    run.refresh_from_db()
    told = admin.get(STATUS).json()
    assert set(told) == {
        "training_in_progress",
        "last_training_time",
        "auto_training_enabled",
        "auto_training_interval_hours",
        "min_samples_required",
        "recent_training_history",
    }
    assert told["training_in_progress"] is False
    assert datetime.fromisoformat(told["last_training_time"]) == run.finished_at
    assert (told["auto_training_interval_hours"], told["min_samples_required"]) == (24, 100)
    newest = told["recent_training_history"][0]
    assert set(newest) == {"timestamp", "event_type", "message", "details"}
    assert newest["event_type"] == "TRAINING_COMPLETED"
    assert newest["details"]["model_version"] == run.version.name


def test_the_history_of_a_foreign_run_is_not_told(admin):
    foreign = toy_work.dataset(site=factories.site(), groups=1)
    run = runs.start(slot=LOD_POLICY, trigger="command", dataset_id=foreign.pk).run
    training_events.failed(run, "secret")
    assert admin.get(STATUS).json()["recent_training_history"] == []


@pytest.mark.parametrize("query", ["", "?slot=", "?slot=lunch"])
def test_a_status_needs_a_slot(admin, query):
    error = refusal(admin.get(f"/api/v1/training/status/{query}"), 422)
    assert OBJECT_DETECTOR in error["fields"]["slot"]


def test_runs_are_listed_told_and_cancelled(admin, dataset):
    run = train(admin, dataset_id=dataset.pk).json()["run"]
    assert [one["id"] for one in admin.get(RUNS).json()["results"]] == [run["id"]]
    assert admin.get(f"{RUNS}?slot={OBJECT_DETECTOR}").json()["results"] == []
    assert admin.get(f"{RUNS}?cursor={run['id']}").json()["results"] == []
    refusal(admin.get(f"{RUNS}?slot=lunch"), 422)
    refusal(admin.get(f"{RUNS}?cursor=x"), 400)
    own = f"{RUNS}{run['id']}/"
    assert admin.get(own).json()["number"] == 1
    assert admin.post(f"{own}cancel/").json()["state"] == "cancelled"
    assert refusal(admin.post(f"{own}cancel/"), 409)["code"] == "run_ended"


def test_a_path_of_the_operators_machine_is_not_told(admin, dataset):
    train(admin, dataset_id=dataset.pk)
    TrainingRun.objects.update(parameters={"steps": 3, "base_path": "weights/x.pt"})
    (run,) = admin.get(RUNS).json()["results"]
    assert run["parameters"] == {"steps": 3}


def test_supervisors_read_and_do_not_cancel(client, supervisor, dataset):
    run = runs.start(slot=LOD_POLICY, trigger="command", dataset_id=dataset.pk).run
    client.force_login(supervisor)
    assert client.get(f"{RUNS}{run.pk}/").status_code == 200
    assert client.get(STATUS).status_code == 200
    refusal(client.post(f"{RUNS}{run.pk}/cancel/"), 403)


def test_foreign_runs_do_not_exist(admin, client, reviewer):
    foreign = toy_work.dataset(site=factories.site(), groups=1)
    run = runs.start(slot=LOD_POLICY, trigger="command", dataset_id=foreign.pk).run
    assert admin.get(RUNS).json()["results"] == []
    refusal(admin.get(f"{RUNS}{run.pk}/"), 404)
    refusal(admin.post(f"{RUNS}{run.pk}/cancel/"), 404)
    client.force_login(reviewer)
    refusal(client.get(RUNS), 403)
    refusal(client.get(STATUS), 403)
