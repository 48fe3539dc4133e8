"""The classes of a site: what there is, how many boxes carry it, and what supervisors change."""

from django import forms
from django.contrib import messages
from django.http import QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from hitlsite.errors import DomainError, NotFound
from hitlsite.models import Site
from hitlsite.pages import page, permitted, see_other
from review import selectors
from review.forms import parsed
from review.selectors import annotations as drawn
from review.services import label_classes as service
from review.services import label_splits
from review.services.regions import invalid

readers_only = permitted("review.view_trainingitem", "review.view_labelclass")
ACTS = ("add", "rename", "merge", "split_off", "split")


class LabelClassForm(forms.Form):
    act = forms.ChoiceField(choices=[(act, act) for act in ACTS])
    pk = forms.IntegerField(required=False)
    into = forms.IntegerField(required=False)
    name = forms.CharField(required=False, max_length=200)


@require_http_methods(["GET", "HEAD", "POST"])
@readers_only
def label_classes(request):
    """List the classes of one site, or change them."""
    sites = list(selectors.visible_sites(request.user).order_by("name"))
    if not sites:
        return page(request, "review/label_classes.html", {"sites": []})
    site = _chosen(sites, request.GET.get("site"))
    if request.method != "POST":
        return _show(request, sites, site)
    try:
        said = _act(request.user, site, parsed(LabelClassForm(request.POST)))
    except NotFound:
        raise
    except DomainError as error:
        return _show(request, sites, site, error=error)
    messages.success(request, said)
    query = QueryDict(mutable=True)
    query["site"] = site.pk
    return see_other(f"{request.path}?{query.urlencode()}")


def _chosen(sites: list[Site], wanted):
    if not wanted:
        return sites[0]
    found = next((site for site in sites if str(site.pk) == wanted), None)
    if found is None:
        raise NotFound("There is no such site.")
    return found


def _act(user, site, values):
    """Carry out what was asked for and return the sentence that says so."""
    if values["act"] == "add":
        made = service.add(site, values["name"], by=user)
        return f"{made.name} is class {made.index}."
    if values["act"] == "rename":
        renamed = service.rename(values["pk"], values["name"], by=user)
        return f"Class {renamed.index} is called {renamed.name} now."
    if values["act"] == "merge":
        merged = service.merge(values["pk"], _target(site, values["into"]), by=user)
        return f"Boxes of {merged.name} count as {merged.merged_into.name} from now on."
    if values["act"] == "split":
        done = label_splits.split(values["pk"], values["name"].split(","), by=user)
        names = " and ".join(one.name for one in done.made)
        pictures = f"{done.pictures} picture{'' if done.pictures == 1 else 's'}"
        return f"{names} are classes; to be labelled anew: {pictures}."
    apart = service.split_off(values["pk"], by=user)
    return f"{apart.name} is a class of its own again."


def _target(site, index):
    """Return the id of the class that people know by its number."""
    found = next((one for one in drawn.label_classes(site) if one.index == index), None)
    if found is None:
        raise invalid("into", f"There is no class {index}.")
    return found.pk


def _address(items):
    """Return where the pictures of split classes are drawn anew, one after another."""
    return f"{reverse('review:boxes', args=items[:1])}?list={drawn.SPLIT}" if items else ""


def _show(request, sites, site, error=None):
    classes = service.ensure(site)
    counts = drawn.box_counts(site)
    context = {
        "sites": sites,
        "site": site,
        "rows": [(one, counts[one.index]) for one in classes],
        "targets": [one for one in classes if one.merged_into_id is None],
        "to_relabel": _address(drawn.to_relabel(site)),
        "may_add": request.user.has_perm(service.ADD),
        "may_change": request.user.has_perm(service.CHANGE),
        "error": error,
        "typed": request.POST if error else {},
    }
    status = error.status if error else 200
    return page(request, "review/label_classes.html", context, status=status)
