"""How many items stand where: numbers that change with the items, so that nobody counts rows.

A gold item is in no tally: it is pending for ever and waits for nobody in particular.
"""

from django.db import transaction
from django.db.models import Count, F

from hitlsite import audit
from review.models import ItemTally, TrainingItem

Mode = TrainingItem.Mode


def added(item):
    """Count a new item; runs in the transaction that stores it."""
    if item.mode != Mode.GOLD:
        _change(item.site_id, item.status, 1)


def moved(item, before, after):
    """Follow an item from one status to another; runs in the transaction that moves it."""
    if item.mode == Mode.GOLD or before == after:
        return
    _change(item.site_id, before, -1)
    _change(item.site_id, after, 1)


def left_out(item):
    """Stop counting an item that becomes a gold one; call it before the mode changes."""
    _change(item.site_id, item.status, -1)


def recount(site):
    """Count the items of a site anew, after rows were written behind the services' back.

    Returns {status: (number kept before, number now)} of those that differed.
    """
    with transaction.atomic():
        # Whoever moves an item waits for the head, so that no move is counted and undone.
        audit.hold()
        kept = ItemTally.objects.filter(site=site)
        before = dict.fromkeys(TrainingItem.Status.values, 0)
        before |= dict(kept.values_list("status", "count"))
        found = (
            TrainingItem.objects.filter(site=site)
            .exclude(mode=Mode.GOLD)
            .order_by()
            .values_list("status")
            .annotate(total=Count("pk"))
        )
        totals = dict.fromkeys(TrainingItem.Status.values, 0) | dict(found)
        for status, total in sorted(totals.items()):
            ItemTally.objects.update_or_create(site=site, status=status, defaults={"count": total})
    return {
        status: (before[status], total)
        for status, total in totals.items()
        if before[status] != total
    }


def _change(site_id, status, step):
    # The head before the numbers, always: an act may have written to the audit before it moves.
    audit.hold()
    rows = ItemTally.objects.filter(site=site_id, status=status)
    if rows.update(count=F("count") + step):
        return
    _, is_new = ItemTally.objects.get_or_create(
        site_id=site_id, status=status, defaults={"count": step}
    )
    if not is_new:
        rows.update(count=F("count") + step)
