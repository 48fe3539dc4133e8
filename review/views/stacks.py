"""Stacks of near-duplicates: the list of them, and the contact sheet of one."""

from dataclasses import dataclass

from django.views.decorators.http import require_http_methods, require_safe

from detection.models import Evidence
from hitlsite.errors import DomainError
from hitlsite.pages import page, see_other
from review import selectors
from review.forms import REASONS, BatchForm, parsed
from review.models import TrainingItem
from review.services import stacks as stack_service
from review.views.access import reviewers_only
from review.views.batches import outcome_of, report
from review.views.exhibits import cover
from review.views.queue import holder_of


@dataclass(frozen=True)
class Print:
    """One picture of a contact sheet."""

    item: TrainingItem
    cover: Evidence | None
    holder: str
    is_chosen: bool

    @property
    def is_free(self):
        return self.holder in ("", "yours")


@require_safe
@reviewers_only
def stacks(request):
    found, next_cursor = selectors.stacks_page(request.user, after=request.GET.get("after"))
    context = {
        "rows": [(stack, cover(request.user, stack.head)) for stack in found],
        "next_cursor": next_cursor,
        "is_first": not request.GET.get("after"),
    }
    return page(request, "review/stacks.html", context)


@require_http_methods(["GET", "POST"])
@reviewers_only
def stack(request, pk):
    found = selectors.stack_for(request.user, pk)
    if found.head.pk != pk:
        return see_other("review:stack", found.head.pk)
    if request.method == "GET":
        return _sheet(request, found)
    try:
        values = parsed(BatchForm(request.POST))
        chosen = request.POST.getlist("ids")
        outcome = stack_service.decide(pk, by=request.user, item_ids=chosen, **values)
    except DomainError as error:
        if request.htmx:
            raise
        return _sheet(request, found, error=error, status=error.status)
    report(request, outcome)
    left = selectors.sheet(request.user, found.head)
    return see_other("review:stack", pk) if left or outcome.refused else see_other("review:stacks")


def _sheet(request, found, *, error=None, status=200):
    user = request.user
    items = selectors.sheet(user, found.head)
    chosen = request.POST.getlist("ids") if error else ()
    context = {
        "stack": found,
        "prints": [
            Print(item, cover(user, item), holder_of(user, item), str(item.pk) in chosen)
            for item in items
        ],
        "may_decide": user.has_perm("review.decide_trainingitem"),
        "reasons": REASONS,
        "outcome": outcome_of(request),
        "error": error,
        "typed": request.POST if error else {},
    }
    return page(request, "review/stack.html", context, status=status)
