"""One verdict labels a track: the boxes of a confirmed item on the frames where it looks different.

The frames take seconds to find and to check, so a worker does it: asking leaves a job, and the job
is what a page shows until the frames are there. What is propagated counts while the item is
confirmed; after an undo the rows stay and count for nothing.
"""

from django.db import transaction
from django.utils import timezone

from hitlsite import jobs
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Job
from review.models import Annotation, TrainingItem
from review.selectors import annotations as drawn
from review.selectors import visible_items
from review.services import annotation, hard_negatives, label_classes, track_frames
from review.services.scanning import locked_item

JOB_KIND = "track_frames"
MOST_FRAMES = 3
Status = TrainingItem.Status


def ask(item_id, *, by):
    """Let a worker label the track of a decided item, or look for frames to offer; return the Job.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: not_decided, where the verdict is none that frames could be taken for.
    """
    if not by.has_perm(annotation.ADD):
        raise Forbidden("You may not draw boxes.")
    with transaction.atomic():
        item = visible_items(by).select_related("incident").filter(pk=item_id).first()
        if item is None:
            raise NotFound(f"There is no item {str(item_id)[:20]}.")
        if not (is_labellable(item) or hard_negatives.is_offerable(item)):
            raise Conflict(
                f"Frames of item {item.pk} are taken once it is confirmed, or rejected as"
                " 'wrong class'.",
                code="not_decided",
            )
        track_frames.label_of(item)
        job, _ = jobs.enqueue(
            JOB_KIND, str(item.pk), site=item.site, parameters={"by": by.pk}, created_by=by
        )
    return job


def job_of(item):
    """Return the last job on an item's track, or None."""
    return Job.objects.filter(kind=JOB_KIND, key=str(item.pk)).order_by("-pk").first()


def waiting():
    """Return the ids of the items whose tracks a worker may label now, oldest first."""
    claimable = jobs.claimable(Job.objects.filter(kind=JOB_KIND)).order_by("pk")
    return [int(key) for key in claimable.values_list("key", flat=True)[:50]]


def run_asked(item_id, *, scanner=None):
    """Do what was asked for on one item; nothing where another worker does it."""
    found = Job.objects.filter(kind=JOB_KIND, key=str(item_id)).select_related("created_by", "site")
    queued = jobs.claimable(found).first()
    job = jobs.claim(found, queued.pk) if queued else None
    if job is None:
        return
    try:
        with jobs.kept_alive(job):
            item = TrainingItem.objects.select_related("site", "incident").get(pk=item_id)
            if is_labellable(item):
                done = propagate(item, by=job.created_by, scanner=scanner)
            else:
                done = hard_negatives.offer(item, scanner=scanner)
    except DomainError as error:
        jobs.release(job, error=error, retry=False)
        return
    except BaseException as error:
        jobs.release(job, error=error)
        raise
    jobs.finish(job, progress_done=len(done), progress_total=len(done))
    jobs.forget_finished(JOB_KIND)


def is_labellable(item):
    """Say whether an item is one whose boxes its track may carry on."""
    return item.incident_id is not None and item.status == Status.CONFIRMED


def propagate(item, *, by, scanner=None, at=None):
    """Label up to three frames of a confirmed item's track and return their Annotations.

    Done again it returns what it did before. A frame that a person has annotated stays as it is.

    Raises:
        Conflict: not_decided, no_clip, not_private or item_moved_on.
        DomainError: class_unknown, where no label class has the name of what was tracked.
    """
    at = at or timezone.now()
    if not is_labellable(item):
        raise Conflict(f"Item {item.pk} is not confirmed.", code="not_decided")
    track_frames.label_of(item)
    frames = track_frames.extract(item, count=MOST_FRAMES, scanner=scanner, at=at)
    with transaction.atomic():
        locked = locked_item(item.pk)
        if not is_labellable(locked):
            raise Conflict(f"Item {item.pk} is no longer confirmed.", code="item_moved_on")
        for frame in frames:
            _label(locked, frame, by, at)
    standing = Annotation.objects.filter(evidence__in=frames, is_current=True)
    return list(standing.select_related("evidence").order_by("evidence__position"))


def _label(item, frame, by, at):
    if frame.annotations.exists():
        return
    named = drawn.indices_by_name(label_classes.ensure(item.site))
    boxes = [
        {
            "label": named[seen["class_name"].casefold()],
            "box_xyxy": [round(edge, annotation.DIGITS) for edge in seen["box_xyxy"]],
            "origin": annotation.PROPAGATED,
            "track_id": seen["track_id"],
        }
        for seen in track_frames.subject_boxes(item, frame.observations, frame.at_seconds)
        if seen["class_name"].casefold() in named
    ]
    if boxes:
        annotation.append(
            item, frame, by=by, boxes=boxes, exhaustive=[], origin=annotation.PROPAGATED, at=at
        )
