"""What a reviewer does to an item. Each act is one POST, one service call, one redirect."""

from functools import wraps
from urllib.parse import urlencode

from django.contrib import messages
from django.http import QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from hitlsite.errors import Conflict, DomainError
from hitlsite.pages import page, see_other
from review import selectors, tasks
from review.forms import (
    DecideForm,
    QueueFilterForm,
    RedactForm,
    ReopenForm,
    SameForm,
    UndoForm,
    parsed,
)
from review.models import Decision
from review.services import bulk, decisions, outcomes
from review.services import privacy as privacy_service
from review.services import queue as queue_service
from review.templatetags.review_tags import words
from review.views.access import reviewers_only
from review.views.again import spelled
from review.views.item import item_page
from review.views.neighbours import next_to_decide


def act_on_item(view):
    """Answer a refused act with the item's page and its message; htmx gets the message alone."""

    @require_http_methods(["GET", "POST"])
    @reviewers_only
    @wraps(view)
    def acting(request, pk):
        if request.method == "GET":
            # Signing in again leads back here with a GET: the item is what was meant.
            return redirect("review:item", pk)
        try:
            return view(request, pk)
        except DomainError as error:
            if request.htmx or error.status == 404:
                raise
            return item_page(request, pk, error=error, status=error.status)

    return acting


@act_on_item
def decide(request, pk):
    item = selectors.item_for(request.user, pk)
    values = parsed(DecideForm(request.POST))
    if not _corrects_category(values):
        values["category"] = ""
    decision = decisions.decide(pk, by=request.user, **values)
    return _decided(request, item, decision)


@act_on_item
def same(request, pk):
    """Give the verdict that this person gave last, as the page showed it."""
    item = selectors.item_for(request.user, pk)
    values = parsed(SameForm(request.POST))
    last = bulk.last_answer(request.user)
    if last is None or spelled(last) != values.pop("verdict"):
        raise Conflict(
            "Your last verdict is another one by now: look at what is to be repeated.",
            code="last_verdict_changed",
        )
    decision = decisions.decide(pk, by=request.user, **last, **values)
    return _decided(request, item, decision)


def _decided(request, item, decision):
    """Go on to the next item; a browser that has it already gets what there is to say alone."""
    said = outcomes.sentence(decision)
    if said:
        messages.info(request, f"Item {item.pk}: {said}")
    if request.headers.get("Prefer") == "return=minimal":
        response = page(request, "review/_toasts.html")
        del response["HX-Push-Url"]
        return response
    return _onward(request, item)


def _corrects_category(values):
    """The field goes along with every button; it means something with two of them only."""
    is_confirmed = values["verdict"] == Decision.Verdict.CONFIRMED
    return is_confirmed or values["reason"] == Decision.Reason.WRONG_CLASS


@act_on_item
def redact(request, pk):
    item = selectors.item_for(request.user, pk)
    values = parsed(RedactForm(request.POST))
    privacy_service.apply_redaction(
        item, by=request.user, method=values["method"] or None, drawn_regions=values["regions"]
    )
    tasks.prepare_soon(item)
    if item.is_being_redacted:
        text = "the redaction is being prepared, and is put in place once it has passed its check."
        messages.info(request, f"Item {pk}: {text}")
    else:
        text = f"Item {pk} is redacted; every view shows the redacted files now."
        messages.success(request, text)
    return see_other(_item_address(pk, request.GET))


@act_on_item
def undo_redaction(request, pk):
    item = selectors.item_for(request.user, pk)
    privacy_service.undo_redaction(item, by=request.user)
    messages.info(request, f"Item {pk} shows its original files again.")
    return see_other(_item_address(pk, request.GET))


@act_on_item
def undo(request, pk):
    selectors.item_for(request.user, pk)
    values = parsed(UndoForm(request.POST))
    undone = decisions.undo(by=request.user, decision_id=values["decision"])
    verdict = undone.undoes.verdict if undone.undoes else undone.verdict
    messages.info(request, f"Taken back: {words(verdict)} of item {pk}.")
    return see_other(_item_address(undone.item_id, request.GET))


@act_on_item
def reopen(request, pk):
    selectors.item_for(request.user, pk)
    decisions.reopen(pk, by=request.user, note=parsed(ReopenForm(request.POST))["note"])
    messages.info(request, f"Item {pk} is open again.")
    return see_other(_item_address(pk))


@require_POST
@reviewers_only
def start(request):
    """Claim the next items and open the first of them."""
    filters = QueueFilterForm(request.GET, user=request.user).filters()
    claimed = queue_service.claim(request.user, filters=filters)
    first = claimed[0] if claimed else queue_service.next_item(request.user, filters=filters)
    if first is None:
        messages.info(request, "Nothing waits for you.")
        return see_other("review:queue")
    return see_other(_item_address(first.pk, request.GET))


def _onward(request, item):
    following = next_to_decide(request.user, item, request.GET)
    if following:
        return see_other(_item_address(following, request.GET))
    messages.info(request, "That was the last one here.")
    query = request.GET.urlencode()
    return see_other(f"{reverse('review:queue')}{f'?{query}' if query else ''}")


def _item_address(pk, query=None):
    query = query.urlencode() if isinstance(query, QueryDict) else urlencode(query or {})
    return f"{reverse('review:item', args=[pk])}{f'?{query}' if query else ''}"
