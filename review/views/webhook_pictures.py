"""The picture behind the signed link of a webhook's message: no login, but privacy asked anew."""

from django.views.decorators.http import require_safe

from review.services import pictures
from review.views.media import stream


@require_safe
def webhook_picture(request, token):
    """Answer the still of an incident, as long as the link lasts and the file is private."""
    shown = pictures.find(token)
    response = stream(request, shown.path, sha256=shown.sha256, file_name="incident.jpg")
    response["Cache-Control"] = "private, no-store"
    return response
