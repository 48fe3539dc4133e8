"""Check a verdict as it comes from a form or an API, before any row is read."""

import math
from dataclasses import dataclass

from detection.models import Incident
from review.models import Decision
from review.services.regions import clean_text, invalid

LONGEST_SECONDS = 86_400
Verdict, Reason = Decision.Verdict, Decision.Reason
GIVEN = (Verdict.CONFIRMED, Verdict.REJECTED, Verdict.NEEDS_REVIEW)
GIVEN_CHOICES = [(one.value, one.label) for one in GIVEN]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer says about an item, every field checked by itself."""

    verdict: str
    reason: str
    note: str
    category: str
    seconds_taken: float | None


def checked(*, verdict, reason, note, category, seconds_taken):
    """Return an Answer.

    Raises:
        DomainError: invalid; ``fields`` names the field at fault.
    """
    if verdict not in GIVEN:
        raise invalid("verdict", f"This must be one of {', '.join(GIVEN)}.")
    note = clean_text("note", note or "")
    reason = _reason(verdict, reason or "", note)
    if category and category not in Incident.Category.values:
        raise invalid("category", f"This must be one of {', '.join(Incident.Category.values)}.")
    return Answer(verdict, reason, note, category or "", _seconds(seconds_taken))


def _reason(verdict, reason, note):
    if verdict != Verdict.REJECTED:
        if reason:
            raise invalid("reason", "Only a rejection has a reason.")
        return ""
    if reason not in Reason.values:
        raise invalid("reason", f"A rejection needs one of {', '.join(Reason.values)}.")
    if reason == Reason.OTHER and not note:
        raise invalid("note", "The reason 'other' needs a note.")
    return reason


def correction(answer, item):
    """Return the category that the answer puts in place of the item's, "" for none.

    Raises:
        DomainError: invalid, where a verdict cannot correct the category.
    """
    if answer.category in ("", item.category):
        return ""
    corrects = answer.verdict == Verdict.CONFIRMED or answer.reason == Reason.WRONG_CLASS
    if not corrects:
        raise invalid("category", "Only a confirmation or 'wrong class' corrects the category.")
    return answer.category


def _seconds(seconds):
    if seconds in (None, ""):
        return None
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds <= LONGEST_SECONDS or math.isnan(seconds):
        raise invalid("seconds_taken", f"This must be a time of 0 to {LONGEST_SECONDS} seconds.")
    return float(seconds)
