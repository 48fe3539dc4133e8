"""Guidelines: how each category is to be judged at a site, and the items that show it."""

from django.contrib import messages
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from detection.models import Incident
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, NotFound
from hitlsite.pages import page, see_other
from review import selectors
from review.forms import ExampleForm, GuidelineForm, parsed
from review.models import GuidelineExample
from review.services import guidelines as service
from review.views.access import reviewers_only
from review.views.exhibits import cover

Kind = GuidelineExample.Kind


@require_safe
@reviewers_only
def guidelines(request):
    site = _site(request)
    context = {
        "site": site,
        "sites": selectors.visible_sites(request.user).order_by("name"),
        "rows": [(one, service.current(site, one)) for one in Incident.Category.values]
        if site
        else [],
    }
    return page(request, "review/guidelines.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def guideline(request, category):
    """Show one category's text; htmx gets it alone, for the dialog of the item page."""
    service.require_category(category)
    site = _site(request)
    if site is None:
        return _which_site(request, category)
    if request.method == "POST":
        try:
            return _write(request, site, category)
        except DomainError as error:
            if error.status in (403, 404):
                raise
            return _guideline_page(request, site, category, error=error, status=error.status)
    if request.htmx:
        response = page(request, "review/_guideline.html", _context(request, site, category))
        del response["HX-Push-Url"]
        return response
    return _guideline_page(request, site, category)


def _write(request, site, category):
    values = parsed(GuidelineForm(request.POST))
    written = service.write(
        site, category, values["text"], by=request.user, version=values["version"]
    )
    messages.success(request, f"Version {written.version} holds from now on.")
    return see_other(f"{reverse('review:guideline', args=[category])}?site={site.pk}")


def _guideline_page(request, site, category, *, error=None, status=200):
    context = _context(request, site, category)
    context |= {
        "error": error,
        "typed": request.POST.get("text", "") if error else context["current"].text,
        "versions": service.versions(site, category),
        "most_characters": service.MOST_CHARACTERS,
    }
    return page(request, "review/guideline.html", context, status=status)


def _context(request, site, category):
    current = service.current(site, category)
    shown = [
        (
            kind,
            [(one, cover(request.user, one.item)) for one in current.examples if one.kind == kind],
        )
        for kind in Kind
    ]
    return {
        "site": site,
        "sites": selectors.visible_sites(request.user).order_by("name"),
        "category": category,
        "current": current,
        "shown": [(kind, examples) for kind, examples in shown if examples],
    }


def _which_site(request, category):
    """Ask for the site where a person has several; each has guidelines of its own."""
    sites = selectors.visible_sites(request.user).order_by("name")
    if not sites:
        raise NotFound("There is no site.")
    context = {"category": category, "sites": sites}
    status = 422 if request.method == "POST" else 200
    return page(request, "review/guideline_site.html", context, status=status)


def _site(request):
    """Return the site that is asked for, or a person's only one; None where that is not clear."""
    sites = selectors.visible_sites(request.user).order_by("name")
    wanted = request.GET.get("site") or request.POST.get("site")
    if not wanted:
        return sites[0] if len(sites) == 1 else None
    site = sites.filter(pk=as_id(wanted)).first()
    if site is None:
        raise NotFound(f"There is no site {wanted[:20]}.")
    return site


@require_POST
@reviewers_only
def example(request, pk):
    """Let an item be an example, or no longer."""
    item = selectors.item_for(request.user, pk)
    values = parsed(ExampleForm(request.POST))
    if values["remove"]:
        removed = service.remove_example(values["remove"], by=request.user)
        messages.info(request, f"Item {pk} is no example any more.")
        category = removed.category
    else:
        added = service.add_example(pk, by=request.user, kind=values["kind"], note=values["note"])
        messages.success(request, f"Item {pk} is {_article(added)} example now.")
        category = added.category
    address = reverse("review:guideline", args=[category])
    return see_other(f"{address}?site={item.site_id}#examples")


def _article(example):
    return f"a {example.get_kind_display().lower()}"
