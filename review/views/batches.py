"""What became of a batch, kept from the POST to the page that is shown after it."""

from django.contrib import messages
from django.urls import reverse

from review.services import outcomes
from review.templatetags.review_tags import words

KEY = "batch_outcome"


def report(request, outcome):
    """Say how many verdicts were taken, and keep what was refused for the next page."""
    said = {}
    for decision in outcome.done:
        sentence = outcomes.sentence(decision)
        said[sentence] = said.get(sentence, 0) + 1
    for sentence, count in said.items():
        verdict = words(outcome.done[0].verdict)
        messages.success(request, f"{_items(count)} {verdict}. {sentence}".strip())
    if outcome.refused:
        request.session[KEY] = [[pk, sentence] for pk, sentence in outcome.refused]


def outcome_of(request):
    """Return (address, item id, sentence) for what the last batch refused, once."""
    refused = request.session.pop(KEY, None) or []
    return [(reverse("review:item", args=[pk]), pk, sentence) for pk, sentence in refused]


def _items(count):
    return "1 item" if count == 1 else f"{count} items"
