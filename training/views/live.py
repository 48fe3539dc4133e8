"""The panel on which the verdicts on two models' incidents stand beside each other."""

from training.selectors.shadow_verdicts import shadow
from training.services import live_rates

WIDTH = 200.0


def panel(slot):
    """Return what ``learning/_live.html`` shows of a slot, None where there is nothing to show."""
    if slot not in live_rates.WATCHED:
        return None
    told, looks_on = live_rates.report(slot), shadow(slot)
    pairs = (
        ("Before and since it serves", told.fresh),
        ("Champion and challenger", told.challenger),
    )
    shown = [(title, _compared(one)) for title, one in pairs if one is not None]
    if not shown and told.deployment is None and looks_on is None:
        return None
    return {
        "comparisons": shown,
        "why": told.why,
        "is_watched": told.is_watched,
        "shadow": looks_on,
    }


def _compared(told):
    return {
        "rates": [_drawn(told.before), _drawn(told.now)],
        "alarm": told.alarm_at is not None,
        "sentence": told.sentence,
    }


def _drawn(rate):
    return {
        "name": rate.name,
        "verdicts": rate.verdicts,
        "rejected": rate.rejected,
        "share": rate.share,
        "lower": rate.lower,
        "upper": rate.upper,
        "left": f"{WIDTH * rate.lower:.1f}",
        "length": f"{WIDTH * (rate.upper - rate.lower):.1f}",
        "at": None if rate.share is None else f"{WIDTH * rate.share:.1f}",
    }
