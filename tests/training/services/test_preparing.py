"""From a decided night to a run: frozen, started and written down, whoever is lost in between."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from detection.slots import LOD_POLICY
from hitlsite import jobs
from hitlsite.errors import Conflict, DomainError
from hitlsite.models import Job
from tests.training import toy_work
from training.models import Dataset, RetrainingPolicy, TabularSample, TrainingEvent, TrainingRun
from training.services import policies, preparing, retraining, runs, slot_work
from training.services.slot_work import Candidate, Gathered

AT = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def policy(site):
    policies.policy_of(LOD_POLICY)
    RetrainingPolicy.objects.update(enabled=True, min_samples=2)
    return policies.policy_of(LOD_POLICY)


@pytest.fixture
def material(monkeypatch, site):
    """Let the slot learn numbers; what it gathers is the list that is returned."""
    found = [candidate(site, number) for number in range(60)]
    names = [{"name": name, "former": []} for name in ("low", "high")]
    monkeypatch.setattr(toy_work, "gather", lambda *given: Gathered(list(found), names))
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)
    return found


def candidate(site, number):
    x = number % 20 / 20
    label = {"label": "high" if x > toy_work.BORDER else "low", "features": {"x": x}}
    return Candidate(f"{number:064x}", f"group {number // 2}", "field", label, site.pk)


def prepared(policy, **asked):
    return preparing.carry_out(preparing.ask(policy, trigger="nightly", **asked).pk)


def skip():
    return TrainingEvent.objects.get(event_type="TRAINING_SKIPPED")


def test_a_job_freezes_and_starts(policy, material):
    run = prepared(policy).run
    assert (run.state, run.trigger, run.dataset.state) == ("queued", "nightly", "done")
    assert run.dataset.entries.count() == len(material)
    assert Job.objects.get().state == "done"
    assert runs.execute(run.pk).state == "done"
    kinds = list(TrainingEvent.objects.order_by("pk").values_list("event_type", flat=True))
    assert kinds == ["TRAINING_STARTED", "TRAINING_COMPLETED"]


def test_nothing_new_is_unchanged_unless_forced(policy, material):
    first = runs.execute(prepared(policy).run.pk)
    again = prepared(policy)
    assert (again.run, again.reason) == (first, "unchanged")
    assert skip().details["reason"] == "unchanged"
    assert Dataset.objects.count() == TrainingRun.objects.count() == 1
    forced = prepared(policy, force=True)
    assert forced.run.pk != first.pk and forced.reason == ""


def test_a_refused_dataset_says_why(policy, material):
    material.clear()
    refused = prepared(policy)
    assert refused.run is None
    assert skip().details["reason"] == refused.reason == Dataset.objects.get().error_code
    assert skip().message == Dataset.objects.get().error_message != ""
    assert Job.objects.get().state == "failed"


def test_parameters_that_the_slot_refuses_are_named(policy, material):
    RetrainingPolicy.objects.update(parameters={"nonsense": 1})
    refused = prepared(policies.policy_of(LOD_POLICY))
    assert refused.reason == skip().details["reason"] == "parameter_unknown"
    assert not TrainingRun.objects.exists()


def test_a_second_one_is_refused(policy, material):
    preparing.ask(policy, trigger="nightly")
    with pytest.raises(Conflict) as refused:
        preparing.ask(policy, trigger="api")
    assert refused.value.code == "run_active"


def test_a_run_that_was_faster_is_told(policy, material, site):
    job = preparing.ask(policy, trigger="nightly")
    runs.start(slot=LOD_POLICY, trigger="command", dataset_id=toy_work.dataset(site=site).pk)
    assert preparing.carry_out(job.pk).reason == skip().details["reason"] == "run_active"
    assert TrainingRun.objects.count() == 1


def test_what_a_lost_worker_left_is_gone_on_with(policy, material, monkeypatch):
    """It was lost after freezing: the next one starts a run on the very dataset, and one only."""
    job = preparing.ask(policy, trigger="nightly")

    def lost(**given):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(runs, "start", lost)
        preparing.carry_out(job.pk)
    assert preparing.run_waiting() == []  # its lease still runs
    Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    (done,) = preparing.run_waiting()
    assert done.run.dataset == Dataset.objects.get()
    assert preparing.run_waiting() == []
    assert TrainingRun.objects.count() == 1


def test_a_dataset_in_another_workers_hands_is_waited_for(policy, material):
    job = preparing.ask(policy, trigger="nightly")
    from training.services import datasets

    frozen = datasets.freeze(slot=LOD_POLICY, options={"label_source": "human"})
    held = jobs.claim(Dataset.objects.all(), frozen.pk)
    Job.objects.update(parameters=job.parameters | {"dataset": frozen.pk})
    for _ in range(2 * jobs.MAX_ATTEMPTS):
        Job.objects.update(not_before=None)
        assert preparing.carry_out(job.pk) is None
    assert Job.objects.get().state == "queued"
    jobs.release(held)
    Dataset.objects.update(not_before=None)
    Job.objects.update(not_before=None)
    assert preparing.carry_out(job.pk).run.dataset == frozen


def test_what_breaks_is_tried_again_and_told_in_the_end(policy, material, monkeypatch):
    job = preparing.ask(policy, trigger="nightly")

    def broken(*given):
        raise OSError("the disk is gone")

    monkeypatch.setattr(toy_work, "gather", broken)
    for _ in range(jobs.MAX_ATTEMPTS):
        Job.objects.update(not_before=None)
        Dataset.objects.update(not_before=None, state="queued", attempts=0)
        with pytest.raises(OSError):
            preparing.carry_out(job.pk)
    assert Job.objects.get().state == "failed"
    assert TrainingEvent.objects.get().event_type == "TRAINING_FAILED"


def test_a_night_learns_real_rows(policy, site, admin_user):
    """The whole way with the real work of the slot, from rows of devices to a judged version."""
    rng = iter(range(10_000))
    rows = []
    for sequence in range(40):
        for step in range(6):
            fast = (sequence + step) % 2
            measures = {
                "frustumCoverage": 0.5,
                "occlusionRatio": 0.1,
                "meanVisibleDistance": 4.0 + sequence % 3,
                "deviceFPS": 50.0 + fast * 20 + next(rng) % 7,
                "deviceCPULoad": 0.8 - 0.4 * fast,
            }
            rows.append(
                TabularSample(
                    slot=LOD_POLICY,
                    site=site,
                    client_id=f"{sequence}-{step}",
                    sequence=f"sequence {sequence}",
                    at=AT + timedelta(seconds=step),
                    measures=measures,
                    label="2" if fast else "1",
                    label_source="human",
                )
            )
    TabularSample.objects.bulk_create(rows)
    decision = retraining.decide(LOD_POLICY, AT)
    assert decision.n_samples == len(rows)
    run = runs.execute(preparing.carry_out(decision.job.pk).run.pk)
    assert (run.state, run.error_message) == ("done", "")
    assert run.algorithm == "random_forest"
    completed = TrainingEvent.objects.get(event_type="TRAINING_COMPLETED").details
    assert completed["model_version"] == run.version.name
    assert completed["n_samples"] + completed["n_test_samples"] < len(rows)
    # All of it was learned from: the next night has nothing new.
    following = retraining.decide(LOD_POLICY, timezone.now() + timedelta(days=2))
    assert following.n_samples == 0


def test_a_slot_that_nothing_learns_in_is_refused(site):
    from detection.slots import POSE_ANOMALY

    RetrainingPolicy.objects.create(slot=POSE_ANOMALY)
    job = preparing.ask(policies.policy_of(POSE_ANOMALY), trigger="api")
    assert preparing.carry_out(job.pk).reason == "slot_not_trainable"


def test_an_unknown_slot_has_no_policy():
    with pytest.raises(DomainError):
        policies.policy_of("lunch")
