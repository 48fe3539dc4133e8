"""The list of pictures that are best labelled next, and what such lists saved so far."""

from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from detection.models import Evidence
from hitlsite.errors import DomainError
from hitlsite.pages import page, permitted, see_other
from review.models import TrainingItem
from review.views.exhibits import cover
from training import tasks
from training.learning.active import share_interval
from training.selectors import label_next as selector
from training.services import label_next as service


@dataclass(frozen=True)
class Row:
    """A picture of the list; ``cover`` is None where it may not be looked at."""

    item: TrainingItem
    cover: Evidence | None
    evidence: int
    why: str


@dataclass(frozen=True)
class Yield:
    """What people changed on the labelled pictures of an arm, with bounds for 90 of 100."""

    arm: selector.Arm
    share: float | None
    low: float
    high: float


@require_http_methods(["GET", "HEAD", "POST"])
@permitted("review.view_trainingitem")
def label_next(request):
    """Show what to label next, and have it ranked anew."""
    refused, status = None, 200
    if request.method == "POST":
        try:
            with transaction.atomic():
                job = service.ask(by=request.user, site_id=_site_id(request))
                tasks.rank_soon(job)
            messages.success(request, "The pictures are being ranked.")
            return see_other("training:label_next")
        except DomainError as error:
            if error.status == 404:
                raise
            refused, status = error, error.status
    context = {
        "refused": refused,
        "sites": [(one, _rows(request.user, one)) for one in selector.rankings(request.user)],
        "yields": [_yield(arm) for arm in selector.arms(request.user)],
        "may_ask": request.user.has_perm(service.LABEL),
    }
    context["is_working"] = any(one.active for one, _ in context["sites"])
    if request.htmx and not request.htmx.boosted:
        return render(request, "training/_label_next.html", context, status=status)
    return page(request, "training/label_next.html", context, status=status)


def _site_id(request):
    given = request.POST.get("site", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 18 else 0


def _rows(user, ranking):
    if ranking.done is None:
        return []
    rows = []
    for pick, item in selector.waiting_picks(user, ranking.done):
        shown = cover(user, item)
        # The very picture that is to be labelled, where the item has several.
        chosen = next((one for one in item.evidence if one.pk == pick["evidence"]), None)
        if shown is not None and chosen is not None:
            shown = chosen
        rows.append(Row(item, shown, pick["evidence"], pick["why"]))
    return rows


def _yield(arm):
    share = arm.changed / arm.labelled if arm.labelled else None
    return Yield(arm, share, *share_interval(arm.changed, arm.labelled))
