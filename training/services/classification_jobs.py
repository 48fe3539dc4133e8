"""Classify a stored video when somebody asks on its page: a leased job, one a video at a time."""

from django.db import transaction

from detection.models import Footage
from detection.services import serving
from detection.slots import TASK_CLASSIFIER
from hitlsite import audit, jobs
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Job
from training.services import classifying, task_models

KIND = "classify"
ADD = "training.add_featureset"
KINDS = (Footage.Kind.FILE, Footage.Kind.UPLOAD)


@transaction.atomic
def ask(footage_id, *, by):
    """Queue the classification of a video and return its Job, the one under way where there is.

    Raises:
        NotFound, Forbidden; Conflict no_deployment; DomainError footage_not_a_video.
    """
    footage = Footage.objects.visible_to(by).select_related("camera__site")
    footage = footage.filter(pk=as_id(footage_id)).first()
    if footage is None:
        raise NotFound(f"There is no footage {str(footage_id)[:20]}.")
    if not by.has_perm(ADD):
        raise Forbidden("Only supervisors and admins have videos classified.")
    if footage.kind not in KINDS:
        message = f"Footage {footage.pk} is no video file ({footage.get_kind_display()})."
        raise DomainError("footage_not_a_video", message)
    if serving.champion(TASK_CLASSIFIER) is None:
        message = "No task classifier is deployed yet: deploy a version first."
        raise Conflict(message, code="no_deployment")
    site = footage.camera.site
    job, is_new = jobs.enqueue(KIND, str(footage.pk), site=site, created_by=by)
    if is_new:
        audit.record("tasks.classification_asked", footage, actor=by, site=site)
    return job


def latest(footage):
    """Return the latest Job that classifies a footage, None without one."""
    return Job.objects.filter(kind=KIND, key=str(footage.pk)).order_by("-pk").first()


def waiting():
    """Return the ids of the classifications that a worker may take now, the oldest first."""
    found = jobs.claimable(Job.objects.filter(kind=KIND)).order_by("pk")
    return list(found.values_list("pk", flat=True))


def run_waiting():
    """Classify whatever waits or lost its worker; return how many were done."""
    return sum(run(pk) is not None for pk in waiting())


def run(job_id):
    """Claim a queued classification and carry it out; None where another worker has it.

    A refusal is stored on the job, not raised.
    """
    job = jobs.claim(Job.objects.filter(kind=KIND), job_id)
    if job is None:
        return None
    try:
        with jobs.kept_alive(job):
            classified, new = _classified(job)
        jobs.finish(job, result=_result(classified, new))
    except jobs.LeaseLost:
        raise
    except DomainError as error:
        jobs.release(job, error=error, retry=error.code == "mediapipe_failed")
    except BaseException as error:
        jobs.release(job, error=error)
        raise
    job.refresh_from_db()
    return job


def _classified(job):
    footage = Footage.objects.select_related("camera__site").filter(pk=as_id(job.key)).first()
    champion = serving.champion(TASK_CLASSIFIER)
    if footage is None or champion is None:
        gone = "The video is gone." if footage is None else "No task classifier is deployed."
        raise DomainError("nothing_to_classify", gone)
    chosen = task_models.of_deployment(champion)

    def progress(done, total):
        told = {"progress_done": round(done), "progress_total": round(total)}
        jobs.heartbeat(job, **told, progress_message=f"{chosen.name} looks at it")

    classified = classifying.classify_footage(footage, chosen, progress=progress)
    with transaction.atomic():
        jobs.heartbeat(job)
        new = classifying.store(footage, classified)
    return classified, new


def _result(classified, new):
    return {
        "model": classified.chosen.name,
        "samples": len(classified.samples),
        "new": new,
        "segments": len(classified.spans),
        "frames": classified.frames,
        "measured": classified.measured,
        "latency": classified.latency,
        "warnings": list(classified.warnings),
    }
