"""A camera's picture, to those who may see it.

It has not been looked through for faces, so that no browser keeps it.
"""

from django.core.files.storage import default_storage
from django.http import HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from detection.services import snapshots
from detection.views.access import camera_of, cameras_only
from hitlsite.errors import NotFound


@require_safe
@cameras_only
def snapshot(request, pk):
    """Answer the picture of a camera; where one may not see it, there is none."""
    found = snapshots.find(request.user, camera_of(request, pk))
    if found is None:
        raise NotFound("There is no picture of this camera to show.", code="snapshot_missing")
    etag = f'"{found.sha256}"'
    if etag in request.headers.get("If-None-Match", ""):
        return _labelled(HttpResponseNotModified(), etag)
    with default_storage.open(found.path, "rb") as stored:
        response = HttpResponse(stored.read(), content_type="image/jpeg")
    response["Content-Disposition"] = f'inline; filename="camera-{found.camera_id}.jpg"'
    return _labelled(response, etag)


def _labelled(response, etag):
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-store"
    return response
