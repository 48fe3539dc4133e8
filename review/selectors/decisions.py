"""What people said about items, and who may read it when.

What one of two blind people said is nobody else's to read until the other has judged too; what
was said about an item with a known answer is for those who may know that there is one.
"""

from django.db.models import Exists, OuterRef, Q

from review.models import Decision, TrainingItem
from review.selectors.access import visible_items

Effect, Mode, Verdict = Decision.Effect, TrainingItem.Mode, Decision.Verdict
GIVEN = (Verdict.CONFIRMED, Verdict.REJECTED, Verdict.NEEDS_REVIEW)
_PENDING = Q(item__status=TrainingItem.Status.PENDING_REVIEW)
_GOLD = _PENDING & Q(item__mode=Mode.GOLD)
# A confirmation waits for its redaction once both have judged.
_BOTH_JUDGED = Exists(Decision.objects.filter(item=OuterRef("item"), effect=Effect.WAITING))
_BLIND = _PENDING & Q(item__mode=Mode.DOUBLE) & ~_BOTH_JUDGED


def readable_decisions(user):
    """Return the decisions that ``user`` may read: one's own, and what is no secret any more."""
    secret = _BLIND if user.has_perm("review.view_goldanswer") else _BLIND | _GOLD
    decisions = Decision.objects.filter(item__in=visible_items(user))
    return decisions.exclude(secret & ~Q(reviewer=user.pk))


def history(item, user):
    """Return the item's decisions, oldest first, each with its reviewer and what undid it."""
    found = readable_decisions(user).filter(item=item)
    return list(found.select_related("reviewer", "undone_by").order_by("pk"))


def held_at(item, user):
    """Return when the first of two blind verdicts was given, for those who see to it; or None.

    Not what it says, nor whose it is: whoever asks may be the second.
    """
    is_blind = (item.mode, item.status) == (Mode.DOUBLE, TrainingItem.Status.PENDING_REVIEW)
    if not is_blind or not user.has_perm("review.resolve_trainingitem"):
        return None
    held = Decision.objects.filter(item=item, effect=Effect.HELD).exclude(reviewer=user)
    return held.values_list("at", flat=True).first()


def judged_already(item, user):
    """Return the verdict of ``user`` on an item that stays open for others, or None."""
    if item.status != TrainingItem.Status.PENDING_REVIEW or item.mode == Mode.SINGLE:
        return None
    own = Decision.objects.filter(item=item, reviewer=user)
    # Of two blind people the first counts only while the second waits for a redaction.
    return own.filter(effect__in=[Effect.HELD, Effect.COUNTED]).last()


def differing_verdicts(item, user):
    """Return the blind verdicts that brought an item before a supervisor because they differ."""
    if item.status != TrainingItem.Status.NEEDS_REVIEW or item.mode != Mode.DOUBLE:
        return []
    standing = readable_decisions(user).filter(item=item, undone_by__isnull=True)
    verdicts = standing.filter(effect__in=[Effect.COUNTED, Effect.APPLIED], verdict__in=GIVEN)
    found = list(verdicts.select_related("reviewer").order_by("pk"))
    return [] if any(one.effect == Effect.APPLIED for one in found) else found
