"""Bring verdicts into force, those included that waited for a redaction.

A confirmation that needs a redaction is stored at once. It takes effect here, in the transaction
in which the redaction turns out verified, or is void when the redaction is blocked.
"""

from django.db.models import F

from hitlsite import audit
from hitlsite.errors import Conflict
from review.models import Decision, TrainingItem
from review.services import blind, redactions, stacks, tallies

Effect, Status, Proposal = Decision.Effect, TrainingItem.Status, TrainingItem.Proposal


def waiting_decision(item):
    """Return the confirmation that waits for this item's redaction, or None."""
    return item.decisions.filter(effect=Effect.WAITING).select_related("reviewer").first()


def move(item, status, *, at, **columns):
    """Take the item from the status and version it was read in to ``status``.

    Raises:
        Conflict: somebody was faster.
    """
    before = item.status
    move_uncounted(item, status, at=at, **columns)
    tallies.moved(item, before, status)


def move_uncounted(item, status, *, at, **columns):
    """Do as ``move``, but leave the tallies to the caller."""
    columns = {"status": status, "claimed_by": None, "claim_expires_at": None, **columns}
    columns["decided_at"] = None if status == Status.PENDING_REVIEW else at
    won = TrainingItem.objects.filter(pk=item.pk, status=item.status, version=item.version).update(
        version=F("version") + 1, **columns
    )
    if not won:
        raise Conflict(f"Item {item.pk} was decided in the same moment.", code="already_decided")
    for name, value in columns.items():
        setattr(item, name, value)
    item.version += 1


def settle(item, *, at):
    """Bring a waiting confirmation into force or void it, now that the item's files were looked at.

    Runs inside the transaction that holds the item's row; does nothing where nothing waits or the
    redaction is not there yet.
    """
    waiting = waiting_decision(item)
    if waiting is None or item.is_being_redacted:
        return
    if not item.is_private and item.proposal == Proposal.READY:
        redactions.apply_verified(item, by=waiting.reviewer, at=at)
    if item.proposal == Proposal.BLOCKED:
        _end(waiting, item, Effect.VOID, at)
    elif item.is_private:
        move(item, Status.CONFIRMED, at=at, category=waiting.category or item.category)
        _end(waiting, item, Effect.APPLIED, at)


def void(waiting, *, item, at):
    """Take back a waiting confirmation that another verdict or an undo replaces."""
    _end(waiting, item, Effect.VOID, at)


def _end(waiting, item, effect, at):
    waiting.effect = effect
    waiting.save(update_fields=["effect"])
    if effect == Effect.VOID:
        blind.give_back(item, waiting)
        stacks.dissolve([item])
    action = "item_confirmed" if effect == Effect.APPLIED else "confirmation_void"
    audit.record(
        action,
        item,
        actor=waiting.reviewer,
        site=item.site,
        detail={"decision": waiting.pk, "status": item.status},
        at=at,
    )
