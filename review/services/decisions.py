"""Decide items: one act checks, changes the item, appends the decision and writes the audit line.

Of two people who decide at once one wins: the change is an UPDATE of the status and version that
were read, and the other is told who was faster. Items that two people judge blind, and those whose
answer is known, take their verdicts as ``blind`` says.
"""

from django.db import transaction
from django.utils import timezone

from detection.services import fixtures
from hitlsite import audit, people, rows
from hitlsite.errors import Conflict, Forbidden, NotFound
from review.models import Decision, TrainingItem
from review.selectors import visible_items
from review.services import blind, guidelines, redactions, samples, settlement, tallies, verdicts
from review.services.queue import claimed
from review.services.regions import clean_boxes, clean_text, invalid
from review.services.undoing import leave_stack, undo, undo_batch

__all__ = ["TRANSITIONS", "decide", "reopen", "undo", "undo_batch"]

Effect, Reason, Verdict = Decision.Effect, Decision.Reason, Decision.Verdict
Mode, Proposal, Status = TrainingItem.Mode, TrainingItem.Proposal, TrainingItem.Status

# (status, verdict): (the status after it, the permission that it takes)
TRANSITIONS = {
    (Status.PENDING_REVIEW, Verdict.CONFIRMED): (Status.CONFIRMED, "decide_trainingitem"),
    (Status.PENDING_REVIEW, Verdict.REJECTED): (Status.REJECTED, "decide_trainingitem"),
    (Status.PENDING_REVIEW, Verdict.NEEDS_REVIEW): (Status.NEEDS_REVIEW, "decide_trainingitem"),
    (Status.NEEDS_REVIEW, Verdict.CONFIRMED): (Status.CONFIRMED, "resolve_trainingitem"),
    (Status.NEEDS_REVIEW, Verdict.REJECTED): (Status.REJECTED, "resolve_trainingitem"),
    (Status.CONFIRMED, Verdict.REOPENED): (Status.PENDING_REVIEW, "reopen_trainingitem"),
    (Status.REJECTED, Verdict.REOPENED): (Status.PENDING_REVIEW, "reopen_trainingitem"),
}


def decide(
    item_id,
    *,
    by,
    verdict,
    reason="",
    note="",
    category="",
    boxes=(),
    version=None,
    seconds_taken=None,
    at=None,
    batch=None,
):
    """Give a verdict on an item and return the Decision.

    A confirmation of an item with faces puts the verified redaction in place; where that is still
    being made, the decision waits for it (``effect="waiting"``) and the item stays open. So it does
    when the verdict is the first of two blind ones ("held") or only counts ("counted").

    Args:
        version: the version that the reviewer was looking at; None checks nothing.
        batch: the uuid of the act that this verdict is a part of.

    Raises:
        NotFound, Forbidden: not for ``by``.
        Conflict: already_decided, already_judged, claimed, stale_version or not_private.
        DomainError: invalid (422); ``fields`` names the field at fault.
    """
    at = at or timezone.now()
    answer = verdicts.checked(
        verdict=verdict, reason=reason, note=note, category=category, seconds_taken=seconds_taken
    )
    people.rights_of(by)  # read before others have to wait for this transaction
    with transaction.atomic():
        item = _held_item(item_id, by)
        status = _allowed_status(item, answer.verdict, by, at)
        _refuse_claimed(item, by, at)
        _refuse_stale(item, version)
        samples.check_answer(item, answer)
        decision = _draft(item, answer, boxes, by, at, batch)
        decision.guideline_version = item.guideline_version
        _replace_waiting(item, by, at)
        _refuse_unhideable(item, decision)
        weighed = blind.weigh(item, decision)
        decision.effect = weighed.effect
        if (decision.effect, decision.verdict) == (Effect.APPLIED, Verdict.CONFIRMED):
            decision.effect = _made_private(item, by, at)
        _carry_out(item, decision, status, at, first=weighed.first)
    return decision


def _held_item(item_id, by):
    items = visible_items(by).select_for_update(of=("self",), no_key=True)
    try:
        return items.annotate(guideline_version=guidelines.VERSION_IN_FORCE).get(pk=item_id)
    except (TrainingItem.DoesNotExist, ValueError, TypeError, OverflowError):
        raise NotFound(f"There is no item {str(item_id)[:20]}.") from None


def _allowed_status(item, verdict, by, at):
    """Return the status that a verdict leads to, or refuse it."""
    if (item.status, verdict) not in TRANSITIONS:
        raise Conflict(_why_closed(item, at), code="already_decided")
    status, permission = TRANSITIONS[item.status, verdict]
    if not by.has_perm(f"review.{permission}"):
        raise Forbidden(
            f"Item {item.pk} is {item.get_status_display().lower()}: you may not give the verdict"
            f" {Verdict(verdict).label!r} on it."
        )
    return status


def _why_closed(item, at):
    last = (
        item.decisions.filter(effect=Effect.APPLIED)
        .select_related("reviewer")
        .order_by("pk")
        .last()
    )
    if last is None:
        return f"Item {item.pk} is {item.get_status_display().lower()}."
    return _sentence(last, at)


def _sentence(decision, at):
    who = decision.reviewer.get_full_name() or decision.reviewer.get_username()
    did = {
        Verdict.NEEDS_REVIEW: "sent this to a supervisor",
        Verdict.UNDONE: "took back a verdict on this",
    }.get(decision.verdict, f"{decision.verdict} this")
    seconds = max(int((at - decision.at).total_seconds()), 0)
    return f"{who} {did} {_ago(seconds)} ago."


def _ago(seconds):
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _refuse_claimed(item, by, at):
    is_live = item.claimed_by_id and item.claim_expires_at and item.claim_expires_at > at
    if is_live and item.claimed_by_id != by.pk:
        raise claimed(item)


def _refuse_stale(item, version):
    if version in (None, ""):
        return
    if type(version) is not int:
        raise invalid("version", "This must be a whole number.")
    if version != item.version:
        raise Conflict(
            f"Item {item.pk} changed since you opened it: look at it again.", code="stale_version"
        )


def _draft(item, answer, boxes, by, at, batch=None):
    boxes = clean_boxes(
        "boxes", boxes or (), evidence=redactions.evidence_of(item) if boxes else ()
    )
    if boxes and answer.verdict != Verdict.CONFIRMED:
        raise invalid("boxes", "Only a confirmation corrects the boxes.")
    return Decision(
        item=item,
        reviewer=by,
        role=people.role_of(by),
        verdict=answer.verdict,
        reason=answer.reason,
        note=answer.note,
        category=verdicts.correction(answer, item),
        boxes=boxes,
        seconds_taken=answer.seconds_taken,
        batch=batch,
        status_before=item.status,
        item_version=item.version,
        at=at,
    )


def _replace_waiting(item, by, at):
    """Void a confirmation that waits where its reviewer, or a supervisor, says otherwise now."""
    may_wait = not item.is_private or item.is_being_redacted
    waiting = settlement.waiting_decision(item) if may_wait else None
    if waiting is None:
        return
    if waiting.reviewer_id != by.pk and not by.has_perm("review.resolve_trainingitem"):
        raise Conflict(
            f"{_sentence(waiting, at)} It takes effect when the redaction is verified.",
            code="already_decided",
        )
    settlement.void(waiting, item=item, at=at)


def _refuse_unhideable(item, decision):
    """Refuse a confirmation that could never come into force; a first one of two just the same."""
    is_confirmed = decision.verdict == Verdict.CONFIRMED
    if is_confirmed and item.proposal == Proposal.BLOCKED and not item.is_private:
        raise Conflict(
            f"Item {item.pk} shows faces that could not be hidden by themselves: redact it with"
            " regions of your own, or reject it.",
            code="not_private",
        )


def _made_private(item, by, at):
    """Put a missing redaction in place; return whether the confirmation applies or waits."""
    if item.is_private and not item.is_being_redacted:
        return Effect.APPLIED
    if item.proposal == Proposal.READY:
        redactions.apply_verified(item, by=by, at=at)
        return Effect.APPLIED
    return Effect.WAITING


def _carry_out(item, decision, status, at, first=None):
    before = item.status
    if blind.stays_open(item, decision.effect):
        blind.leave_open(item)
    else:
        _move(item, decision, status, at)
    rows.insert(decision)
    if first is not None:
        blind.count(first)
    belongs = status == Status.REJECTED and decision.reason == Reason.BASELINE_NOISE
    # Of an item that waits there is no fixture: reopening it and taking a verdict back end it.
    has_to_follow = belongs or decision.verdict == Verdict.REOPENED
    if has_to_follow and decision.effect == Effect.APPLIED:
        fixtures.follow_verdict(item.incident_id, belongs=belongs, by=decision.reviewer, at=at)
    # Last, because all other verdicts of the product wait for what these two lines hold.
    _record(item, decision, before, first, at)
    tallies.moved(item, before, item.status, is_head_held=True)


def _move(item, decision, status, at):
    columns = {}
    if decision.effect == Effect.WAITING:
        status = item.status
    elif decision.effect == Effect.COUNTED:
        status = Status.NEEDS_REVIEW
    elif decision.verdict == Verdict.CONFIRMED and decision.category:
        columns["category"] = decision.category
    settlement.move_uncounted(item, status, at=at, **columns)


def _action(item, effect, verdict):
    """Return the name of an act for the audit; one that is to stay unknown does not name it."""
    if effect == Effect.HELD:
        return "verdict_held"
    if effect == Effect.COUNTED:
        return "verdict_counted" if item.mode == Mode.GOLD else "blind_verdicts_differ"
    return f"item_{verdict}"


def _record(item, decision, before, first, at):
    detail = {
        "decision": decision.pk,
        "verdict": decision.verdict,
        "effect": decision.effect,
        "reason": decision.reason,
        "note": decision.note,
        "category": decision.category,
        "boxes": len(decision.boxes),
        "before": before,
        "after": item.status,
    }
    if decision.batch is not None:
        detail["batch"] = str(decision.batch)
    if first is not None:
        detail["first"] = {"decision": first.pk, "by": first.reviewer_id, "verdict": first.verdict}
    action = _action(item, decision.effect, decision.verdict)
    audit.record(action, item, actor=decision.reviewer, site=item.site_id, detail=detail, at=at)


def reopen(item_id, *, by, note, version=None, at=None):
    """Put a decided item back before the reviewers, with a reason, and return the Decision.

    A redaction stays in place; a corrected category goes back to the proposed one. One person
    decides from here on, even where two were blind before: what they said can be read.

    Raises:
        NotFound, Forbidden, Conflict: as ``decide``.
        DomainError: invalid, when the note is missing.
    """
    at = at or timezone.now()
    note = clean_text("note", note or "")
    if not note:
        raise invalid("note", "Say why the item is reopened.")
    with transaction.atomic():
        item = _held_item(item_id, by)
        if (item.status, Verdict.REOPENED) not in TRANSITIONS:
            raise Conflict(f"Item {item.pk} is not decided yet.", code="not_decided")
        status = _allowed_status(item, Verdict.REOPENED, by, at)
        _refuse_stale(item, version)
        answer = verdicts.Answer(Verdict.REOPENED, "", note, "", None)
        decision = _draft(item, answer, (), by, at)
        item.category, item.mode = item.proposed_category, Mode.SINGLE
        item.save(update_fields=["category", "mode"])
        leave_stack([item])
        _carry_out(item, decision, status, at)
    return decision
