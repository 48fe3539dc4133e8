"""Background doors of detection."""

import logging

from celery import shared_task

from detection.services import ingestion
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
