"""Rank the pictures of a site that wait for labels, as a job; what a person labels next.

The job's result is the ranking, and the record of which arm every picture was picked by.
"""

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction

from detection.services import inference, model_store, score_thresholds, serving
from detection.services.evidence import local_file
from detection.slots import OBJECT_DETECTOR
from hitlsite import audit, jobs
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import Job
from review.selectors import visible_sites
from training.selectors import label_next as selector

logger = logging.getLogger(__name__)

KIND = selector.KIND
LABEL = "review.add_annotation"
PICKS = 40
MOST_CONSIDERED, MOST_LABELLED = 600, 300
USUAL_THRESHOLD = 0.25


@transaction.atomic
def ask(*, by, site_id):
    """Queue a ranking of a site's pictures and return its Job: the one under way where there is.

    Raises:
        NotFound, Forbidden: not for ``by``.
    """
    site = visible_sites(by).filter(pk=site_id).first()
    if site is None:
        raise NotFound(f"There is no site {str(site_id)[:20]}.", code="site_unknown")
    if not by.has_perm(LABEL):
        raise Forbidden("Only who may label pictures has them ranked.")
    job, is_new = jobs.enqueue(KIND, str(site.pk), site=site, created_by=by)
    if is_new:
        audit.record("label_next.asked", job, actor=by, site=site)
    return job


def run_waiting():
    """Do every ranking that waits or lost its worker; return how many were done."""
    waiting = jobs.claimable(Job.objects.filter(kind=KIND)).order_by("pk")
    done = [rank(pk) for pk in list(waiting.values_list("pk", flat=True))]
    return sum(job is not None for job in done)


def rank(job_id):
    """Claim a queued ranking and do it; return its Job, None where another worker has it."""
    job = jobs.claim(Job.objects.filter(kind=KIND).select_related("site"), job_id)
    if job is None:
        return None
    try:
        with jobs.kept_alive(job):
            result = _ranked(job)
        jobs.finish(job, result=result)
        job.refresh_from_db()
    except jobs.LeaseLost:
        raise
    except BaseException as error:
        jobs.release(job, error=error)
        raise
    return job


def _ranked(job):
    from training.learning import active

    pairs = selector.candidates(job.site, MOST_CONSIDERED)
    known = selector.labelled_pictures(job.site, MOST_LABELLED)
    progress = _Progress(job, len(pairs) + len(known))
    rival = _challenger()
    rows = _candidates(pairs, rival)
    pictures = {item.pk: picture for item, picture in pairs}
    looks, labelled, weights = _looks([pictures[row.key] for row in rows], known, progress)
    if looks is not None:
        # What cannot be read has no look, and nobody could label it.
        readable = looks.any(axis=1)
        rows = [row for row, is_there in zip(rows, readable, strict=True) if is_there]
        looks = looks[readable]
    picks = active.select(rows, PICKS, seed=job.pk, embeddings=looks, labelled=labelled)
    return {
        "considered": len(rows),
        "weights": weights,
        "compared_with": rival.name if rival else "",
        "seed": job.pk,
        "picks": [_kept(pick, pictures[pick.key]) for pick in picks],
    }


def _kept(pick, picture):
    """Return a pick as the job's result keeps it."""
    return {
        "item": pick.key,
        "evidence": picture.pk,
        "arm": pick.arm,
        "why": pick.why,
        "doubt": round(pick.doubt, 4),
        "disagreement": round(pick.disagreement, 4),
        "distance": None if pick.distance is None else round(pick.distance, 4),
    }


def _candidates(pairs, rival):
    thresholds, rows = {}, []
    for item, picture in pairs:
        if item.camera_id not in thresholds:
            thresholds[item.camera_id] = score_thresholds.in_force(item.camera)
        row = _candidate(item, picture, thresholds[item.camera_id], rival)
        if row is not None:
            rows.append(row)
    return rows


class _Progress:
    """Tells the job's row how many pictures were looked at."""

    def __init__(self, job, total):
        self._job, self._total, self._before = job, total, 0

    def at(self, done):
        message = "looking at pictures"
        Job.objects.filter(pk=self._job.pk).update(
            progress_done=self._before + done,
            progress_total=self._total,
            progress_message=message,
        )

    def next_part(self, done):
        self._before += done


def _challenger():
    """Return the detector of the challenger that looks on or has a share, None without one."""
    deployment = serving.challenger(OBJECT_DETECTOR)
    if deployment is None:
        return None
    try:
        return inference.load_deployment(deployment)
    except DomainError as error:
        logger.warning("Pictures are ranked without the challenger: %s", error.message)
        return None


def _candidate(item, picture, thresholds, rival):
    """Return the active.Candidate of a picture; None where its file cannot be read."""
    from training.learning import active

    seen = selector.seen_on(picture)
    boxes, scores, names = seen
    doubts = [
        active.near_threshold([score], thresholds.get(name, USUAL_THRESHOLD))
        for score, name in zip(scores, names, strict=True)
    ]
    doubts.append(active.margin(boxes, scores, names))
    certain = 1.0
    for doubt in doubts:
        certain *= 1.0 - doubt
    differs = 0.0
    if rival is not None:
        image = _image(picture)
        if image is None:
            return None
        found = rival.detect(image, picture.at_seconds)
        theirs = found.boxes_xyxy, found.scores, found.class_names
        differs = active.disagreement(seen, theirs)
    return active.Candidate(item.pk, doubt=1.0 - certain, disagreement=differs)


def _image(picture):
    """Return a stored picture as (H, W, 3) uint8 BGR, None where it cannot be read."""
    import cv2
    import numpy as np

    try:
        with local_file(picture) as path:
            return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (DomainError, OSError):
        return None


def _looks(pictures, known, progress):
    """Return embeddings of the pictures and of the labelled ones, and of which weights they are.

    Without weights, or without a runtime for them, looks do not matter.
    """
    weights = _weights()
    if weights is None or not pictures:
        return None, None, ""
    from detection.vision import libraries
    from training.learning.embeddings import embeddings

    libraries.prepare(settings.CACHE_DIR)
    unread = []
    try:
        found = embeddings(weights, _images(pictures, unread), progress=progress.at)
        progress.next_part(len(pictures))
        labelled = embeddings(weights, _images(known, []), progress=progress.at) if known else None
    except DomainError as error:
        logger.warning("Pictures are ranked without their looks: %s", error.message)
        return None, None, ""
    found[unread] = 0.0
    return found, labelled, Path(weights).stem


def _images(pictures, unread):
    """Yield the pictures; a black one, noted in ``unread``, for what cannot be read."""
    import numpy as np

    for place, picture in enumerate(pictures):
        image = _image(picture)
        if image is None:
            unread.append(place)
            image = np.zeros((32, 32, 3), np.uint8)
        yield image


def _weights():
    """Return the path of the weights that serve, None on a machine without any."""
    from detection.vision.backends import DEFAULT_WEIGHTS

    deployment = serving.champion(OBJECT_DETECTOR)
    if deployment is not None:
        folder = model_store.local_folder(deployment.files)
        return model_store.main_path(folder, [row["name"] for row in deployment.files])
    if settings.DETECTOR == "motion":
        return None
    names = DEFAULT_WEIGHTS if settings.DETECTOR == "auto" else (settings.DETECTOR,)
    found = (Path(settings.MODEL_DIR) / name for name in names)
    return next((path for path in found if path.exists()), None)
