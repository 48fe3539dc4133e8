"""How many items stand where: numbers that change with the items, so that nobody counts rows.

A gold item is in no tally: it is pending for ever and waits for nobody in particular. The head of
the audit is held before the numbers, always: an act may have written to it before it moves an item.
"""

from django.db import connection, transaction
from django.db.models import Count

from hitlsite import audit
from review.models import ItemTally, TrainingItem

Mode = TrainingItem.Mode


def added(item):
    """Count a new item; runs in the transaction that stores it."""
    if item.mode != Mode.GOLD:
        audit.hold()
        _change(item.site_id, {item.status: 1})


def moved(item, before, after, *, is_head_held=False):
    """Follow an item from one status to another; runs in the transaction that moves it.

    Args:
        is_head_held: the transaction has written to the audit already.
    """
    if item.mode == Mode.GOLD or before == after:
        return
    if not is_head_held:
        audit.hold()
    _change(item.site_id, {before: -1, after: 1})


def left_out(item):
    """Stop counting an item that becomes a gold one; call it before the mode changes."""
    audit.hold()
    _change(item.site_id, {item.status: -1})


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


def _change(site_id, steps):
    # Every verdict comes by here: one statement, and none of the work of composing it.
    whens = " ".join(["WHEN %s THEN %s"] * len(steps))
    values = [value for step in steps.items() for value in step]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {ItemTally._meta.db_table} SET count = count + CASE status {whens} ELSE 0 END"
            f" WHERE site_id = %s AND status IN ({', '.join(['%s'] * len(steps))})",
            [*values, site_id, *steps],
        )
        is_complete = cursor.rowcount == len(steps)
    if is_complete:
        return
    for status, step in steps.items():
        ItemTally.objects.get_or_create(site_id=site_id, status=status, defaults={"count": step})
