"""The training item of a marked photo: made once, put aside with its mark and brought back.

The photo's own file becomes its evidence; nothing is copied. When a mark is taken back, an item
that nobody has decided leaves the queue: its status is ``rejected`` and ``decided_at`` is empty,
for no verdict was given and none is made up. Every door that counts, lists or decides items by
status therefore treats it as it should without knowing of marks, a reviewer who has it on the
screen is told that it moved on, and what is drawn on it stays. The next mark brings it back. What
a person has decided is neither put aside nor brought back: reopening it is for supervisors.
"""

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction

from detection.models import Evidence, Incident, Photo
from hitlsite import audit, storage
from hitlsite.errors import Conflict
from review.models import Decision, TrainingItem
from review.ranking import priority
from review.services import settlement, tallies

Mode, Status = TrainingItem.Mode, TrainingItem.Status
SEVERITY = "info"
UNKNOWN_SCORE = 0.5
_SERVED = ("name", "sha256", "backend", "input_size", "precision", "threshold")


def ensure(photo, mark, *, at):
    """Return the item of a photo that has just been marked, open unless a person decided it.

    Runs inside the transaction that holds the photo's row.

    Raises:
        Conflict: photo_missing, when its file is gone from storage.
    """
    item = (
        TrainingItem.objects.filter(photo=photo)
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if item is None:
        return _create(photo, by=mark.marked_by, mark=mark)
    if is_put_aside(item):
        settlement.move(item, _status_before(item), at=at)
    return item


def _status_before(item):
    """Return where an item that was put aside waited: a supervisor's stays a supervisor's."""
    in_force = item.decisions.filter(effect=Decision.Effect.APPLIED, undone_by__isnull=True)
    last = in_force.exclude(verdict=Decision.Verdict.UNDONE).order_by("pk").last()
    is_asked = last is not None and last.verdict == Decision.Verdict.NEEDS_REVIEW
    return Status.NEEDS_REVIEW if is_asked else Status.PENDING_REVIEW


def put_aside(photo, *, at):
    """Take the item of a photo that is no longer marked out of the queue; return whether it was.

    One that came with boxes from elsewhere was there before any mark, and stays.
    """
    item = (
        TrainingItem.objects.filter(photo=photo)
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    is_imported = item is not None and item.collection_method == TrainingItem.Collection.IMPORT
    if item is None or not item.is_open or item.mode == Mode.GOLD or is_imported:
        return False
    waiting = settlement.waiting_decision(item)
    if waiting is not None:
        settlement.void(waiting, item=item, at=at)
    settlement.move(item, Status.REJECTED, at=at)
    TrainingItem.objects.filter(pk=item.pk).update(decided_at=None)
    return True


def is_put_aside(item):
    """Say whether an item is out of the queue because its photo is no longer marked."""
    return item.photo_id and item.status == Status.REJECTED and item.decided_at is None


def imported(photo, *, by):
    """Return the item of a photo that came with boxes from elsewhere, and whether it is new.

    Raises:
        Conflict: photo_missing, when its file is gone from storage.
    """
    with transaction.atomic():
        held = Photo.objects.select_for_update(of=("self",), no_key=True)
        photo = held.select_related("camera__site").get(pk=photo.pk)
        item = TrainingItem.objects.filter(photo=photo).first()
        if item is not None:
            return item, False
        return _create(photo, by=by, collection=TrainingItem.Collection.IMPORT), True


def _create(photo, *, by, mark=None, collection=TrainingItem.Collection.MANUAL):
    detections = list(photo.detections.select_related("deployment").order_by("-score", "pk"))
    evidence = _evidence(photo, detections)
    score = detections[0].score if detections else UNKNOWN_SCORE
    item = TrainingItem.objects.create(
        site=photo.camera.site,
        camera=photo.camera,
        photo=photo,
        category=Incident.Category.UNKNOWN,
        proposed_category=Incident.Category.UNKNOWN,
        collection_method=collection,
        severity=SEVERITY,
        priority=priority(SEVERITY, score),
        provenance=_provenance(photo, mark, detections, evidence),
    )
    tallies.added(item)
    detail = {"photo": photo.pk, "collection_method": str(item.collection_method)}
    audit.record("item_created", item, actor=by, site=item.site, detail=detail)
    return item


def _evidence(photo, detections):
    if not default_storage.exists(photo.path):
        message = f"The file of {photo} is missing from storage: it cannot be marked."
        raise Conflict(message, code="photo_missing")
    return Evidence.objects.create(
        photo=photo,
        kind=Evidence.Kind.PHOTO,
        at_seconds=0.0,
        path=photo.path,
        sha256=photo.sha256,
        original_sha256=photo.sha256,
        byte_count=storage.size_of(photo.path),
        width=photo.width,
        height=photo.height,
        observations=[
            {
                "at_seconds": 0.0,
                "track_id": number,
                "class_name": found.class_name,
                "score": found.score,
                "box_xyxy": found.box_xyxy,
            }
            for number, found in enumerate(detections, start=1)
        ],
    )


def _provenance(photo, mark, detections, evidence):
    """Return where a photo comes from, as plain JSON that stays true when rows change."""
    camera, best = photo.camera, detections[0] if detections else None
    return {
        "site": {"id": camera.site_id, "name": camera.site.name},
        "camera": {"id": camera.pk, "name": camera.name},
        "photo": {
            "id": photo.pk,
            "origin": photo.origin,
            "sha256": photo.sha256,
            "received_sha256": photo.received_sha256,
            "captured_at": photo.captured_at.isoformat(),
            "clock_offset_seconds": photo.clock_offset_seconds,
            "device": photo.device_id,
        },
        **_marked(mark),
        "class_name": best.class_name if best else "",
        "peak_score": best.score if best else None,
        "rules": [],
        "deployment": _deployment(best.deployment) if best else None,
        "code_version": settings.CODE_VERSION,
        "evidence": [{"id": evidence.pk, "kind": evidence.kind, "sha256": evidence.sha256}],
    }


def _marked(mark):
    if mark is None:
        return {}
    told = {"id": mark.pk, "reason": mark.reason, "marked_at": mark.marked_at.isoformat()}
    return {"mark": told}


def _deployment(deployment):
    return {"id": deployment.pk, **{name: getattr(deployment, name) for name in _SERVED}}
