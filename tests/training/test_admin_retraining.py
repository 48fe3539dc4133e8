"""Retraining in the admin: changed with a record, and told what it would do."""

import pytest
from django.urls import reverse
from django.utils import timezone

from detection.slots import LOD_POLICY, POSE_ANOMALY, SLOTS
from hitlsite.models import AuditEntry
from tests import factories
from tests.training import toy_work
from training.models import RetrainingPolicy, TrainingRun
from training.services import policies, slot_work, training_events

pytestmark = pytest.mark.django_db
LIST = "/admin/training/retrainingpolicy/"


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)


def form(**columns):
    return {
        "interval_hours": 24,
        "min_samples": 100,
        "algorithm": "",
        "parameters": "{}",
        "label_source": "human",
        "window_from": "01:00:00",
        "window_until": "05:00:00",
        "clock_of": "",
        "purpose": "",
        **columns,
    }


def page(slot=LOD_POLICY):
    return reverse("admin:training_retrainingpolicy_change", args=[policies.policy_of(slot).pk])


def test_every_slot_is_listed_with_what_it_would_do(client, admin_user):
    client.force_login(admin_user)
    text = client.get(LIST).content.decode()
    assert all(slot.title in text for slot in SLOTS.values())
    assert text.count("switched off for this slot") == len(SLOTS)


def test_a_change_is_stored_and_recorded(client, admin_user, site):
    client.force_login(admin_user)
    assert "What it would do now, and why" in client.get(page()).content.decode()
    given = form(
        enabled="on",
        algorithm="svm",
        parameters='{"steps": 2}',
        clock_of=site.pk,
        window_from="22:00:00",
        auto_rollback="on",
    )
    assert client.post(page(), given).status_code == 302
    policy = policies.policy_of(LOD_POLICY)
    assert (policy.enabled, policy.algorithm, policy.parameters) == (True, "svm", {"steps": 2})
    assert (policy.clock_of, policy.changed_by) == (site, admin_user)
    entry = AuditEntry.objects.get(action="retraining.changed")
    assert entry.detail.content["algorithm"] == {"from": "", "to": "svm"}


@pytest.mark.parametrize(
    ("slot", "columns", "told"),
    [
        (LOD_POLICY, {"algorithm": "yolo"}, "not one of the available choices"),
        (LOD_POLICY, {"parameters": '{"nonsense": 1}'}, "There is no parameter nonsense"),
        (LOD_POLICY, {"parameters": "{"}, "Enter a valid JSON"),
        (LOD_POLICY, {"parameters": '{"base_path": "/x"}'}, "command line only"),
        (LOD_POLICY, {"auto_promote": "on"}, "needs a purpose"),
        (LOD_POLICY, {"interval_hours": 0}, "greater than or equal to 1"),
        (POSE_ANOMALY, {"enabled": "on"}, "Nothing learns in this slot yet"),
    ],
)
def test_what_could_not_train_is_refused_beside_its_field(client, admin_user, slot, columns, told):
    client.force_login(admin_user)
    response = client.post(page(slot), form(**columns))
    assert response.status_code == 200
    assert told in response.content.decode()
    assert not AuditEntry.objects.exists()


def test_empty_parameters_are_none(client, admin_user):
    client.force_login(admin_user)
    assert client.post(page(), form(parameters="", min_samples=5)).status_code == 302
    assert policies.policy_of(LOD_POLICY).parameters == {}


def test_supervisors_only_read(client, supervisor):
    client.force_login(supervisor)
    assert client.get(page()).status_code == 200
    assert client.post(page(), form(enabled="on")).status_code == 403
    assert not policies.policy_of(LOD_POLICY).enabled


def test_the_clock_of_a_foreign_site_is_neither_told_nor_lost(client, admin_user):
    foreign = factories.site("Secret place")
    policies.policy_of(LOD_POLICY)
    RetrainingPolicy.objects.update(clock_of=foreign)
    client.force_login(admin_user)
    assert "Secret place" not in client.get(page()).content.decode()
    assert client.post(page(), form(min_samples=5)).status_code == 302
    assert policies.policy_of(LOD_POLICY).clock_of == foreign


def test_the_history_is_read_and_foreign_runs_are_left_out(client, admin_user):
    training_events.skipped(LOD_POLICY, "disabled", message="It is switched off.")
    run = TrainingRun.objects.create(
        slot=LOD_POLICY,
        number=1,
        dataset=toy_work.dataset(site=factories.site(), groups=1),
        algorithm="svm",
        code_version="1",
        trigger="api",
        inputs_sha256="0" * 64,
        created_at=timezone.now(),
    )
    training_events.failed(run, "a secret")
    client.force_login(admin_user)
    text = client.get(reverse("admin:training_trainingevent_changelist")).content.decode()
    assert "It is switched off." in text
    assert "a secret" not in text
