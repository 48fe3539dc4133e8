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
    if item.incident is None or item.incident.origin != Incident.Origin.AUDIT_MINUTE:
        return
    unknown = Incident.Category.UNKNOWN
    if answer.verdict == Verdict.CONFIRMED and (answer.category or item.category) == unknown:
        raise invalid("category", "Say what it was that nobody reported.")
    if answer.reason == Reason.WRONG_CLASS:
        message = "A random minute has no class that could be wrong: confirm it with its category."
        raise invalid("reason", message)
