"""Freeze a dataset of what is new and start a run on it, as one job that survives its worker.

The job's row is the truth: a worker that is lost in between leaves it to the next one, which goes
on with the same dataset. The run and the end of the job are stored as one.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass

from django.db import transaction

from detection.slots import SLOTS, TASK_CLASSIFIER
from hitlsite import audit, jobs
from hitlsite.errors import Conflict, DomainError, NotFound
from hitlsite.models import Job
from training.models import Dataset, TrainingEvent, TrainingRun
from training.selectors import training_status
from training.selectors.new_samples import last_dataset, new_samples
from training.services import datasets, runs, training_events

logger = logging.getLogger(__name__)

KIND = training_status.PREPARING
# Which videos those were; what is rendered is known to the freeze itself.
NOT_AGAIN = ("feature_sets", "synthetic_cameras")


class _Elsewhere(Exception):
    """The dataset of the job is not whole yet, and it is not our turn."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of a job: a run, or a reason; both for a run whose inputs had been trained on."""

    run: TrainingRun | None
    reason: str = ""
    message: str = ""


@transaction.atomic
def ask(policy, *, trigger, by=None, force=False, algorithm="", label_source=""):
    """Queue the job of freezing and starting, and return it.

    Raises:
        Conflict: run_active.
    """
    if training_status.is_active(policy.slot):
        raise busy(policy.slot)
    source = label_source or policy.label_source
    parameters = {
        "trigger": trigger,
        "force": force,
        "algorithm": algorithm or policy.algorithm,
        "parameters": parameters_for(policy, algorithm),
        "options": options_for(policy.slot, source),
        "n_samples": new_samples(policy.slot, source),
        "min_required": 0 if force else policy.min_samples,
    }
    job, is_new = jobs.enqueue(KIND, policy.slot, parameters=parameters, created_by=by)
    if not is_new:
        raise busy(policy.slot)
    audit.record("retraining.asked", job, actor=by, detail={"slot": policy.slot, **parameters})
    return job


def parameters_for(policy, algorithm=""):
    """Return the policy's parameters; none for another algorithm than its own."""
    return policy.parameters if algorithm in ("", policy.algorithm) else {}


def options_for(slot, label_source):
    """Return what is frozen for a run that nobody is asked about.

    Windows are cut as for the run before and by the same labels, of whatever was measured since.
    """
    if SLOTS[slot].is_tabular:
        return {"label_source": label_source}
    if slot != TASK_CLASSIFIER:
        return {}
    last = Dataset.objects.filter(pk=last_dataset(slot)).first()
    options = last.options if last else {}
    return {name: value for name, value in options.items() if name not in NOT_AGAIN}


def busy(slot):
    """Return the Conflict for a second start."""
    return Conflict(
        f"A run of {slot} is being prepared, waits or is going on already.", code="run_active"
    )


def too_few(policy, count):
    """Return the sentence that there are too few new samples."""
    return (
        f"There are {count} new samples since the last run and {policy.min_samples} are needed "
        f"(one is a {SLOTS[policy.slot].sample})."
    )


def run_waiting():
    """Carry out every job that waits or lost its worker; return the Prepared of those taken."""
    waiting = jobs.claimable(Job.objects.filter(kind=KIND)).order_by("pk")
    found = [carry_out(pk) for pk in list(waiting.values_list("pk", flat=True))]
    return [one for one in found if one is not None]


def carry_out(job_id):
    """Do a queued job and return Prepared; None where another worker has it, or it waits again.

    A refusal is written into the history, not raised.
    """
    job = jobs.claim(Job.objects.filter(kind=KIND).select_related("created_by"), job_id)
    if job is None:
        return None
    try:
        with jobs.kept_alive(job):
            dataset = _frozen(job)
        prepared = _start(job, dataset)
    except jobs.LeaseLost:
        logger.warning("Job %s went to another worker.", job.pk)
        return None
    except _Elsewhere as error:
        _rest(job, error)
        return None
    except DomainError as error:
        with suppress(jobs.LeaseLost):
            return _refused(job, error)
        return None
    except Exception as error:
        if jobs.release(job, error=error):
            _record_failure(job, jobs.describe(error)[1])
        raise
    jobs.forget_finished(KIND)
    return prepared


def _frozen(job):
    """Return the job's whole dataset; one that is as an earlier one is the earlier one."""
    known = job.parameters.get("dataset")
    dataset = Dataset.objects.filter(pk=known).first() if known else None
    if dataset is None:
        dataset = datasets.freeze(
            slot=job.key,
            by=job.created_by,
            options=job.parameters["options"],
            trigger=job.parameters["trigger"],
        )
        job.parameters["dataset"] = dataset.pk
        jobs.heartbeat(job, parameters=job.parameters)
    if not dataset.is_finished:
        try:
            dataset = datasets.freeze_now(dataset.pk)
        except NotFound as error:
            raise _Elsewhere("Another worker found the dataset to be an earlier one.") from error
    if dataset is None or not dataset.is_finished:
        raise _Elsewhere("The dataset is being frozen by another worker, or waits for its turn.")
    if dataset.state != Dataset.State.DONE:
        code, message = dataset.error_code, dataset.error_message
        raise DomainError(code or "dataset_refused", message or f"{dataset} is {dataset.state}.")
    return dataset


def _start(job, dataset):
    asked = job.parameters
    with transaction.atomic():
        started = runs.start(
            slot=job.key,
            dataset_id=dataset.pk,
            algorithm=asked["algorithm"],
            parameters=asked["parameters"],
            trigger=asked["trigger"],
            by=job.created_by,
            force=asked["force"],
        )
        prepared = Prepared(started.run)
        if started.is_unchanged:
            message = f"Nothing has changed since run {started.run.number}: it would be the same."
            prepared = Prepared(started.run, "unchanged", message)
            _skip(job, prepared)
        jobs.finish(job)
    return prepared


@transaction.atomic
def _refused(job, error):
    prepared = Prepared(None, error.code, error.message)
    _skip(job, prepared)
    jobs.finish(
        job,
        state=Job.State.FAILED,
        error_code=error.code[:64],
        error_message=error.message,
    )
    return prepared


def _skip(job, prepared):
    training_events.skipped(
        job.key,
        prepared.reason,
        message=prepared.message,
        n_samples=job.parameters["n_samples"],
        min_required=job.parameters["min_required"],
    )


def _rest(job, error):
    """Give the job back without counting the attempt: it is another worker's turn that it waits."""
    job.attempts = 1
    jobs.heartbeat(job, attempts=0)
    jobs.release(job, error=error)


def _record_failure(job, message):
    training_events.record(
        TrainingEvent.Type.FAILED,
        job.key,
        f"No run of {job.key} could be prepared: {message}",
        {"error": message},
    )
