"""Photos that a camera takes of itself: of what is new, or every so often, as its columns wish.

A photo is a frame as evidence has it, private zones black, with the tracks in sight as its
detections and the deployment that made them. It was received from nobody: in place of the bytes
stands a hash of its session and its moment, by which a stretch that is ingested again finds it.
"""

import hashlib
import logging
from datetime import timedelta

from django.utils import timezone

from detection.models import Camera, Photo, PhotoDetection
from detection.services import score_thresholds
from detection.services.evidence import PHOTO_KIND
from hitlsite import storage

logger = logging.getLogger(__name__)


def wishes(camera):
    """Return what photos a camera wishes for as it stands in the database now."""
    columns = Camera.objects.values("photo_on_detection", "photo_every_seconds").get(pk=camera.pk)
    return {
        "on_detection": columns["photo_on_detection"],
        "every_seconds": columns["photo_every_seconds"],
    }


def store_files(stills, footage):
    """Store the pictures; return (still, path, sha256) of each that could be.

    It must not cost the session anything: what goes wrong is logged, and there is one photo less.
    """
    stored = []
    for still in stills:
        try:
            site_id = footage.camera.site_id
            path, sha256, _ = storage.store_bytes(site_id, PHOTO_KIND, still.jpeg(), suffix=".jpg")
            stored.append((still, path, sha256))
        except Exception as error:  # a photo is worth no footage
            logger.warning("No photo of %s was kept: %s", footage.camera, error, exc_info=True)
    return stored


def store_rows(stored, *, footage, deployment):
    """Store what ``store_files`` gave as rows, in the transaction of the checkpoint after it."""
    for still, path, sha256 in stored:
        photo, is_new = Photo.objects.get_or_create(
            camera=footage.camera,
            received_sha256=moment_sha256(footage, still.at_seconds),
            defaults={
                "path": path,
                "sha256": sha256,
                "width": still.width,
                "height": still.height,
                "captured_at": footage.starts_at + timedelta(seconds=still.at_seconds),
                "clock_offset_seconds": footage.clock_offset_seconds,
                "origin": Photo.Origin.SNAPSHOT,
                "detected_at": timezone.now(),
            },
        )
        if is_new:
            PhotoDetection.objects.bulk_create(_detections(photo, still, deployment))


def moment_sha256(footage, at_seconds):
    """Return what names a moment of a session within its camera."""
    return hashlib.sha256(f"{footage.session} {at_seconds:.6f}".encode()).hexdigest()


def _detections(photo, still, deployment):
    # What has merely come to rest has an id below zero, and no class that a detector gave it.
    thresholds = score_thresholds.in_force(photo.camera)
    return [
        PhotoDetection(
            photo=photo,
            deployment=deployment,
            class_name=seen.class_name,
            score=round(float(seen.score), 4),
            box_xyxy=[round(float(edge), 5) for edge in seen.box_xyxy],
        )
        for seen in still.observations
        if seen.track_id > 0 and score_thresholds.is_heeded(thresholds, seen.class_name, seen.score)
    ]
