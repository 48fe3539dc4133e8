"""Background doors of the foundation."""

import logging

from celery import shared_task

from hitlsite import jobs
from hitlsite.models import Job

logger = logging.getLogger(__name__)


@shared_task
def sweep_jobs():
    """Queue again the jobs whose worker was lost."""
    swept = jobs.sweep(Job.objects.all())
    if swept:
        logger.warning("%d jobs had lost their worker", swept)
