"""Put waiting items in the order that a triage model gives them; see ``review.ranking``."""

from collections.abc import Mapping
from dataclasses import dataclass

from review.models import TrainingItem
from review.ranking import priority


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How likely people are to confirm an item, and how far two models differ about it, 0..1."""

    confirmed: float
    disagreement: float = 0.0


def rank(likelihoods: Mapping[int, Likelihood]) -> int:
    """Set the priority of items by id; return how many changed.

    What has been decided meanwhile stays as it is. Neither the version of an item nor a claim is
    touched: whoever has it open may decide it.
    """
    changed = 0
    waiting = TrainingItem.objects.filter(
        pk__in=likelihoods, status=TrainingItem.Status.PENDING_REVIEW
    )
    rows = waiting.order_by("pk").values_list("pk", "severity", "priority", "incident__peak_score")
    for pk, severity, before, peak_score in rows:
        told = likelihoods[pk]
        after = priority(
            severity,
            peak_score or 0.0,
            disagreement=told.disagreement,
            confirmed=told.confirmed,
        )
        if after != before:
            changed += waiting.filter(pk=pk).update(priority=after)
    return changed
