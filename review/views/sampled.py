"""A sample as the item page shows it: what was reported beside it, and what its verdicts mean."""

from dataclasses import dataclass

from detection.models import Incident
from detection.selectors import reported_during
from review.models import TrainingItem
from review.templatetags.review_tags import words


@dataclass(frozen=True)
class Reported:
    """An incident that was reported while a random minute was recorded; its item may be to come."""

    incident: Incident
    item: TrainingItem | None


def headline(item):
    """Return what an item is called on its page."""
    if item.incident is None:
        return "Marked photo"
    name = words(item.category)
    if item.incident.origin == Incident.Origin.NEAR_MISS:
        return f"Near miss: {name}"
    if item.incident.origin != Incident.Origin.AUDIT_MINUTE:
        return name.capitalize()
    is_known = item.category != Incident.Category.UNKNOWN
    return f"Random minute: {name}" if is_known else "Random minute"


def sampled(item):
    """Return what the page tells of a sample: which kind it is, and for a minute the Reported."""
    origin = item.incident.origin if item.incident else ""
    is_minute = origin == Incident.Origin.AUDIT_MINUTE
    reported = reported_during(item.incident).select_related("item") if is_minute else ()
    return {
        "is_minute": is_minute,
        "is_near_miss": origin == Incident.Origin.NEAR_MISS,
        "reported": [Reported(one, getattr(one, "item", None)) for one in reported],
    }
