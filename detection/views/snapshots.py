"""A camera's picture, to those who may see it.

It has not been looked through for faces, so that no browser keeps it.
"""

from django.http import HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from detection.services import snapshots
from detection.views.access import camera_of, cameras_only
from hitlsite.errors import NotFound


@require_safe
@cameras_only
def snapshot(request, pk):
    """Answer the picture of a camera; where one may not see it, there is none."""
    found = snapshots.read(request.user, camera_of(request, pk))
    if found is None:
        raise NotFound("There is no picture of this camera to show.", code="snapshot_missing")
    picture, content = found
    if f'"{picture.sha256}"' in request.headers.get("If-None-Match", ""):
        return _labelled(HttpResponseNotModified(), picture)
    response = HttpResponse(content, content_type="image/jpeg")
    response["Content-Disposition"] = f'inline; filename="camera-{picture.camera_id}.jpg"'
    return _labelled(response, picture)


def _labelled(response, picture):
    response["ETag"] = f'"{picture.sha256}"'
    response["Cache-Control"] = "private, no-store"
    return response
