"""Take a verdict back: only one's own, only for a short time, only while nothing has used it."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.services import evidence as evidence_files
from detection.services import fixtures
from hitlsite import audit, people
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.models import Decision, TrainingItem
from review.selectors import visible_items
from review.services import redactions, settlement
from review.services.verdicts import GIVEN

Effect, Status, Verdict = Decision.Effect, TrainingItem.Status, Decision.Verdict


def undo(*, by, decision_id=None, at=None):
    """Take back a verdict and return the Decision that says so.

    The item stands where it stood before, and files that the verdict redacted are the originals
    again, byte for byte.

    Args:
        decision_id: one of the last ten verdicts of ``by``; None takes the newest that still
            stands.

    Raises:
        NotFound: there is no such decision for ``by``.
        Forbidden: it is somebody else's.
        Conflict: nothing_to_undo, undo_too_late, already_used, or already_decided when the item
            has moved on since.
    """
    at = at or timezone.now()
    with transaction.atomic():
        decision = _named(by, decision_id) if decision_id is not None else _newest(by, at)
        item = _held(decision, by)
        decision.refresh_from_db()
        _refuse(decision, item, by, at)
        return _take_back(decision, item, by, at)


def undoable(user, *, at=None):
    """Return the verdicts that ``user`` can still take back, newest first.

    Whether something has used them since is looked at when they are taken back.
    """
    at = at or timezone.now()
    since = at - timedelta(seconds=settings.UNDO_SECONDS)
    last = _last_verdicts(user)
    return [
        decision
        for decision in last
        if decision.at >= since
        and decision.effect != Effect.VOID
        and not hasattr(decision, "undone_by")
    ]


def _last_verdicts(user):
    return list(
        Decision.objects.filter(reviewer=user, verdict__in=GIVEN)
        .select_related("item", "undone_by")
        .order_by("-at", "-pk")[: settings.UNDO_DEPTH]
    )


def _newest(by, at):
    standing = undoable(by, at=at)
    if not standing:
        raise Conflict(
            f"You gave no verdict in the last {settings.UNDO_SECONDS} s that could be taken back.",
            code="nothing_to_undo",
        )
    return standing[0]


def _named(by, decision_id):
    visible = Decision.objects.filter(item__in=visible_items(by))
    try:
        decision = visible.get(pk=decision_id)
    except (Decision.DoesNotExist, ValueError, TypeError, OverflowError):
        raise NotFound(f"There is no decision {str(decision_id)[:20]}.") from None
    if decision.reviewer_id != by.pk:
        who = decision.reviewer.get_full_name() or decision.reviewer.get_username()
        raise Forbidden(f"Only {who} can take this verdict back.")
    if decision.verdict not in GIVEN:
        raise Conflict("Only a verdict can be taken back.", code="nothing_to_undo")
    return decision


def _held(decision, by):
    held = visible_items(by).select_for_update(of=("self",)).select_related("site")
    try:
        return held.get(pk=decision.item_id)
    except TrainingItem.DoesNotExist:
        raise NotFound(f"There is no item {decision.item_id}.") from None


def _refuse(decision, item, by, at):
    if hasattr(decision, "undone_by") or decision.effect == Effect.VOID:
        raise Conflict("This verdict no longer stands.", code="nothing_to_undo")
    if at - decision.at > timedelta(seconds=settings.UNDO_SECONDS):
        raise Conflict(
            f"A verdict can be taken back for {settings.UNDO_SECONDS} s; a supervisor can reopen"
            f" item {item.pk}.",
            code="undo_too_late",
        )
    if decision.pk not in {last.pk for last in _last_verdicts(by)}:
        raise Conflict(
            f"Only your last {settings.UNDO_DEPTH} verdicts can be taken back.",
            code="undo_too_late",
        )
    if item.used_at is not None:
        raise Conflict(
            f"Item {item.pk} has been used since; a supervisor can reopen it.", code="already_used"
        )
    if item.decisions.filter(pk__gt=decision.pk).exists():
        raise Conflict(f"Item {item.pk} has been decided again since.", code="already_decided")


def _take_back(decision, item, by, at):
    version, before, restored = item.version, item.status, []
    if decision.effect == Effect.WAITING:
        settlement.void(decision, item=item, at=at)
    else:
        columns = {"category": item.proposed_category}
        settlement.move(item, decision.status_before, at=at, **columns)
        restored = _restore(decision, item, by, at)
        fixtures.follow_verdict(item.incident, belongs=False, by=by, at=at)
    undoing = Decision.objects.create(
        item=item,
        reviewer=by,
        role=people.role_of(by),
        verdict=Verdict.UNDONE,
        undoes=decision,
        status_before=before,
        item_version=version,
        at=at,
    )
    if item.version == version:
        settlement.move(item, item.status, at=at)
    audit.record(
        "verdict_undone",
        item,
        actor=by,
        site=item.site,
        detail={
            "decision": decision.pk,
            "before": before,
            "after": item.status,
            "files_restored": [redaction.evidence_id for redaction in restored],
        },
        at=at,
    )
    return undoing


def _restore(decision, item, by, at):
    """Bring back the originals that this verdict redacted, as long as every one is kept."""
    applied = redactions.applied_since(item, decision.at)
    if decision.verdict != Verdict.CONFIRMED or not applied:
        return []
    if not all(evidence_files.is_restorable(redaction.evidence) for redaction in applied):
        return []
    redactions.withdraw(item, applied, by=by, at=at)
    return applied
