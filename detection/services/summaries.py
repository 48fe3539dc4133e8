"""What a footage gave, as one report."""

from django.db.models import Sum


def footage_report(footage, *, seconds_taken):
    """Return the report of ``manage.py watch --json`` (without item ids) as JSON values."""
    counts = footage.segments.aggregate(
        frames_decoded=Sum("frames_decoded", default=0),
        frames_sampled=Sum("frames_sampled", default=0),
        frames_detected=Sum("frames_detected", default=0),
    )
    incidents = footage.incidents.reported().order_by("opened_at_seconds", "pk")
    return {
        "video_seconds": footage.duration_seconds or 0.0,
        "seconds_taken": round(seconds_taken, 3),
        **counts,
        "detector": _detector(footage),
        "incidents": [
            _incident(row) for row in incidents.prefetch_related("rule_hits", "evidence")
        ],
    }


def _detector(footage):
    deployment = footage.deployment
    if deployment is None:
        return {"name": "", "backend": "", "input_size": 0, "precision": "", "sha256": ""}
    return {
        "name": deployment.name,
        "backend": deployment.backend,
        "input_size": deployment.input_size,
        "precision": deployment.precision,
        "sha256": deployment.sha256,
        "why": footage.detector_choice.get("why", ""),
    }


def _incident(row):
    return {
        "id": row.pk,
        "category": row.category,
        "opened_at_seconds": row.opened_at_seconds,
        "closed_at_seconds": row.closed_at_seconds,
        "class_name": row.class_name,
        "rules": [
            {
                "rule": hit.rule_name,
                "zone": hit.zone,
                "opened_at_seconds": hit.opened_at_seconds,
                "closed_at_seconds": hit.closed_at_seconds,
                "why": hit.why,
            }
            for hit in row.rule_hits.all()
        ],
        "track_ids": row.track_ids,
        "evidence": [
            {"kind": file.kind, "path": file.path, "sha256": file.sha256}
            for file in row.evidence.all()
        ],
    }
