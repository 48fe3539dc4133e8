"""What other parts ask about detection."""

from django.db.models import Q

from detection.models import Deployment, Incident
from detection.slots import OBJECT_DETECTOR


def incidents_ready():
    """Return closed incidents whose evidence is whole, oldest first."""
    return Incident.objects.filter(
        state=Incident.State.CLOSED, evidence_complete_at__isnull=False
    ).order_by("evidence_complete_at", "pk")


def open_incidents(user):
    """Return the incidents that go on right now, newest first."""
    return (
        Incident.objects.visible_to(user)
        .filter(state=Incident.State.OPEN)
        .select_related("camera__site")
        .order_by("-opened_at")
    )


def active_deployments(slot=OBJECT_DETECTOR):
    """Return what serves a slot now, newest first: one row for each form that is in use."""
    return Deployment.objects.filter(slot=slot, retired_at__isnull=True)


def champion(slot):
    """Return the promoted champion of a slot, None where nothing was promoted."""
    return _promoted(slot, Deployment.Role.CHAMPION)


def challenger(slot):
    """Return the promoted challenger of a slot, in shadow or with a share; None without one."""
    return _promoted(slot, Deployment.Role.CHALLENGER)


def reported_during(incident):
    """Return the incidents of the same footage that go on while a sampled one does, in order.

    Whoever looks at a random minute has to know what of it was reported anyway.
    """
    return (
        Incident.objects.reported()
        .filter(footage=incident.footage_id, opened_at_seconds__lt=incident.closed_at_seconds)
        .filter(Q(closed_at_seconds__gt=incident.opened_at_seconds) | Q(state=Incident.State.OPEN))
        .order_by("opened_at_seconds", "pk")
    )


def _promoted(slot, role):
    return Deployment.objects.filter(
        slot=slot, role=role, source=Deployment.Source.PROMOTED, retired_at__isnull=True
    ).first()
