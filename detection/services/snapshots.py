"""A camera's picture to draw zones on: taken from footage, kept as one file, and forgotten.

People whom the detector saw are pixelated and private zones are black, yet a picture may still
show somebody whom nobody saw. It is therefore shown only to those who may see unredacted pictures,
and it is replaced, not collected: there is one a camera, and the file before is deleted.
"""

import logging
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction

from detection.models import Camera, Snapshot
from detection.services import cameras
from hitlsite import audit, storage

logger = logging.getLogger(__name__)

KIND = "snapshot"
# For so long a picture is not replaced by one that shows people.
LASTING = timedelta(hours=1)
SEEING_PERMISSIONS = ("review.view_unredacted", "review.view_unredacted_always")


def may_see(user):
    """Say whether somebody may see pictures that nobody has checked for faces."""
    return any(user.has_perm(name) for name in SEEING_PERMISSIONS)


def find(user, camera):
    """Return the picture of a camera that ``user`` may know of, None where there is none to see."""
    if not may_see(user):
        return None
    return Snapshot.objects.visible_to(user).filter(camera=camera).first()


def read(user, camera):
    """Return (picture, its JPEG) of a camera to ``user``, None where there is none to see.

    Ingestion may replace the picture, and delete the file before, between two looks.
    """
    for _ in range(2):
        found = find(user, camera)
        if found is None:
            return None
        try:
            with default_storage.open(found.path, "rb") as stored:
                return found, stored.read()
        except FileNotFoundError:
            logger.info("The picture %s is gone.", found.path)
    return None


def take(session, footage):
    """Keep what a session saw best since the last call as the picture of its camera.

    It must not cost the session anything: whatever goes wrong is logged, and the next segment
    brings another picture.
    """
    try:
        candidate = session.snapshots.take()
        if candidate is not None and _is_better(candidate, footage):
            return _store(candidate, session, footage)
    except Exception as error:  # a picture to draw on is worth no footage
        logger.warning("No picture of %s was kept: %s", footage.camera, error, exc_info=True)
    return None


def _is_better(candidate, footage):
    before = Snapshot.objects.filter(camera=footage.camera_id).first()
    if before is None:
        return True
    newer_by = _taken_at(candidate, footage) - before.taken_at
    # Recordings come late and in any order: what the camera showed before stays in the past.
    return newer_by > LASTING if candidate.people else newer_by >= timedelta(0)


def _taken_at(candidate, footage):
    return footage.starts_at + timedelta(seconds=candidate.at_seconds)


@transaction.atomic
def _store(candidate, session, footage):
    # Whoever draws a private zone meanwhile waits, and blackens the picture that is stored here.
    camera = Camera.objects.select_for_update(no_key=True).get(pk=footage.camera_id)
    private = [*session.private_polygons, *cameras.private_polygons(camera)]
    content, width, height = candidate.jpeg(private)
    return _replace(
        camera,
        content,
        footage=footage,
        at_seconds=candidate.at_seconds,
        width=width,
        height=height,
        taken_at=_taken_at(candidate, footage),
    )


def _replace(camera, content, **columns):
    path, sha256, _ = storage.store_bytes(camera.site_id, KIND, content, suffix=".jpg")
    before = Snapshot.objects.filter(camera=camera).first()
    columns |= {"path": path, "sha256": sha256}
    made, _ = Snapshot.objects.update_or_create(camera=camera, defaults=columns)
    if before is not None:
        transaction.on_commit(lambda: _delete_unused(before.path))
    return made


def _delete_unused(path):
    """Delete a file that no camera's picture is any more."""
    with transaction.atomic():
        if not Snapshot.objects.filter(path=path).exists():
            storage.delete(path)


def blacken(camera, polygons, *, actor=None):
    """Blacken private zones in the picture that there is; where that fails, there is none.

    Call it in the transaction that makes the zones.

    Args:
        actor: who made them.
    """
    before = Snapshot.objects.filter(camera=camera).first()
    if before is None or not polygons:
        return
    try:
        with transaction.atomic():
            _replace(camera, _blackened(before, polygons))
    except Exception as error:  # what cannot be made private must not be shown
        logger.warning("The picture of %s is dropped: %s", camera, error, exc_info=True)
        _drop(before, actor)


def _drop(snapshot, actor):
    detail = {
        "camera": snapshot.camera_id,
        "sha256": snapshot.sha256,
        "reason": "private zones could not be blackened in it",
    }
    site = snapshot.camera.site
    audit.record("snapshot.dropped", snapshot, actor=actor, site=site, detail=detail)
    snapshot.delete()
    transaction.on_commit(lambda: _delete_unused(snapshot.path))


def _blackened(snapshot, polygons):
    import cv2
    import numpy as np

    from detection.vision.recording import encode_jpeg, private_mask

    with default_storage.open(snapshot.path, "rb") as stored:
        image = cv2.imdecode(np.frombuffer(stored.read(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the file is no picture")
    height, width = image.shape[:2]
    image[private_mask(width, height, polygons)] = 0
    return encode_jpeg(image)
