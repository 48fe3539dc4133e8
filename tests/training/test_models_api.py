"""Runs and model versions over the API: asked for with everything said, listed, downloaded."""

import pytest

from detection.models import Deployment
from detection.slots import LOD_POLICY, TASK_CLASSIFIER
from tests import factories
from tests.training import learned as rows
from tests.training import task_material, toy_work
from training.models import TrainingRun
from training.services import datasets, runs, slot_work

RUNS, MODELS = "/api/v1/training-runs/", "/api/v1/models/"
QUICK = {"n_estimators": 5}

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def signed_in(client):
    def enter(user):
        client.force_login(user)
        return client

    return enter


@pytest.fixture
def admin(signed_in, admin_user):
    return signed_in(admin_user)


@pytest.fixture
def dataset(site, camera):
    asked = task_material.label_set(site)
    for _ in range(4):
        task_material.video(camera, asked, seconds=20.0)
    frozen = datasets.freeze(slot=TASK_CLASSIFIER, sites=[site])
    return datasets.freeze_now(frozen.pk)


def post(client, body, path=RUNS):
    return client.post(path, body, content_type="application/json")


def wanted(dataset, **more):
    return {
        "slot": TASK_CLASSIFIER,
        "dataset_id": dataset.pk,
        "algorithm": "rf",
        "parameters": QUICK,
        "seed": 4,
        **more,
    }


def test_a_run_is_queued_carried_out_and_told(admin, dataset):
    answer = post(admin, wanted(dataset))
    assert answer.status_code == 202
    told = answer.json()
    assert (told["algorithm"], told["seed"], told["trigger"]) == ("random_forest", 4, "api")
    assert told["parameters"]["n_estimators"] == 5
    run = runs.execute(told["id"])
    assert run.state == "done"
    whole = admin.get(f"{RUNS}{run.pk}/").json()
    assert whole["state"] == "done"
    assert whole["version"] == "task-classifier-1"
    assert whole["history"][0]["val_macro_f1"] > 0.5
    assert admin.get(f"/api/v1/training/runs/{run.pk}/").json() == whole


def test_the_same_run_again_is_unchanged_and_force_is_not(admin, dataset):
    first = runs.execute(post(admin, wanted(dataset)).json()["id"])
    again = post(admin, wanted(dataset))
    assert (again.status_code, again.json()["id"]) == (200, first.pk)
    assert post(admin, wanted(dataset, force=True)).status_code == 202


def test_a_second_run_is_a_conflict(admin, dataset):
    post(admin, wanted(dataset))
    answer = post(admin, wanted(dataset, seed=5))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "run_active")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"slot": "pose-anomaly"}, 422, "slot"),
        ({"algorithm": "magic"}, 422, "algorithm"),
        ({"parameters": {"n_estimators": 0}}, 422, "parameters.n_estimators"),
        ({"parameters": {"epochs": 3}}, 422, "parameters.epochs"),
        ({"parameters": [1]}, 422, "parameters"),
        ({"seed": -1}, 422, "seed"),
        ({"seed": 2**31}, 422, "seed"),
        ({"dataset_id": 999_999}, 404, "dataset_id"),
        ({"base_path": "/etc"}, 422, "base_path"),
    ],
)
def test_what_is_wrong_is_named(admin, dataset, change, status, field):
    answer = post(admin, wanted(dataset, **change))
    assert answer.status_code == status
    assert field in answer.json()["error"]["fields"]
    assert not TrainingRun.objects.exists()


def test_only_admins_train_and_supervisors_see(signed_in, dataset, supervisor, reviewer):
    for user, seen in ((supervisor, 200), (reviewer, 403)):
        client = signed_in(user)
        assert post(client, {"slot": "nonsense"}).status_code == 403
        assert client.get(RUNS).status_code == seen
        assert client.get(MODELS).status_code == seen


def test_runs_are_filtered_and_paged(admin, site, monkeypatch):
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)
    made = toy_work.dataset(site=site, groups=4)
    other = toy_work.dataset(site=site, groups=4, number=2, seed=2)
    for number in range(60):
        rows.run(made, state="failed" if number % 2 else "done", algorithm="svm")
    rows.run(other, algorithm="svm")
    first = admin.get(RUNS, {"slot": LOD_POLICY}).json()
    second = admin.get(RUNS, {"cursor": first["next_cursor"]}).json()
    assert [len(first["results"]), len(second["results"])] == [50, 11]
    assert second["next_cursor"] is None
    failed = admin.get(RUNS, {"state": "failed"}).json()["results"]
    assert {row["state"] for row in failed} == {"failed"}
    assert len(admin.get(RUNS, {"dataset": other.pk}).json()["results"]) == 1
    assert admin.get(RUNS, {"slot": TASK_CLASSIFIER}).json()["results"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (RUNS, {"state": "odd"}, 422),
        (RUNS, {"slot": "odd"}, 422),
        (RUNS, {"dataset": "odd"}, 422),
        (RUNS, {"cursor": "odd"}, 400),
        (MODELS, {"slot": "odd"}, 422),
        (MODELS, {"deployed": "odd"}, 422),
        (MODELS, {"dataset": "9" * 40}, 422),
        (MODELS, {"cursor": "-1"}, 400),
        ("/api/v1/datasets/", {"state": "odd"}, 422),
    ],
)
def test_filters_that_say_nothing_are_refused(admin, path, query, status):
    assert admin.get(path, query).status_code == status


def test_datasets_are_filtered_by_state(admin, dataset):
    answer = admin.get("/api/v1/datasets/", {"slot": TASK_CLASSIFIER, "state": "done"}).json()
    assert [row["id"] for row in answer["results"]] == [dataset.pk]
    assert admin.get("/api/v1/datasets/", {"state": "failed"}).json()["results"] == []


@pytest.fixture
def version(dataset):
    started = runs.start(
        slot=TASK_CLASSIFIER,
        trigger="command",
        dataset_id=dataset.pk,
        algorithm="rf",
        parameters=QUICK,
    )
    return runs.execute(started.run.pk).version


def test_a_version_is_told_whole(admin, version):
    told = admin.get(f"{MODELS}{version.pk}/").json()
    assert (told["name"], told["algorithm"]) == (version.name, "random_forest")
    assert told["figures"]["macro_f1"] > 0.5
    assert told["gate"]["outcome"] in ("promote", "keep", "not_enough_data")
    assert told["forms"][0]["serves"]
    assert told["deployed"] is None
    names = [row["name"] for row in told["files"]]
    assert names == ["model.skops", "task.json", "importance.json"]
    assert all("path" not in row for row in told["files"])


def test_versions_are_filtered(admin, version):
    def found(**query):
        return [row["id"] for row in admin.get(MODELS, query).json()["results"]]

    assert found(slot=TASK_CLASSIFIER, algorithm="rf", dataset=version.dataset_id) == [version.pk]
    assert found(algorithm="lightgbm") == []
    assert found(dataset=version.dataset_id + 1) == []
    assert (found(deployed="true"), found(deployed="false")) == ([], [version.pk])
    Deployment.objects.create(
        slot=TASK_CLASSIFIER,
        source="promoted",
        name=version.name,
        model_version_uuid=version.uuid,
        activated_at=factories.STARTS_AT,
    )
    assert (found(deployed="true"), found(deployed="false")) == ([version.pk], [])
    assert admin.get(f"{MODELS}{version.pk}/").json()["deployed"] == "champion"


def test_a_file_is_downloaded_by_those_who_may_deploy(signed_in, version, admin_user, supervisor):
    path = f"{MODELS}{version.pk}/files/task.json/"
    answer = signed_in(admin_user).get(path)
    assert b'"columns"' in b"".join(answer.streaming_content)
    assert version.name in answer["Content-Disposition"]
    assert signed_in(admin_user).get(f"{MODELS}{version.pk}/files/other.json/").status_code == 404
    assert signed_in(supervisor).get(path).status_code == 403


def test_a_foreign_version_does_not_exist(signed_in, version, supervisor):
    other = factories.site("Elsewhere")
    version.dataset.sites.add(other)
    client = signed_in(supervisor)
    assert client.get(f"{MODELS}{version.pk}/").status_code == 404
    assert client.get(f"{MODELS}{version.pk}/files/task.json/").status_code == 404
    assert client.get(MODELS).json()["results"] == []
