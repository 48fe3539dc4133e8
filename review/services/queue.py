"""Hand out waiting items: a claim is a lease, so that two people do not look at the same thing.

A claim is a courtesy, not a condition: deciding without one is allowed, and another's claim ends
by itself.
"""

from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from hitlsite.bounds import as_id
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
    _require_count(count)
    wanted = _pending(by, filters)
    held = Q(pk__in=selectors.held_ids(by, at=at))
    with transaction.atomic():
        taken = _lock(by, wanted, held & ~_WAITS, count)
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
    open_items = TrainingItem.objects.filter(_mine_or_free(by, at), pk=item.pk, status=PENDING)
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


def release(by, *, item_ids=None):
    """Give back everything that ``by`` has claimed, or of these items; return how many that were.

    What somebody else holds, or nobody, is left as it is.
    """
    held = TrainingItem.objects.filter(claimed_by=by)
    if item_ids is not None:
        pks = [as_id(one) for one in item_ids]
        held = held.filter(pk__in=[pk for pk in pks if pk is not None])
    return held.update(claimed_by=None, claim_expires_at=None)


def next_item(by, after=None, *, filters=None, at=None):
    """Return the pending item that comes after an item (or its id) for ``by``, or None.

    Items that somebody else has claimed are passed over, and so is what ``by`` has judged already
    where the verdict of somebody else is waited for.
    """
    at = at or timezone.now()
    keys = selectors.first_keys(
        by,
        _pending(by, filters),
        position=_position(by, after),
        condition=_mine_or_free(by, at) & ~_WAITS,
    )
    return next(iter(selectors.items_in_order([pk for _, pk in keys])), None)


def upcoming(by, after, filters=None, *, count=3, at=None):
    """Claim the items that ``by`` is going to see after an item (or its id), and return them.

    They are those further on in the list; where it ends, it goes on from its top. What is not
    looked at after all is given back by ``release``.

    Raises:
        NotFound: there is no item ``after`` for ``by``.
        Forbidden, DomainError: as ``claim``.
    """
    at = at or timezone.now()
    _require_reviewer(by)
    _require_count(count)
    wanted, position = _pending(by, filters), _position(by, after)
    condition = _mine_or_free(by, at) & ~_WAITS & ~Q(pk=position[1])
    with transaction.atomic():
        taken = _lock(by, wanted, condition, count, position=position)
        if len(taken) < count:
            elsewhere = condition & ~Q(pk__in=taken)
            taken += _lock(by, wanted, elsewhere, count - len(taken))
        _lease(by, taken, at)
    return selectors.items_in_order(taken)


def _position(by, after):
    if after is None:
        return None
    pk = getattr(after, "pk", after)
    items = selectors.visible_items(by).filter(pk=as_id(pk))
    found = items.values_list("priority", "pk").first()
    if found is None:
        raise NotFound(f"There is no item {str(pk)[:20]}.")
    return found


def _require_count(count):
    if type(count) is not int or not 1 <= count <= MOST_CLAIMED:
        message = f"This must be a number from 1 to {MOST_CLAIMED}."
        raise DomainError("invalid", f"count: {message}", fields={"count": message})


def _pending(by, filters):
    wanted = selectors.parse_filters(by, filters)
    return replace(wanted, statuses=(PENDING,), reason="")


def _require_reviewer(by):
    if not by.has_perm("review.decide_trainingitem"):
        raise Forbidden("You may not review items.")


def _held_by(by, at):
    return Q(claimed_by=by, claim_expires_at__gt=at)


def _free(at):
    return Q(claimed_by__isnull=True) | Q(claim_expires_at__lte=at)


def _until(at):
    return at + timedelta(seconds=settings.CLAIM_SECONDS)


def _mine_or_free(by, at):
    return _held_by(by, at) | _free(at)


def _lock(by, wanted, condition, count, *, position=None):
    """Return the ids of up to ``count`` items whose rows this transaction holds now."""
    keys = selectors.first_keys(
        by, wanted, position=position, condition=condition, count=count, skip_locked=True
    )
    return [pk for _, pk in keys]


def _lease(by, pks, at):
    TrainingItem.objects.filter(pk__in=pks, status=PENDING).update(
        claimed_by=by, claim_expires_at=_until(at)
    )
