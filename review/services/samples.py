"""What an answer about a random minute has to say, so that misses can be counted by it."""

from detection.models import Incident
from review.models import Decision
from review.services.regions import invalid

Verdict, Reason = Decision.Verdict, Decision.Reason


def check_answer(item, answer):
    """Refuse a verdict on a random minute that would tell nothing about misses.

    Confirmed, something began in it that nobody reported: of some category. Rejected as baseline
    noise or as a duplicate, nothing did, or it was reported. With any other reason it could not
    be told, and the minute counts as not looked at.

    Raises:
        DomainError: invalid; ``fields`` names category or reason.
    """
    is_confirmed = answer.verdict == Verdict.CONFIRMED
    is_unnamed = (answer.category or item.category) == Incident.Category.UNKNOWN
    if is_confirmed and is_unnamed and _is_random_minute(item):
        raise invalid("category", "Say what it was that nobody reported.")
    if answer.reason == Reason.WRONG_CLASS and _is_random_minute(item):
        message = "A random minute has no class that could be wrong: confirm it with its category."
        raise invalid("reason", message)


def _is_random_minute(item):
    return item.incident is not None and item.incident.origin == Incident.Origin.AUDIT_MINUTE
