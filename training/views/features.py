"""Features of videos: which there are, asking for more, and what stands in one file of them."""

from django.contrib import messages
from django.db import transaction
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from hitlsite.pages import page, permitted, see_other
from hitlsite.streaming import streamed
from training import tasks as queue
from training.forms import ExtractionForm
from training.selectors import features as selectors
from training.selectors import learning
from training.services import features as service
from training.views import feature_plots

_signed_in = permitted()
ELSEWHERE_SHOWN = 20


@never_cache
@_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def tasks(request):
    """Show the videos with what was measured in them, and queue the measuring of those ticked."""
    selectors.feature_sets(request.user)
    form = ExtractionForm(request.POST or None)
    status = 200
    if request.method == "POST":
        try:
            return _asked(request, form)
        except DomainError as error:
            if error.status in (403, 404):
                raise
            form.refuse(error)
            status = error.status
    context = _listed(request) | {
        "form": form,
        "ticked": {as_id(pk) for pk in request.POST.getlist("footage")},
        "may_extract": request.user.has_perm(selectors.ADD),
        "zone": learning.zone_of(request.user),
    }
    return page(request, "training/features/list.html", context, status=status)


def _asked(request, form):
    if not form.is_valid():
        raise DomainError("invalid", "Choose who looks and how often.")
    with transaction.atomic():
        rows = service.ask(
            by=request.user,
            footage_ids=request.POST.getlist("footage"),
            trigger="page",
            **form.cleaned_data,
        )
        queue.extract_soon(*rows)
    waiting = [row for row in rows if not row.is_finished]
    known = len(rows) - len(waiting)
    if waiting:
        told = "1 video is" if len(waiting) == 1 else f"{len(waiting)} videos are"
        messages.success(request, f"{told} queued.")
    if known:
        told = "1 video was" if known == 1 else f"{known} videos were"
        messages.info(request, f"{told} measured by the same models before.")
    return see_other("training:tasks")


def _listed(request):
    """Return the videos of one page and what they are filtered by."""
    asked, user = request.GET, request.user
    has_prepared = selectors.has_prepared(user)
    wanted = asked.get("show")
    show = wanted if wanted in (selectors.PREPARED, selectors.ALL) else ""
    show = show or (selectors.PREPARED if has_prepared else selectors.ALL)
    cameras = list(selectors.cameras(user))
    chosen = next((one for one in cameras if str(one.pk) == asked.get("camera")), None)
    number = as_id(asked.get("page", "")) or 1
    videos, number, pages = selectors.videos(
        user, show=show, camera=chosen, page=min(number, 10**6)
    )
    carried = {"show": show, **({"camera": chosen.pk} if chosen else {})}
    return {
        "videos": [(video, service.name_of(video), *_states(video)) for video in videos],
        "elsewhere": selectors.from_elsewhere(user)[:ELSEWHERE_SHOWN],
        "show": show,
        "cameras": cameras,
        "chosen": chosen,
        "carried": carried,
        "page_number": number,
        "pages": pages,
        "before": number - 1 if number > 1 else None,
        "after": number + 1 if number < pages else None,
    }


def _states(video):
    """Return (features to show, whether any are done) of a video: one of each way of measuring."""
    newest = {}
    for row in video.feature_sets_shown:
        newest.setdefault((row.detector, row.sample_rate), row)
    return list(newest.values()), any(row.state == row.State.DONE for row in newest.values())


@never_cache
@_signed_in
@require_safe
def feature_state(request, pk):
    """Answer htmx with how far an extraction is."""
    row = selectors.feature_set(request.user, pk)
    context = {"row": row, "may_extract": request.user.has_perm(selectors.CHANGE)}
    return render(request, "training/features/_state.html", context)


@never_cache
@_signed_in
@require_safe
def features(request, pk):
    """Show what was measured in one video; htmx asks for it while it goes on."""
    row = selectors.feature_set(request.user, pk)
    context = {
        "row": row,
        "zone": learning.zone_of(request.user),
        "may_extract": request.user.has_perm(selectors.CHANGE),
        "footage": row.footage,
    }
    if row.state == row.State.DONE:
        context |= feature_plots.shown(row)
    if request.htmx and not request.htmx.boosted:
        return render(request, "training/features/_features.html", context)
    return page(request, "training/features/detail.html", context)


@_signed_in
@require_POST
def cancel_features(request, pk):
    """End an extraction that waits or goes on."""
    ended = service.cancel(selectors.feature_set(request.user, pk).pk, by=request.user)
    messages.success(request, f"The {ended} are no longer being extracted.")
    return see_other("training:tasks")


@_signed_in
@require_POST
def retry_features(request, pk):
    """Queue an extraction again that failed or was cancelled."""
    with transaction.atomic():
        row = service.retry(selectors.feature_set(request.user, pk).pk, by=request.user)
        queue.extract_soon(row)
    messages.success(request, f"The {row} are queued again.")
    return see_other("training:tasks")


@_signed_in
@require_safe
def features_file(request, pk):
    """Stream the file of finished features."""
    return feature_download(request, request.user, pk)


def feature_download(request, user, pk):
    """Answer the file of features that ``user`` may see, as an attachment."""
    row = selectors.feature_set(user, pk)
    chunks, size = service.open_file(row)
    response = streamed(request, chunks, content_type="application/vnd.apache.parquet")
    response["Content-Length"] = str(size)
    response["Content-Disposition"] = f'attachment; filename="features_{row.pk}.parquet"'
    response["Cache-Control"] = "private, no-store"
    return response
