"""One verdict on many items: each is decided by itself, and one refusal keeps no other back."""

import logging
import uuid
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from hitlsite.bounds import as_id
from hitlsite.errors import DomainError, Forbidden
from review.models import Decision
from review.services import decisions, verdicts
from review.services.regions import invalid

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 200


@dataclass
class Outcome:
    """What became of a batch: its decisions, and (item id, sentence) for each refusal."""

    batch: uuid.UUID
    done: list[Decision] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def decide_many(item_ids, *, by, verdict, reason="", note="", at=None, first=None, then=None):
    """Give one verdict on up to 200 items and return the Outcome.

    All decisions carry the outcome's batch, by which ``undoing.undo_batch`` takes them back.

    Args:
        item_ids: what is named twice is decided once.
        first, then: called in the transaction of each item, before anything else and, with the
            Decision, after it is stored.

    Raises:
        Forbidden: ``by`` decides nothing.
        DomainError: invalid, where the verdict itself makes no sense or no item or too many are
            named.
    """
    if not by.has_perm("review.decide_trainingitem"):
        raise Forbidden("You may not decide items.")
    pks = checked_ids(item_ids)
    # What is wrong with the verdict is wrong for every item: said once, before any is touched.
    verdicts.checked(verdict=verdict, reason=reason, note=note, category="", seconds_taken=None)
    outcome = Outcome(uuid.uuid4())
    given = {"verdict": verdict, "reason": reason, "note": note, "batch": outcome.batch}
    for pk in pks:
        try:
            with transaction.atomic():
                if first:
                    first()
                made = decisions.decide(pk, by=by, at=at or timezone.now(), **given)
                if then:
                    then(made)
            outcome.done.append(made)
        except DomainError as error:
            outcome.refused.append((pk, error.message))
        except Exception:
            logger.exception("Item %d could not be decided with others.", pk)
            outcome.refused.append((pk, "Something went wrong here; nothing was changed."))
    return outcome


def checked_ids(item_ids):
    """Return distinct ids in the order given.

    Raises:
        DomainError: invalid; there are none, more than 200, or one is no id.
    """
    pks = list(dict.fromkeys(as_id(one) for one in item_ids))
    if None in pks:
        raise invalid("ids", "One of these is no item's id.")
    if not pks:
        raise invalid("ids", "Choose at least one item.")
    if len(pks) > MOST_AT_ONCE:
        raise invalid("ids", f"At most {MOST_AT_ONCE} items at once, not {len(pks)}.")
    return pks


def last_answer(by):
    """Return {verdict, reason, category} of the last verdict of ``by`` that stands, or None.

    A note is about one item and is not repeated. So a rejection for the reason "other" cannot be
    repeated either: it is nothing without its note, and ``decide`` says so.
    """
    given = Decision.objects.filter(reviewer=by, verdict__in=verdicts.GIVEN)
    standing = given.exclude(effect=Decision.Effect.VOID).filter(undone_by__isnull=True)
    last = standing.order_by("-at", "-pk").first()
    if last is None:
        return None
    return {"verdict": last.verdict, "reason": last.reason, "category": last.category}
