"""Propose redactions, put them in place, take them back, and check once more before files leave.

What could not be verified blocks, and only ``redactions.apply_verified`` makes an item with faces
private. Redacting takes seconds: it is done by workers, outside transactions, and its outcome is
stored in one.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from detection.models import Evidence
from hitlsite import storage
from hitlsite.errors import Conflict, DomainError, Forbidden
from review.models import PrivacyScan, Redaction, TrainingItem
from review.selectors import may_see_media
from review.services import redactions, settlement
from review.services.file_records import FileRecords, ItemFiles
from review.services.regions import clean_regions, invalid
from review.services.scanning import (
    face_scanner,
    items_to_rescan,
    locked_item,
    needed_detectors,
    scan_item,
    sentence_of,
    stored_file,
)

__all__ = [
    "apply_redaction",
    "check_file",
    "check_item",
    "face_scanner",
    "items_to_rescan",
    "may_undo",
    "propose",
    "scan_item",
    "undo_redaction",
]

logger = logging.getLogger(__name__)

Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal
# What was drawn on a clip at one moment is hidden in frames taken from it so near to that moment.
DRAWN_NEAR_SECONDS = 1.0


def propose(item, *, scanner=None, at=None):
    """Redact and verify every file that needs it, and store the copies as the item's proposal.

    What a reviewer asked for is put in place at once. A confirmation that waits takes effect with
    it, or is void where a file is blocked.

    Returns:
        The new redactions; none where the item moved on meanwhile.
    """
    at, asked = at or timezone.now(), item.requested_redaction or {}
    by = get_user_model().objects.filter(pk=asked.get("by")).first()
    method = asked.get("method") or settings.REDACTION_METHOD
    drafts = _drafts(item, method, asked.get("drawn_regions", []), by, scanner)
    with transaction.atomic():
        locked = locked_item(item.pk)
        has_moved_on = _standing(locked) != _standing(item) or not locked.is_being_redacted
        if not has_moved_on:
            redactions.replace_proposals(locked, drafts, at=at)
            if by is not None and locked.proposal == Proposal.READY:
                _put_in_place(locked, by, at)
            settlement.settle(locked, at=at)
    if has_moved_on:
        redactions.discard(drafts)
        return []
    item.refresh_from_db()
    return drafts


def _standing(item):
    return item.privacy, item.status, item.requested_redaction


def _put_in_place(item, by, at):
    """Apply what a reviewer asked for; blocked where the files are no longer what they were."""
    try:
        with transaction.atomic():
            redactions.apply_verified(item, by=by, at=at)
    except Conflict as refusal:
        logger.warning("The redaction of item %d was not put in place: %s", item.pk, refusal)
        item.proposal = Proposal.BLOCKED
        item.save(update_fields=["proposal"])


def _drafts(item, method, drawn, by, scanner):
    """Return an unsaved Redaction for every file with a region, found, drawn or on record."""
    scans, drafts = redactions.latest_scans(item), []
    files = redactions.evidence_of(item)
    clips = {one.pk: one for one in files if one.is_clip}
    for evidence in files:
        scan = scans.get(evidence.pk)
        mine = _drawn_on(evidence, drawn, clips)
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


def _drawn_on(evidence, drawn, clips):
    """Return the drawn regions of a file; a frame taken from a clip has those of the clip then."""
    mine = [one for one in drawn if one["evidence"] in (None, evidence.pk)]
    if evidence.kind != Evidence.Kind.TRACK_FRAME:
        return mine
    for one in drawn:
        clip = clips.get(one["evidence"])
        if clip is None:
            continue
        at_seconds = one.get("at_seconds")
        moment = evidence.at_seconds - clip.at_seconds
        if at_seconds is None or abs(at_seconds - moment) <= DRAWN_NEAR_SECONDS:
            mine.append({**one, "evidence": evidence.pk, "at_seconds": None})
    return mine


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
    if evidence.is_sealed:
        return evidence.sealed_path, evidence.sealed_sha256
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
        needed_detectors(scan),
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


def apply_redaction(item, *, by, method=None, drawn_regions=(), at=None):
    """Carry out a reviewer's "redact": show only copies in which all that was found is hidden.

    A proposal that is ready is put in place at once where it is what ``by`` asks for. Anything
    else takes as long as the clip needs: the request is stored and the item waits
    (``is_being_redacted``) for a worker, which puts it in place once it is verified.

    Raises:
        Forbidden: ``by`` may not redact, or may not see what would be hidden.
        Conflict: decided already, nothing to hide, or another's request is being carried out.
        DomainError: unknown method, regions outside 0..1.
    """
    at = at or timezone.now()
    _require_redactor(by)
    if method is not None and method not in Redaction.Method.values:
        raise invalid("method", f"This must be one of {', '.join(Redaction.Method.values)}.")
    drawn = clean_regions("regions", drawn_regions, evidence=redactions.evidence_of(item))
    with transaction.atomic():
        locked = locked_item(item.pk)
        _refuse_closed(locked)
        _require_sight(by, locked)
        if _is_proposed(locked, method, drawn):
            redactions.apply_verified(locked, by=by, at=at)
            settlement.settle(locked, at=at)
        else:
            _refuse_idle(locked, drawn)
            redactions.ask(locked, by=by, method=method, drawn=drawn, at=at)
    item.refresh_from_db()
    return item


def _require_redactor(by):
    if not by.has_perm("review.redact_trainingitem"):
        raise Forbidden("You may not redact items.")


def _require_sight(by, item):
    """Nobody says what is to be hidden in pictures that they may not see."""
    if not may_see_media(by, item):
        raise Forbidden(f"You may not see the pictures of item {item.pk}: a supervisor redacts it.")


def _refuse_closed(item):
    if not item.is_open:
        raise Conflict(
            f"Item {item.pk} is {item.get_status_display().lower()}: a supervisor must reopen it"
            " first.",
            code="already_decided",
        )


def _refuse_idle(item, drawn):
    """Refuse where every file was found clear and nothing is drawn."""
    results = {scan.result for scan in redactions.latest_scans(item).values()}
    if item.privacy != Privacy.UNSCANNED and not drawn and results <= {PrivacyScan.Result.CLEAR}:
        raise Conflict(f"There is nothing to hide in item {item.pk}.", code="nothing_to_redact")


def _is_proposed(item, method, drawn):
    """Say whether the proposal at hand, files and all, is what the reviewer asks for."""
    if item.proposal != Proposal.READY or drawn:
        return False
    verified = list(item.redactions.filter(state=Redaction.State.VERIFIED))
    is_of_method = method is None or {redaction.method for redaction in verified} == {method}
    return is_of_method and all(default_storage.exists(redaction.path) for redaction in verified)


def may_undo(user, applied, *, at=None):
    """Say whether ``user`` may bring back what applied redactions replaced.

    Once the undo time has passed, a sealed original is for supervisors only.
    """
    since = (at or timezone.now()) - timedelta(seconds=settings.UNDO_SECONDS)
    is_fresh = all(row.applied_at is not None and row.applied_at >= since for row in applied)
    return user.has_perm("review.redact_trainingitem") and (
        is_fresh or user.has_perm("review.view_unredacted_always")
    )


def undo_redaction(item, *, by, at=None):
    """Show an open item's originals again, identical to what they were; the copies stay ready.

    Raises:
        Forbidden: ``by`` may not redact, or it is too late for anybody but a supervisor.
        Conflict: the item was decided, nothing is redacted, or original_destroyed.
    """
    at = at or timezone.now()
    _require_redactor(by)
    with transaction.atomic():
        locked = locked_item(item.pk)
        _refuse_closed(locked)
        # A frame of the track was cut from a redacted clip: there is nothing behind it.
        applied = list(
            locked.redactions.filter(
                state=Redaction.State.APPLIED, applied_at__isnull=False
            ).select_related("evidence")
        )
        if not applied:
            raise Conflict(f"Nothing of item {item.pk} is redacted.", code="nothing_to_undo")
        if not may_undo(by, applied, at=at):
            raise Forbidden(
                f"You may bring originals back for {settings.UNDO_SECONDS} s after a redaction; a"
                f" supervisor may do so for item {item.pk} while they are kept.",
                code="undo_too_late",
            )
        redactions.withdraw(locked, applied, by=by, at=at)
    item.refresh_from_db()
    return item


def check_item(item, *, scanner=None, rescan=True, leaving=None, files=None):
    """Look at an item's files as they are now, before any of them leaves.

    Every file must be, byte for byte, one that was scanned clear or verified after its redaction.

    Args:
        rescan: look for faces again as well, with the detectors of today.
        leaving: the kinds of evidence that leave, all by default; only those are looked at again.
        files: ItemFiles with this item among them, read a moment ago; read now where None.

    Returns:
        A FaceScan for every file looked at again.

    Raises:
        DomainError: not_private, naming the item and the file.
    """
    if not item.is_private:
        raise _not_private(item, f"it is {item.get_privacy_display().lower()}")
    looks, files = [], files or ItemFiles([item])
    for evidence in files.of(item):
        is_looked_at = rescan and (leaving is None or evidence.kind in leaving)
        if is_looked_at and scanner is None and files.records.is_private(evidence):
            scanner = face_scanner()
        look = check_file(
            item, evidence, scanner=scanner, rescan=is_looked_at, records=files.records
        )
        looks += [look] if look else []
    return looks


def check_file(item, evidence, *, scanner=None, rescan=True, records=None):
    """Look at one file of an item as it is now, before it leaves; see ``check_item``.

    Args:
        records: FileRecords with this file among them; read now where None.

    Returns:
        The FaceScan of a second look; None without ``rescan``.

    Raises:
        DomainError: not_private, naming the item and the file.
    """
    name, look = evidence.get_kind_display(), None
    records = records or FileRecords([evidence])
    if not records.is_private(evidence):
        raise _not_private(item, f"its file {name!r} was never verified")
    try:
        with stored_file(evidence.path, evidence.sha256) as path:
            if rescan:
                look = _look_again(evidence, path, scanner or face_scanner(), records)
    except DomainError as error:
        raise _not_private(item, f"{name!r}: {error.message.rstrip('.')}") from error
    if look and look.result != "clear":
        reason = look.error or "a face is seen in it"
        raise _not_private(item, f"{name!r}: {reason.rstrip('.')}")
    return look


def _not_private(item, reason):
    return DomainError("not_private", f"Item {item.pk} may not leave: {reason}.", status=409)


def _look_again(evidence, path, scanner, records):
    """Look at a file as a second look does; no detector that ever looked at it may be missing."""
    from review.privacy import verify

    check = verify.check_clip if evidence.is_clip else verify.check_image
    return check(path, records.regions(evidence), scanner, needed=records.needed(evidence))
