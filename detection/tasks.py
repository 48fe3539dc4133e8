"""Background doors of detection."""

import logging

from celery import shared_task
from celery.signals import worker_ready

from detection.services import ingestion, photos, sampling, shadowing
from hitlsite.errors import DomainError
from hitlsite.jobs import LeaseLost

logger = logging.getLogger(__name__)


@shared_task
def ingest_segment(segment_id):
    """Ingest one segment, then wake a worker for the next."""
    try:
        following = ingestion.ingest_segment(segment_id)
    except LeaseLost:
        logger.warning("segment %s was taken over by another worker", segment_id)
    except DomainError as error:
        logger.warning("segment %s: %s", segment_id, error.message)
    else:
        if following:
            ingest_segment.delay(following)


@shared_task
def ingest_waiting():
    """Wake workers for what waits or was left by a lost worker; rows decide who gets it."""
    swept = ingestion.sweep()
    if swept:
        logger.warning("%d segments had lost their worker", swept)
    for segment_id in ingestion.waiting_segments().values_list("pk", flat=True)[:50]:
        ingest_segment.delay(segment_id)


@shared_task
def detect_photo(photo_id):
    """Find what is on an uploaded photo."""
    try:
        photos.detect_queued(photo_id)
    except LeaseLost:
        logger.warning("photo %s was taken over by another worker", photo_id)
    except DomainError as error:
        logger.warning("photo %s: %s", photo_id, error.message)


@shared_task
def detect_waiting_photos():
    """Wake workers for photos that wait; job rows decide who gets them."""
    for photo_id in photos.waiting():
        detect_photo.delay(photo_id)


@shared_task
def draw_samples():
    """Draw random minutes and near misses from the days that are over; each day once."""
    report = sampling.draw_due()
    for what, error in report.failed:
        logger.error("%s was not drawn from: %s", what, error)


@shared_task
def look_in_shadow():
    """Let a challenger see what was reported since it looks on."""
    shadowing.look_at_waiting()


@worker_ready.connect
def look_around(sender=None, **kwargs):
    """A worker that has just started looks for what another left behind."""
    ingest_waiting.delay()
    detect_waiting_photos.delay()
