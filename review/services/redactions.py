"""Swap an item's files for their verified redacted copies, and back.

Everything here runs inside a transaction that holds the item's row. No path leads to a private
item whose files are not, each one of them, scanned clear or verified after a redaction.
"""

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction

from detection.models import Evidence
from detection.services import evidence as evidence_files
from hitlsite import audit
from hitlsite.errors import Conflict
from review.models import PrivacyScan, Redaction, TrainingItem
from review.selectors import is_file_private
from review.services import thumbnails, viewing_copies

Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal
WORST_FIRST = (PrivacyScan.Result.FAILED, PrivacyScan.Result.FACES, PrivacyScan.Result.CLEAR)


def evidence_of(item):
    """Return the evidence rows of an item as they are in the database now."""
    of_item = {"photo": item.photo_id} if item.photo_id else {"incident": item.incident_id}
    return list(Evidence.objects.filter(**of_item).order_by("at_seconds", "kind", "pk"))


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
    is_of_this = redaction.source_sha256 in (row.sha256, row.sealed_sha256, row.original_sha256)
    if not is_of_this or not default_storage.exists(redaction.path):
        raise Conflict(
            f"The redacted copy of {row} no longer fits its file: redact it again.",
            code="not_private",
        )
    row.redactions.filter(state=Redaction.State.APPLIED).update(state=Redaction.State.REPLACED)
    dropped = evidence_files.replace_with_redacted(
        row,
        path=redaction.path,
        sha256=redaction.sha256,
        byte_count=redaction.byte_count,
        seal_until=evidence_files.seal_until(at),
    )
    transaction.on_commit(lambda: thumbnails.forget(row), robust=True)
    transaction.on_commit(lambda: _delete_unused({dropped}), robust=True)
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
    """Show again what applied redactions replaced; the copies stay ready as a proposal.

    What comes back is the original or, where that is destroyed, the redacted copy before. A
    redaction that was asked for since and is not made yet is dropped.

    Raises:
        Conflict: original_destroyed, when one sealed file is no longer kept.
    """
    for redaction in redactions:
        _bring_back(redaction)
    item.privacy = _privacy_of_files(item)
    item.proposal, item.requested_redaction = Proposal.READY, None
    item.save(update_fields=["privacy", "proposal", "requested_redaction"])
    audit.record(
        "redaction_undone",
        item,
        actor=by,
        site=item.site,
        detail={"files": {str(r.evidence_id): r.evidence.sha256 for r in redactions}},
        at=at,
    )


def _bring_back(redaction):
    evidence_files.restore_original(redaction.evidence)
    redaction.state = Redaction.State.UNDONE
    redaction.save(update_fields=["state"])
    _reinstate(redaction.evidence)
    Redaction.objects.create(
        **{
            field.attname: getattr(redaction, field.attname)
            for field in Redaction._meta.concrete_fields
            if field.name not in ("id", "state", "applied_at")
        },
        state=Redaction.State.VERIFIED,
    )


def _reinstate(evidence):
    """Count the redaction whose copy is shown again as applied again; none for an original."""
    replaced = evidence.redactions.filter(
        state=Redaction.State.REPLACED, sha256=evidence.sha256, applied_at__isnull=False
    )
    before = replaced.order_by("-applied_at", "-pk").first()
    if before is not None:
        before.state = Redaction.State.APPLIED
        before.save(update_fields=["state"])


def _privacy_of_files(item):
    """Return what an item is after files were swapped; private only where every file is."""
    rows = evidence_of(item)
    if all(is_file_private(row) for row in rows):
        return Privacy.REDACTED if _is_redacted(item) else Privacy.CLEAR
    worst = worst_result(latest_scans(item), rows)
    return Privacy.FAILED if worst == PrivacyScan.Result.CLEAR else worst


def ask(item, *, by, method, drawn, at):
    """Store on the item what a reviewer wants hidden; it waits for a worker from then on.

    Raises:
        Conflict: redaction_waiting, when somebody else asked before and waits still.
    """
    earlier = item.requested_redaction
    if earlier and earlier["by"] != by.pk:
        raise Conflict(
            f"A redaction of item {item.pk} that somebody else asked for is being prepared.",
            code="redaction_waiting",
        )
    item.requested_redaction = {"method": method, "drawn_regions": drawn, "by": by.pk}
    item.proposal = Proposal.WAITING
    item.save(update_fields=["requested_redaction", "proposal"])
    detail = {"method": method or settings.REDACTION_METHOD, "regions": len(drawn)}
    audit.record("redaction_requested", item, actor=by, site=item.site, detail=detail, at=at)


def replace_proposals(item, drafts, *, at):
    """Store new redactions in place of the proposals before them; drop the files of those.

    Raises:
        Conflict: copy_missing, when a copy was deleted again before it had a row.
    """
    for draft in drafts:
        if draft.path and not default_storage.exists(draft.path):
            raise Conflict(
                f"The redacted copy of {draft.evidence} was deleted in the same moment.",
                code="copy_missing",
            )
    old = item.redactions.filter(state__in=[Redaction.State.VERIFIED, Redaction.State.BLOCKED])
    dropped = set(old.values_list("path", flat=True))
    old.update(state=Redaction.State.REPLACED)
    Redaction.objects.bulk_create(drafts)
    transaction.on_commit(lambda: _delete_unused(dropped), robust=True)
    is_ready = bool(drafts) and all(r.state == Redaction.State.VERIFIED for r in drafts)
    unready = Proposal.NONE if item.is_private and not drafts else Proposal.BLOCKED
    item.proposal = Proposal.READY if is_ready else unready
    item.requested_redaction = None
    item.save(update_fields=["proposal", "requested_redaction"])
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


def discard(drafts):
    """Delete the copies of redactions that were never stored."""
    _delete_unused({draft.path for draft in drafts})


def is_copy_needed(path):
    """Say whether a redaction in place or proposed, or a viewing copy, stands on a stored file."""
    if viewing_copies.is_needed(path):
        return True
    shown = {Redaction.State.VERIFIED, Redaction.State.APPLIED}
    return Redaction.objects.filter(path=path, state__in=shown).exists()


def _delete_unused(paths):
    evidence_files.delete_unused(paths, is_needed=is_copy_needed)
