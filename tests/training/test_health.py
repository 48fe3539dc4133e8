"""/health: what serves and what waits, to staff and to the holder of the token only."""

from datetime import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from detection.slots import LOD_POLICY, OBJECT_DETECTOR, SLOTS
from tests import factories
from tests.training import toy_work
from training.models import RetrainingPolicy, TrainingRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def busy(camera):
    """A queued, a running and a failed segment, an open incident and a pending item."""
    from django.utils import timezone

    footage = factories.footage(camera)
    for position, state in enumerate(("queued", "running", "failed")):
        factories.segment(footage, position, state=state, finished_at=timezone.now())
    factories.item(factories.incident(camera, with_files=False))
    return camera


@pytest.mark.parametrize("person", [None, "device_user"])
def test_strangers_learn_nothing(client, request, person):
    if person:
        client.force_login(request.getfixturevalue(person))
    response = client.get(reverse("health"))
    assert response.status_code == 401
    assert set(response.json()) == {"error"}


def test_staff_read_the_figures_of_their_sites(client, busy, reviewer):
    client.force_login(reviewer)
    told = client.get("/health").json()
    assert told["status"] == "degraded"
    assert (told["segments_queued"], told["segments_running"]) == (1, 1)
    assert told["items_pending"] == 1
    assert set(told["models"]) == set(SLOTS)
    assert (told["last_training_time"], told["training_in_progress"]) == (None, False)
    assert told["auto_training_enabled"] is False


def test_another_sites_work_is_not_told(client, busy, outsider):
    client.force_login(outsider)
    told = client.get("/health/").json()
    assert told["status"] == "ok"
    assert told["segments_queued"] == told["items_pending"] == 0


@pytest.mark.parametrize(("given", "status"), [("right", 200), ("wrong", 401), ("", 401)])
def test_the_token_reads_everything(client, busy, settings, given, status):
    settings.METRICS_TOKEN = "right"
    response = client.get("/health", headers={"Authorization": f"Bearer {given}"})
    assert response.status_code == status
    if status == 200:
        assert response.json()["segments_queued"] == 1


def test_no_token_is_set_and_none_is_given(client, db, settings):
    settings.METRICS_TOKEN = ""
    response = client.get("/health", headers={"Authorization": "Bearer "})
    assert response.status_code == 401


def test_what_serves_each_slot_is_told(client, superuser):
    served = factories.deployment(slot=OBJECT_DETECTOR, name="nano")
    factories.deployment(slot=OBJECT_DETECTOR, retired_at=served.activated_at)
    client.force_login(superuser)
    (told,) = client.get("/health").json()["models"][OBJECT_DETECTOR]
    assert (told["deployment"], told["name"]) == (served.pk, "nano")
    assert told["sha256"] == served.sha256


def test_whether_anything_learns_is_told(client, superuser, site):
    dataset = toy_work.dataset(site=site, groups=1)
    columns = {
        "slot": LOD_POLICY,
        "dataset": dataset,
        "algorithm": "svm",
        "code_version": "1",
        "trigger": "api",
        "inputs_sha256": "0" * 64,
    }
    ended = timezone.now()
    TrainingRun.objects.create(number=1, state="done", finished_at=ended, **columns)
    TrainingRun.objects.create(number=2, **columns)
    RetrainingPolicy.objects.create(slot=LOD_POLICY, enabled=True)
    client.force_login(superuser)
    told = client.get("/health").json()
    assert datetime.fromisoformat(told["last_training_time"]) == ended.replace(
        microsecond=ended.microsecond // 1000 * 1000
    )
    assert told["training_in_progress"] is told["auto_training_enabled"] is True
