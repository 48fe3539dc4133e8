"""Swap an item's files for their verified redacted copies, and back.

Everything here runs inside a transaction that holds the item's row. No path leads to a private
item whose files are not, each one of them, scanned clear or verified after a redaction.
"""

from django.core.files.storage import default_storage
from django.db import transaction

from detection.models import Evidence
from detection.services import evidence as evidence_files
from hitlsite import audit, storage
from hitlsite.errors import Conflict
from review.models import PrivacyScan, Redaction, TrainingItem
from review.selectors import is_file_private
from review.services import thumbnails

Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal
OPEN_STATUSES = (TrainingItem.Status.PENDING_REVIEW, TrainingItem.Status.NEEDS_REVIEW)
WORST_FIRST = (PrivacyScan.Result.FAILED, PrivacyScan.Result.FACES, PrivacyScan.Result.CLEAR)


def evidence_of(item):
    """Return the evidence rows of an item as they are in the database now."""
    return list(Evidence.objects.filter(incident=item.incident_id).order_by("at_seconds", "kind"))


def latest_scans(item):
    """Return the last scan of each file by the evidence's id."""
    return {scan.evidence_id: scan for scan in item.scans.order_by("pk")}


def worst_result(scans, evidence):
    """Return the worst result over all files; a file without a scan, or no file, is a failure."""
    results = {scans[row.pk].result if row.pk in scans else "failed" for row in evidence}
    return next((result for result in WORST_FIRST if result in results), "failed")


def apply_verified(item, *, by, at):
    """Show every verified redacted copy in place of its original; the item is private after it.

    Raises:
        Conflict: not_private, naming the file that is neither clear nor verified.
    """
    verified = list(
        item.redactions.filter(state=Redaction.State.VERIFIED).select_related("evidence")
    )
    for redaction in verified:
        _show(redaction, at)
    for row in evidence_of(item):
        if not is_file_private(row):
            raise Conflict(
                f"The file {row.get_kind_display()} of item {item.pk} is not verified: redact it"
                " again, or reject the item.",
                code="not_private",
            )
    item.privacy = Privacy.REDACTED if verified or _is_redacted(item) else Privacy.CLEAR
    item.proposal = Proposal.NONE
    item.save(update_fields=["privacy", "proposal"])
    methods = sorted({redaction.method for redaction in verified})
    audit.record(
        "item_redacted",
        item,
        actor=by,
        site=item.site,
        detail={"methods": methods, "files": {str(r.evidence_id): r.sha256 for r in verified}},
        at=at,
    )


def _is_redacted(item):
    return item.redactions.filter(state=Redaction.State.APPLIED).exists()


def _show(redaction, at):
    """Put one redacted copy in place, unless what it was made from is no longer there."""
    row = Evidence.objects.select_for_update().get(pk=redaction.evidence_id)
    is_of_this = redaction.source_sha256 in (row.sha256, row.original_sha256)
    if not is_of_this or not default_storage.exists(redaction.path):
        raise Conflict(
            f"The redacted copy of {row} no longer fits its file: redact it again.",
            code="not_private",
        )
    row.redactions.filter(state=Redaction.State.APPLIED).update(state=Redaction.State.REPLACED)
    evidence_files.replace_with_redacted(
        row,
        path=redaction.path,
        sha256=redaction.sha256,
        byte_count=redaction.byte_count,
        seal_until=evidence_files.seal_until(at),
    )
    transaction.on_commit(lambda: thumbnails.forget(row))
    redaction.state, redaction.applied_at = Redaction.State.APPLIED, at
    redaction.save(update_fields=["state", "applied_at"])


def applied_since(item, since):
    """Return the redactions that were put in place at ``since`` or later and still are."""
    return list(
        item.redactions.filter(state=Redaction.State.APPLIED, applied_at__gte=since).select_related(
            "evidence"
        )
    )


def withdraw(item, redactions, *, by, at):
    """Show the originals of applied redactions again; the copies stay ready as a proposal.

    Raises:
        Conflict: original_destroyed, when one original is no longer kept.
    """
    for redaction in redactions:
        evidence_files.restore_original(redaction.evidence)
        redaction.state = Redaction.State.UNDONE
        redaction.save(update_fields=["state"])
        Redaction.objects.create(
            **{
                field.attname: getattr(redaction, field.attname)
                for field in Redaction._meta.concrete_fields
                if field.name not in ("id", "state", "applied_at")
            },
            state=Redaction.State.VERIFIED,
        )
    if _is_redacted(item):
        item.privacy = Privacy.REDACTED
    else:
        item.privacy = worst_result(latest_scans(item), evidence_of(item))
    item.proposal = Proposal.READY
    item.save(update_fields=["privacy", "proposal"])
    audit.record(
        "redaction_undone",
        item,
        actor=by,
        site=item.site,
        detail={"files": {str(r.evidence_id): r.evidence.sha256 for r in redactions}},
        at=at,
    )


def replace_proposals(item, drafts, *, at):
    """Store new redactions in place of the proposals before them; drop the files of those."""
    old = item.redactions.filter(state__in=[Redaction.State.VERIFIED, Redaction.State.BLOCKED])
    dropped = set(old.values_list("path", flat=True))
    old.update(state=Redaction.State.REPLACED)
    Redaction.objects.bulk_create(drafts)
    transaction.on_commit(lambda: _delete_unused(dropped))
    is_ready = bool(drafts) and all(r.state == Redaction.State.VERIFIED for r in drafts)
    unready = Proposal.NONE if item.is_private else Proposal.BLOCKED
    item.proposal = Proposal.READY if is_ready else unready
    item.save(update_fields=["proposal"])
    audit.record(
        "redaction_proposed",
        item,
        site=item.site,
        detail={
            "proposal": item.proposal,
            "files": {str(r.evidence_id): r.state for r in drafts},
        },
        at=at,
    )


def _delete_unused(paths):
    shown = {Redaction.State.VERIFIED, Redaction.State.APPLIED}
    for path in paths - {""}:
        is_needed = (
            Redaction.objects.filter(path=path, state__in=shown).exists()
            or Evidence.objects.filter(path=path).exists()
            or Evidence.objects.filter(sealed_path=path).exists()
        )
        if not is_needed:
            storage.delete(path)
