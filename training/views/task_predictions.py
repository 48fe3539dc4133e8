"""What a task classifier said of one video, beside what people call it."""

from django.contrib import messages
from django.db import transaction
from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from detection.services import serving, task_logs
from detection.slots import TASK_CLASSIFIER
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, permitted, see_other
from review.services import viewing_copies
from review.views import viewing_copies as watching
from training import tasks
from training.selectors import learning
from training.selectors import task_predictions as selectors
from training.services import classification_jobs, features

# More samples than that tell a timeline nothing.
MOST_SAMPLES = 6000
_signed_in = permitted()


@never_cache
@_signed_in
@require_safe
def task_predictions(request, pk):
    """Show what was said of a video; htmx asks for the part that says how far a job is."""
    video = selectors.footage(request.user, pk)
    context = {
        "footage": video,
        "name": features.name_of(video),
        "job": classification_jobs.latest(video),
    }
    if request.htmx and not request.htmx.boosted:
        response = render(request, "training/tasks/_classifying.html", context)
        if context["job"] is None or context["job"].is_finished:
            response["HX-Refresh"] = "true"
        return response
    spoke = selectors.who_spoke(video)
    chosen = _chosen(spoke, request.GET.get("model"))
    champion = serving.champion(TASK_CLASSIFIER)
    user = request.user
    context |= {
        "spoke": spoke,
        "chosen": chosen,
        "champion": champion,
        "is_said_by_champion": champion is not None and champion in spoke,
        "may_classify": user.has_perm(classification_jobs.ADD)
        and video.kind in classification_jobs.KINDS,
        "may_label": user.has_perm(selectors.SEE_LABELS),
        "watched": watching.shown(video) if user.has_perm(viewing_copies.SEE) else None,
        "zone": learning.zone_of(user),
    }
    if chosen is not None:
        context |= _said(user, video, chosen)
    return page(request, "training/tasks/predictions.html", context)


def _chosen(spoke, wanted):
    if not wanted:
        return spoke[0] if spoke else None
    found = next((one for one in spoke if one.pk == as_id(wanted)), None)
    if found is None:
        raise NotFound(f"No model {wanted[:20]} has said anything of this video.")
    return found


def _said(user, video, deployment):
    """Return the document of the timeline, and the rows of the page's table."""
    samples = task_logs.samples_of(video, deployment)
    spans = task_logs.spans_of(samples, task_logs.lag_of(video, deployment))
    labels = deployment.class_names or sorted({label for _, label, _ in samples})
    truth = selectors.truth(user, video, labels)
    told = truth.label_set.label_names if truth else ()
    step = max(-(-len(samples) // MOST_SAMPLES), 1)
    drawn = truth.spans if truth else []
    ends = [*(span.end_seconds for span in spans), *(end for _, end, _ in drawn)]
    document = {
        "duration": video.duration_seconds or max(ends, default=0.0),
        "spans": [_as_row(span) for span in spans],
        "samples": samples[::step],
        "labels": [*labels, *(name for name in told if name not in labels)],
        "captions": selectors.captions(user, video),
        "truth": drawn,
    }
    return {
        "document": document,
        "spans": spans,
        "sample_count": len(samples),
        "truth": truth,
        "latency": selectors.latency(video, deployment),
    }


def _as_row(span):
    return {
        "start": span.start_seconds,
        "end": span.end_seconds,
        "label": span.label,
        "confidence": round(span.confidence, 4),
        "lowest": span.lowest,
    }


@never_cache
@_signed_in
@require_safe
def task_predictions_json(request, pk):
    """Answer with everything that one model said of a video, as a file."""
    video = selectors.footage(request.user, pk)
    chosen = _chosen(selectors.who_spoke(video), request.GET.get("model"))
    if chosen is None:
        raise NotFound("Nothing was said of this video yet.")
    samples, lag_seconds = task_logs.samples_of(video, chosen), task_logs.lag_of(video, chosen)
    document = {
        "model": {"name": chosen.name, "deployment": chosen.pk},
        "classes": chosen.class_names,
        "samples": [{"t": at, "label": label, "confidence": sure} for at, label, sure in samples],
        "segments": [_as_row(span) for span in task_logs.spans_of(samples, lag_seconds)],
        "lag_seconds": lag_seconds,
        "latency": selectors.latency(video, chosen),
        "frames": len(samples),
    }
    name = f"tasks-of-footage-{video.pk}.json"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JsonResponse(document, headers=disposition)


@_signed_in
@require_POST
def classify_footage(request, pk):
    """Queue the classification of a video."""
    video = selectors.footage(request.user, pk)
    try:
        with transaction.atomic():
            tasks.classify_soon(classification_jobs.ask(video.pk, by=request.user))
    except DomainError as error:
        if error.status in (403, 404):
            raise
        messages.error(request, error.message)
    return see_other("training:task_predictions", video.pk)
