"""Labelling an item's track: asking for frames, and saying of offered ones what they are not."""

from django.contrib import messages
from django.views.decorators.http import require_http_methods

from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, see_other
from review import selectors, tasks
from review.services import hard_negatives, propagation
from review.views.access import reviewers_only
from review.views.boxes import track_labels


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def track(request, pk):
    """Answer the panel of an item's track, or act: ``ask`` for frames, ``save`` those offered."""
    item = selectors.item_for(request.user, pk)
    error = None
    if request.method == "POST":
        try:
            _act(request, item)
        except NotFound:
            raise
        except DomainError as refusal:
            error = refusal
        if error is None and not request.htmx:
            return see_other("review:item", item.pk)
    context = {**track_labels(request.user, item), "track_error": error}
    template = "review/_track_labels.html" if request.htmx else "review/track.html"
    response = page(request, template, {**context, "item": item}, error.status if error else 200)
    if request.htmx:
        del response["HX-Push-Url"]
    return response


def _act(request, item):
    if request.POST.get("act") == "save":
        chosen = [as_id(pk) for pk in request.POST.getlist("frames")]
        saved = hard_negatives.save(item.pk, [pk for pk in chosen if pk], by=request.user)
        if not request.htmx:
            messages.success(request, f"Saved: {len(saved)} frames of what it is not.")
        return
    tasks.label_track_soon(propagation.ask(item.pk, by=request.user))
