"""The queue: what waits, the most urgent first, and the way into it."""

from dataclasses import dataclass

from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from django.views.decorators.http import require_safe

from detection.models import Evidence
from hitlsite.pages import page
from review import selectors
from review.forms import REASONS, QueueFilterForm
from review.models import TrainingItem
from review.services import saved_filters
from review.views.access import reviewers_only
from review.views.batches import outcome_of
from review.views.exhibits import cover

PAGE_SIZE = 50
TABS = (
    TrainingItem.Status.PENDING_REVIEW,
    TrainingItem.Status.NEEDS_REVIEW,
    TrainingItem.Status.CONFIRMED,
    TrainingItem.Status.REJECTED,
)
FILTER_NAMES = saved_filters.KEPT


@dataclass(frozen=True)
class Row:
    item: TrainingItem
    cover: Evidence | None
    holder: str
    may_choose: bool


@require_safe
@reviewers_only
def queue(request):
    user = request.user
    form = QueueFilterForm(request.GET, user=user)
    filters = form.filters()
    after = request.GET.get("after") or None
    items = selectors.items_page(user, filters=filters, after=after, size=PAGE_SIZE)
    deciding = deciding_rights(user)
    rows = [_row(user, item, deciding) for item in items.items]
    context = {
        **_filter_context(request, form, filters),
        "rows": rows,
        "may_choose": any(row.may_choose for row in rows),
        "reasons": REASONS,
        "next_cursor": items.next_cursor,
        "is_first": after is None,
        "outcome": outcome_of(request),
        "claim_minutes": settings.CLAIM_SECONDS // 60,
    }
    return page(request, "review/queue.html", context)


def _filter_context(request, form, filters):
    counts = selectors.counts(request.user)
    status = filters.get("status", "all")
    chosen = carried(request)
    return {
        "form": form,
        "left_out": form.left_out(),
        "counts": counts,
        "status": status,
        "tabs": [(status, status.label, counts[status]) for status in TABS],
        "is_filtered": any(name in filters for name in FILTER_NAMES if name != "status"),
        "more_is_open": any(name in filters for name in ("deployment", "origin", "mode", "held")),
        "saved": [(one, one.query == chosen) for one in saved_filters.of(request.user)],
        "carried": chosen,
    }


def deciding_rights(user):
    """Return the statuses whose items ``user`` may decide."""
    return {
        status
        for status, permission in (
            (TrainingItem.Status.PENDING_REVIEW, "review.decide_trainingitem"),
            (TrainingItem.Status.NEEDS_REVIEW, "review.resolve_trainingitem"),
        )
        if user.has_perm(permission)
    }


def _row(user, item, deciding):
    holder = holder_of(user, item)
    may_choose = item.status in deciding and holder in ("", "yours")
    return Row(item, cover(user, item), holder, may_choose)


def holder_of(user, item):
    """Return who has a pending item on the screen right now, "" for nobody."""
    is_held = item.claim_expires_at is not None and item.claim_expires_at > timezone.now()
    if not is_held or item.claimed_by is None:
        return ""
    return "yours" if item.claimed_by == user else item.claimed_by.get_username()


def carried(request):
    """Return the filters of this request as a query string that follows a reviewer around.

    Names stand in one order, so that the same filters are always the same text.
    """
    query = QueryDict(mutable=True)
    for name in FILTER_NAMES:
        if request.GET.get(name):
            query[name] = request.GET[name]
    return query.urlencode()
