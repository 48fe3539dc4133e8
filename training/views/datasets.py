"""Datasets: the list with its form, and one dataset with its pictures and counts."""

from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from detection.slots import SLOTS
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from hitlsite.pages import page, permitted, see_other
from review import selectors as review_selectors
from review.services.file_records import FileRecords
from training import tasks
from training.forms import DatasetForm
from training.models import DatasetEntry
from training.selectors import datasets as selectors
from training.selectors import learning
from training.services import datasets as service
from training.views import windowed
from training.views.pictured import Pictured, drawn_over

DATASETS_SHOWN = 50
SPLITS = DatasetEntry.Split.choices
FEATURES_SHOWN = 6
RIGHT = "right"

_signed_in = permitted()


@never_cache
@_signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def datasets(request):
    """Show the datasets, and queue the freezing of another one."""
    shown = selectors.datasets(request.user)
    form = DatasetForm(request.POST or None, user=request.user)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            return see_other("training:dataset", _asked(request.user, form).pk)
        except DomainError as error:
            if error.status in (403, 404):
                raise
            form.refuse(error)
            status = error.status
    elif form.errors:
        status = 422
    context = {
        "form": form,
        "may_freeze": request.user.has_perm(selectors.ADD),
        "datasets": shown[:DATASETS_SHOWN],
        "zone": learning.zone_of(request.user),
    }
    return page(request, "training/datasets/list.html", context, status=status)


def _asked(user, form):
    with transaction.atomic():
        asked = service.freeze(by=user, trigger="page", **form.wanted())
        tasks.freeze_soon(asked)
    return asked


@never_cache
@_signed_in
@require_safe
def dataset(request, pk):
    """Show one dataset; htmx asks for the part that changes while it is frozen."""
    found = selectors.dataset(request.user, pk)
    is_part = request.htmx and not request.htmx.boosted
    if found.pk != pk:
        messages.info(request, f"Nothing has changed: this is {found}.")
        if is_part:
            return HttpResponseClientRedirect(reverse("training:dataset", args=[found.pk]))
        return see_other("training:dataset", found.pk)
    context = {
        "dataset": found,
        "slot": SLOTS.get(found.slot),
        "sites": sorted(site.name for site in found.sites.all()),
        "zone": learning.zone_of(request.user),
        "may_freeze": request.user.has_perm(selectors.ADD),
        "may_train": request.user.has_perm(learning.START),
    }
    if found.state == found.State.DONE:
        context |= _tables(found.counts) | _shown(request, found)
        context |= windowed.context(found, context["tables"])
    if is_part:
        return render(request, "training/datasets/_dataset.html", context)
    return page(request, "training/datasets/detail.html", context)


@_signed_in
@require_POST
def cancel_dataset(request, pk):
    """End a freeze that waits or goes on."""
    ended = service.cancel(selectors.dataset(request.user, pk).pk, by=request.user)
    messages.success(request, f"{ended} is no longer being frozen.")
    return see_other("training:datasets")


def _tables(counts):
    """Return the tables of a page: (title, what its rows are, whether a cap is told, rows)."""
    classes = [(row["name"], _cells(row), "") for row in counts["classes"]]
    if sum(counts["negatives"].values()):
        classes.append(("nothing in it", _cells(counts["negatives"]), ""))
    cameras = [
        (row["name"], _cells(row), f"{row['capped']:,} capped" if row["capped"] else "")
        for row in counts["cameras"]
    ]
    light = [(name, _cells(row), "") for name, row in counts["light"].items()]
    origins = [(name, _cells(row), "") for name, row in counts["origins"].items()]
    tables = (("Classes", classes), ("Cameras", cameras), ("Light", light), ("Origin", origins))
    return {
        "counts": counts,
        "split_names": ["train", "validation", "test", "marked"],
        "by_split": [
            (name, counts["by_split"][key], counts["groups"][key]) for key, name in SPLITS
        ],
        "tables": [(title, rows) for title, rows in tables if rows],
        "copies": sum(counts["copies"].values()),
        "capped": counts["caps"]["track"] + counts["caps"]["camera"],
        "changes": [
            (name, counts["changes"][name])
            for name in ("added", "removed", "relabelled", "replaced", "moved")
            if counts["changes"].get(name)
        ],
    }


def _cells(row):
    cells = [row[key] for key, _ in SPLITS]
    return [*cells, sum(cells)]


def _shown(request, found):
    """Return the entries of one page with their pictures, and what they are filtered by."""
    asked = request.GET
    split, wanted = asked.get("split", ""), asked.get("class", "")
    number = as_id(asked.get("page", "")) or 1
    number = min(number, 10**6)
    rows, pages = selectors.entries(found, split=split, class_name=wanted, page=number)
    number = min(max(number, 1), pages)
    carried = urlencode(
        {key: value for key, value in (("split", split), ("class", wanted)) if value}
    )
    return {
        "entries": _pictured(request.user, rows),
        "is_pictures": any(row.evidence_id for row in rows) or found.slot == "object-detector",
        "filters": {"split": split, "class": wanted, "carried": carried},
        "splits": SPLITS,
        "class_names": [row["name"] for row in found.counts["classes"]] + ["none"],
        "page_number": number,
        "pages": pages,
        "before": number - 1 if number > 1 else None,
        "after": number + 1 if number < pages else None,
    }


def _pictured(user, rows):
    """Return (entry, Pictured or None, its features in words) of every entry."""
    records = FileRecords([row.evidence for row in rows if row.evidence])
    return [(row, _picture(user, row, records), _features(row.label)) for row in rows]


def _picture(user, entry, records):
    evidence, item = entry.evidence, entry.item
    if evidence is None:
        return None
    address = thumb = relabel = ""
    is_seen = item is not None and user.has_perm("review.view_trainingitem")
    if is_seen and _may_look(user, item, evidence, records):
        version = f"?v={evidence.sha256[:8]}"
        address = reverse("review:evidence", args=[evidence.pk]) + version
        thumb = reverse("review:evidence_thumb", args=[evidence.pk]) + version
        relabel = f"{reverse('review:boxes', args=[item.pk])}?evidence={evidence.pk}"
    boxes = entry.label.get("boxes", ()) if address else ()
    drawn = tuple(drawn_over(evidence, RIGHT, name, box) for name, *box in boxes)
    return Pictured(entry, address, thumb, relabel, drawn)


def _may_look(user, item, evidence, records):
    """Say what ``media_access`` is going to say, for many pictures at once."""
    if user.has_perm("review.view_unredacted_always"):
        return True
    if item.is_private:
        return records.is_private(evidence)
    return review_selectors.may_see_media(user, item)


def _features(label):
    """Return the first features of a row as (name, value)."""
    return list(label.get("features", {}).items())[:FEATURES_SHOWN]
