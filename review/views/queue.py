"""The queue: what waits, the most urgent first, and the way into it."""

from django.conf import settings
from django.views.decorators.http import require_safe

from review import selectors
from review.forms import QueueFilterForm
from review.models import TrainingItem
from review.views.access import page, reviewers_only
from review.views.exhibits import cover

PAGE_SIZE = 50
FILTER_NAMES = ("status", "camera", "category", "reason", "since", "until")


@require_safe
@reviewers_only
def queue(request):
    user = request.user
    form = QueueFilterForm(request.GET, user=user)
    filters = form.filters()
    after = request.GET.get("after") or None
    items = selectors.items_page(user, filters=filters, after=after, size=PAGE_SIZE)
    context = {
        "form": form,
        "rows": [(item, cover(user, item)) for item in items.items],
        "next_cursor": items.next_cursor,
        "is_first": after is None,
        "counts": selectors.counts(user),
        "status": filters.get("status", "all"),
        "statuses": TrainingItem.Status.choices,
        "is_filtered": any(name in filters for name in FILTER_NAMES if name != "status"),
        "carried": carried(request),
        "claim_minutes": settings.CLAIM_SECONDS // 60,
    }
    return page(request, "review/queue.html", context)


def carried(request):
    """Return the filters of this request as a query string that follows a reviewer around."""
    query = request.GET.copy()
    for name in list(query):
        if name not in FILTER_NAMES or not query[name]:
            del query[name]
    return query.urlencode()
