"""What comes before and after an item in the list that a reviewer came from."""

from django.db.models import Q
from django.utils import timezone

from review import selectors
from review.forms import QueueFilterForm
from review.models import Decision


def neighbours(user, item, query):
    """Return (id before, id after) in the order of the queue, None at either end."""
    wanted = _wanted(user, query)
    before = selectors.last_key(user, wanted, position=_position(item))
    after = _first_id(user, wanted, position=_position(item))
    return before[1] if before else None, after


def next_to_decide(user, item, query):
    """Return the id of the next item that nobody else holds: further on, else from the top."""
    wanted = _wanted(user, query)
    is_free = (
        Q(claimed_by__isnull=True)
        | Q(claimed_by=user)
        | Q(claim_expires_at__isnull=True)
        | Q(claim_expires_at__lte=timezone.now())
    )
    has_verdict = Q(decisions__effect=Decision.Effect.WAITING)
    condition = is_free & ~has_verdict & ~Q(pk=item.pk)
    return _first_id(user, wanted, position=_position(item), condition=condition) or _first_id(
        user, wanted, condition=condition
    )


def _wanted(user, query):
    return selectors.parse_filters(user, QueueFilterForm(query, user=user).filters())


def _position(item):
    return item.priority, item.pk


def _first_id(user, wanted, **options):
    keys = selectors.first_keys(user, wanted, **options)
    return keys[0][1] if keys else None
