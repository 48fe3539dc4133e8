"""Which camera a page is about, for whoever asked."""

from detection.models import Camera
from hitlsite.errors import NotFound
from hitlsite.pages import permitted

cameras_only = permitted("detection.view_camera")
rule_editors_only = permitted(
    "detection.view_camera", "detection.change_zone", "detection.change_rule"
)


def camera_of(request, pk):
    """Return the camera ``pk`` with its site; one of a foreign site is not there (404)."""
    visible = Camera.objects.visible_to(request.user).select_related("site")
    found = visible.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such camera.", code="camera_unknown")
    return found
