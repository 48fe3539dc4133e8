"""A sample as an incident row that no rule opened: closed, with evidence, and its chance stored."""

from datetime import timedelta

from django.conf import settings

from detection.models import Incident, RuleHit, SampleDraw, Segment

Category, Origin, Severity = Incident.Category, Incident.Origin, "low"
# People look at what was reported first.
LEAST_SEVERITY = "info"


def create(draw, sample):
    """Store the incident of a sample (a Minute or a NearMiss) of a draw, in its transaction."""
    if draw.kind == SampleDraw.Kind.AUDIT_MINUTE:
        return _insert(draw, sample.footage, **_of_minute(draw, sample))
    incident = _insert(draw, sample.footage, **_of_near_miss(sample))
    _store_hits(incident, sample)
    return incident


def _of_minute(draw, minute):
    return {
        "origin": Origin.AUDIT_MINUTE,
        "moment": minute.starts_at.isoformat(),
        "category": Category.UNKNOWN,
        "severity": LEAST_SEVERITY,
        "class_name": "",
        "why": (
            f"one of {draw.drawn} minutes drawn at random from {draw.population} of {draw.day}: "
            "did anything begin in it that was not reported?"
        ),
        "start_seconds": minute.start_seconds,
        "end_seconds": minute.end_seconds,
        "close_reason": "sampled",
        "track_ids": [],
    }


def _of_near_miss(sample):
    found = sample.found
    return {
        "origin": Origin.NEAR_MISS,
        "moment": found.key,
        "category": found.category,
        "severity": LEAST_SEVERITY if found.severity == LEAST_SEVERITY else Severity,
        "class_name": found.class_name,
        "why": sample.why[:300],
        "start_seconds": found.opened_at_seconds,
        "end_seconds": found.closed_at_seconds,
        "close_reason": found.close_reason,
        "track_ids": list(found.track_ids),
        # Only where another threshold of score would have told of it.
        "peak_score": found.peak_score if sample.is_short_of_score else 0.0,
    }


def _insert(draw, footage, *, origin, moment, start_seconds, end_seconds, **columns):
    segment = _segment_at(footage, start_seconds)
    log = getattr(segment, "track_log", None)
    return Incident.objects.create(
        camera=draw.camera,
        footage=footage,
        segment=segment,
        deployment=log.deployment if log else footage.deployment,
        key=f"{origin}:{draw.day.isoformat()}:{moment}"[:200],
        origin=origin,
        inclusion_probability=draw.drawn / draw.population,
        state=Incident.State.CLOSED,
        opened_at_seconds=start_seconds,
        closed_at_seconds=end_seconds,
        opened_at=footage.starts_at + timedelta(seconds=start_seconds),
        closed_at=footage.starts_at + timedelta(seconds=end_seconds),
        peak_at_seconds=start_seconds,
        code_version=settings.CODE_VERSION,
        evidence_complete_at=draw.drawn_at,
        **columns,
    )


def _segment_at(footage, at_seconds):
    segments = Segment.objects.filter(footage=footage).select_related("track_log__deployment")
    before = segments.filter(start_seconds__lte=at_seconds).order_by("-position")
    return before.first() or segments.order_by("position").first()


def _store_hits(incident, sample):
    RuleHit.objects.bulk_create(
        RuleHit(
            incident=incident,
            position=position,
            rule_name=hit["rule_name"],
            kind=hit["kind"],
            zone=hit["zone"],
            opened_at_seconds=hit["opened_at_seconds"],
            closed_at_seconds=hit["closed_at_seconds"],
            why=hit["why"][:300],
            numbers=hit["numbers"],
            parameters=sample.parameters[hit["rule_name"]],
        )
        for position, hit in enumerate(sample.found.hits, start=1)
    )
