"""A picture of an incident for somebody without a login: by a signed link, for an hour, if private.

The link names an incident, not a file. Which file it shows, and whether it may, is decided anew at
every look: an incident whose item is not clear of faces, or not redacted and verified, has no
picture, and a link that was sent before has none any more once that changes.
"""

from django.conf import settings
from django.core import signing
from django.urls import reverse

from detection.models import Evidence
from hitlsite.errors import DomainError, NotFound
from review.models import TrainingItem, Webhook
from review.services import privacy

SALT = "review.webhook-picture"
LASTING_SECONDS = 3600
KINDS = (Evidence.Kind.FRAME_PEAK, Evidence.Kind.FRAME_OPEN, Evidence.Kind.FRAME_LAST)


def link(webhook, incident_id):
    """Return the address of an incident's picture for the receiver of a webhook."""
    token = signing.dumps([webhook.pk, incident_id], salt=SALT)
    path = reverse("review:webhook_picture", args=[token])
    return settings.PUBLIC_URL.rstrip("/") + path


def find(token):
    """Return the Evidence that a link shows now.

    Raises:
        NotFound: the link is not ours or too old, the webhook is switched off or may have no
            pictures, or there is no picture that may leave.
    """
    missing = NotFound("There is no picture behind this link now.")
    try:
        webhook_id, incident_id = signing.loads(token, salt=SALT, max_age=LASTING_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        raise missing from None
    webhook = Webhook.objects.filter(pk=webhook_id, is_enabled=True, with_picture=True).first()
    if webhook is None:
        raise missing
    item = TrainingItem.objects.filter(incident=incident_id, site=webhook.site_id).first()
    if item is None or not item.is_private:
        raise missing
    rows = {row.kind: row for row in item.incident.evidence.all()}
    shown = next((rows[kind] for kind in KINDS if kind in rows), None)
    if shown is None:
        raise missing
    try:
        # The very row that is answered: a redaction may be undone while this looks.
        privacy.check_file(item, shown, rescan=False)
    except DomainError:
        raise missing from None
    return shown
