import threading

import pytest
from django.db import connection

from detection.services import model_store, serving
from hitlsite import jobs
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests.training import toy_work
from training.models import (
    Evaluation,
    ModelVersion,
    Promotion,
    RetrainingPolicy,
    TrainingEvent,
    TrainingRun,
)
from training.services import promotion, runs, slot_work

SLOT = toy_work.SLOT


@pytest.fixture(autouse=True)
def _toy(monkeypatch, data_dir):
    of = slot_work.of
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work if slot == SLOT else of(slot))


@pytest.fixture
def dataset(site):
    return toy_work.dataset(site=site)


def run_of(dataset, **asked):
    started = runs.start(slot=SLOT, trigger="command", dataset_id=dataset.pk, **asked)
    return runs.execute(started.run.pk)


def deployed(dataset, **asked):
    run = run_of(dataset, **asked)
    promotion.promote(run.version.pk, by=None, purpose="to tell high from low", reason="a test")
    return run.version


def test_a_run_trains_exports_evaluates_and_is_judged(dataset):
    run = run_of(dataset)

    version = run.version
    assert (run.state, run.stage) == ("done", "ended"), run.error_message
    assert run.result["version"] == version.name == f"{SLOT}-1"
    assert run.result["outcome"] == "promote"
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert "-- judging" in run.log
    assert version.serving_form["name"] == "quick"
    assert version.judgements.get().report["champion"] < 0.6
    assert {one.split for one in Evaluation.objects.all()} == {"val", "test"}
    assert serving.champion(SLOT) is None
    events = TrainingEvent.objects.order_by("pk").values_list("event_type", flat=True)
    assert list(events) == ["TRAINING_STARTED", "TRAINING_COMPLETED"]


def test_the_same_inputs_train_nothing(dataset):
    first = run_of(dataset)

    again = runs.start(slot=SLOT, trigger="api", dataset_id=dataset.pk)

    assert again.is_unchanged
    assert again.run == first
    assert not runs.start(slot=SLOT, trigger="api", dataset_id=dataset.pk, seed=2).is_unchanged


def test_what_else_decides_is_part_of_the_inputs(dataset, monkeypatch):
    monkeypatch.setattr(toy_work, "inputs", lambda parameters: {"weights": "one"}, raising=False)
    run_of(dataset)
    asked = {"slot": SLOT, "trigger": "api", "dataset_id": dataset.pk}
    assert runs.start(**asked).is_unchanged
    monkeypatch.setattr(toy_work, "inputs", lambda parameters: {"weights": "two"})
    assert not runs.start(**asked).is_unchanged


@pytest.mark.parametrize("trigger", ["api", "page", "nightly"])
def test_a_path_comes_from_a_command_alone(dataset, monkeypatch, trigger):
    monkeypatch.setattr(toy_work, "clean_parameters", lambda algorithm, parameters: parameters)
    with pytest.raises(DomainError) as refused:
        runs.start(slot=SLOT, trigger=trigger, parameters={"base_path": "/etc/passwd"})
    assert refused.value.code == "base_path_refused"
    assert not TrainingRun.objects.exists()


def test_force_trains_on_the_same_inputs(dataset):
    first = run_of(dataset)
    again = runs.start(slot=SLOT, trigger="api", dataset_id=dataset.pk, force=True)
    assert not again.is_unchanged
    assert again.run != first


def test_two_starts_at_once_are_one_run(dataset):
    runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk)
    with pytest.raises(Conflict) as refused:
        runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk, seed=1)
    assert refused.value.code == "run_active"


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_of_many_starts_in_one_moment_one_wins(data_dir):
    dataset = toy_work.dataset(groups=4)
    barrier, told = threading.Barrier(4), []

    def ask(seed):
        try:
            barrier.wait()
            told.append(runs.start(slot=SLOT, trigger="api", dataset_id=dataset.pk, seed=seed))
        except Conflict as error:
            told.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, told)).count("run_active") == 3
    assert TrainingRun.objects.count() == 1


def test_a_worker_that_is_killed_costs_no_more_than_its_lease(dataset, monkeypatch):
    run = runs.start(slot=SLOT, trigger="command", dataset_id=dataset.pk).run
    kept = toy_work.train

    def dies(*args):
        kept(*args)
        raise SystemExit  # nothing is written after this, as after a kill

    monkeypatch.setattr(toy_work, "train", dies)
    with pytest.raises(SystemExit):
        runs.execute(run.pk)
    assert serving.champion(SLOT) is None
    TrainingRun.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    monkeypatch.setattr(toy_work, "train", kept)

    assert runs.run_waiting() == 1

    run.refresh_from_db()
    assert run.state == "done", run.error_message
    assert ModelVersion.objects.count() == 1
    assert run.attempts == 2


def test_a_run_killed_after_training_does_not_train_again(dataset, monkeypatch):
    run = runs.start(slot=SLOT, trigger="command", dataset_id=dataset.pk).run
    monkeypatch.setattr(toy_work, "paired", lambda *args: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        runs.execute(run.pk)
    monkeypatch.undo()
    monkeypatch.setattr(slot_work, "of", lambda slot: toy_work)
    monkeypatch.setattr(toy_work, "train", lambda *args: pytest.fail("trained again"))
    TrainingRun.objects.update(lease_expires_at="2020-01-01T00:00:00Z")

    runs.run_waiting()

    run.refresh_from_db()
    assert run.state == "done", run.error_message


def test_a_run_whose_lease_was_lost_stores_nothing(dataset, monkeypatch):
    run = runs.start(slot=SLOT, trigger="command", dataset_id=dataset.pk).run
    kept = toy_work.train

    def overtaken(*args):
        TrainingRun.objects.update(lease_holder="another")
        return kept(*args)

    monkeypatch.setattr(toy_work, "train", overtaken)
    found = runs.execute(run.pk)
    assert (found.state, found.lease_holder) == ("running", "another")
    assert not ModelVersion.objects.exists()


def test_a_full_disk_at_the_end_is_named_and_a_retry_works(dataset, monkeypatch):
    keep = model_store.keep

    def full(paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_store, "keep", full)
    run = run_of(dataset)
    assert (run.state, run.error_code) == ("failed", "disk_full")
    event = TrainingEvent.objects.first()
    assert event.event_type == "TRAINING_FAILED"
    assert "No space left" in event.details["error"]
    assert serving.champion(SLOT) is None
    monkeypatch.setattr(model_store, "keep", keep)

    runs.resume(run.pk)
    assert runs.execute(run.pk).state == "done"


def test_an_unexpected_error_is_tried_again_and_told_at_the_end(dataset, monkeypatch):
    monkeypatch.setattr(toy_work, "train", lambda *args: 1 / 0)
    run = run_of(dataset)
    assert (run.state, run.error_code) == ("queued", "unexpected")
    TrainingRun.objects.update(attempts=jobs.MAX_ATTEMPTS - 1, not_before=None)
    run = runs.execute(run.pk)
    assert run.state == "failed"
    assert TrainingEvent.objects.first().event_type == "TRAINING_FAILED"


def test_a_waiting_run_is_cancelled_at_once(dataset, admin_user):
    run = runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk, by=admin_user).run
    assert runs.cancel(run.pk, by=admin_user).state == "cancelled"
    assert runs.execute(run.pk) is None
    with pytest.raises(Conflict):
        runs.cancel(run.pk, by=admin_user)


def test_a_running_run_is_cancelled_and_goes_on_where_it_was(dataset, admin_user, monkeypatch):
    run = runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk, by=admin_user).run
    seen = []

    def listen(row):
        seen.append(row.stage)
        if len(row.history) == 1:
            runs.cancel(run.pk, by=admin_user)

    assert runs.execute(run.pk, listener=listen).state == "cancelled"
    assert not ModelVersion.objects.exists()
    runs.resume(run.pk, by=admin_user)
    run = runs.execute(run.pk)
    assert run.state == "done"
    assert [row["epoch"] for row in run.history] == [1, 2, 3]


def test_who_may_not_train_is_told(dataset, supervisor, outsider, admin_user):
    with pytest.raises(Forbidden):
        runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk, by=supervisor)
    with pytest.raises(NotFound):
        runs.cancel(runs.start(slot=SLOT, trigger="page").run.pk, by=outsider)


def test_a_foreign_dataset_does_not_exist(admin_user):
    foreign = toy_work.dataset()
    with pytest.raises(NotFound):
        runs.start(slot=SLOT, trigger="page", dataset_id=foreign.pk, by=admin_user)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"slot": "no-such"}, "slot_unknown"),
        ({"slot": "pose-anomaly"}, "slot_not_trainable"),
        ({"algorithm": "magic"}, "algorithm_unknown"),
        ({"dataset_id": 0}, "not_found"),
        ({"parameters": {"speed": 1}}, "parameter_unknown"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(dataset, asked, code):
    asked = {"slot": SLOT, "dataset_id": dataset.pk, **asked}
    with pytest.raises(DomainError) as refused:
        runs.start(trigger="api", **asked)
    assert refused.value.code == code


def test_without_any_dataset_one_is_to_be_frozen(db):
    with pytest.raises(DomainError) as refused:
        runs.start(slot=SLOT, trigger="api")
    assert refused.value.code == "no_dataset"


def test_an_unfinished_dataset_trains_nothing(dataset):
    type(dataset).objects.update(state="running")
    with pytest.raises(DomainError) as refused:
        runs.start(slot=SLOT, trigger="api", dataset_id=dataset.pk)
    assert refused.value.code == "dataset_unfinished"


def test_a_policy_deploys_alone_what_passes_the_gate(dataset):
    RetrainingPolicy.objects.create(slot=SLOT, auto_promote=True, purpose="to tell high from low")
    run = run_of(dataset)
    assert run.result["promoted"]
    assert serving.champion(SLOT).name == run.version.name
    assert Promotion.objects.get().decided_by is None


def test_a_policy_without_a_purpose_deploys_nothing(dataset):
    RetrainingPolicy.objects.create(slot=SLOT, auto_promote=True)
    run = run_of(dataset)
    assert not run.result["promoted"]
    assert "not deployed" in run.log


def test_a_worse_version_is_kept_out_whoever_asks(dataset, admin_user):
    deployed(dataset)
    worse = run_of(toy_work.dataset(number=2, flipped=0.9, site=dataset.sites.get()))
    assert worse.result["outcome"] == "keep"
    with pytest.raises(Conflict) as refused:
        promotion.promote(worse.version.pk, by=admin_user, purpose="x", reason="I like it")
    assert refused.value.code == "gate_keeps"


def test_of_few_groups_the_gate_asks_for_more(site):
    few = toy_work.dataset(groups=4, rows=1, site=site)
    deployed(few, parameters={"border": 0.45})
    run = run_of(few, seed=3)
    decision = run.version.judgements.get()
    assert decision.outcome == "not_enough_data"
    assert decision.report["more_groups"] > 0


def test_a_run_against_yesterdays_champion_is_judged_again(dataset):
    first = run_of(dataset)
    second = run_of(dataset, seed=2, parameters={"border": 0.49})
    promotion.promote(first.version.pk, by=None, purpose="to tell high from low")
    with pytest.raises(Conflict) as refused:
        promotion.promote(second.version.pk, by=None, purpose="x")
    assert refused.value.code == "gate_outdated"

    runs.judge_again(second.pk)
    runs.execute(second.pk)

    assert second.version.judgements.count() == 2
    assert second.version.judgements.first().champion.name == first.version.name


def test_every_act_is_in_the_audit(dataset, admin_user):
    run = runs.start(slot=SLOT, trigger="page", dataset_id=dataset.pk, by=admin_user).run
    runs.execute(run.pk)
    promotion.promote(run.version.pk, by=admin_user, purpose="to tell high from low")
    promotion.rollback(SLOT, by=admin_user)
    actions = AuditEntry.objects.order_by("sequence").values_list("action", flat=True)
    wanted = ["run.started", "run.ended", "model.promote", "model.rollback"]
    assert [action for action in actions if action in wanted] == wanted
