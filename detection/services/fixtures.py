"""What belongs where it stands: reviewers teach it by rejecting an unattended object as noise.

A fixture lasts for as long as the verdict that made it. Sessions heed new ones from their next
segment on, replays at once.
"""

from django.db import transaction

from detection.models import Fixture, Incident, RuleHit
from hitlsite import audit

RULE_KIND = "object_left_unattended"


def follow_verdict(incident_id, *, belongs, by, at=None):
    """Keep the object of an incident as a fixture, or no longer, as the verdict on it now says.

    Incidents of other rules have no object and change nothing. Nor do samples and photos: that
    nothing was missed says nothing of what stands there.

    Args:
        incident_id: None of a photo.
        belongs: a person said that the object belongs where it stands.
    """
    if incident_id is None:
        return
    place = _place_of(incident_id) if belongs else None
    if belongs and place is None:
        return
    known = Fixture.objects.filter(incident=incident_id).first()
    if belongs and known is None:
        _keep(Incident.objects.get(pk=incident_id), place, by, at)
    elif known is not None and not belongs:
        _drop(known, by, at)


@transaction.atomic
def remove(fixture, *, by):
    """Let the camera speak again of what stands at this place; the verdict stays as it is."""
    _drop(fixture, by, None)


def _place_of(incident_id):
    hits = RuleHit.objects.filter(incident=incident_id, kind=RULE_KIND).order_by("position")
    hits = hits.values_list("numbers", flat=True)
    return next((numbers["box_xyxy"] for numbers in hits if "box_xyxy" in numbers), None)


def _keep(incident, place, by, at):
    if incident.is_sampled:
        return
    fixture = Fixture.objects.create(
        camera=incident.camera,
        incident=incident,
        class_name=incident.class_name,
        box_xyxy=list(place),
    )
    _record("added", fixture, by, at)


def _drop(fixture, by, at):
    _record("removed", fixture, by, at)
    fixture.delete()


def _record(act, fixture, by, at):
    detail = {
        "incident": fixture.incident_id,
        "box_xyxy": fixture.box_xyxy,
        "class_name": fixture.class_name,
    }
    site = fixture.camera.site
    audit.record(f"fixture.{act}", fixture, actor=by, site=site, detail=detail, at=at)
