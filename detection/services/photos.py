"""What the camera's detector finds on a photo, kept with the deployment that found it.

The work on a photo is a Job row: whoever claims it detects, and the boxes, the photo's mark and
the end of the job are stored as one.
"""

from django.db import transaction
from django.utils import timezone

from detection.models import Photo, PhotoDetection
from detection.services import inference, score_thresholds
from hitlsite import jobs, storage
from hitlsite.errors import DomainError
from hitlsite.models import Job

JOB_KIND = "detect_photo"
# A photo has no next frame that could confirm a doubtful box, as a track has.
LEAST_SCORE = 0.25


def enqueue(photo, *, received_bytes):
    """Queue the detection on a photo that has just been stored; return the Job."""
    job, _ = jobs.enqueue(
        JOB_KIND,
        str(photo.pk),
        site=photo.camera.site,
        parameters={"received_bytes": received_bytes},
        created_by=photo.device.user if photo.device else None,
    )
    return job


def job_of(photo):
    """Return the last job on a photo, or None."""
    return Job.objects.filter(kind=JOB_KIND, key=str(photo.pk)).order_by("-pk").first()


def waiting():
    """Return the ids of the photos that a worker may take now, oldest first."""
    claimable = jobs.claimable(Job.objects.filter(kind=JOB_KIND)).order_by("pk")
    return [int(key) for key in claimable.values_list("key", flat=True)[:50]]


def detect_queued(photo_id):
    """Claim the job on a photo and do it; return its detections, None where another has it."""
    found = Job.objects.filter(kind=JOB_KIND, key=str(photo_id))
    queued = jobs.claimable(found).first()
    job = jobs.claim(found, queued.pk) if queued else None
    if job is None:
        return None
    try:
        photo = Photo.objects.select_related("camera__site").get(pk=photo_id)
        with jobs.kept_alive(job):
            seen = _look_at(photo)
        with transaction.atomic():
            stored = _store(photo, seen)
            jobs.finish(job, progress_done=1, progress_total=1)
        return stored
    except jobs.LeaseLost:
        raise
    except BaseException as error:
        jobs.release(job, error=error)
        raise


def _look_at(photo):
    """Return the unsaved detections; none of a camera that only compares a picture with earlier."""
    detector, deployment = inference.for_photo(photo)
    if deployment is None:
        return []
    seen = detector.detect(_picture(photo), 0.0)
    thresholds = score_thresholds.in_force(photo.camera)
    return [
        PhotoDetection(
            photo=photo,
            deployment=deployment,
            class_name=class_name,
            score=round(float(score), 4),
            box_xyxy=[round(float(edge), 5) for edge in box],
        )
        for box, score, class_name in zip(
            seen.boxes_xyxy, seen.scores, seen.class_names, strict=True
        )
        if score >= LEAST_SCORE and score_thresholds.is_heeded(thresholds, class_name, score)
    ]


def _store(photo, seen):
    """Store detections and mark the photo; whoever comes second leaves what is there."""
    now = timezone.now()
    if Photo.objects.filter(pk=photo.pk, detected_at__isnull=True).update(detected_at=now):
        PhotoDetection.objects.bulk_create(seen)
    photo.refresh_from_db()
    return list(photo.detections.order_by("-score", "pk"))


def _picture(photo):
    """Return the stored photo as (H, W, 3) uint8 BGR."""
    import cv2
    import numpy as np

    path, is_copy = storage.local_copy(photo.path)
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except FileNotFoundError:
        image = None
    finally:
        if is_copy:
            path.unlink(missing_ok=True)
    if image is None:
        raise DomainError("photo_missing", f"The file of {photo} is missing from storage.")
    return image
