"""Stacks of near-duplicates that wait for verdicts, and what is in one."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, Max, Min, OuterRef, Prefetch, Q

from detection.models import Evidence
from hitlsite.bounds import as_id
from hitlsite.errors import NotFound
from review.models import Decision, TrainingItem
from review.selectors.access import visible_items, visible_sites
from review.selectors.cursors import bad_cursor
from review.selectors.filters import unjudged

STACKS_ON_A_PAGE = 50
MOST_ON_A_SHEET = 200
PENDING = TrainingItem.Status.PENDING_REVIEW
_EVIDENCE = Prefetch("incident__evidence", Evidence.objects.defer("observations"))


@dataclass(frozen=True, slots=True)
class Stack:
    """``waiting`` of ``total`` items wait; the times are when the first and last opened."""

    head: TrainingItem
    rule_name: str
    zone: str
    waiting: int
    total: int
    first_at: datetime
    last_at: datetime


def stacks_page(user, *, after=None):
    """Return (stacks, next cursor): those where more than the head waits, the newest first.

    Args:
        after: the cursor that the page before gave, the id of its last head.

    Raises:
        DomainError: cursor_invalid (400).
    """
    # Read off the index of ``stack``, backwards: what is in no stack is never looked at.
    stacked = TrainingItem.objects.filter(
        stack__isnull=False, status=PENDING, site__in=visible_sites(user)
    )
    if after:
        position = as_id(after)
        if position is None:
            raise bad_cursor()
        stacked = stacked.filter(stack__lt=position)
    found = stacked.order_by("-stack_id").values_list("stack_id", flat=True).distinct()
    keys = list(found[: STACKS_ON_A_PAGE + 1])
    shown = keys[:STACKS_ON_A_PAGE]
    cursor = str(shown[-1]) if len(keys) > STACKS_ON_A_PAGE else None
    return [stack for stack in _stacks(user, shown) if stack.waiting], cursor


def _waiting(user):
    return TrainingItem.objects.filter(unjudged(user), status=PENDING)


def _stacks(user, pks):
    heads = (
        TrainingItem.objects.filter(pk__in=pks)
        .select_related("site", "camera__site", "incident", "claimed_by")
        .prefetch_related(_EVIDENCE, "incident__rule_hits")
        .in_bulk()
    )
    figures = {
        row["stack"]: row
        for row in TrainingItem.objects.filter(stack__in=pks)
        .order_by()
        .values("stack")
        .annotate(
            total=Count("pk"),
            waiting=Count("pk", filter=Q(status=PENDING) & unjudged(user)),
            last_at=Max("incident__opened_at"),
            first_at=Min("incident__opened_at"),
        )
    }
    free = set(_waiting(user).filter(pk__in=pks).values_list("pk", flat=True))
    return [_stack(heads[pk], figures[pk], pk in free) for pk in pks if pk in figures]


def _stack(head, figures, head_waits):
    hit = next(iter(head.incident.rule_hits.all()), None)
    opened_at = head.incident.opened_at
    return Stack(
        head=head,
        rule_name=hit.rule_name if hit else "",
        zone=hit.zone if hit else "",
        waiting=figures["waiting"] + head_waits,
        total=figures["total"] + 1,
        first_at=min(opened_at, figures["first_at"]),
        last_at=max(opened_at, figures["last_at"]),
    )


def stack_for(user, pk):
    """Return the Stack that an item is in.

    Raises:
        NotFound: there is no such item for ``user``, or it is in no stack.
    """
    item = visible_items(user).filter(pk=as_id(pk)).only("stack").first()
    found = _stacks(user, [item.stack_id or item.pk]) if item else []
    if not found:
        raise NotFound(f"There is no stack {str(pk)[:20]}.")
    return found[0]


def sheet(user, head):
    """Return the items of a stack that wait for a verdict which ``user`` may give, in order.

    Two hundred at most: the others follow once these are decided.
    """
    given = Decision.objects.filter(item=OuterRef("pk"), effect=Decision.Effect.WAITING)
    return list(
        _waiting(user)
        .filter(Q(pk=head.pk) | Q(stack=head.pk), ~Exists(given))
        .select_related("site", "camera", "incident", "claimed_by")
        .prefetch_related(_EVIDENCE)
        .order_by("incident__opened_at", "pk")[:MOST_ON_A_SHEET]
    )
