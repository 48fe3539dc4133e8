"""Label sets: the list with its forms, each of which answers with the list again."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from hitlsite.models import Site
from hitlsite.pages import page, permitted, see_other
from training.selectors import task_labels as selectors
from training.services import task_labels

_signed_in = permitted()


@never_cache
@_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def label_sets(request):
    """Show the label sets, and make another one."""
    refused = None
    if request.method == "POST":
        try:
            return _made(request)
        except DomainError as error:
            if error.status in (403, 404):
                raise
            refused = error
    return _listed(request, refused)


def _made(request):
    sent = request.POST
    made = task_labels.add_label_set(
        as_id(sent.get("site", "")), sent.get("name", ""), _names(sent), request.user
    )
    messages.success(request, f"The label set {made} is there.")
    footage = as_id(sent.get("footage", ""))
    if footage is None:
        return see_other("training:label_sets")
    address = reverse("training:label_footage", args=[footage])
    response = HttpResponseRedirect(f"{address}?{urlencode({'set': made.pk})}")
    response.status_code = 303
    return response


def _names(sent):
    """Return the labels of a field with one in each line, or parted by commas."""
    return [
        one.strip() for one in sent.get("labels", "").replace(",", "\n").splitlines() if one.strip()
    ]


def _listed(request, refused=None):
    rows = selectors.with_uses(selectors.label_sets(request.user))
    context = {
        "sets": rows,
        "sites": Site.objects.visible_to(request.user),
        "may_add": request.user.has_perm(selectors.ADD_SET),
        "may_change": request.user.has_perm(selectors.CHANGE_SET),
        "refused": refused,
        "sent": request.POST,
    }
    status = refused.status if refused else 200
    return page(request, "training/tasks/label_sets.html", context, status=status)


@_signed_in
@require_POST
def change_label_set(request, pk):
    """Rename a set, extend it, or change, rename or delete one of its labels."""
    sent, by = request.POST, request.user
    selectors.label_set(by, pk)
    try:
        match sent.get("act"):
            case "rename":
                changed = task_labels.rename(pk, sent.get("name", ""), by=by)
            case "extend":
                changed = task_labels.extend(pk, _names(sent), by=by)
            case "change":
                changed = task_labels.change_label(
                    pk, sent.get("label", ""), by=by, name=sent.get("name"), key=sent.get("key")
                )
            case "remove":
                changed = task_labels.remove_label(pk, sent.get("label", ""), by=by)
            case _:
                raise DomainError("act_unknown", "Say what is to be done.")
    except DomainError as error:
        if error.status in (403, 404):
            raise
        return _listed(request, error)
    messages.success(request, f"The label set {changed} is changed.")
    return see_other("training:label_sets")
