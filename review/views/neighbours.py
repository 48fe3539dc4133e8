"""What comes before and after an item in the list that a reviewer came from."""

from review import selectors
from review.forms import QueueFilterForm
from review.models import TrainingItem
from review.services import queue

AHEAD = 3


def neighbours(user, item, query):
    """Return (id before, id after) in the order of the queue, None at either end."""
    wanted = selectors.parse_filters(user, QueueFilterForm(query, user=user).filters())
    position = item.priority, item.pk
    before = selectors.last_key(user, wanted, position=position)
    after = selectors.first_keys(user, wanted, position=position)
    return before[1] if before else None, after[0][1] if after else None


def next_to_decide(user, item, query):
    """Return the id of the next item to decide: further on in the list, else from its top."""
    filters = QueueFilterForm(query, user=user).filters()
    if filters.get("status") == TrainingItem.Status.NEEDS_REVIEW:
        return _next_to_resolve(user, item, selectors.parse_filters(user, filters))
    following = queue.next_item(user, after=item, filters=filters)
    following = following or queue.next_item(user, filters=filters)
    return following.pk if following else None


def upcoming(user, item, query):
    """Return the ids of the next items to decide after one, claimed where claims are taken."""
    filters = QueueFilterForm(query, user=user).filters()
    if filters.get("status") == TrainingItem.Status.NEEDS_REVIEW:
        wanted = selectors.parse_filters(user, filters)
        position = item.priority, item.pk
        return [pk for _, pk in selectors.first_keys(user, wanted, position=position, count=AHEAD)]
    if not user.has_perm("review.decide_trainingitem"):
        return []
    return [one.pk for one in queue.upcoming(user, item, filters, count=AHEAD)]


def _next_to_resolve(user, item, wanted):
    keys = selectors.first_keys(user, wanted, position=(item.priority, item.pk))
    keys = keys or selectors.first_keys(user, wanted)
    return keys[0][1] if keys else None
