"""Background doors of the foundation."""

import logging
import sqlite3

from celery import shared_task

from hitlsite import broker, jobs
from hitlsite.models import Job

logger = logging.getLogger(__name__)


@shared_task
def sweep_jobs():
    """Queue again the jobs whose worker was lost, and clear up behind the embedded broker."""
    swept = jobs.sweep(Job.objects.all())
    if swept:
        logger.warning("%d jobs had lost their worker", swept)
    try:
        broker.forget_delivered()
    except sqlite3.OperationalError as error:
        logger.warning("delivered messages stay for now: %s", error)
