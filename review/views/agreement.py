"""How people agree, what waits for a supervisor, and what the dashboard says of both."""

from dataclasses import dataclass

from django.views.decorators.http import require_safe

from hitlsite.pages import page
from review import selectors
from review.forms import PeriodForm
from review.selectors import Period
from review.views.access import reviewers_only
from review.views.exhibits import cover
from review.views.intervals import interval

LEAST_KAPPA = -0.25


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table with its estimates drawn."""

    row: object
    kappa: object
    gold: object = None


@require_safe
@reviewers_only
def agreement(request):
    form = PeriodForm(request.GET or None)
    period = form.period() if request.GET else Period.recent()
    found = selectors.statistics(request.user, period)
    context = {
        "form": form,
        "period": period,
        "everybody": found.everybody,
        "everybody_drawn": interval(found.everybody, least=LEAST_KAPPA),
        "categories": [Line(row, _kappa(row)) for row in found.categories],
        "reviewers": [Line(row, _kappa(row), interval(row.gold)) for row in found.reviewers],
        "sees_all": request.user.has_perm("review.view_agreement"),
    }
    if request.user.has_perm("review.resolve_trainingitem"):
        total, waiting = selectors.waiting_for_supervisor(request.user)
        context["waiting_total"] = total
        context["waiting"] = [(one, cover(request.user, one.item)) for one in waiting]
    return page(request, "review/agreement.html", context)


def _kappa(row):
    return interval(row.kappa, least=LEAST_KAPPA)


def panel(user):
    """Return what the dashboard shows; empty for those who may not see how others judge."""
    if not user.has_perm("review.view_agreement"):
        return {}
    found = selectors.overall_agreement(user)
    return {
        "agreement": found,
        "agreement_drawn": interval(found, least=LEAST_KAPPA),
        "agreement_differs": selectors.differing_items(user).count(),
    }
