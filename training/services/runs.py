"""Training runs: asked for, carried out by one worker, judged, and never half taken for whole.

A run is a leased row. Its folder holds what an attempt has reached, so that the next one goes on
from there; what it made becomes rows and stored files before anything is judged, and what serves
is touched by a promotion alone.
"""

import hashlib
import json
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from detection.slots import ALGORITHM_ALIASES, SLOTS
from hitlsite import audit, jobs
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.storage import disk_full
from training.models import Dataset, DatasetEntry, ModelVersion, RetrainingPolicy, TrainingRun
from training.services import (
    evaluations,
    promotion,
    slot_work,
    subjects,
    training_events,
    versions,
)
from training.services.run_report import Cancelled, RunReport

logger = logging.getLogger(__name__)

ADD, CHANGE = "training.add_trainingrun", "training.change_trainingrun"
State, Stage, Split = TrainingRun.State, TrainingRun.Stage, DatasetEntry.Split


@dataclass(frozen=True, slots=True)
class Started:
    """A run, and whether it is an earlier one whose inputs were the same."""

    run: TrainingRun
    is_unchanged: bool = False


def start(
    *,
    slot,
    trigger,
    dataset_id=None,
    algorithm="",
    parameters=None,
    seed=0,
    by=None,
    force=False,
):
    """Queue a run and return Started; inputs that a run was done with already train nothing.

    Args:
        dataset_id: None for the slot's newest that is whole.
        by: None for the operator or the policy.
        force: train again on the same inputs.

    Raises:
        Forbidden, NotFound; Conflict run_active; DomainError: slot_unknown, slot_not_trainable,
        algorithm_unknown, no_dataset, dataset_unfinished, and what the slot says of parameters.
    """
    if by is not None and not by.has_perm(ADD):
        raise Forbidden("Only admins train.")
    work = slot_work.of(slot)
    algorithm = _algorithm(slot, algorithm)
    dataset = _dataset(slot, dataset_id, by)
    parameters = work.clean_parameters(algorithm, dict(parameters or {}))
    if "base_path" in parameters and trigger != TrainingRun.Trigger.COMMAND:
        raise DomainError("base_path_refused", "Only a command may name weights by their path.")
    columns = {
        "slot": slot,
        "dataset": dataset,
        "algorithm": algorithm,
        "parameters": parameters,
        "seed": seed,
        "code_version": settings.CODE_VERSION,
    }
    beside = work.inputs(parameters) if hasattr(work, "inputs") else {}
    digest = _digest({**columns, **beside}, subjects.champion_sha256(slot))
    done = TrainingRun.objects.filter(slot=slot, inputs_sha256=digest, state=State.DONE).first()
    if done and not force:
        return Started(done, is_unchanged=True)
    return Started(_begun(by, **columns, inputs_sha256=digest, trigger=trigger))


def _begun(by, *, slot, **columns):
    try:
        with transaction.atomic():
            _require_none_active(slot)
            highest = TrainingRun.objects.filter(slot=slot).aggregate(found=Max("number"))["found"]
            run = TrainingRun.objects.create(
                slot=slot, number=(highest or 0) + 1, created_by=by, **columns
            )
            asked = {name: getattr(run, name) for name in ("algorithm", "parameters", "trigger")}
            detail = {**asked, "run": str(run), "dataset": str(run.dataset)}
            audit.record("run.started", run, actor=by, detail=detail)
    except IntegrityError as error:
        raise _active(slot) from error
    return run


def _require_none_active(slot):
    if TrainingRun.objects.filter(slot=slot, state__in=[State.QUEUED, State.RUNNING]).exists():
        raise _active(slot)


def _active(slot):
    return Conflict(f"A run of {slot} waits or is going on already.", code="run_active")


def _algorithm(slot, wanted):
    known = SLOTS[slot].algorithms
    wanted = ALGORITHM_ALIASES.get(wanted, wanted) or known[0]
    if wanted not in known:
        raise DomainError(
            "algorithm_unknown",
            f"{slot} is not trained by {str(wanted)[:40]}; it takes: {', '.join(known)}.",
            fields={"algorithm": "Not one of this slot."},
        )
    return wanted


def _dataset(slot, pk, by):
    found = Dataset.objects.filter(slot=slot)
    found = found.visible_to(by) if by else found
    if pk is None:
        dataset = found.filter(state=State.DONE).order_by("-pk").first()
        if dataset is None:
            raise DomainError("no_dataset", f"There is no dataset of {slot} yet: freeze one.")
        return dataset
    dataset = found.filter(pk=pk).first()
    if dataset is None:
        raise NotFound(f"There is no dataset {pk} of {slot}.", fields={"dataset_id": "Unknown."})
    if dataset.state != State.DONE:
        raise DomainError("dataset_unfinished", f"{dataset} is {dataset.state}, not frozen.")
    return dataset


def _digest(columns, champion_sha256):
    """Return the hash of all that decides what a run would make."""
    told = {
        **columns,
        "dataset": columns["dataset"].manifest_sha256,
        "champion": champion_sha256,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def run_waiting():
    """Carry out every run that waits or lost its worker; return how many were taken."""
    jobs.sweep(TrainingRun.objects.all())
    waiting = jobs.claimable(TrainingRun.objects.all()).order_by("pk")
    return sum(execute(pk) is not None for pk in list(waiting.values_list("pk", flat=True)))


def execute(run_id, *, listener=None):
    """Carry out a queued run and return its row; None where another worker has it.

    What stops it is stored on the row and in the history, not raised.

    Args:
        listener: called with the row after every time that its progress was stored.
    """
    run = jobs.claim(TrainingRun.objects.select_related("dataset"), run_id)
    if run is None:
        return None
    try:
        with jobs.kept_alive(run):
            _carry_out(run, RunReport(run, listener=listener))
    except Cancelled:
        _cancelled(run)
    except jobs.LeaseLost:
        logger.warning("%s went to another worker.", run)
    except DomainError as error:
        _fail(run, error)
    except Exception as error:
        logger.exception("%s broke off.", run)
        if jobs.release(run, error=error):
            training_events.failed(run, jobs.describe(error)[1])
    run.refresh_from_db()
    return run


def _carry_out(run, report):
    folder = settings.TRAINING_DIR / str(run.uuid)
    version = ModelVersion.objects.filter(run=run).first()
    if version is None:
        version = _trained(run, folder, report)
    if not any(form["serves"] for form in version.forms):
        report.stage(Stage.EVALUATING)
        evaluations.choose_form(version, report)
    report.stage(Stage.JUDGING)
    decision = evaluations.judge(version, report, seed=run.seed)
    promoted = _promoted_alone(version, decision, report)
    run.stage = Stage.ENDED
    report.store()
    figures = decision.challenger.figures
    result = {
        "version": version.name,
        "outcome": decision.outcome,
        "figure_name": figures["figure_name"],
        "figure": figures["figure"],
        "promoted": promoted,
    }
    with transaction.atomic():
        jobs.finish(run, result=result)
        training_events.completed(
            run,
            figure_name=figures["figure_name"],
            figure=figures["figure"],
            n_samples=run.dataset.entries.filter(split=Split.TRAIN).count(),
            n_test_samples=run.dataset.entries.filter(split=Split.TEST).count(),
            model_version=version.name,
        )
        audit.record("run.ended", run, detail={"run": str(run), **result})
    shutil.rmtree(folder, ignore_errors=True)


def _trained(run, folder, report):
    """Train and return the ModelVersion."""
    report.stage(Stage.PREPARING)
    training_events.started(run, run.dataset.entries.filter(split=Split.TRAIN).count())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        champion = subjects.champion(run.slot)
        trained = slot_work.of(run.slot).train(run, champion, folder, report)
        report.stage(Stage.EXPORTING)
        return versions.register(run, trained, folder)
    except OSError as error:
        raise disk_full(folder, error) from error


def _promoted_alone(version, decision, report):
    """Deploy what passed the gate where the policy of the slot says so; return whether it was."""
    policy = RetrainingPolicy.objects.filter(slot=version.slot, auto_promote=True).first()
    if policy is None or decision.outcome != "promote":
        return False
    try:
        promotion.promote(
            version.pk,
            by=None,
            purpose=policy.purpose,
            notes="Deployed by the policy of the slot: it passed the gate.",
        )
    except DomainError as error:
        report.log(f"It was not deployed: {error.message}")
        return False
    return True


def _fail(run, error):
    with suppress(jobs.LeaseLost), transaction.atomic():
        _stop(run, State.FAILED, error.code, error.message)
        training_events.failed(run, error.message)


def _cancelled(run):
    with suppress(jobs.LeaseLost), transaction.atomic():
        _stop(run, State.CANCELLED, "cancelled", "It was cancelled.")
        training_events.failed(run, "It was cancelled.")


def _stop(run, state, code, message):
    jobs.finish(run, state=state, stage=Stage.ENDED, error_code=code, error_message=message)
    audit.record("run.stopped", run, detail={"run": str(run), "state": state, "code": code})


def cancel(run_id, *, by=None):
    """Ask a run to end; one that waits ends at once, one that runs within a second or a batch.

    Raises:
        NotFound, Forbidden; Conflict: it has ended already.
    """
    run = _changeable(run_id, by)
    now = timezone.now()
    with transaction.atomic():
        waiting = TrainingRun.objects.filter(pk=run.pk, state=State.QUEUED).update(
            state=State.CANCELLED,
            stage=Stage.ENDED,
            finished_at=now,
            error_code="cancelled",
            error_message="It was cancelled before it began.",
        )
        running = TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING)
        if not waiting and not running.update(cancel_asked_at=now):
            raise Conflict(f"{run} has ended already.", code="run_ended")
        audit.record("run.cancelled", run, actor=by, detail={"run": str(run)})
    run.refresh_from_db()
    return run


def resume(run_id, *, by=None):
    """Queue a run again that failed or was cancelled; it goes on from what it had reached.

    Raises:
        NotFound, Forbidden; Conflict: it waits, runs or is done, or another one is active.
    """
    run = _changeable(run_id, by)
    return _again(run, [State.FAILED, State.CANCELLED], "run.resumed", by)


def judge_again(run_id, *, by=None):
    """Queue a run whose version is to be compared with the champion of today; nothing is trained.

    Raises:
        NotFound, Forbidden; Conflict: it made no version, or another run is active.
    """
    run = _changeable(run_id, by)
    if not ModelVersion.objects.filter(run=run).exists():
        raise Conflict(f"{run} made no version to judge.", code="no_version")
    return _again(run, [State.DONE], "run.judged_again", by)


def _again(run, states, action, by):
    try:
        with transaction.atomic():
            changed = TrainingRun.objects.filter(pk=run.pk, state__in=states).update(
                state=State.QUEUED,
                stage=Stage.WAITING,
                attempts=0,
                not_before=None,
                cancel_asked_at=None,
                finished_at=None,
                error_code="",
                error_message="",
            )
            if not changed:
                raise Conflict(f"{run} is {run.state}.", code="run_state")
            audit.record(action, run, actor=by, detail={"run": str(run)})
    except IntegrityError as error:
        raise _active(run.slot) from error
    run.refresh_from_db()
    return run


def _changeable(run_id, by):
    found = TrainingRun.objects.filter(pk=run_id)
    run = (found.visible_to(by) if by else found).first()
    if run is None:
        raise NotFound(f"There is no run {run_id}.")
    if by is not None and not by.has_perm(CHANGE):
        raise Forbidden("Only admins change runs.")
    return run
