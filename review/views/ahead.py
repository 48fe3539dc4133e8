"""What a browser fetches before it is asked for, and what it gives back unseen.

The page that shows an item holds the next few in memory, so that a verdict brings up the next one
at once. Each of them is claimed for that long; claims that nobody got to see are given back when
the page is left, and end by themselves where a browser could not say so.
"""

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from review import selectors
from review.forms import AheadForm, ReleaseForm, parsed
from review.services import queue
from review.views.access import reviewers_only
from review.views.neighbours import upcoming
from review.views.queue import carried


@require_POST
@reviewers_only
def next_items(request):
    """Claim the items that come after one and say where they are."""
    values = parsed(AheadForm(request.POST))
    item = selectors.item_for(request.user, values["after"])
    query = carried(request)
    found = [
        {"id": pk, "url": f"{reverse('review:item', args=[pk])}{f'?{query}' if query else ''}"}
        for pk in upcoming(request.user, item, request.GET)
    ]
    return JsonResponse({"items": found, "seconds": settings.CLAIM_SECONDS})


@require_POST
@reviewers_only
def release(request):
    """Give back what this person has claimed and has not seen."""
    queue.release(request.user, item_ids=parsed(ReleaseForm(request.POST))["unseen"])
    return HttpResponse(status=204)
