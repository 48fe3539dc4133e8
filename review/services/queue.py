"""Hand out waiting items: a claim is a lease, so that two people do not look at the same thing.

A claim is a courtesy, not a condition: deciding without one is allowed, and another's claim ends
by itself.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review import selectors
from review.models import Decision, TrainingItem

MOST_CLAIMED = 50
PENDING = TrainingItem.Status.PENDING_REVIEW
# Somebody confirmed these already; they only wait for their redaction.
_WAITS = Exists(Decision.objects.filter(item=OuterRef("pk"), effect=Decision.Effect.WAITING))


def claim(by, *, count=5, filters=None, at=None):
    """Lease up to ``count`` pending items to ``by``, the highest priority first, and return them.

    Items that ``by`` holds already count, and their lease starts anew.

    Raises:
        Forbidden: ``by`` does not review.
        DomainError: filter_invalid, or invalid for a count outside 1..50.
    """
    at = at or timezone.now()
    _require_reviewer(by)
    if type(count) is not int or not 1 <= count <= MOST_CLAIMED:
        message = f"This must be a number from 1 to {MOST_CLAIMED}."
        raise DomainError("invalid", f"count: {message}", fields={"count": message})
    wanted = _pending(by, filters)
    with transaction.atomic():
        taken = _lock(by, wanted, _held_by(by, at), count)
        if len(taken) < count:
            taken += _lock(by, wanted, _free(at) & ~_WAITS, count - len(taken))
        _lease(by, taken, at)
    return selectors.items_in_order(taken)


def claim_item(item_id, *, by, at=None):
    """Lease one pending item to ``by`` and return it.

    Raises:
        NotFound: there is no such item for ``by``.
        Conflict: claimed by somebody else, or already_decided.
    """
    at = at or timezone.now()
    item = selectors.item_for(by, item_id)
    _require_reviewer(by)
    mine_or_free = _held_by(by, at) | _free(at)
    open_items = TrainingItem.objects.filter(mine_or_free, pk=item.pk, status=PENDING)
    won = open_items.update(claimed_by=by, claim_expires_at=_until(at))
    item.refresh_from_db()
    if won:
        return item
    if item.status != PENDING:
        message = f"Item {item.pk} is {item.get_status_display().lower()}."
        raise Conflict(message, code="already_decided")
    raise claimed(item)


def claimed(item):
    """Return the refusal of an item that somebody else has claimed."""
    who = item.claimed_by.get_full_name() or item.claimed_by.get_username()
    return Conflict(
        f"{who} has claimed item {item.pk} until {item.claim_expires_at:%H:%M:%S} UTC.",
        code="claimed",
    )


def release(by, *, item_id=None):
    """Give back everything that ``by`` has claimed, or one item; return how many that were."""
    held = TrainingItem.objects.filter(claimed_by=by)
    if item_id is not None:
        held = held.filter(pk=item_id)
    return held.update(claimed_by=None, claim_expires_at=None)


def next_item(by, after=None, *, filters=None, at=None):
    """Return the pending item that comes after an item (or its id) for ``by``, or None.

    Items that somebody else has claimed are passed over.
    """
    at = at or timezone.now()
    position = None
    if after is not None:
        pk = getattr(after, "pk", after)
        found = selectors.visible_items(by).filter(pk=pk).values_list("priority", "pk").first()
        if found is None:
            raise NotFound(f"There is no item {str(pk)[:20]}.")
        position = found
    keys = selectors.first_keys(
        by,
        _pending(by, filters),
        position=position,
        condition=(_held_by(by, at) | _free(at)) & ~_WAITS,
    )
    return next(iter(selectors.items_in_order([pk for _, pk in keys])), None)


def _pending(by, filters):
    wanted = selectors.parse_filters(by, filters)
    return selectors.ItemFilters(
        statuses=(PENDING,),
        camera=wanted.camera,
        category=wanted.category,
        since=wanted.since,
        until=wanted.until,
    )


def _require_reviewer(by):
    if not by.has_perm("review.decide_trainingitem"):
        raise Forbidden("You may not review items.")


def _held_by(by, at):
    return Q(claimed_by=by, claim_expires_at__gt=at)


def _free(at):
    return Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=at)


def _until(at):
    return at + timedelta(seconds=settings.CLAIM_SECONDS)


def _lock(by, wanted, condition, count):
    """Return the ids of up to ``count`` items whose rows this transaction holds now."""
    return [
        pk
        for _, pk in selectors.first_keys(
            by, wanted, condition=condition, count=count, skip_locked=True
        )
    ]


def _lease(by, pks, at):
    TrainingItem.objects.filter(pk__in=pks, status=PENDING).update(
        claimed_by=by, claim_expires_at=_until(at)
    )
