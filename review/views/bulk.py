"""Decide what was chosen in the queue, take a batch back, and keep filters under a name."""

from django.contrib import messages
from django.http import QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from hitlsite.pages import see_other
from review.forms import BatchForm, SaveFilterForm, UndoBatchForm, parsed
from review.services import bulk as bulk_service
from review.services import saved_filters, undoing
from review.views.access import reviewers_only
from review.views.batches import report
from review.views.queue import carried


@require_http_methods(["GET", "POST"])
@reviewers_only
def bulk(request):
    if request.method == "GET":
        # Signing in again leads back here with a GET: the queue is what was meant.
        return see_other(_queue(carried(request)))
    values = parsed(BatchForm(request.POST))
    outcome = bulk_service.decide_many(request.POST.getlist("ids"), by=request.user, **values)
    report(request, outcome)
    return see_other(_queue(carried(request)))


@require_http_methods(["GET", "POST"])
@reviewers_only
def undo_batch(request):
    if request.method == "GET":
        return see_other(_queue(""))
    batch = parsed(UndoBatchForm(request.POST))["batch"]
    undone = undoing.undo_batch(batch, by=request.user)
    count = len(undone)
    messages.info(request, f"Taken back: {count} verdict{'' if count == 1 else 's'}.")
    return see_other(_place(request, undone))


def _place(request, undone):
    """Return where the person was: at the sheet of a stack, or in the queue."""
    here = request.htmx.current_url_abs_path or ""
    heads = {one.item.stack_id or one.item_id for one in undone}
    if here.startswith(reverse("review:stacks")) and len(heads) == 1:
        return reverse("review:stack", args=heads)
    return _queue(carried(request))


@require_POST
@reviewers_only
def save_filter(request):
    given = QueryDict(request.POST.get("filters", "")).dict()
    kept = saved_filters.save(parsed(SaveFilterForm(request.POST))["name"], given, by=request.user)
    done = "Replaced" if kept.was_replaced else "Saved as"
    messages.success(request, f"{done} {kept.name}.")
    return see_other(_queue(kept.query))


@require_POST
@reviewers_only
def delete_filter(request, pk):
    name = saved_filters.delete(pk, by=request.user)
    messages.info(request, f"{name} is deleted.")
    return see_other(_queue(carried(request)))


def _queue(query):
    return f"{reverse('review:queue')}{f'?{query}' if query else ''}"
