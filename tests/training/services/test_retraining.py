"""What is decided at night: once, whatever happens, and always with its reason."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection

from detection.slots import INCIDENT_TRIAGE, LOD_POLICY, OBJECT_DETECTOR, POSE_ANOMALY, SLOTS
from hitlsite.errors import Conflict, DomainError
from hitlsite.models import AuditEntry, Job
from tests import factories
from tests.training import toy_work
from training.models import RetrainingPolicy, TabularSample, TrainingEvent, TrainingRun
from training.services import policies, preparing, retraining
from training.services.retraining import Act

NIGHT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)
DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(site):
    """The hours are those of the first site, which is in UTC."""


def policy(slot=LOD_POLICY, **columns):
    policies.policy_of(slot)
    columns = {"enabled": True, "min_samples": 3, **columns}
    RetrainingPolicy.objects.filter(slot=slot).update(**columns)
    return policies.policy_of(slot)


def samples(site, count, *, first=0, source="human", slot=LOD_POLICY):
    return TabularSample.objects.bulk_create(
        TabularSample(
            slot=slot,
            site=site,
            client_id=f"row {number}",
            at=NIGHT,
            label="high",
            label_source=source,
        )
        for number in range(first, first + count)
    )


def run(site, *, created_at, number=1, **columns):
    columns = {"state": "done", "trigger": "nightly", **columns}
    made = TrainingRun.objects.create(
        slot=LOD_POLICY,
        number=number,
        dataset=toy_work.dataset(groups=1, site=site, number=number),
        algorithm="random_forest",
        code_version="1",
        inputs_sha256=f"{number:064x}",
        **columns,
    )
    TrainingRun.objects.filter(pk=made.pk).update(created_at=created_at)
    return made


def skips():
    rows = TrainingEvent.objects.filter(event_type="TRAINING_SKIPPED").order_by("pk")
    return [row.details["reason"] for row in rows]


def test_enough_samples_train(site):
    policy(algorithm="svm", parameters={"steps": 2})
    samples(site, 3)
    decision = retraining.decide(LOD_POLICY, NIGHT)
    assert (decision.act, decision.n_samples) == (Act.TRAIN, 3)
    asked = Job.objects.get(kind=preparing.KIND).parameters
    assert asked["algorithm"] == "svm"
    assert asked["parameters"] == {"steps": 2}
    assert asked["options"] == {"label_source": "outcome"}
    assert (asked["trigger"], asked["force"]) == ("nightly", False)
    assert AuditEntry.objects.filter(action="retraining.asked").count() == 1


def test_one_night_decides_once(site):
    policy()
    samples(site, 3)
    assert retraining.decide(LOD_POLICY, NIGHT).act == Act.TRAIN
    again = retraining.decide(LOD_POLICY, NIGHT + timedelta(minutes=10))
    assert (again.act, again.reason) == (Act.NOTHING, "decided_already")
    assert Job.objects.filter(kind=preparing.KIND).count() == 1


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_train_once(site):
    policy()
    samples(site, 3)
    decisions, barrier = [], threading.Barrier(4)

    def decide():
        barrier.wait()
        try:
            decisions.append(retraining.decide(LOD_POLICY, NIGHT).act)
        except Conflict:
            decisions.append("late")
        connection.close()

    threads = [threading.Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(decisions) == 4
    assert decisions.count(Act.TRAIN) == 1
    assert Job.objects.filter(kind=preparing.KIND).count() == 1
    assert skips() == []


def test_what_is_switched_off_is_written_once_a_night(site):
    for minutes in range(0, 60, 10):
        retraining.decide(LOD_POLICY, NIGHT + timedelta(minutes=minutes))
    retraining.decide(LOD_POLICY, NIGHT + DAY)
    assert skips() == ["disabled", "disabled"]
    event = TrainingEvent.objects.first()
    assert event.details == {"reason": "disabled", "n_samples": 0, "min_required": 100}


@pytest.mark.parametrize("slot", SLOTS)
def test_every_slot_is_decided(slot):
    assert retraining.decide(slot, NIGHT).act == Act.SKIP
    assert TrainingEvent.objects.get().slot == slot


def test_outside_of_the_hours_nothing_is_written(site):
    policy()
    samples(site, 3)
    decision = retraining.decide(LOD_POLICY, NIGHT.replace(hour=12))
    assert (decision.act, decision.reason) == (Act.NOTHING, "outside_window")
    assert not TrainingEvent.objects.exists() and not Job.objects.exists()


def test_the_hours_are_those_of_the_chosen_site(site):
    tokyo = factories.site(time_zone="Asia/Tokyo")
    policy(clock_of=tokyo)
    samples(site, 3)
    assert retraining.decide(LOD_POLICY, NIGHT).reason == "outside_window"
    assert retraining.decide(LOD_POLICY, NIGHT.replace(hour=18)).act == Act.TRAIN


def test_too_few_samples_are_told_with_numbers(site):
    policy()
    samples(site, 2)
    decision = retraining.decide(LOD_POLICY, NIGHT)
    assert (decision.reason, decision.n_samples, decision.min_required) == ("too_few_samples", 2, 3)
    assert "2 new samples" in TrainingEvent.objects.get().message


def test_a_run_that_goes_on_is_not_doubled(site):
    policy()
    samples(site, 3)
    run(site, created_at=NIGHT - 2 * DAY, state="running", trigger="api")
    retraining.decide(LOD_POLICY, NIGHT)
    assert skips() == ["run_active"]


def test_a_slot_that_cannot_be_trained_says_so():
    policy(POSE_ANOMALY, min_samples=0)
    retraining.decide(POSE_ANOMALY, NIGHT)
    assert skips() == ["not_trainable"]


def test_a_short_interval_puts_off_within_the_night(site):
    """The last run was at 22:00; three hours and a half later are in the hours, and soon enough."""
    policy(interval_hours=5)
    samples(site, 3)
    run(site, created_at=NIGHT.replace(hour=22, minute=0) - DAY, trigger="api")
    early = retraining.decide(LOD_POLICY, NIGHT)
    assert (early.act, early.reason) == (Act.NOTHING, "not_due_yet")
    assert retraining.decide(LOD_POLICY, NIGHT.replace(hour=3)).act == Act.TRAIN


def test_an_interval_that_outlasts_the_night_is_written(site):
    policy(interval_hours=24)
    samples(site, 3)
    run(site, created_at=NIGHT.replace(hour=22) - DAY, trigger="api")
    retraining.decide(LOD_POLICY, NIGHT)
    assert skips() == ["interval_not_over"]


def test_every_night_trains_although_beat_is_never_on_time(site):
    """A run a little later each night would otherwise miss a night in the end."""
    policy(interval_hours=24, min_samples=0)
    at, nights = NIGHT.replace(minute=0), 40
    for number in range(1, nights + 1):
        late = timedelta(seconds=599 - 13 * number)  # earlier every night
        assert retraining.decide(LOD_POLICY, at + late).act == Act.TRAIN
        Job.objects.update(state="done")
        run(site, created_at=at + late, number=number)
        at += DAY
    assert skips() == []


@pytest.mark.parametrize("hours", [48, 72])
def test_longer_intervals_skip_whole_nights(site, hours):
    policy(interval_hours=hours, min_samples=0)
    run(site, created_at=NIGHT)
    acts = [retraining.decide(LOD_POLICY, NIGHT + number * DAY).act for number in (1, 2, 3)]
    assert acts.index(Act.TRAIN) == hours // 24 - 1


def test_what_would_be_done_is_foretold_and_not_done(site):
    policy()
    samples(site, 3)
    told = retraining.foretell(LOD_POLICY, NIGHT.replace(hour=12))
    assert told.act == Act.NOTHING
    assert "2026-06-11 01:00 (UTC)" in told.message
    assert "It trains: there are 3 new samples" in told.message
    assert retraining.foretell(LOD_POLICY, NIGHT).act == Act.TRAIN
    assert not TrainingEvent.objects.exists() and not Job.objects.exists()


def test_there_is_no_such_slot():
    with pytest.raises(DomainError) as refused:
        retraining.decide("lunch", NIGHT)
    assert refused.value.code == "slot_unknown"


def test_every_slot_gets_a_policy_with_the_defaults():
    made = policies.ensure_policies()
    assert [one.slot for one in made] == list(SLOTS)
    assert len(policies.ensure_policies()) == RetrainingPolicy.objects.count() == len(SLOTS)
    first = made[0]
    assert (first.enabled, first.interval_hours, first.min_samples) == (False, 24, 100)
    assert (first.auto_promote, first.window_from, first.window_until) == (
        False,
        time(1, 0),
        time(5, 0),
    )
    assert policies.algorithm_of(policies.policy_of(LOD_POLICY)) == "random_forest"


@pytest.mark.parametrize(
    ("slot", "columns", "field"),
    [
        (LOD_POLICY, {"algorithm": "yolo"}, "algorithm"),
        (LOD_POLICY, {"parameters": [1]}, "parameters"),
        (LOD_POLICY, {"parameters": {"nonsense": 1}}, "parameters"),
        (OBJECT_DETECTOR, {"parameters": {"base_path": "/etc/passwd"}}, "parameters"),
        (LOD_POLICY, {"auto_promote": True, "purpose": " "}, "purpose"),
        (POSE_ANOMALY, {"enabled": True}, "enabled"),
    ],
)
def test_a_policy_that_could_not_train_is_refused(monkeypatch, slot, columns, field):
    monkeypatch.setattr("training.services.slot_work.of", lambda slot: toy_work)
    changed = policies.policy_of(slot)
    for name, value in columns.items():
        setattr(changed, name, value)
    with pytest.raises(DomainError) as refused:
        policies.save(changed)
    assert set(refused.value.fields) == {field}
    assert not AuditEntry.objects.exists()


def test_a_change_is_recorded_and_a_decided_night_stays(admin_user, supervisor):
    changed = policies.policy_of(INCIDENT_TRIAGE)
    RetrainingPolicy.objects.filter(pk=changed.pk).update(decided_for=NIGHT.date())
    changed.enabled, changed.min_samples = True, 7
    assert policies.save(changed, by=admin_user) == ["enabled", "min_samples"]
    stored = policies.policy_of(INCIDENT_TRIAGE)
    assert (stored.decided_for, stored.changed_by) == (NIGHT.date(), admin_user)
    assert policies.save(stored, by=admin_user) == []
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor) == ("retraining.changed", admin_user)
    assert entry.detail.content["min_samples"] == {"from": 100, "to": 7}
    stored.enabled = False
    with pytest.raises(DomainError) as refused:
        policies.save(stored, by=supervisor)
    assert refused.value.status == 403
