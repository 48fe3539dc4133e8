"""Incidents with verdicts, as many as it takes to choose a threshold by."""

from datetime import timedelta

from django.utils import timezone

from detection.models import SampleDraw
from tests import factories

DAYS = 6


def judged(camera, reviewer, scores, *, status="confirmed", reason="", days=DAYS, **columns):
    """Make an incident of every score, spread over days, all with one verdict; return the items."""
    columns.setdefault("deployment", factories.deployment())
    return [
        _judged(camera, reviewer, score, status, reason, number % days, **columns)
        for number, score in enumerate(scores)
    ]


def _judged(camera, reviewer, score, status, reason, day, **columns):
    source = columns.pop("footage", None) or factories.footage(
        camera, starts_at=factories.STARTS_AT + timedelta(days=day)
    )
    incident = factories.incident(footage=source, with_files=False, peak_score=score, **columns)
    item = factories.item(incident, status=status)
    factories.decision(item, reviewer, verdict=status, reason=reason)
    return item


def told_apart(camera, reviewer, *, count=24, deployment=None, class_name="person"):
    """Make as many confirmed incidents above 0.6 as rejected ones below."""
    columns = {"deployment": deployment or factories.deployment(), "class_name": class_name}
    high = [0.6 + 0.3 * number / count for number in range(count)]
    low = [0.2 + 0.35 * number / count for number in range(count)]
    judged(camera, reviewer, high, **columns)
    judged(camera, reviewer, low, status="rejected", reason="baseline_noise", **columns)
    return columns["deployment"]


def sampled(
    camera, reviewer, *, kind, score=0.0, status="confirmed", population=10, day=0, **columns
):
    """Make one judged sample of a draw of a day; return its item."""
    date = factories.STARTS_AT.date() + timedelta(days=day)
    SampleDraw.objects.get_or_create(
        camera=camera,
        kind=kind,
        day=date,
        defaults={
            "population": population,
            "drawn": 1,
            "seed": "s",
            "drawn_at": timezone.now(),
        },
    )
    source = factories.footage(camera, starts_at=factories.STARTS_AT + timedelta(days=day))
    incident = factories.incident(
        footage=source,
        with_files=False,
        peak_score=score,
        origin=kind,
        key=f"{kind}:{date.isoformat()}:{source.pk}",
        inclusion_probability=1 / population,
        **columns,
    )
    item = factories.item(incident, status=status)
    reason = "baseline_noise" if status == "rejected" else ""
    factories.decision(item, reviewer, verdict=status, reason=reason)
    return item
