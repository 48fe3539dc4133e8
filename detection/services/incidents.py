"""Write what the rules found: incident rows, their rule hits, their history, their evidence.

Everything is keyed so that writing the same transition twice leaves one row.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from detection.models import Evidence, Incident, IncidentEvent, RuleHit
from hitlsite import storage


def apply(transition, *, segment, deployment, rules_by_name):
    """Store one transition of the rule engine; return the incident row.

    Args:
        rules_by_name: the camera's Rule rows, to link hits to; a rule deleted since is left out.
    """
    record = transition.incident
    footage = segment.footage
    values = {
        "severity": record.severity,
        "why": record.hits[0].why[:300],
        "closed_at_seconds": record.closed_at_seconds,
        "close_reason": record.close_reason or "",
        "peak_score": record.peak_score,
        "peak_at_seconds": record.peak_at_seconds,
        "track_ids": list(record.track_ids),
    }
    if transition.kind == "closed":
        values["state"] = Incident.State.CLOSED
        values["closed_at"] = _wall_clock(footage, record.closed_at_seconds)
    incident, _ = Incident.objects.update_or_create(
        footage=footage,
        key=record.key,
        defaults=values,
        create_defaults={
            **values,
            "camera": footage.camera,
            "segment": segment,
            "deployment": deployment,
            "category": record.category,
            "class_name": record.class_name,
            "opened_at_seconds": record.opened_at_seconds,
            "opened_at": _wall_clock(footage, record.opened_at_seconds),
            "code_version": settings.CODE_VERSION,
        },
    )
    _store_hits(incident, record.hits, rules_by_name)
    _store_event(incident, transition)
    return incident


def _store_hits(incident, hits, rules_by_name):
    rows = [
        RuleHit(
            incident=incident,
            position=position,
            rule=rules_by_name.get(hit.rule_name),
            rule_name=hit.rule_name,
            kind=hit.kind,
            zone=hit.zone,
            opened_at_seconds=hit.opened_at_seconds,
            closed_at_seconds=hit.closed_at_seconds,
            why=hit.why[:300],
            numbers=hit.numbers,
            parameters=hit.parameters,
        )
        for position, hit in enumerate(hits, start=1)
    ]
    RuleHit.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["incident", "position"],
        update_fields=["closed_at_seconds", "why", "numbers"],
    )


def _store_event(incident, transition):
    record = transition.incident
    last_times = [hit.opened_at_seconds for hit in record.hits]
    last_times += [hit.closed_at_seconds for hit in record.hits if hit.closed_at_seconds]
    at_seconds = {
        "opened": record.opened_at_seconds,
        "closed": record.closed_at_seconds,
    }.get(transition.kind, max(last_times))
    IncidentEvent.objects.create(
        incident=incident,
        position=incident.events.count() + 1,
        kind=transition.kind,
        at_seconds=at_seconds,
        snapshot={
            "rules": [hit.rule_name for hit in record.hits],
            "why": [hit.why for hit in record.hits],
            "track_ids": list(record.track_ids),
            "close_reason": record.close_reason,
        },
    )


def _wall_clock(footage, at_seconds):
    return footage.starts_at + timedelta(seconds=at_seconds)


def store_still(incident, kind, still):
    """Store one picture as evidence of an incident; the file first, then the row."""
    site_id = incident.camera.site_id
    stored = storage.store_bytes(site_id, "frames", still.jpeg(), suffix=".jpg")
    _store_evidence(
        stored,
        incident=incident,
        kind=kind,
        at_seconds=still.at_seconds,
        width=still.width,
        height=still.height,
        observations=of_incident(incident, [_as_json(seen) for seen in still.observations]),
    )


def store_clip(incident, clip, observations):
    """Store a finished clip (a ClipFile) as evidence.

    Args:
        observations: what was in view, see ``TrackRows.between``.
    """
    site_id = incident.camera.site_id
    stored = storage.store_file(site_id, "clips", clip.path, sha256=clip.sha256)
    _store_evidence(
        stored,
        incident=incident,
        kind=Evidence.Kind.CLIP,
        at_seconds=clip.start_seconds,
        end_seconds=clip.end_seconds,
        width=clip.width,
        height=clip.height,
        observations=of_incident(incident, observations),
    )


def of_incident(incident, seen):
    """Return what evidence tells: all tracks, and of what rests the incident's own, once.

    Static foreground (negative ids) has no name; the incident knows what it is. Where a track of
    the incident shows the same thing, the track tells it.
    """
    from detection.rules.witnesses import is_same_place

    own = set(incident.track_ids)
    shown = {}
    for one in seen:
        if one["track_id"] > 0 and one["track_id"] in own:
            shown.setdefault(one["at_seconds"], []).append(one["box_xyxy"])
    told = []
    for one in seen:
        if one["track_id"] > 0:
            told.append(one)
        elif one["track_id"] in own:
            boxes = shown.get(one["at_seconds"], ())
            if not any(is_same_place(box, one["box_xyxy"]) for box in boxes):
                told.append({**one, "class_name": incident.class_name})
    return told


def _store_evidence(stored, **columns):
    path, sha256, byte_count = stored
    row = Evidence(
        path=path, sha256=sha256, original_sha256=sha256, byte_count=byte_count, **columns
    )
    Evidence.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["incident", "kind", "position"],
        update_fields=[
            "path",
            "sha256",
            "original_sha256",
            "byte_count",
            "at_seconds",
            "end_seconds",
            "width",
            "height",
            "observations",
        ],
    )


def close_unfinished(incident, at_seconds):
    """Close an incident whose footage broke off at a time; a closed one stays as it is."""
    closed_at_seconds = max(incident.opened_at_seconds, at_seconds)
    won = Incident.objects.filter(pk=incident.pk, state=Incident.State.OPEN).update(
        state=Incident.State.CLOSED,
        close_reason="source_ended",
        closed_at_seconds=closed_at_seconds,
        closed_at=_wall_clock(incident.footage, closed_at_seconds),
    )
    if not won:
        return
    hits = list(incident.rule_hits.all())
    incident.rule_hits.filter(closed_at_seconds__isnull=True).update(
        closed_at_seconds=closed_at_seconds
    )
    IncidentEvent.objects.create(
        incident=incident,
        position=incident.events.count() + 1,
        kind=IncidentEvent.Kind.CLOSED,
        at_seconds=closed_at_seconds,
        snapshot={
            "rules": [hit.rule_name for hit in hits],
            "why": [hit.why for hit in hits],
            "track_ids": incident.track_ids,
            "close_reason": "source_ended",
        },
    )


def mark_complete(incident, *, at=None):
    """Say that nothing more will be added to a closed incident; review may take it now."""
    Incident.objects.filter(pk=incident.pk, evidence_complete_at__isnull=True).update(
        evidence_complete_at=at or timezone.now()
    )


def _as_json(seen):
    return {
        "at_seconds": round(seen.at_seconds, 4),
        "track_id": seen.track_id,
        "class_name": seen.class_name,
        "score": round(float(seen.score), 4),
        "box_xyxy": [round(float(edge), 5) for edge in seen.box_xyxy],
    }
