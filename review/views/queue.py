"""The queue: what waits, the most urgent first, and the way into it."""

from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.views.decorators.http import require_safe

from detection.models import Evidence
from hitlsite.pages import page
from review import selectors
from review.forms import QueueFilterForm
from review.models import TrainingItem
from review.views.access import reviewers_only
from review.views.exhibits import cover

PAGE_SIZE = 50
TABS = (
    TrainingItem.Status.PENDING_REVIEW,
    TrainingItem.Status.NEEDS_REVIEW,
    TrainingItem.Status.CONFIRMED,
    TrainingItem.Status.REJECTED,
)
FILTER_NAMES = ("status", "camera", "category", "reason", "since", "until")


@dataclass(frozen=True)
class Row:
    item: TrainingItem
    cover: Evidence | None
    holder: str


@require_safe
@reviewers_only
def queue(request):
    user = request.user
    form = QueueFilterForm(request.GET, user=user)
    filters = form.filters()
    after = request.GET.get("after") or None
    counts = selectors.counts(user)
    items = selectors.items_page(user, filters=filters, after=after, size=PAGE_SIZE)
    context = {
        "form": form,
        "rows": [Row(item, cover(user, item), _holder(user, item)) for item in items.items],
        "next_cursor": items.next_cursor,
        "is_first": after is None,
        "counts": counts,
        "status": filters.get("status", "all"),
        "tabs": [(status, status.label, counts[status]) for status in TABS],
        "is_filtered": any(name in filters for name in FILTER_NAMES if name != "status"),
        "carried": carried(request),
        "claim_minutes": settings.CLAIM_SECONDS // 60,
    }
    return page(request, "review/queue.html", context)


def _holder(user, item):
    """Return who has a pending item on the screen right now, "" for nobody."""
    is_held = item.claim_expires_at is not None and item.claim_expires_at > timezone.now()
    if not is_held or item.claimed_by is None:
        return ""
    return "yours" if item.claimed_by == user else item.claimed_by.get_username()


def carried(request):
    """Return the filters of this request as a query string that follows a reviewer around."""
    query = request.GET.copy()
    for name in list(query):
        if name not in FILTER_NAMES or not query[name]:
            del query[name]
    return query.urlencode()
