"""Everything that was trained, judged and deployed: a table, a chart, a file."""

from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from detection.slots import OBJECT_DETECTOR, SLOTS, trainable
from hitlsite.errors import NotFound
from hitlsite.pages import page, permitted
from training.selectors import learning
from training.selectors import retraining_log as selector
from training.services import retraining_log as service
from training.views import plots

_may_see = permitted(learning.SEE_RUNS)


@never_cache
@_may_see
@require_safe
def retraining_log(request):
    """Show the log of one slot, the newest first."""
    slot = _slot(request)
    rows = selector.rows(slot.name, request.user)
    context = {
        "slot": slot,
        "slots": trainable(),
        "zone": learning.zone_of(request.user),
        "rows": list(reversed(rows)),
        "chart": plots.of_log(rows),
    }
    return page(request, "training/learning/log.html", context)


@never_cache
@_may_see
@require_safe
def retraining_log_csv(request):
    """Answer the log of one slot as a CSV file."""
    slot = _slot(request)
    response = HttpResponse(
        service.csv(slot.name, request.user), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="retraining-log-{slot.name}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _slot(request):
    name = request.GET.get("slot", OBJECT_DETECTOR)
    if name not in SLOTS or not SLOTS[name].is_trainable:
        raise NotFound("There is no such slot to train.")
    return SLOTS[name]
