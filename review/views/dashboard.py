"""The first page of the day: what waits, what is wrong, and what the cameras saw."""

from django.views.decorators.http import require_safe

from detection.selectors import open_incidents
from hitlsite.pages import page
from review import selectors
from review.views import figures
from review.views.access import reviewers_only


@require_safe
@reviewers_only
def dashboard(request):
    user = request.user
    context = {
        "counts": selectors.counts(user),
        "days": figures.incidents_by_day(user),
        "open_incidents": open_incidents(user)[: figures.MOST_ROWS],
        "late_incidents": _some(selectors.late_incidents(user)),
        "troubled": _some(selectors.troubled(user)),
        "has_footage": figures.has_footage(user),
    }
    return page(request, "review/dashboard.html", context)


def _some(rows):
    """Return (how many, the first few)."""
    return rows.count(), rows[: figures.MOST_ROWS]
