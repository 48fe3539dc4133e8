"""Background doors of review."""

import logging

from celery import shared_task
from django.db import transaction

from detection.services import evidence
from hitlsite import jobs
from review.services import (
    conversion,
    marks,
    propagation,
    proposing,
    redactions,
    thumbnails,
    viewing_copies,
    webhook_delivery,
    webhooks,
)

logger = logging.getLogger(__name__)

PROPOSALS_A_TURN = 50
PROPOSAL_EXPIRES_SECONDS = 600


@shared_task
def convert_closed_incidents():
    """Make items of closed incidents, then ask for the redaction proposals that are missing."""
    with jobs.alone(proposing.CONVERSION, "all") as job:
        if job is not None:
            report = conversion.convert_ready()
            for incident_id, error in report.failed:
                logger.error("Incident %d was not converted: %s", incident_id, error)
    transaction.on_commit(_ask_for_proposals)


def _ask_for_proposals():
    for pk in proposing.waiting_items().values_list("pk", flat=True)[:PROPOSALS_A_TURN]:
        _ask_for_proposal(pk)


def _ask_for_proposal(pk):
    propose_redaction.apply_async((pk,), expires=PROPOSAL_EXPIRES_SECONDS)


def prepare_soon(item):
    """Wake a worker, once the change is committed, for an item that waits for a redaction.

    Where no worker hears it, the next turn of the conversion task asks again.
    """
    if item.is_being_redacted:
        transaction.on_commit(lambda: _ask_for_proposal(item.pk), robust=True)


def scan_soon(mark):
    """Wake a worker, once the change is committed, for a photo that has just been marked.

    Where no worker hears it, the next turn of the conversion task scans the photo.
    """
    item = marks.unscanned_item(mark)
    if item is not None:
        transaction.on_commit(lambda: scan_marked.delay(item.pk), robust=True)


@shared_task
def scan_marked(item_id):
    """Look for faces on one marked photo, then ask for the redaction that it needs."""
    item = marks.scan_marked(item_id)
    if item is not None:
        prepare_soon(item)


@shared_task
def propose_redaction(item_id):
    """Redact and verify the files of one item that waits for it, as it was asked for."""
    proposing.propose_waiting(item_id)


@shared_task
def notify():
    """Put what happened into the webhooks' outbox, and send what of it is due."""
    webhooks.collect()
    webhook_delivery.deliver_due()


@shared_task
def purge_sealed_originals():
    """Destroy the originals behind redacted copies whose time is up, and their thumbnails."""
    destroyed = evidence.purge_sealed(is_needed=redactions.is_copy_needed)
    thumbnails.purge()
    if destroyed:
        logger.info("%d sealed originals were destroyed", destroyed)


def label_track_soon(job):
    """Wake a worker, once the change is committed, for a track that somebody wants labelled."""
    transaction.on_commit(lambda: label_track.delay(int(job.key)), robust=True)


@shared_task
def label_track(item_id):
    """Label one item's track, or look for the frames that its rejection is to offer."""
    propagation.run_asked(item_id)


@shared_task
def label_waiting_tracks():
    """Wake a worker for every track that waits: what a lost wake-up left behind."""
    for item_id in propagation.waiting():
        label_track.apply_async((item_id,), expires=PROPOSAL_EXPIRES_SECONDS)


def copy_soon(copy):
    """Wake a worker, once the change is committed, for a viewing copy that somebody asked for."""
    transaction.on_commit(lambda: make_viewing_copy.delay(copy.pk), robust=True)


@shared_task
def make_viewing_copy(pk):
    """Make one queued viewing copy, if no other worker does."""
    copy = viewing_copies.make_now(pk)
    if copy is not None:
        logger.info("%s is %s %s", copy, copy.state, copy.error_message)


@shared_task
def make_viewing_copies():
    """Make viewing copies whose message or worker was lost."""
    taken = viewing_copies.run_waiting()
    if taken:
        logger.warning("%d viewing copies had been waiting", taken)
