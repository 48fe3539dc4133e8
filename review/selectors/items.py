"""One item with its story, its neighbours, and the items that need attention."""

from datetime import timedelta

from django.utils import timezone

from detection.models import Incident
from hitlsite.bounds import as_id
from hitlsite.errors import NotFound
from review.models import TrainingItem
from review.selectors.access import visible_items

SIMILAR_WITHIN = timedelta(minutes=10)
LATE_AFTER = timedelta(minutes=1)
STORY = ("incident__evidence", "incident__rule_hits", "incident__events", "redactions", "scans")


def item_for(user, pk):
    """Return one item with all that its page shows.

    Raises:
        NotFound: there is none that ``user`` may know of.
    """
    item = (
        visible_items(user)
        .filter(pk=as_id(pk))
        .select_related(
            "site",
            "camera__site",
            "claimed_by",
            "incident__footage",
            "incident__deployment",
            "photo__evidence",
        )
        .prefetch_related(*STORY)
        .first()
    )
    if item is None:
        raise NotFound(f"There is no item {str(pk)[:20]}.")
    return item


def similar(item, *, limit=8):
    """Return other items of the same camera and category that opened within ten minutes."""
    if item.incident is None:
        return []
    opened_at = item.incident.opened_at
    return list(
        TrainingItem.objects.filter(
            camera=item.camera_id,
            proposed_category=item.proposed_category,
            incident__origin=item.incident.origin,
            incident__opened_at__range=(opened_at - SIMILAR_WITHIN, opened_at + SIMILAR_WITHIN),
        )
        .exclude(pk=item.pk)
        .select_related("site", "camera", "incident")
        .prefetch_related("incident__evidence")
        .order_by("incident__opened_at", "pk")[:limit]
    )


def troubled(user):
    """Return open items that nobody can confirm as they are: scan failed or redaction blocked."""
    open_statuses = [TrainingItem.Status.PENDING_REVIEW, TrainingItem.Status.NEEDS_REVIEW]
    unsafe = visible_items(user).filter(status__in=open_statuses)
    failed = unsafe.filter(privacy=TrainingItem.Privacy.FAILED)
    blocked = unsafe.filter(proposal=TrainingItem.Proposal.BLOCKED)
    return (failed | blocked).select_related("camera", "incident").order_by("pk")


def late_incidents(user, *, at=None):
    """Return closed incidents that should have become items a minute ago and have not."""
    return (
        Incident.objects.visible_to(user)
        .filter(
            state=Incident.State.CLOSED,
            evidence_complete_at__lt=(at or timezone.now()) - LATE_AFTER,
            item__isnull=True,
        )
        .select_related("camera")
        .order_by("evidence_complete_at")
    )


def trainable_items(site):
    """Return the confirmed items of a site whose files may leave it, oldest first."""
    return (
        TrainingItem.objects.filter(
            site=site,
            status=TrainingItem.Status.CONFIRMED,
            privacy__in=[TrainingItem.Privacy.CLEAR, TrainingItem.Privacy.REDACTED],
        )
        .select_related("site", "camera", "incident__footage", "incident__deployment")
        .prefetch_related("incident__evidence", "incident__rule_hits")
        .order_by("pk")
    )
