"""Predictions never stop: what serves is replaced between two requests, and answers say by what."""

import json
import threading

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from detection.models import Deployment
from detection.services import deployments, model_store
from detection.slots import LOD_POLICY, SLOTS
from detection.vision.tabular import model as tabular_model
from hitlsite.errors import Conflict, DomainError, Forbidden
from tests.detection.uploading import Phone
from training.learning import tabular
from training.learning.trajectory import COLUMNS, MEASURES
from training.services import predicting

pytestmark = pytest.mark.django_db
PREDICT = f"/api/v1/slots/{LOD_POLICY}/predict/"
ROW = dict.fromkeys(MEASURES, 0.5)


@pytest.fixture(autouse=True)
def _nothing_loaded(data_dir):
    predicting.models.forget()


def trained(folder, *, labels=("0", "2"), algorithm="logistic"):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, len(COLUMNS)))
    said = np.where(features[:, 0] > 0, labels[1], labels[0])
    folder.mkdir(exist_ok=True)
    model = tabular.fit(features, said, algorithm, columns=COLUMNS)
    names = tabular_model.save(model, folder)
    return model_store.keep([folder / name for name in names])


@pytest.fixture
def files(tmp_path):
    return trained(tmp_path / "first")


def deployed(files, name="first"):
    return deployments.activate(
        LOD_POLICY,
        name=name,
        files=files,
        sha256=files[0]["sha256"],
        backend="skops",
        input_size=0,
        precision="f32",
        class_names=["0", "2"],
    )


def test_an_answer_names_label_probability_and_deployment(files, admin_user):
    serving = deployed(files)
    low, high = predicting.predict(
        LOD_POLICY,
        [ROW | {"frustumCoverage": -3.0}, ROW | {"frustumCoverage": 3.0}],
        admin_user,
    )
    assert (low.label, high.label) == ("0", "2")
    assert high.probability == high.probabilities["2"] > 0.5
    assert sum(high.probabilities.values()) == pytest.approx(1.0)
    assert high.deployment == serving


def test_a_model_is_loaded_once(files, admin_user, monkeypatch):
    loads = []
    load = tabular_model.load
    monkeypatch.setattr(tabular_model, "load", lambda folder: loads.append(folder) or load(folder))
    deployed(files)
    for _ in range(3):
        predicting.predict(LOD_POLICY, [ROW], admin_user)
    assert len(loads) == 1


def test_the_next_request_is_answered_by_what_was_deployed_meanwhile(files, admin_user, tmp_path):
    first = deployed(files)
    assert predicting.predict(LOD_POLICY, [ROW], admin_user)[0].deployment == first
    second = deployed(trained(tmp_path / "second", labels=("1", "7")), "second")
    (answer,) = predicting.predict(LOD_POLICY, [ROW], admin_user)
    assert answer.deployment == second
    assert set(answer.probabilities) == {"1", "7"}
    Deployment.objects.update(retired_at=timezone.now())
    with pytest.raises(Conflict) as refused:
        predicting.predict(LOD_POLICY, [ROW], admin_user)
    assert refused.value.code == "no_deployment"


def test_files_that_cannot_be_used_leave_the_one_before_answering(files, admin_user, caplog):
    first = deployed(files)
    predicting.predict(LOD_POLICY, [ROW], admin_user)
    deployed([row | {"sha256": "0" * 64} for row in files], "damaged")
    for _ in range(2):
        (answer,) = predicting.predict(LOD_POLICY, [ROW], admin_user)
        assert answer.deployment == first
    assert len([one for one in caplog.records if "cannot serve" in one.message]) == 1


@pytest.mark.parametrize(
    ("damage", "code"),
    [({"sha256": "0" * 64}, "artifact_damaged"), ({"path": "gone"}, "artifact_missing")],
)
def test_with_nothing_before_it_a_damaged_model_is_an_error(files, admin_user, damage, code):
    deployed([row | damage for row in files])
    with pytest.raises(DomainError) as refused:
        predicting.predict(LOD_POLICY, [ROW], admin_user)
    assert refused.value.code == code


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_predictions_go_on_while_a_model_is_replaced(files, admin_user, tmp_path):
    answered, errors, stop = [], [], threading.Event()
    other = trained(tmp_path / "second", labels=("1", "7"), algorithm="lightgbm")
    classes = {deployed(files).pk: {"0", "2"}}

    def ask():
        try:
            while not stop.is_set():
                (answer,) = predicting.predict(LOD_POLICY, [ROW], admin_user)
                answered.append((answer.deployment.pk, set(answer.probabilities)))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(6):
        count = len(answered)
        while len(answered) < count + 20 and not errors:
            stop.wait(0.005)
        given = other if number % 2 == 0 else files
        named = {"1", "7"} if number % 2 == 0 else {"0", "2"}
        classes[deployed(given, f"model {number}").pk] = named
    last = max(classes)
    while last not in {pk for pk, _ in answered[-20:]} and not errors:
        stop.wait(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(classes[pk] == said for pk, said in answered)
    assert len({pk for pk, _ in answered}) > 2


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([], "rows"),
        ({}, "rows"),
        ([ROW] * 1001, "rows"),
        ([3], "rows.0"),
        ([ROW, {}], "rows.1.frustumCoverage"),
        ([ROW | {"deviceFPS": "x"}], "rows.0.deviceFPS"),
        ([ROW | {"deviceFps": 1}], "rows.0.deviceFps"),
        ([ROW | {"past": 3}], "rows.0.past"),
        ([ROW | {"past": [{}] * 11}], "rows.0.past"),
        ([ROW | {"past": [{}, 3]}], "rows.0.past.1"),
        ([ROW | {"past": [{"viewportVelocity": "x"}]}], "rows.0.past.0.viewportVelocity"),
        ([ROW | {"past": [{"speed": 1}]}], "rows.0.past.0.speed"),
    ],
)
def test_wrong_rows_are_named_by_their_path(files, admin_user, rows, field):
    deployed(files)
    with pytest.raises(DomainError) as refused:
        predicting.predict(LOD_POLICY, rows, admin_user)
    assert refused.value.status == 422
    assert next(iter(refused.value.fields)) == field


def test_who_may_ask(files, supervisor, device_user, reviewer):
    deployed(files)
    for by in (supervisor, device_user):
        assert len(predicting.predict(LOD_POLICY, [ROW], by)) == 1
    with pytest.raises(Forbidden):
        predicting.predict(LOD_POLICY, [ROW], reviewer)


class TestApi:
    @pytest.fixture
    def post(self, client, admin_user):
        client.force_login(admin_user)

        def posting(body, address=PREDICT):
            return client.post(address, json.dumps(body), content_type="application/json")

        return posting

    def test_it_answers(self, post, files):
        serving = deployed(files)
        past = [{"viewportVelocity": 1.0}] * 10
        answer = post({"rows": [ROW | {"past": past}, ROW]}, PREDICT.rstrip("/"))
        assert answer.status_code == 200, answer.json()
        first, _ = answer.json()
        assert first["deployment"] == {"id": serving.pk, "name": "first"}
        assert first["label"] in first["probabilities"]

    def test_without_a_deployment_it_is_a_conflict(self, post):
        answer = post({"rows": [ROW]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_deployment")

    @pytest.mark.parametrize(
        ("slot", "status", "code"),
        [
            ("nonsense", 404, "slot_unknown"),
            *((name, 422, "slot_not_tabular") for name in SLOTS if name != LOD_POLICY),
        ],
    )
    def test_other_slots(self, post, slot, status, code):
        answer = post({"rows": [ROW]}, f"/api/v1/slots/{slot}/predict/")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    @pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": [1]}, {"rows": [ROW], "x": 1}, []])
    def test_bad_bodies(self, post, body):
        assert post(body).status_code == 422

    def test_a_phone_asks_with_its_token(self, camera, files):
        deployed(files)
        answer = Phone(camera).client.post(PREDICT, {"rows": [ROW]}, format="json")
        assert answer.status_code == 200

    def test_nobody_asks_without(self, client):
        assert client.post(PREDICT, "{}", content_type="application/json").status_code == 401
