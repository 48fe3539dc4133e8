"""Compute waiting redaction proposals one worker at a time, however often one is asked for."""

from contextlib import contextmanager

from hitlsite import jobs
from hitlsite.models import Job
from review.models import TrainingItem
from review.services import privacy, redactions

KIND = "propose_redaction"
CONVERSION = "convert_incidents"


@contextmanager
def alone(kind, key, *, site=None):
    """Give the job of this kind and key to one worker; None to those who come while it runs."""
    job, _ = jobs.enqueue(kind, key, site=site)
    held = jobs.claim(Job.objects.filter(kind=kind), job.pk)
    if held is None:
        yield None
        return
    try:
        with jobs.kept_alive(held):
            yield held
    except Exception as error:
        jobs.release(held, error=error, retry=False)
        raise
    jobs.finish(held)


def waiting_items():
    """Return open items whose redaction proposal is still to be made, oldest first."""
    return TrainingItem.objects.filter(
        status__in=redactions.OPEN_STATUSES, proposal=TrainingItem.Proposal.WAITING
    ).order_by("pk")


def propose_waiting(item_id):
    """Make an item's proposal unless it has one or another worker makes it; return the item."""
    item = waiting_items().select_related("site").filter(pk=item_id).first()
    if item is None:
        return None
    with alone(KIND, str(item_id), site=item.site) as job:
        if job is not None:
            privacy.propose(item)
    return item
