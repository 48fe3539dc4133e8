"""How many items stand where: numbers that change with the items, so that nobody counts rows.

A gold item is in no tally: it is pending for ever and waits for nobody in particular.
"""

from django.db import transaction
from django.db.models import Count, F

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
    # Always in the same order, or two people who decide at once wait for each other for ever.
    for status, step in sorted([(str(before), -1), (str(after), 1)]):
        _change(item.site_id, status, step)


def left_out(item):
    """Stop counting an item that becomes a gold one; call it before the mode changes."""
    _change(item.site_id, item.status, -1)


def recount(site):
    """Count the items of a site anew, after rows were written behind the services' back.

    Returns {status: (number kept before, number now)} of those that differed.
    """
    with transaction.atomic():
        # Whoever moves an item waits for these rows, so that no move is counted and undone.
        kept = ItemTally.objects.filter(site=site).select_for_update().order_by("status")
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
    rows = ItemTally.objects.filter(site=site_id, status=status)
    if rows.update(count=F("count") + step):
        return
    _, is_new = ItemTally.objects.get_or_create(
        site_id=site_id, status=status, defaults={"count": step}
    )
    if not is_new:
        rows.update(count=F("count") + step)
