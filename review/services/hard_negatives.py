"""Frames of what was taken for something that it is not, offered to be taught as such.

Only saving them says anything, and only about the one class: whatever else is in the picture
stays unlabelled.
"""

from django.db import transaction
from django.utils import timezone

from hitlsite.errors import Conflict, NotFound
from review.models import Decision, TrainingItem
from review.selectors import visible_items
from review.services import annotation, track_frames
from review.services.regions import invalid

MOST_FRAMES = 4


def is_offerable(item):
    """Say whether an item was rejected because its class is wrong."""
    if item.incident_id is None or item.status != TrainingItem.Status.REJECTED:
        return False
    last = item.decisions.filter(effect=Decision.Effect.APPLIED, undone_by__isnull=True)
    last = last.exclude(verdict=Decision.Verdict.UNDONE).order_by("pk").last()
    return last is not None and last.reason == Decision.Reason.WRONG_CLASS


def offer(item, *, scanner=None, at=None):
    """Find up to four frames in which the track looks different; return their Evidence.

    Raises:
        Conflict: not_decided, no_clip, not_private or item_moved_on.
    """
    if not is_offerable(item):
        raise Conflict(f"Item {item.pk} was not rejected as 'wrong class'.", code="not_decided")
    return track_frames.extract(item, count=MOST_FRAMES, scanner=scanner, at=at or timezone.now())


def save(item_id, evidence_ids, *, by, at=None):
    """Record that the class which the detector saw is on none of these frames.

    Returns the Annotations: reviewed negatives, exhaustive for that one class. A frame that has
    an annotation keeps it.

    Raises:
        NotFound, Forbidden, Conflict: as ``annotation.save``.
        DomainError: invalid, where no frame is chosen; class_unknown.
    """
    item = visible_items(by).select_related("site", "incident").filter(pk=item_id).first()
    if item is None:
        raise NotFound(f"There is no item {str(item_id)[:20]}.")
    if not is_offerable(item):
        raise Conflict(f"Item {item.pk} was not rejected as 'wrong class'.", code="not_decided")
    frames = {frame.pk: frame for frame in track_frames.of_item(item)}
    chosen = [frames[pk] for pk in dict.fromkeys(evidence_ids) if pk in frames]
    if not chosen:
        raise invalid("frames", "Choose at least one frame.")
    label = track_frames.label_of(item)
    with transaction.atomic():
        return [
            annotation.save(
                item.pk,
                frame.pk,
                by=by,
                boxes=[],
                exhaustive=[label.index],
                is_negative=True,
                version=0,
                confirmed_odd=True,
                at=at,
            )
            for frame in chosen
            if not frame.annotations.exists()
        ]
