"""What became of a batch, kept from the POST to the page that is shown after it."""

from collections import Counter

from django.contrib import messages
from django.urls import reverse

from review.models import Decision
from review.services import outcomes

KEY = "batch_outcome"
DONE = {
    Decision.Verdict.CONFIRMED: ("confirmed", "confirmed"),
    Decision.Verdict.REJECTED: ("rejected", "rejected"),
    Decision.Verdict.NEEDS_REVIEW: ("needs review", "need review"),
}
# By what became of them, for one and for several; what only counts is told item by item.
KEPT = {
    Decision.Effect.WAITING: (
        "1 verdict takes effect when the redaction of its item is verified.",
        "{} verdicts take effect when the redactions of their items are verified.",
    ),
    Decision.Effect.HELD: (
        "1 verdict is kept; a second person judges the item and is not told of it.",
        "{} verdicts are kept; a second person judges these items and is not told of them.",
    ),
}


def report(request, outcome):
    """Say what became of each verdict, and keep what was refused for the next page."""
    counts = Counter(decision.effect for decision in outcome.done)
    for effect, count in counts.items():
        if effect == Decision.Effect.APPLIED:
            messages.success(request, _done(count, outcome.done[0].verdict))
        elif effect in KEPT:
            messages.info(request, _of(KEPT[effect], count).format(count))
    for decision in outcome.done:
        if decision.effect == Decision.Effect.COUNTED:
            sentence = outcomes.sentence(decision)
            messages.info(request, f"Item {decision.item_id}: {sentence}")
    if outcome.refused:
        request.session[KEY] = [[pk, sentence] for pk, sentence in outcome.refused]


def outcome_of(request):
    """Return (address, item id, sentence) for what the last batch refused, once."""
    refused = request.session.pop(KEY, None) or []
    return [(reverse("review:item", args=[pk]), pk, sentence) for pk, sentence in refused]


def _done(count, verdict):
    items = "1 item" if count == 1 else f"{count} items"
    return f"{items} {_of(DONE[verdict], count)}."


def _of(forms, count):
    return forms[0] if count == 1 else forms[1]
