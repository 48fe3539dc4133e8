"""Propose redactions, put them in place, take them back, and check once more before files leave.

What could not be verified blocks, and only ``redactions.apply_verified`` makes an item with faces
private. Redacting takes seconds and runs outside transactions; its outcome is stored in one.
"""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hitlsite import storage
from hitlsite.errors import Conflict, DomainError, Forbidden
from review.models import PrivacyScan, Redaction, TrainingItem
from review.selectors import is_file_private
from review.services import redactions, settlement
from review.services.regions import clean_regions, invalid
from review.services.scanning import (
    face_scanner,
    items_to_rescan,
    locked_item,
    scan_item,
    sentence_of,
    stored_file,
)

__all__ = [
    "apply_redaction",
    "check_item",
    "face_scanner",
    "items_to_rescan",
    "propose",
    "scan_item",
    "undo_redaction",
]

Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal


def propose(item, *, method=None, drawn=None, by=None, scanner=None, at=None):
    """Redact and verify every file that needs it, and store the copies as the item's proposal.

    A confirmation that waits takes effect with it, or is void where a file is blocked.

    Args:
        drawn: regions that a person drew, as ``clean_regions`` returns them.
        by: who asked; without anybody, only an item that waits for its proposal gets one.

    Returns:
        The new redactions; none where the item moved on meanwhile.
    """
    at, method = at or timezone.now(), method or settings.REDACTION_METHOD
    if method not in Redaction.Method.values:
        raise invalid("method", f"This must be one of {', '.join(Redaction.Method.values)}.")
    before = (item.privacy, item.status)
    drafts = _drafts(item, method, list(drawn or ()), by, scanner)
    with transaction.atomic():
        locked = locked_item(item.pk)
        moved_on = (locked.privacy, locked.status) != before
        if moved_on or (by is None and locked.proposal != Proposal.WAITING):
            return []
        redactions.replace_proposals(locked, drafts, at=at)
        settlement.settle(locked, at=at)
    item.refresh_from_db()
    return drafts


def _drafts(item, method, drawn, by, scanner):
    """Return an unsaved Redaction for every file with a region, found, drawn or on record."""
    scans, drafts = redactions.latest_scans(item), []
    for evidence in redactions.evidence_of(item):
        scan = scans.get(evidence.pk)
        mine = [one for one in drawn if one["evidence"] in (None, evidence.pk)]
        if scan is None or (scan.result == PrivacyScan.Result.CLEAR and not mine):
            continue
        draft = Redaction(
            item=item,
            evidence=evidence,
            scan=scan,
            method=method,
            drawn_regions=mine,
            regions=scan.regions,
            created_by=by,
        )
        try:
            _refuse_unseen(draft)
            scanner = scanner or face_scanner()
            _redact(draft, scanner)
        except Exception as error:  # an error of any kind blocks: nothing unverified goes anywhere
            draft.state, draft.error = Redaction.State.BLOCKED, sentence_of(error)
            draft.path = ""
        drafts.append(draft)
    return drafts


def _refuse_unseen(draft):
    """Block a file that could not be looked at: nobody knows what there is to hide."""
    is_failed = draft.scan.result == PrivacyScan.Result.FAILED
    if is_failed and not draft.regions and not draft.drawn_regions:
        raise DomainError("scan_failed", f"It could not be scanned: {draft.scan.error}")


def _redact(draft, scanner):
    """Write, verify and store one redacted copy; sets the draft's state and figures."""
    from review.privacy import verify

    evidence = draft.evidence
    is_clip = evidence.is_clip
    redact = verify.redact_and_verify_clip if is_clip else verify.redact_and_verify_image
    name, draft.source_sha256 = _source(evidence)
    copy = storage.scratch_path(".mp4" if is_clip else ".jpg")
    try:
        with stored_file(name, draft.source_sha256) as source:
            report = redact(
                source, copy, _recorded(draft), draft.method, scanner, drawn=_drawn(draft)
            )
        draft.regions = [region.as_dict() for region in report.regions]
        draft.residuals = [region.as_dict() for region in report.residuals]
        draft.rounds, draft.error = report.rounds, report.error
        draft.state = Redaction.State.BLOCKED
        if report.verified:
            stored = storage.store_file(draft.item.site_id, "redacted", copy)
            draft.path, draft.sha256, draft.byte_count = stored
            draft.state = Redaction.State.VERIFIED
    finally:
        copy.unlink(missing_ok=True)


def _source(evidence):
    """Return (name, sha256) of the best copy that is kept: the original while there is one."""
    if evidence.sealed_path:
        return evidence.sealed_path, evidence.original_sha256
    return evidence.path, evidence.sha256


def _recorded(draft):
    """Return the scan as it was, with what earlier redactions hid in a file without original."""
    from review.privacy.faces import FaceScan
    from review.privacy.regions import Region

    scan, regions = draft.scan, list(draft.scan.regions)
    if draft.source_sha256 != draft.evidence.original_sha256:
        for earlier in draft.evidence.redactions.filter(sha256=draft.source_sha256):
            regions += earlier.regions
    return FaceScan(
        scan.result,
        tuple(Region.from_dict(values) for values in regions),
        tuple(scan.detectors),
        scan.frames_scanned,
        scan.error,
    )


def _drawn(draft):
    from review.privacy.regions import Region

    return [
        Region(
            tuple(one["box_xyxy"]),
            "drawn",
            1.0,
            one["at_seconds"] if draft.evidence.is_clip else None,
        )
        for one in draft.drawn_regions
    ]


def apply_redaction(item, *, by, method=None, drawn_regions=(), scanner=None, at=None):
    """Carry out a reviewer's "redact": hide what was found and drawn, and show only the copies.

    A proposal made by the same method is used as it is, unless regions are drawn; otherwise this
    redacts and verifies first, which takes as long as the clip needs.

    Raises:
        Forbidden: ``by`` may not redact.
        Conflict: decided already, nothing to hide, or not_private when a file is blocked.
        DomainError: unknown method, regions outside 0..1.
    """
    at = at or timezone.now()
    if not by.has_perm("review.redact_trainingitem"):
        raise Forbidden("You may not redact items.")
    drawn = clean_regions("regions", drawn_regions, evidence=redactions.evidence_of(item))
    _refuse_closed(item)
    if item.privacy == Privacy.UNSCANNED:
        scan_item(item, scanner=scanner, at=at)
    if _is_proposed(item, method, drawn):
        wanted = _verified_ids(item)
    else:
        wanted = _propose_or_refuse(item, method, drawn, by, scanner, at)
    with transaction.atomic():
        locked = locked_item(item.pk)
        if _verified_ids(locked) == wanted:
            _refuse_closed(locked)
            redactions.apply_verified(locked, by=by, at=at)
            settlement.settle(locked, at=at)
        elif not _are_applied(locked, wanted):
            raise Conflict(f"Item {item.pk} was redacted by somebody else in the same moment.")
    item.refresh_from_db()
    return item


def _refuse_closed(item):
    if item.status not in redactions.OPEN_STATUSES:
        raise Conflict(
            f"Item {item.pk} is {item.get_status_display().lower()}: a supervisor must reopen it"
            " first.",
            code="already_decided",
        )


def _verified_ids(item):
    verified = item.redactions.filter(state=Redaction.State.VERIFIED)
    return set(verified.values_list("pk", flat=True))


def _are_applied(item, ids):
    """Say whether redactions are in place already: a confirmation waited for them."""
    applied = item.redactions.filter(state=Redaction.State.APPLIED, pk__in=ids)
    return applied.count() == len(ids)


def _is_proposed(item, method, drawn):
    """Say whether the proposal at hand is what the reviewer asks for."""
    if item.proposal != Proposal.READY or drawn:
        return False
    verified = item.redactions.filter(state=Redaction.State.VERIFIED)
    return method is None or {redaction.method for redaction in verified} == {method}


def _propose_or_refuse(item, method, drawn, by, scanner, at):
    """Return the ids of the item's new proposal, every file of which is verified."""
    drafts = propose(item, method=method, drawn=drawn, by=by, scanner=scanner, at=at)
    blocked = [draft for draft in drafts if draft.state == Redaction.State.BLOCKED]
    if blocked:
        reason = blocked[0].error or "faces are still found in it"
        raise Conflict(
            f"The file {blocked[0].evidence.get_kind_display()!r} of item {item.pk} could not be"
            f" made private ({reason.rstrip('.')}): draw regions over what is left, or reject"
            " the item.",
            code="not_private",
        )
    if not drafts:
        item.refresh_from_db()
        _refuse_closed(item)
        raise Conflict(f"There is nothing to hide in item {item.pk}.", code="nothing_to_redact")
    return {draft.pk for draft in drafts}


def undo_redaction(item, *, by=None, at=None):
    """Show an open item's originals again, identical to what they were; the copies stay ready.

    Raises:
        Conflict: the item was decided, nothing is redacted, or original_destroyed.
    """
    with transaction.atomic():
        locked = locked_item(item.pk)
        _refuse_closed(locked)
        applied = list(
            locked.redactions.filter(state=Redaction.State.APPLIED).select_related("evidence")
        )
        if not applied:
            raise Conflict(f"Nothing of item {item.pk} is redacted.", code="nothing_to_undo")
        redactions.withdraw(locked, applied, by=by, at=at or timezone.now())
    item.refresh_from_db()
    return item


def check_item(item, *, scanner=None, rescan=True):
    """Look at an item's files as they are now, before any of them leaves.

    Every file must be, byte for byte, one that was scanned clear or verified after its redaction.

    Args:
        rescan: look for faces again as well, with the detectors of today.

    Returns:
        A FaceScan for every file looked at again.

    Raises:
        DomainError: not_private, naming the item and the file.
    """
    if not item.is_private:
        raise _not_private(item, f"it is {item.get_privacy_display().lower()}")
    looks = []
    for evidence in redactions.evidence_of(item):
        name = evidence.get_kind_display()
        if not is_file_private(evidence):
            raise _not_private(item, f"its file {name!r} was never verified")
        try:
            with stored_file(evidence.path, evidence.sha256) as path:
                if rescan:
                    scanner = scanner or face_scanner()
                    looks.append(_look_again(evidence, path, scanner))
        except DomainError as error:
            raise _not_private(item, f"{name!r}: {error.message.rstrip('.')}") from error
        if looks and looks[-1].result != "clear":
            reason = looks[-1].error or "a face is seen in it"
            raise _not_private(item, f"{name!r}: {reason.rstrip('.')}")
    return looks


def _not_private(item, reason):
    return DomainError("not_private", f"Item {item.pk} may not leave: {reason}.", status=409)


def _look_again(evidence, path, scanner):
    from review.privacy import verify
    from review.privacy.regions import Region

    applied = evidence.redactions.filter(
        state=Redaction.State.APPLIED, sha256=evidence.sha256
    ).first()
    regions = [Region.from_dict(values) for values in applied.regions] if applied else []
    check = verify.check_clip if evidence.is_clip else verify.check_image
    return check(path, regions, scanner)
