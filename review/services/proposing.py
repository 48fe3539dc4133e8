"""Compute waiting redaction proposals one worker at a time, however often one is asked for."""

from hitlsite import jobs
from review.models import TrainingItem
from review.services import filmstrips, privacy

KIND = "propose_redaction"
CONVERSION = "convert_incidents"


def waiting_items():
    """Return open items whose redaction proposal is still to be made, oldest first."""
    return TrainingItem.objects.filter(
        status__in=TrainingItem.OPEN_STATUSES, proposal=TrainingItem.Proposal.WAITING
    ).order_by("pk")


def propose_waiting(item_id, *, scanner=None):
    """Make an item's proposal unless it has one or another worker makes it; return the item.

    What a reviewer asked for is put in place with it. This takes as long as the clip needs.
    """
    item = _waiting(item_id)
    if item is None:
        return None
    with jobs.alone(KIND, str(item_id), site=item.site) as job:
        if job is not None:
            _propose(item, scanner)
    return item


def _propose(item, scanner):
    """Propose, and once more for everything else that is asked for in the meantime."""
    while item is not None:
        if item.privacy == TrainingItem.Privacy.UNSCANNED:
            privacy.scan_item(item, scanner=scanner)
        if item.is_being_redacted:
            privacy.propose(item, scanner=scanner)
            filmstrips.prepare(item)
        following = _waiting(item.pk)
        is_new = following and following.requested_redaction != item.requested_redaction
        item = following if is_new else None


def _waiting(item_id):
    return waiting_items().select_related("site").filter(pk=item_id).first()
