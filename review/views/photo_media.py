"""Photos to those who may see them: the file as its row shows it now, and a small picture of it.

The thumbnail is named after what it shows and every request asks again, so that nothing of an
original is left to be shown once a redacted copy has taken its place.
"""

from django.views.decorators.http import require_safe

from hitlsite.errors import NotFound
from hitlsite.pages import permitted
from review.selectors import photos as library
from review.services import thumbnails
from review.views.media import stream

viewers_only = permitted("detection.view_photo")


@require_safe
@viewers_only
def photo_file(request, pk):
    """Stream the file of one photo."""
    shown = _visible_photo(request, pk)
    name = f"photo-{shown.pk}.{shown.path.rpartition('.')[2]}"
    return _kept(stream(request, shown.path, sha256=shown.sha256, file_name=name), shown)


@require_safe
@viewers_only
def photo_thumb(request, pk):
    """Answer a small JPEG of one photo."""
    shown = _visible_photo(request, pk)
    name, tag = thumbnails.thumbnail(shown), f"{shown.sha256}-thumb"
    return _kept(stream(request, name, sha256=tag, file_name=f"photo-{shown.pk}.jpg"), shown)


def _kept(response, shown):
    """Let a browser keep what is private, and ask again each time; nothing else leaves a trace."""
    is_private = library.is_photo_private(shown)
    response["Cache-Control"] = "private, no-cache" if is_private else "private, no-store"
    return response


def _visible_photo(request, pk):
    photos = library.visible_photos(request.user)
    row = photos.filter(pk=pk).select_related("camera", "item", "evidence").first()
    if row is None or not library.photo_access(request.user, row):
        raise NotFound("There is no such photo.")
    return row
