"""Pages of items in the order of the queue, and counts.

The queue's index serves one site and one status in order of priority. Lists over several of
them are merged here from one short query each, so that a page costs the same however many items
are stored.
"""

import heapq
import math
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, Sum

from detection.models import Evidence
from hitlsite.bounds import as_id
from hitlsite.errors import DomainError
from review.models import ItemTally, TrainingItem
from review.selectors import cursors
from review.selectors.access import visible_sites
from review.selectors.filters import matching, parse_filters, unjudged

PAGE_SIZE, LARGEST_PAGE = 50, 200
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    items: list[TrainingItem]
    next_cursor: str | None


def items_page(user, *, filters=None, after=None, size=PAGE_SIZE):
    """Return one page of items by falling priority, with all that a list shows of them.

    Args:
        filters: ItemFilters, or a mapping for ``parse_filters``.
        after: the cursor that the page before gave.

    Raises:
        DomainError: filter_invalid, cursor_invalid, size_invalid.
    """
    wanted = parse_filters(user, filters)
    if type(size) is not int or not 1 <= size <= LARGEST_PAGE:
        message = f"A page holds 1 to {LARGEST_PAGE} items."
        raise DomainError("size_invalid", message, fields={"size": message})
    position = cursors.decoded(after, _position) if after else None
    keys = first_keys(user, wanted, position=position, count=size + 1)
    shown = keys[:size]
    next_cursor = cursors.encoded(*shown[-1]) if len(keys) > size else None
    return Page(items_in_order([pk for _, pk in shown]), next_cursor)


def _position(priority, pk):
    is_sound = type(pk) is int and as_id(pk) is not None and math.isfinite(priority)
    return (float(priority), pk) if is_sound else None


def first_keys(user, wanted, *, position=None, count=1, condition=None, skip_locked=False):
    """Return up to ``count`` (priority, pk) after ``position``, the highest priority first.

    Args:
        condition: a Q that items must meet besides ``wanted``.
        skip_locked: hold the rows in this transaction, passing over those that another holds.
    """
    keys = []
    for lane in _lanes(user, wanted, condition):
        if skip_locked and connection.features.has_select_for_update_skip_locked:
            lane = lane.select_for_update(skip_locked=True, of=("self",), no_key=True)
        keys += _lane_keys(lane, position, count)
    return heapq.nsmallest(count, keys, key=_place)


def last_key(user, wanted, *, position, condition=None):
    """Return the (priority, pk) right before ``position``, or None at the start of the list."""
    priority, pk = position
    found = []
    for lane in _lanes(user, wanted, condition):
        lane = lane.order_by("priority", "-pk").values_list("priority", "pk")
        beside = lane.filter(priority=priority, pk__lt=pk).first()
        found.append(beside or lane.filter(priority__gt=priority).first())
    return max(filter(None, found), key=_place, default=None)


def _place(key):
    return -key[0], key[1]


def _sites(user, wanted):
    sites = visible_sites(user)
    return sites.filter(pk=wanted.camera.site_id) if wanted.camera else sites


def _lanes(user, wanted, condition):
    """Yield one query for each site and status: a stretch of the queue's index."""
    for site in _sites(user, wanted):
        for found in matching(site, wanted):
            if condition is not None:
                found = found.filter(condition)
            for status in wanted.statuses or TrainingItem.Status.values:
                lane = found.filter(status=status)
                if status == TrainingItem.Status.PENDING_REVIEW:
                    lane = lane.filter(unjudged(user))
                yield lane


def _lane_keys(lane, position, count):
    """Read the index twice at most: the rest of a priority, then what lies below it."""
    lane = lane.order_by("-priority", "pk").values_list("priority", "pk")
    if position is None:
        return list(lane[:count])
    priority, pk = position
    keys = list(lane.filter(priority=priority, pk__gt=pk)[:count])
    if len(keys) < count:
        keys += lane.filter(priority__lt=priority)[: count - len(keys)]
    return keys


def items_in_order(pks):
    """Return items with camera, incident and evidence at hand, in the order of ``pks``.

    What is long and in no list, provenance and the boxes of pictures, is left in the database.
    """
    found = (
        TrainingItem.objects.filter(pk__in=pks)
        .select_related("site", "camera__site", "incident", "claimed_by", "photo__evidence")
        .prefetch_related(Prefetch("incident__evidence", Evidence.objects.defer("observations")))
        .defer("provenance", "photo__evidence__observations")
        .in_bulk()
    )
    return [found[pk] for pk in pks if pk in found]


def counts(user, filters=None):
    """Return how many items stand where, and how near the site is to a first fine-tuning.

    Items that measure reviewers are not counted. The status in ``filters`` is left aside. Without
    other filters the numbers are kept ones; with any, items are counted, up to 10,000 of each
    status and site: ``is_capped`` says that there may be more.
    """
    wanted = parse_filters(user, filters)
    totals = dict.fromkeys(TrainingItem.Status.values, 0)
    if wanted.is_narrow:
        is_capped = _count(user, wanted, totals)
    else:
        is_capped = False
        kept = ItemTally.objects.filter(site__in=visible_sites(user)).order_by()
        totals |= dict(kept.values_list("status").annotate(total=Sum("count")))
    # A confirmed item is private: the database holds no other.
    ready = totals[TrainingItem.Status.CONFIRMED]
    needed = settings.MIN_CONFIRMED
    return {**totals, "fine_tune_ready": ready, "min_confirmed": needed, "is_capped": is_capped}


def _count(user, wanted, totals):
    """Add what the filters find to ``totals``, and say whether counting stopped early."""
    is_capped = False
    for site in _sites(user, wanted):
        for query in matching(site, wanted):
            found = query.exclude(mode=TrainingItem.Mode.GOLD).order_by()
            for status in totals:
                number = found.filter(status=status).values("pk")[:MOST_COUNTED].count()
                totals[status] += number
                is_capped = is_capped or number == MOST_COUNTED
    return is_capped
