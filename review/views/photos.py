"""The photo library, one photo with what was detected on it, and its mark for retraining."""

from collections import Counter
from dataclasses import dataclass
from functools import wraps

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from detection.models import Deployment, Photo
from hitlsite.errors import DomainError
from hitlsite.pages import page, see_other
from review import tasks
from review.forms import MarkForm, PhotoFilterForm, parsed
from review.models import Mark
from review.selectors import photos as library
from review.services import marks
from review.views.exhibits import Box
from review.views.photo_media import viewers_only

FILTER_NAMES = ("camera", "marked", "class", "day")
# The order is the order of the digits that choose a reason.
REASONS = tuple(Mark.Reason.choices)
MOST_CHIPS = 4


@dataclass(frozen=True)
class Card:
    """A photo as the library shows it.

    Attributes:
        classes: (name, how many) of what was detected, the most frequent first.
    """

    photo: Photo
    mark: Mark | None
    is_visible: bool
    classes: tuple[tuple[str, int], ...]

    @property
    def more_classes(self):
        return max(len(self.classes) - MOST_CHIPS, 0)


@require_safe
@viewers_only
def photo_library(request):
    user = request.user
    form = PhotoFilterForm(request.GET, user=user)
    after = request.GET.get("after") or None
    filters = form.filters()
    found = library.photos_page(user, filters=filters, after=after)
    context = {
        "form": form,
        "cards": [_card(user, photo) for photo in found.photos],
        "next_cursor": found.next_cursor,
        "is_first": after is None,
        "is_filtered": bool(filters),
        "carried": _carried(request),
        "class_names": _class_names(),
        "marked_count": library.marked_count(user),
        "may_mark": user.has_perm("review.add_mark"),
        "may_unmark": user.has_perm("review.change_mark"),
        "reasons": REASONS,
    }
    return page(request, "review/photos.html", context)


@require_safe
@viewers_only
def photo(request, pk):
    return _photo_page(request, pk)


def _act_on_photo(view):
    """Answer a refused act with the photo's page and its message; htmx gets the message alone."""

    @require_http_methods(["GET", "POST"])
    @viewers_only
    @wraps(view)
    def acting(request, pk):
        if request.method == "GET":
            # Signing in again leads back here with a GET: the photo is what was meant.
            return redirect("review:photo", pk)
        try:
            return view(request, pk)
        except DomainError as error:
            if request.htmx or error.status == 404:
                raise
            return _photo_page(request, pk, error=error, status=error.status)

    return acting


@_act_on_photo
def mark(request, pk):
    values = parsed(MarkForm(request.POST))
    given = marks.mark(pk, by=request.user, reason=values["reason"], note=values["note"])
    tasks.scan_soon(given)
    return _answer(request, pk, f"Photo {pk} is marked: {given.get_reason_display().lower()}.")


@_act_on_photo
def unmark(request, pk):
    marks.unmark(pk, by=request.user)
    return _answer(request, pk, f"Photo {pk} is no longer marked.")


def _answer(request, pk, sentence):
    if not request.htmx:
        messages.info(request, sentence)
        return see_other("review:photo", pk)
    shown = library.photo_for(request.user, pk)
    if request.POST.get("card"):
        template = "review/_photo_mark_told.html"
        context = {
            "card": _card(request.user, shown),
            "marked_count": library.marked_count(request.user),
            "is_oob": True,
        }
    else:
        template, context = "review/_mark.html", {}
    response = page(request, template, {**_mark_context(request.user, shown), **context})
    del response["HX-Push-Url"]
    return response


def _photo_page(request, pk, *, error=None, status=200):
    """Render a photo; with ``error``, what was typed stands in its field again."""
    user = request.user
    shown = library.photo_for(user, pk)
    filters = PhotoFilterForm(request.GET, user=user).filters()
    newer, older = library.photo_neighbours(user, shown, filters)
    found = shown.found
    context = {
        **_mark_context(user, shown),
        "site": shown.camera.site,
        "is_visible": library.photo_access(user, shown),
        "detections": found,
        "boxes": [_box(one, shown) for one in found],
        "font_px": round(shown.width / 76, 1),
        "deployments": list({one.deployment.pk: one.deployment for one in found}.values()),
        "past_marks": shown.marks.filter(unmarked_at__isnull=False)
        .select_related("marked_by", "unmarked_by")
        .order_by("-pk"),
        "newer": newer,
        "older": older,
        "carried": _carried(request),
        "error": error,
        "typed": request.POST if error else {},
    }
    return page(request, "review/photo.html", context, status=status)


def _mark_context(user, shown):
    return {
        "photo": shown,
        "mark": shown.standing_mark,
        "item": _item(user, shown),
        "reasons": REASONS,
        "may_mark": user.has_perm("review.add_mark"),
        "may_unmark": user.has_perm("review.change_mark"),
        "most_note_characters": marks.MOST_NOTE_CHARACTERS,
    }


def _item(user, shown):
    """Return the photo's training item for those who may know of items."""
    return getattr(shown, "item", None) if user.has_perm("review.view_trainingitem") else None


def _card(user, photo):
    counted = Counter(one.class_name for one in photo.found)
    return Card(
        photo=photo,
        mark=photo.standing_mark,
        is_visible=library.may_see_photo(user, photo),
        classes=tuple(counted.most_common()),
    )


def _box(found, shown):
    x1, y1, x2, y2 = found.box_xyxy
    return Box(
        round(x1 * shown.width, 1),
        round(y1 * shown.height, 1),
        round((x2 - x1) * shown.width, 1),
        round((y2 - y1) * shown.height, 1),
        f"{found.class_name} {found.score:.2f}",
        is_subject=True,
    )


def _class_names():
    """Return the classes that the detectors of today know, for the filter to suggest."""
    served = Deployment.objects.filter(retired_at__isnull=True)
    return sorted(
        {name for names in served.values_list("class_names", flat=True) for name in names}
    )


def _carried(request):
    """Return the filters of this request as a query string that follows a person around."""
    query = request.GET.copy()
    for name in list(query):
        if name not in FILTER_NAMES or not query[name]:
            del query[name]
    return query.urlencode()


def panel(user):
    """Return what the dashboard says of marked photos; nothing where none is marked."""
    if not user.has_perm("review.view_mark"):
        return {}
    figures = library.mark_figures(user)
    return {"mark_figures": figures} if figures["marked"] else {}
