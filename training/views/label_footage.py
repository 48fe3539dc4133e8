"""The timeline editor: what is which stretch of a video, drawn, imported, or taken over."""

from dataclasses import asdict

from django.http import JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from detection.services import task_logs
from hitlsite.bounds import as_id, read_json
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, permitted
from review.services import viewing_copies
from review.views import viewing_copies as watching
from training.selectors import learning
from training.selectors import task_labels as selectors
from training.services import features, task_labels
from training.services.feature_labels import frame_times

_signed_in = permitted()
LONGEST_DOCUMENT = 3_000_000
LARGEST_FILE = 20_000_000
WANTED = ("spans", "version")


@never_cache
@_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def label_footage(request, pk):
    """Show the timeline of a video in one label set, or save what it sent."""
    video = selectors.footage(request.user, pk)
    sets = selectors.sets_for(request.user, video)
    chosen = _chosen(sets, request.GET.get("set"))
    if request.method == "POST":
        return _save(request, chosen, video)
    return page(request, "training/tasks/label.html", _context(request, sets, chosen, video))


def _chosen(sets, wanted):
    if not wanted:
        return sets[0] if sets else None
    found = next((one for one in sets if one.pk == as_id(wanted)), None)
    if found is None:
        raise NotFound(f"There is no label set {wanted[:20]} for this footage.")
    return found


def _save(request, label_set, video):
    """Save the posted spans; a refusal leaves all of it on the page."""
    try:
        if label_set is None:
            raise NotFound("There is no label set to label this footage with.")
        saved = task_labels.save(
            label_set.pk, video.pk, by=request.user, **_document(request.POST.get("document", ""))
        )
    except DomainError as error:
        return JsonResponse(error.as_dict(), status=error.status)
    return JsonResponse(_told(saved, "Saved"))


def _document(text):
    if len(text) > LONGEST_DOCUMENT:
        raise DomainError("spans_invalid", "These are too many spans.")
    try:
        sent = read_json(text)
    except ValueError as error:
        raise DomainError("spans_invalid", f"The spans are not JSON: {error}.") from error
    if not isinstance(sent, dict) or not all(name in sent for name in WANTED):
        raise DomainError("spans_invalid", f"This needs {' and '.join(WANTED)}.")
    given = {name: sent[name] for name in WANTED}
    return {**given, "source": "correction" if sent.get("is_correction") is True else "drawn"}


def _told(saved, what):
    count = "1 span" if len(saved.spans) == 1 else f"{len(saved.spans)} spans"
    return {
        "version": saved.version,
        "spans": saved.spans,
        "message": f"{what}: {count}, version {saved.version}.",
    }


def _context(request, sets, label_set, video):
    user = request.user
    watched = watching.shown(video) if user.has_perm(viewing_copies.SEE) else None
    context = {
        "footage": video,
        "name": features.name_of(video),
        "sets": sets,
        "label_set": label_set,
        "watched": watched,
        "zone": learning.zone_of(user),
        "may_add_set": user.has_perm(selectors.ADD_SET),
        "may_edit": user.has_perm(selectors.ADD_SPANS) and label_set is not None,
    }
    if label_set is None:
        return context
    saved = task_labels.current(label_set, video)
    waiting = list(selectors.waiting_spans(user, label_set, video))
    asked = as_id(request.GET.get("span", ""))
    editor = {
        "footage": video.pk,
        "labelSet": label_set.pk,
        "user": user.pk,
        "duration": video.duration_seconds or _end_of(saved, waiting),
        "labels": label_set.labels,
        "spans": saved.spans if saved else [],
        "version": saved.version if saved else 0,
        "savedBy": saved.annotated_by.get_username() if saved and saved.annotated_by else "",
        "suggestions": _suggested(user, label_set, video),
        "waiting": [
            {"pk": one.pk, "start": one.start_seconds, "end": one.end_seconds}
            | {"reason": one.get_reason_display(), "predicted": one.predicted, "other": one.other}
            for one in waiting
        ],
        "span": asked if asked in {one.pk for one in waiting} else None,
        "copy": asdict(watched) if watched else None,
        "mayEdit": context["may_edit"],
        "importAddress": reverse("training:import_labels", args=[video.pk, label_set.pk]),
        "restoreAddress": reverse("training:restore_labels", args=[video.pk, label_set.pk]),
    }
    return context | {
        "saved": saved,
        "editor": editor,
        "versions": selectors.versions(label_set, video),
        "span_gone": asked is not None and editor["span"] is None,
    }


def _end_of(saved, waiting):
    """Return a length for a video that does not say its own."""
    ends = [span[1] for span in (saved.spans if saved else ())]
    return max([60.0, *ends, *(one.end_seconds for one in waiting)])


def _suggested(user, label_set, video):
    """Return what a model that serves said of a video, as spans of labels that the set has."""
    said = selectors.said(user, video)
    if said is None:
        return None
    deployment, samples = said
    known = set(label_set.label_names)
    told = task_logs.spans_of(samples, task_logs.lag_of(video, deployment))
    spans = [asdict(span) for span in told if span.label in known]
    rows = [
        {"start": one["start_seconds"], "end": one["end_seconds"]}
        | {name: one[name] for name in ("label", "confidence", "lowest")}
        for one in spans
    ]
    return {"model": deployment.name, "spans": rows}


@_signed_in
@require_POST
def import_labels(request, pk, set_pk):
    """Save the labels of a file in place of what is current."""
    video, label_set = (
        selectors.footage(request.user, pk),
        selectors.label_set(request.user, set_pk),
    )
    try:
        saved = task_labels.import_labels(
            label_set,
            video,
            _text(request),
            by=request.user,
            frame_times=_frame_times(video),
            version=as_id(request.POST.get("version", "")),
        )
    except DomainError as error:
        return JsonResponse(error.as_dict(), status=error.status)
    return JsonResponse(_told(saved, "Imported"))


def _text(request):
    sent = request.FILES.get("file")
    if sent is None:
        raise DomainError("labels_unreadable", "Choose a file with labels.")
    if sent.size > LARGEST_FILE:
        raise DomainError("labels_unreadable", f"{sent.name}: the file is too large.", status=413)
    try:
        return sent.read().decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{sent.name[:80]} is no text in UTF-8."
        raise DomainError("labels_unreadable", message) from error


def _frame_times(video):
    """Return {frame index: seconds} of a video that was measured, None of any other."""
    measured = selectors.measured(video)
    if measured is None:
        return None
    return frame_times(features.table_of(measured), measured.figures.get("frames_decoded"))


@_signed_in
@require_POST
def restore_labels(request, pk, set_pk):
    """Save an earlier version again."""
    sent = request.POST
    try:
        saved = task_labels.restore(
            as_id(set_pk),
            as_id(pk),
            sent.get("earlier", ""),
            by=request.user,
            version=as_id(sent.get("version", "")),
        )
    except DomainError as error:
        return JsonResponse(error.as_dict(), status=error.status)
    return JsonResponse(_told(saved, f"Version {sent['earlier']} is back"))
