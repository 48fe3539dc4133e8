"""What a person is told of a verdict that did not simply come into force."""

from review.models import Decision
from review.services import gold

Effect = Decision.Effect


def sentence(decision):
    """Return what became of a verdict that was given a moment ago, "" where it is in force."""
    if decision.effect == Effect.WAITING:
        return "Your verdict takes effect when its redaction is verified."
    if decision.effect == Effect.HELD:
        return "Your verdict is kept; a second person judges the item and is not told of it."
    if decision.effect != Effect.COUNTED:
        return ""
    known = gold.outcome(decision)
    if known is not None:
        return known.sentence
    return "Somebody else saw this differently: a supervisor decides it."
