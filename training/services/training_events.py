"""The training history: rows for the pages, and the same as JSON lines for other programs.

A line is written when its row is committed, so that the file never tells of what did not happen.
Lines are appended in one write each: several workers may share the file.
"""

import json
import logging
import os

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hitlsite.audit import canonical_json
from training.models import TrainingEvent

logger = logging.getLogger(__name__)

Type = TrainingEvent.Type


def record(event_type, slot, message, details, run=None, at=None):
    """Store one event of a slot, have its line written at commit, and return its row."""
    longest = TrainingEvent._meta.get_field("message").max_length
    with transaction.atomic():
        event = TrainingEvent.objects.create(
            event_type=event_type,
            slot=slot,
            message=str(message)[:longest],
            # As it will be read back: no tuples, no dates.
            details=json.loads(canonical_json(details)),
            run=run,
            at=at or timezone.now(),
        )
        transaction.on_commit(lambda: _append(event), robust=True)
    return event


def started(run, n_samples):
    """Record that a run has begun, on so many samples."""
    details = {"n_samples": n_samples, "model_type": run.algorithm}
    message = f"Run {run.number} of {run.slot} begins with {n_samples} samples."
    return record(Type.STARTED, run.slot, message, details, run)


def completed(run, *, figure_name, figure, n_samples, n_test_samples, model_version):
    """Record that a run made a version.

    Args:
        figure_name: what the slot measures, such as "accuracy" or "mAP50"; the key in the details.
        model_version: its name.
    """
    details = {
        figure_name: figure,
        "n_samples": n_samples,
        "n_test_samples": n_test_samples,
        "model_version": model_version,
    }
    message = f"Run {run.number} of {run.slot} made {model_version}."
    return record(Type.COMPLETED, run.slot, message, details, run)


def failed(run, error):
    """Record that a run ended without a version."""
    message = f"Run {run.number} of {run.slot} failed: {error}"
    return record(Type.FAILED, run.slot, message, {"error": str(error)}, run)


def skipped(slot, reason, *, n_samples=0, min_required=0, message="", at=None):
    """Record that nothing is trained, and why.

    Args:
        reason: a stable word for machines.
        message: a sentence for people.
    """
    details = {"reason": reason, "n_samples": n_samples, "min_required": min_required}
    return record(Type.SKIPPED, slot, message or reason, details, at=at)


def line(event):
    """Return an event as it stands in the file, without its end of line."""
    told = {
        "timestamp": event.at.isoformat(),
        "event_type": event.event_type,
        "message": event.message,
        "details": event.details,
    }
    return json.dumps(told, ensure_ascii=False)


def _append(event):
    """Append an event's line in one write; what cannot be written is logged."""
    path = settings.TRAINING_HISTORY_LOG
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o640)
        try:
            os.write(handle, f"{line(event)}\n".encode())
        finally:
            os.close(handle)
    except OSError as error:
        logger.warning("%s cannot be written, the event is in the database: %s", path, error)
