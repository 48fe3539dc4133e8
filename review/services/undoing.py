"""Take a verdict back: only one's own, only for a short time, only while nothing has used it.

Verdicts given in one act, on a stack or a selection, are taken back in one.
"""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from detection.services import evidence as evidence_files
from detection.services import fixtures
from hitlsite import audit, people
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.models import Decision, TrainingItem
from review.selectors import readable_decisions, visible_items
from review.services import blind, photo_items, redactions, settlement
from review.services.verdicts import GIVEN

Effect, Status, Verdict = Decision.Effect, TrainingItem.Status, Decision.Verdict


def undo(*, by, decision_id=None, at=None):
    """Take back a verdict and return the Decision that says so.

    The item stands where it stood before, and files that the verdict redacted are the originals
    again, byte for byte. The second of two blind verdicts leaves the first one held.

    Args:
        decision_id: one of the last verdicts of ``by``; None takes the newest act that still
            stands: all verdicts of it, where it was several in one, and returns the last.

    Raises:
        NotFound: there is no such decision for ``by``.
        Forbidden: it is somebody else's.
        Conflict: nothing_to_undo, undo_too_late, already_used, or already_decided when the item
            has moved on since.
    """
    at = at or timezone.now()
    with transaction.atomic():
        if decision_id is None:
            decision = _newest(by, at)
            if decision.batch is not None:
                return undo_batch(decision.batch, by=by, at=at)[-1]
        else:
            decision = _named(by, decision_id)
        _hold([decision])
        return _undo(decision, by, at, {one.pk for one in _last_verdicts(by, at)})


def undo_batch(batch, *, by, at=None):
    """Take back every verdict of one act that still stands, or none; return the new Decisions.

    Raises:
        NotFound: ``by`` gave no verdict in such an act.
        Conflict: as ``undo``, naming the item that stands in the way.
    """
    at = at or timezone.now()
    with transaction.atomic():
        given = _given_in(batch, by)
        standing = [one for one in given if _stands(one) and not _is_measured(one)]
        if not standing:
            raise Conflict("No verdict of this act stands any more.", code="nothing_to_undo")
        _hold(standing)
        last = {one.pk for one in _last_verdicts(by, at)}
        return [_undo(decision, by, at, last) for decision in standing]


def _given_in(batch, by):
    """Return the verdicts of an act in the order in which their items are locked."""
    mine = Decision.objects.filter(reviewer=by, verdict__in=GIVEN)
    try:
        mine = mine.filter(batch=batch, item__in=visible_items(by))
    except (ValidationError, ValueError, TypeError):
        mine = mine.none()
    given = list(mine.select_related("item", "undone_by").order_by("item", "pk"))
    if not given:
        raise NotFound(f"You gave no verdicts in one act {str(batch)[:40]}.")
    return given


def _hold(decisions):
    """Hold the items of an act, and what they represent, before the first of them is changed.

    Changing one holds the counts and the audit, for which whoever holds another of them may wait.
    """
    pks = [decision.item_id for decision in decisions]
    touched = TrainingItem.objects.filter(Q(pk__in=pks) | Q(represented_by__in=pks))
    list(touched.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))


def _undo(decision, by, at, last):
    item = _held(decision, by)
    decision.refresh_from_db()
    _refuse(decision, item, last, at)
    return _take_back(decision, item, by, at)


def undoable(user, *, at=None):
    """Return the verdicts that ``user`` can still take back, newest first.

    Whether something has used them since is looked at when they are taken back. None of them can
    where the newest is on an item with a known answer: the next undo would take back another.
    """
    standing = _standing(user, at or timezone.now())
    if standing and _is_measured(standing[0]):
        return []
    return [decision for decision in standing if not _is_measured(decision)]


def _standing(user, at):
    return [decision for decision in _last_verdicts(user, at) if _stands(decision)]


def _stands(decision):
    return decision.effect != Effect.VOID and not hasattr(decision, "undone_by")


def _is_measured(decision):
    """Say whether a verdict was held against a known answer; two blind ones both count, too."""
    return decision.effect == Effect.COUNTED and decision.item.mode != TrainingItem.Mode.DOUBLE


def _last_verdicts(user, at):
    """Return the verdicts of the last acts, newest first; what was given in one act is one."""
    recent = (
        Decision.objects.filter(
            reviewer=user,
            verdict__in=GIVEN,
            at__gte=at - timedelta(seconds=settings.UNDO_SECONDS),
        )
        .select_related("item", "undone_by")
        .defer("item__provenance")
        .order_by("-at", "-pk")
    )
    acts, last = set(), []
    for decision in recent:
        act = decision.batch or decision.pk
        if act not in acts and len(acts) == settings.UNDO_DEPTH:
            break
        acts.add(act)
        last.append(decision)
    return last


def _newest(by, at):
    standing = _standing(by, at)
    if not standing:
        raise Conflict(
            f"You gave no verdict in the last {settings.UNDO_SECONDS} s that could be taken back.",
            code="nothing_to_undo",
        )
    return standing[0]


def _named(by, decision_id):
    try:
        decision = readable_decisions(by).get(pk=decision_id)
    except (Decision.DoesNotExist, ValueError, TypeError, OverflowError):
        raise NotFound(f"There is no decision {str(decision_id)[:20]}.") from None
    if decision.reviewer_id != by.pk:
        who = decision.reviewer.get_full_name() or decision.reviewer.get_username()
        raise Forbidden(f"Only {who} can take this verdict back.")
    if decision.verdict not in GIVEN:
        raise Conflict("Only a verdict can be taken back.", code="nothing_to_undo")
    return decision


def _held(decision, by):
    held = visible_items(by).select_for_update(of=("self",), no_key=True).select_related("site")
    try:
        return held.get(pk=decision.item_id)
    except TrainingItem.DoesNotExist:
        raise NotFound(f"There is no item {decision.item_id}.") from None


def _refuse(decision, item, last, at):
    if not _stands(decision):
        raise Conflict("This verdict no longer stands.", code="nothing_to_undo")
    if decision.effect == Effect.COUNTED and item.mode != TrainingItem.Mode.DOUBLE:
        raise Conflict(
            f"The answer to item {item.pk} was known: your verdict on it stays as you gave it.",
            code="nothing_to_undo",
        )
    if at - decision.at > timedelta(seconds=settings.UNDO_SECONDS):
        raise Conflict(
            f"A verdict can be taken back for {settings.UNDO_SECONDS} s; a supervisor can reopen"
            f" item {item.pk}.",
            code="undo_too_late",
        )
    if decision.pk not in last:
        raise Conflict(
            f"Only your last {settings.UNDO_DEPTH} verdicts can be taken back.",
            code="undo_too_late",
        )
    if item.used_at is not None:
        raise Conflict(
            f"Item {item.pk} has been used since; a supervisor can reopen it.", code="already_used"
        )
    if photo_items.is_put_aside(item):
        raise Conflict(
            f"Photo {item.photo_id} is no longer marked: item {item.pk} has left the queue.",
            code="already_decided",
        )
    if _later(decision, item).exists():
        raise Conflict(f"Item {item.pk} has been decided again since.", code="already_decided")


def _later(decision, item):
    """Return what was decided after a verdict and still stands."""
    return (
        item.decisions.filter(pk__gt=decision.pk, undone_by__isnull=True)
        .exclude(effect=Effect.VOID)
        .exclude(verdict=Verdict.UNDONE)
    )


def _take_back(decision, item, by, at):
    version, before, effect = item.version, item.status, decision.effect
    restored = []
    if effect == Effect.HELD:
        blind.drop(decision)
    elif effect == Effect.WAITING:
        settlement.void(decision, item=item, at=at)
        settlement.move(item, item.status, at=at)
    else:
        restored = _back_to(decision, item, by, at)
    undoing = Decision.objects.create(
        item=item,
        reviewer=by,
        role=people.role_of(by),
        verdict=Verdict.UNDONE,
        # A held verdict leaves the version to the one that comes into force.
        effect=Effect.VOID if effect == Effect.HELD else Effect.APPLIED,
        undoes=decision,
        batch=decision.batch,
        status_before=before,
        item_version=version,
        at=at,
    )
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


def _back_to(decision, item, by, at):
    """Put the item back where a verdict found it; return the redactions that go with it."""
    settlement.move(item, decision.status_before, at=at, category=item.proposed_category)
    restored = _restore(decision, item, by, at)
    fixtures.follow_verdict(item.incident_id, belongs=False, by=by, at=at)
    blind.give_back(item, decision)
    leave_stack([item])
    return restored


def leave_stack(items):
    """Let items that were decided together stand for themselves again."""
    from review.services import stacks  # it decides, and so comes later than this module

    stacks.dissolve(items)


def _restore(decision, item, by, at):
    """Bring back the originals that this verdict redacted, as long as every one is kept."""
    applied = redactions.applied_since(item, decision.at)
    if decision.verdict != Verdict.CONFIRMED or not applied:
        return []
    if not all(evidence_files.is_restorable(redaction.evidence) for redaction in applied):
        return []
    redactions.withdraw(item, applied, by=by, at=at)
    return applied
