"""Where something that left came from, and where something that came in went."""

from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hitlsite.errors import NotFound
from hitlsite.pages import page, permitted, see_other
from training import selectors

_may_see = permitted("review.view_trainingitem")


@never_cache
@_may_see
@require_safe
def provenance(request):
    """Ask for something to trace, and go to where it came from."""
    question = request.GET.get("q", "").strip()
    context = {"question": question}
    if question:
        try:
            kind, pk = selectors.find(request.user, question)
        except NotFound as refusal:
            context["refusal"] = refusal.message
            return page(request, "training/provenance.html", context, status=404)
        address = "item_provenance" if kind == selectors.ITEM else "footage_provenance"
        return see_other(f"training:{address}", pk)
    return page(request, "training/provenance.html", context)


@never_cache
@_may_see
@require_safe
def item_provenance(request, pk):
    """Show everything that one item stands on, and where it was used."""
    context = {"trace": selectors.item_trace(request.user, pk)}
    return page(request, "training/provenance_item.html", context)


@never_cache
@_may_see
@require_safe
def footage_provenance(request, pk):
    """Show what became of everything that was found in one footage."""
    after = request.GET.get("after")
    footage, rows, following = selectors.footage_trace(request.user, pk, after=after)
    address = reverse("training:footage_provenance", args=[footage.pk])
    context = {
        "footage": footage,
        "rows": rows,
        "next": f"{address}?after={following}" if following else "",
        "is_first": not after,
    }
    return page(request, "training/provenance_footage.html", context)
