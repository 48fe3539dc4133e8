"""Background doors of training."""

import logging
from contextlib import suppress

from celery import group, shared_task
from django.db import transaction
from django.utils import timezone

from detection.slots import SLOTS
from hitlsite.errors import DomainError, NotFound
from training.services import (
    classification_jobs,
    datasets,
    exports,
    feature_extraction,
    label_next,
    live_rates,
    preparing,
    retraining,
    runs,
    spans_to_label,
    triage,
)

logger = logging.getLogger(__name__)


@shared_task
def run_export(export_id):
    """Write one queued export, if no other worker has it."""
    export = exports.run(export_id)
    if export is not None:
        logger.info("export %s is %s %s", export.pk, export.state, export.error_message)


@shared_task
def run_waiting_exports():
    """Write exports whose message or worker was lost."""
    taken = exports.run_waiting()
    if taken:
        logger.warning("%d exports had been waiting", taken)


@shared_task
def train_run(run_id):
    """Carry out one queued training run, if no other worker has it."""
    run = runs.execute(run_id)
    if run is not None:
        logger.info("%s is %s %s", run, run.state, run.error_message)


@shared_task
def train_waiting():
    """Prepare and carry out training runs whose message or worker was lost."""
    preparing.run_waiting()
    taken = runs.run_waiting()
    if taken:
        logger.warning("%d training runs had been waiting", taken)


def train_soon(run):
    """Wake a worker of the training queue once the change is committed."""
    transaction.on_commit(lambda: train_run.delay(run.pk), robust=True)


@shared_task
def freeze_dataset(dataset_id):
    """Freeze one queued dataset, if no other worker has it."""
    with suppress(NotFound):  # it was found to be an earlier one meanwhile
        dataset = datasets.freeze_now(dataset_id)
        if dataset is not None:
            logger.info("%s is %s %s", dataset, dataset.state, dataset.error_message)


@shared_task
def freeze_waiting():
    """Freeze datasets whose message or worker was lost."""
    taken = datasets.run_waiting()
    if taken:
        logger.warning("%d datasets had been waiting", taken)


def freeze_soon(dataset):
    """Wake a worker once the change is committed."""
    transaction.on_commit(lambda: freeze_dataset.delay(dataset.pk), robust=True)


def run_soon(export):
    """Wake a worker once the change is committed.

    Where the broker is away, the next beat finds the row.
    """
    transaction.on_commit(lambda: run_export.delay(export.pk), robust=True)


@shared_task
def extract_features(feature_set_id):
    """Extract the features of one video, if no other worker does."""
    with suppress(NotFound):
        row = feature_extraction.extract_now(feature_set_id)
        if row is not None:
            logger.info("the %s are %s %s", row, row.state, row.error_message)


@shared_task
def extract_waiting():
    """Wake workers for videos whose message or worker was lost; rows decide who gets them."""
    for pk in feature_extraction.waiting():
        extract_features.delay(pk)


def extract_soon(*feature_sets):
    """Wake workers once the change is committed: one job a video, one group for all of them."""
    pks = [row.pk for row in feature_sets if not row.is_finished]
    if pks:
        jobs = group(extract_features.s(pk) for pk in pks)
        transaction.on_commit(lambda: jobs.apply_async(), robust=True)


@shared_task
def retrain_if_due():
    """Decide about every slot whose night has come."""
    for slot in SLOTS:
        try:
            decision = retraining.decide(slot, timezone.now())
        except DomainError as error:
            logger.warning("%s was not decided: %s", slot, error.message)
            continue
        if decision.act != retraining.Act.NOTHING:
            logger.info("%s: %s %s", slot, decision.act, decision.message)
        if decision.job is not None:
            prepare_soon(decision.job)


@shared_task
def train_prepare(job_id):
    """Freeze what is new and queue the run, if no other worker does."""
    prepared = preparing.carry_out(job_id)
    if prepared is not None and prepared.run and not prepared.reason:
        train_soon(prepared.run)


def prepare_soon(job):
    """Wake a worker of the training queue once the change is committed."""
    transaction.on_commit(lambda: train_prepare.delay(job.pk), robust=True)


@shared_task
def find_spans_to_label():
    """Search what task classifiers said for stretches that a person should name."""
    found = spans_to_label.find_waiting()
    if found:
        logger.info("%d spans wait to be labelled", found)


@shared_task
def watch_live_rates():
    """Go back from a fresh deployment whose incidents people reject more often."""
    for report in live_rates.watch():
        logger.warning("%s", report.sentence)


@shared_task
def score_waiting_incidents():
    """Order the queue by what the triage model says, where one serves."""
    scored = triage.score_waiting()
    if scored:
        logger.info("%d waiting incidents were scored", scored)


@shared_task
def rank_pictures(job_id):
    """Rank the pictures of a site that wait for labels, if no other worker does."""
    job = label_next.rank(job_id)
    if job is not None:
        logger.info("ranking %s considered %s pictures", job.pk, job.result["considered"])


@shared_task
def rank_waiting_pictures():
    """Do rankings whose message or worker was lost."""
    taken = label_next.run_waiting()
    if taken:
        logger.warning("%d rankings had been waiting", taken)


def rank_soon(job):
    """Wake a worker once the change is committed."""
    transaction.on_commit(lambda: rank_pictures.delay(job.pk), robust=True)


@shared_task
def classify_footage(job_id):
    """Say of a video what people do in it, if no other worker does."""
    job = classification_jobs.run(job_id)
    if job is not None:
        logger.info("classification %s is %s %s", job.pk, job.state, job.error_message)


@shared_task
def classify_waiting():
    """Wake workers for classifications whose message or worker was lost."""
    for pk in classification_jobs.waiting():
        classify_footage.delay(pk)


def classify_soon(job):
    """Wake a worker once the change is committed."""
    transaction.on_commit(lambda: classify_footage.delay(job.pk), robust=True)
