"""Look for faces in every file of an item.

Everything fails closed: what could not be scanned counts as faces. Looking takes seconds and runs
outside transactions; what was found is stored in one.
"""

import logging
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.models import Evidence
from hitlsite import audit, storage
from hitlsite.errors import DomainError
from review.models import PrivacyScan, TrainingItem
from review.services import redactions, settlement

logger = logging.getLogger(__name__)

FACE_MODEL = "face_detection_yunet_2023mar.onnx"
MEDIAPIPE_MODEL = "blaze_face_short_range.tflite"
MOST_SCANS = 3
RESCAN_AFTER = timedelta(minutes=2)
Privacy, Proposal = TrainingItem.Privacy, TrainingItem.Proposal


def face_scanner():
    """Return the union of detectors that this machine has: two face models, one for persons."""
    from detection.services import inference
    from detection.vision import libraries
    from review.privacy.faces import FaceScanner

    libraries.prepare(settings.CACHE_DIR)
    return FaceScanner(
        yunet_path=settings.MODEL_DIR / FACE_MODEL,
        mediapipe_path=settings.MODEL_DIR / MEDIAPIPE_MODEL if settings.MEDIAPIPE else None,
        person_detector=inference.person_detector(),
    )


def needed_detectors(scan):
    """Return without which detectors a second look would be weaker than this scan.

    One that was switched off since is not missed: that is somebody's choice, not an accident.
    """
    known = ("yunet", "mediapipe", "head") if settings.MEDIAPIPE else ("yunet", "head")
    return tuple(name for name in scan.detectors if name in known)


def scan_item(item, *, scanner=None, at=None):
    """Look for faces in every file of an open item and store what was found.

    A failure is a result ("failed"), never an exception. A confirmation that waits for the result
    takes effect where it is clear and nobody asked for a redaction. Items that are private already
    are left as they are.
    """
    at = at or timezone.now()
    scans = _scans(item, scanner)
    with transaction.atomic():
        locked = locked_item(item.pk)
        if not locked.is_private and locked.is_open:
            PrivacyScan.objects.bulk_create(scans)
            found = redactions.latest_scans(locked)
            locked.privacy = redactions.worst_result(found, redactions.evidence_of(locked))
            is_clear = locked.privacy == Privacy.CLEAR and not locked.requested_redaction
            locked.proposal = Proposal.NONE if is_clear else Proposal.WAITING
            locked.save(update_fields=["privacy", "proposal"])
            detail = {"privacy": locked.privacy, "files": len(scans)}
            audit.record("item_scanned", locked, site=locked.site, detail=detail, at=at)
            settlement.settle(locked, at=at)
    item.refresh_from_db()


def _scans(item, scanner):
    """Return an unsaved PrivacyScan for every file."""
    try:
        scanner = scanner or face_scanner()
    except Exception as error:  # no scanner must look like a failed scan, never like a clear one
        logger.exception("The face scanner could not be started.")
        scanner, reason = None, f"The face scanner could not be started: {error}"
    scans = []
    for evidence in redactions.evidence_of(item):
        begun = perf_counter()
        scan = PrivacyScan(item=item, evidence=evidence, file_sha256=evidence.sha256)
        try:
            if scanner is None:
                raise DomainError("scanner_missing", reason)
            found = _look(evidence, scanner)
            scan.result, scan.error = found.result, found.error
            scan.regions = [region.as_dict() for region in found.regions]
            scan.detectors, scan.frames_scanned = list(found.detectors), found.frames_scanned
        except Exception as error:  # whatever stops a scan, its file counts as one with faces
            scan.result, scan.error = PrivacyScan.Result.FAILED, sentence_of(error)
        scan.seconds_taken = perf_counter() - begun
        scans.append(scan)
    return scans


def sentence_of(error):
    """Return what a row says about an error; one that nobody foresaw goes to the log as well."""
    if isinstance(error, DomainError):
        return error.message
    logger.error("A file could not be scanned or redacted.", exc_info=error)
    return f"{type(error).__name__} while working on the file."


def _look(evidence, scanner):
    """Scan the file that is shown now, given the persons that were tracked in it."""
    with stored_file(evidence.path, evidence.sha256) as path:
        if evidence.is_clip:
            return scanner.scan_clip(path, person_tracks=_observations(evidence))
        return scanner.scan_image(path, person_boxes=_observations(evidence))


def _observations(evidence):
    """Return the tracks in view as Observations, those of a clip on the clip's own clock."""
    from detection.vision.types import Observation

    start = evidence.at_seconds if evidence.is_clip else 0.0
    return [
        Observation(
            at_seconds=seen["at_seconds"] - start,
            track_id=seen["track_id"],
            class_name=seen["class_name"],
            score=seen["score"],
            box_xyxy=tuple(seen["box_xyxy"]),
        )
        for seen in evidence.observations
    ]


@contextmanager
def stored_file(name, sha256):
    """Give a stored file as a local path, once its content is what the row says.

    Raises:
        DomainError: evidence_missing, evidence_altered.
    """
    path, is_copy = storage.local_copy(name)
    try:
        if not path.is_file():
            raise DomainError("evidence_missing", "The file is missing from storage.")
        if storage.sha256_of(path) != sha256:
            raise DomainError("evidence_altered", "The file is not the one that was stored.")
        yield path
    finally:
        if is_copy:
            path.unlink(missing_ok=True)


def locked_item(pk):
    """Return an item whose row this transaction holds."""
    held = TrainingItem.objects.select_for_update(of=("self",), no_key=True)
    return held.select_related("site").get(pk=pk)


def items_to_rescan(*, at=None):
    """Return open items that were never scanned to the end, or whose scan failed a while ago."""
    at = at or timezone.now()
    of_item = PrivacyScan.objects.filter(item=OuterRef("pk")).order_by()
    scans_of_a_file = of_item.values("evidence").annotate(times=Count("pk")).order_by("-times")
    recent = of_item.filter(scanned_at__gt=at - RESCAN_AFTER)
    return (
        TrainingItem.objects.filter(
            Exists(Evidence.objects.filter(incident=OuterRef("incident")))
            | Exists(Evidence.objects.filter(photo=OuterRef("photo"))),
            status__in=TrainingItem.OPEN_STATUSES,
            privacy__in=[Privacy.UNSCANNED, Privacy.FAILED],
        )
        .exclude(proposal=Proposal.READY)
        .annotate(scan_count=Coalesce(Subquery(scans_of_a_file.values("times")[:1]), 0))
        .filter(scan_count__lt=MOST_SCANS)
        .exclude(Exists(recent))
        .order_by("pk")
    )
