"""Stacks of near-duplicates: what one rule saw in one zone of one camera within ten minutes.

An item joins a stack when it is made. The stack is known by its first item, its head. People
decide it from a contact sheet, with one decision for each item; of the confirmed ones training
counts one, which represents the others.
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from hitlsite import audit
from hitlsite.errors import NotFound
from review.models import Decision, TrainingItem
from review.selectors import visible_items

WITHIN = timedelta(minutes=10)
# How many of a camera's newest items are looked through for a head.
LOOKED_THROUGH = 200
# In force, or as soon as the redaction is verified.
_CONFIRMING = (Decision.Effect.APPLIED, Decision.Effect.WAITING)


def assign(item):
    """Put a new item into the stack that it belongs to; runs in the transaction that stores it.

    Where none is there it may become the head of one. Items of photos stay by themselves, and so
    does an incident from so long ago that 200 items of its camera have been made since.
    """
    hit = _first_hit(item.incident)
    if hit is None:
        return
    opened_at = item.incident.opened_at
    others = TrainingItem.objects.filter(camera=item.camera_id).exclude(pk=item.pk)
    near = TrainingItem.objects.filter(
        pk__in=list(others.order_by("-pk").values_list("pk", flat=True)[:LOOKED_THROUGH]),
        stack__isnull=True,
        incident__origin=item.incident.origin,
        incident__opened_at__range=(opened_at - WITHIN, opened_at),
        incident__rule_hits__position=hit.position,
        incident__rule_hits__rule_name=hit.rule_name,
        incident__rule_hits__zone=hit.zone,
    )
    head = near.order_by("-incident__opened_at", "-pk").first()
    if head is not None:
        item.stack = head
        item.save(update_fields=["stack"])


def _first_hit(incident):
    """Return the rule hit that opened an incident; a sample of what no rule saw has none."""
    if incident is None or incident.is_sampled:
        return None
    return min(incident.rule_hits.all(), key=lambda hit: hit.position, default=None)


def decide(head_pk, *, by, verdict, reason="", note="", item_ids, at=None):
    """Give one verdict on items of a stack and return the Outcome, as ``bulk.decide_many`` does.

    The first one confirmed represents the others, or one confirmed earlier that does so already.

    Raises:
        NotFound: there is no such stack for ``by``.
        Forbidden, DomainError: as ``bulk.decide_many``; an item of another stack is refused.
    """
    from review.services import bulk  # decisions know of stacks: an undo dissolves them

    head = visible_items(by).filter(pk=head_pk, stack__isnull=True).first()
    if head is None:
        raise NotFound(f"There is no stack {str(head_pk)[:20]}.")
    pks = bulk.checked_ids(item_ids)
    here = set(members(head).filter(pk__in=pks).values_list("pk", flat=True))
    strangers = [pk for pk in pks if pk not in here]
    if strangers:
        message = f"Item {strangers[0]} is not in stack {head.pk}."
        raise NotFound(message, fields={"ids": message})
    representing = _Representing(head, at)
    return bulk.decide_many(
        pks,
        by=by,
        verdict=verdict,
        reason=reason,
        note=note,
        at=at,
        first=representing.hold,
        then=representing,
    )


class _Representing:
    """Follows the decisions of a batch: the first item confirmed stands for those after it."""

    def __init__(self, head, at):
        self.at = at
        self.chosen = members(head).filter(represents__isnull=False).order_by("pk").first()

    def hold(self):
        """Hold the one that stands for the others, if it still is confirmed, until the next does.

        Somebody may have opened it again since; it is held before the item that is decided, and so
        before the counts and the audit.
        """
        if self.chosen is None:
            return
        waiting = Decision.objects.filter(item=OuterRef("pk"), effect=Decision.Effect.WAITING)
        stands = Q(status=TrainingItem.Status.CONFIRMED) | Exists(waiting)
        held = TrainingItem.objects.filter(stands, pk=self.chosen.pk, represented_by__isnull=True)
        self.chosen = held.select_for_update(no_key=True).first()

    def __call__(self, decision):
        is_confirming = decision.verdict == Decision.Verdict.CONFIRMED
        if not is_confirming or decision.effect not in _CONFIRMING:
            return
        if self.chosen is None:
            self.chosen = decision.item
            return
        item = decision.item
        item.represented_by = self.chosen
        item.save(update_fields=["represented_by"])
        audit.record(
            "item_represented",
            item,
            actor=decision.reviewer,
            site=item.site,
            detail={"by": self.chosen.pk, "batch": str(decision.batch)},
            at=self.at,
        )


def members(head):
    """Return the items of a stack, its head among them."""
    return TrainingItem.objects.filter(pk=head.pk) | TrainingItem.objects.filter(stack=head.pk)


def dissolve(items):
    """Let items stand for themselves again; runs in the transaction that opens them again.

    Those that one of them represented are represented by the first of their own from now on, so
    that training goes on counting one of them.
    """
    pks = [item.pk for item in items]
    TrainingItem.objects.filter(pk__in=pks).update(represented_by=None)
    for item in items:
        item.represented_by = None
    left = TrainingItem.objects.filter(represented_by__in=pks)
    heirs = {}
    for pk, former in left.order_by("pk").values_list("pk", "represented_by"):
        heirs.setdefault(former, []).append(pk)
    for first, *others in heirs.values():
        TrainingItem.objects.filter(pk=first).update(represented_by=None)
        TrainingItem.objects.filter(pk__in=others).update(represented_by=first)
