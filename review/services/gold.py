"""Items whose answer is known: they stay in the queue and measure whoever judges them.

Nobody but those who may know is told that an item is one of them, before they have judged it.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from hitlsite import audit
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.agreement import rating
from review.models import Decision, GoldAnswer, TrainingItem
from review.selectors import visible_items
from review.services import decisions, tallies, verdicts
from review.services.regions import invalid

Mode, Verdict = TrainingItem.Mode, Decision.Verdict
PENDING = TrainingItem.Status.PENDING_REVIEW


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a verdict was the known answer, and what that is."""

    matches: bool
    answer: GoldAnswer

    @property
    def sentence(self):
        known = _in_words(self.answer)
        if self.matches:
            return f"The answer to this one was known, and yours is the same: {known}."
        note = f" {self.answer.note}" if self.answer.note else ""
        return f"The answer to this one was known, and it is another: {known}.{note}"


def set_gold(item_id, *, by, verdict, reason="", category="", note="", at=None):
    """Make a pending item one that measures, and return its GoldAnswer.

    Args:
        verdict, reason, category, note: the known answer, as in ``decisions.decide``.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: already_decided, or already_judged by somebody.
        DomainError: invalid.
    """
    at = at or timezone.now()
    _require(by)
    answer = verdicts.checked(
        verdict=verdict, reason=reason, note=note, category=category, seconds_taken=None
    )
    if answer.verdict == Verdict.NEEDS_REVIEW:
        raise invalid("verdict", "A known answer is confirmed or rejected.")
    with transaction.atomic():
        item = _held_item(item_id, by)
        _refuse_judged(item)
        correction = verdicts.correction(answer, item)
        tallies.left_out(item)
        item.mode = Mode.GOLD
        item.save(update_fields=["mode"])
        known = GoldAnswer.objects.create(
            item=item,
            verdict=answer.verdict,
            reason=answer.reason,
            category=correction,
            note=answer.note,
            set_by=by,
            set_at=at,
        )
        detail = {"verdict": known.verdict, "reason": known.reason, "category": known.category}
        audit.record("gold_set", item, actor=by, site=item.site, detail=detail, at=at)
    return known


def retire_gold(item_id, *, by, at=None):
    """Give an item's known answer as an ordinary verdict of ``by``, and return that Decision.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: not_gold, or as ``decisions.decide``.
    """
    at = at or timezone.now()
    _require(by)
    with transaction.atomic():
        item = _held_item(item_id, by)
        known = GoldAnswer.objects.filter(item=item, retired_at__isnull=True).first()
        if item.mode != Mode.GOLD or known is None:
            raise Conflict(f"The answer to item {item.pk} is not known.", code="not_gold")
        known.retired_at = at
        known.save(update_fields=["retired_at"])
        item.mode = Mode.SINGLE
        item.save(update_fields=["mode"])
        tallies.added(item)
        audit.record("gold_retired", item, actor=by, site=item.site, at=at)
        return decisions.decide(
            item.pk,
            by=by,
            verdict=known.verdict,
            reason=known.reason,
            category=known.category,
            note=known.note,
            at=at,
        )


def outcome(decision):
    """Return the Outcome of a verdict on an item that measures, None for any other verdict."""
    if decision.effect != Decision.Effect.COUNTED:
        return None
    known = GoldAnswer.objects.filter(item=decision.item_id).select_related("item").first()
    return Outcome(matches(decision, known), known) if known else None


def matches(given, known):
    """Say whether a verdict says what the known answer says; a rejection's reason may differ."""
    said, right = (
        rating(one.verdict, one.category or known.item.category) for one in (given, known)
    )
    return said == right


def _in_words(known):
    words = Decision.Verdict(known.verdict).label.lower()
    if known.reason:
        words += f", {Decision.Reason(known.reason).label.lower()}"
    if known.category:
        words += f" as {known.get_category_display().lower()}"
    return words


def _require(by):
    if not by.has_perm("review.add_goldanswer"):
        raise Forbidden("You may not set known answers.")


def _held_item(item_id, by):
    held = visible_items(by).select_for_update(of=("self",), no_key=True).select_related("site")
    item = held.filter(pk=as_id(item_id)).first()
    if item is None:
        raise NotFound(f"There is no item {str(item_id)[:20]}.")
    return item


def _refuse_judged(item):
    if item.status != PENDING:
        message = f"Item {item.pk} is {item.get_status_display().lower()}."
        raise Conflict(message, code="already_decided")
    if item.mode == Mode.GOLD:
        raise Conflict(f"The answer to item {item.pk} is known already.", code="already_judged")
    if item.decisions.exists():
        raise Conflict(f"Somebody has judged item {item.pk} already.", code="already_judged")
