"""Who may know of which item, and who may be shown which file."""

from detection.models import Evidence
from hitlsite.models import Site
from review.models import PrivacyScan, Redaction, TrainingItem


def visible_items(user):
    """Return every item that ``user`` may know of; none to those who are no reviewers."""
    if not user.has_perm("review.view_trainingitem"):
        return TrainingItem.objects.none()
    return TrainingItem.objects.visible_to(user)


def visible_sites(user):
    """Return the sites whose items ``user`` may know of, by name."""
    if not user.has_perm("review.view_trainingitem"):
        return Site.objects.none()
    return Site.objects.visible_to(user)


def may_see_media(user, item):
    """Say whether the files of an item that ``user`` may know of may be shown to ``user``."""
    if item.is_private or user.has_perm("review.view_unredacted_always"):
        return True
    is_pending = item.status == TrainingItem.Status.PENDING_REVIEW
    return is_pending and user.has_perm("review.view_unredacted")


def media_access(user, evidence):
    """Say whether ``user`` may be shown a file of evidence as it is now.

    Evidence that is no item's yet was not scanned: only who sees everything may see it. In an
    item that counts as private, the very file must be one that was found or made private.
    """
    item = visible_items(user).filter(**_owner(evidence)).first()
    if item is None:
        is_visible = type(evidence).objects.visible_to(user).filter(pk=evidence.pk).exists()
        has_item = TrainingItem.objects.filter(**_owner(evidence)).exists()
        return is_visible and not has_item and user.has_perm("review.view_unredacted_always")
    if user.has_perm("review.view_unredacted_always"):
        return True
    # A frame of the track is cut from a redacted clip: it may be shown where the item may not.
    is_safe = item.is_private or evidence.kind == Evidence.Kind.TRACK_FRAME
    if is_safe:
        return is_file_private(evidence)
    return may_see_media(user, item)


def _owner(evidence):
    if evidence.incident_id is None:
        return {"photo": evidence.photo_id}
    return {"incident": evidence.incident_id}


def is_file_private(evidence):
    """Say whether the file's present content was scanned clear, or redacted and verified."""
    redacted = Redaction.objects.filter(
        evidence=evidence, sha256=evidence.sha256, state=Redaction.State.APPLIED
    )
    if redacted.exists():
        return True
    scans = PrivacyScan.objects.filter(evidence=evidence, file_sha256=evidence.sha256)
    last = scans.order_by("-pk").values_list("result", flat=True).first()
    return last == PrivacyScan.Result.CLEAR
