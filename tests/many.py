"""Many items at once, without files: for pages, counts and what must not slow down."""

from datetime import timedelta

from detection.models import Incident
from review.models import TrainingItem
from review.ranking import priority
from review.services import tallies
from tests import factories


def many_items(site, count, *, status="pending_review", privacy="clear", camera=None):
    """Store ``count`` items quickly, without files, their priorities spread out."""
    source = factories.footage(camera or factories.camera(site))
    part, served = factories.segment(source), factories.deployment()
    made = Incident.objects.bulk_create(
        (_one_of_many(number, source, part, served) for number in range(count)), batch_size=2000
    )
    items = TrainingItem.objects.bulk_create(
        (
            TrainingItem(
                site=site,
                camera=source.camera,
                incident=one,
                status=status,
                privacy=privacy,
                category=one.category,
                proposed_category=one.category,
                severity=one.severity,
                priority=priority(one.severity, one.peak_score),
            )
            for one in made
        ),
        batch_size=2000,
    )
    tallies.recount(site)
    return items


def _one_of_many(number, source, part, served):
    return Incident(
        camera=source.camera,
        footage=source,
        segment=part,
        deployment=served,
        key=f"loitering:{number}",
        state=Incident.State.CLOSED,
        category=Incident.Category.LOITERING,
        severity="medium",
        class_name="person",
        why="person loitering in entrance for 31 s",
        opened_at_seconds=float(number),
        closed_at_seconds=number + 1.0,
        opened_at=factories.STARTS_AT + timedelta(seconds=number),
        closed_at=factories.STARTS_AT + timedelta(seconds=number + 1),
        peak_score=(number % 100) / 100,
        evidence_complete_at=factories.STARTS_AT + timedelta(seconds=number + 2),
    )
