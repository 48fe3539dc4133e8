"""The first page of the day: what waits, what is wrong, and what the cameras saw."""

from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from detection.selectors import open_incidents
from hitlsite.pages import page
from review import selectors
from review.views import figures
from review.views.access import reviewers_only
from review.views.agreement import panel as agreement
from review.views.photos import panel as photos
from review.views.recall import panel as recall

# Each says what it has to show to a person, by the names that its template reads; none or all.
PANELS = (
    (recall, "review/_dashboard_recall.html"),
    (agreement, "review/_dashboard_agreement.html"),
    (photos, "review/_dashboard_photos.html"),
)


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
        "panels": list(_panels(request)),
    }
    return page(request, "review/dashboard.html", context)


def _panels(request):
    for panel, template in PANELS:
        shown = panel(request.user)
        if shown:
            yield render_to_string(template, shown, request)


def _some(rows):
    """Return (how many, the first few)."""
    return rows.count(), rows[: figures.MOST_ROWS]
