"""Incidents with a verdict in force, and what was known of them before anybody looked."""

from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Subquery

from detection.models import Prediction
from review.models import Decision, TrainingItem

Status, Mode = TrainingItem.Status, TrainingItem.Mode
TEACHING_REASONS = ("", Decision.Reason.BASELINE_NOISE)


def decided(site):
    """Return a site's decided items of incidents with the reason of their verdict, by id.

    Known answers measure people, and of items that were decided together one counts. Of two blind
    verdicts neither is in force before both were given.
    """
    standing = Decision.objects.filter(
        item=OuterRef("pk"), effect=Decision.Effect.APPLIED, undone_by__isnull=True
    ).order_by("-pk")
    return (
        _settled(site)
        .filter(represented_by__isnull=True)
        .annotate(reason=Subquery(standing.values("reason")[:1]))
        .select_related("incident__footage", "incident__deployment")
        .prefetch_related("incident__rule_hits")
        .order_by("pk")
    )


def _settled(site):
    items = TrainingItem.objects.filter(
        site=site, incident__isnull=False, status__in=[Status.CONFIRMED, Status.REJECTED]
    )
    return items.exclude(mode=Mode.GOLD)


def reason_left_out(item):
    """Return why an item of ``decided`` teaches nothing, "" where it does."""
    if item.reason is None:
        return "no_decision"
    return "" if item.reason in TEACHING_REASONS else f"rejected_as_{item.reason}"


def pasts(site):
    """Return {camera id: Past}: what was decided at each camera, and when."""
    from training.learning.triage import Past

    found = {}
    rows = _settled(site).filter(decided_at__isnull=False).order_by()
    for camera_id, at, status in rows.values_list("camera", "decided_at", "status"):
        found.setdefault(camera_id, []).append((at, status == Status.REJECTED))
    return {camera_id: Past(decided) for camera_id, decided in found.items()}


def known_of(incident, site, pasts):
    """Return what is known of an incident, as ``training.learning.triage`` takes it.

    Args:
        incident: with footage, deployment and rule hits.
        pasts: of ``pasts(site)``.
    """
    from training.learning import triage

    past = pasts.get(incident.camera_id) or triage.Past()
    past_rejected, past_decided = past.before(incident.opened_at)
    hits = list(incident.rule_hits.all())
    zones = _zone_kinds(incident.footage)
    return triage.Incident(
        category=incident.category,
        severity=incident.severity,
        class_name=incident.class_name,
        origin=incident.origin,
        opened_at=incident.opened_at.astimezone(ZoneInfo(site.time_zone)),
        duration_seconds=incident.duration_seconds or 0.0,
        peak_score=incident.peak_score,
        threshold=incident.deployment.threshold,
        tracks=len(incident.track_ids),
        rule_kinds=[hit.kind for hit in hits],
        zone_kinds=[zones[hit.zone] for hit in hits if hit.zone in zones],
        past_rejected=past_rejected,
        past_decided=past_decided,
    )


def _zone_kinds(footage):
    """Return {name: kind} of the zones that the footage was watched with."""
    zones = footage.configuration.get("zones", ())
    return {zone["name"]: zone.get("kind", "monitored") for zone in zones}


def unseen_by(deployment):
    """Return pending items of incidents about which a deployment has not said anything.

    The most urgent first. Known answers wait for nobody in particular and are left out.
    """
    seen = Prediction.objects.filter(deployment=deployment, incident__isnull=False)
    waiting = TrainingItem.objects.filter(
        status=Status.PENDING_REVIEW, incident__isnull=False
    ).exclude(mode=Mode.GOLD)
    return (
        waiting.exclude(incident__in=seen.values("incident"))
        .select_related("site", "incident__footage", "incident__deployment")
        .prefetch_related("incident__rule_hits")
        .order_by("-priority", "pk")
    )
