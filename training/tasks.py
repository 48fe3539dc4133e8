"""Background doors of training."""

import logging

from celery import shared_task
from django.db import transaction

from training.services import exports

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


def run_soon(export):
    """Wake a worker once the change is committed.

    Where the broker is away, the next beat finds the row.
    """
    transaction.on_commit(lambda: run_export.delay(export.pk), robust=True)
