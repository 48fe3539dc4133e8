"""Figures as people read them: three digits, signed points, intervals; a dash for the unknown."""

from django import template

register = template.Library()
UNKNOWN = "–"
NAMES = {
    "map50": "mAP50",
    "map50_95": "mAP50-95",
    "f1": "F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "auc": "AUC",
    "false_positive_rate": "false positive rate",
    "false_negative_rate": "false negative rate",
    "average_precision": "average precision",
}

TRIGGERS = {
    "page": "the page",
    "api": "the API",
    "command": "a command",
    "nightly": "the nightly task",
}


@register.filter
def digits(value):
    """Show a share with three digits, a whole number whole, anything else as it is."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}"


@register.filter
def points(share):
    """Show a difference of shares as points with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}".replace("-", "−")


@register.filter
def change(after, before):
    """Show by how many points one share is above another."""
    return UNKNOWN if after is None or before is None else points(after - before)


@register.filter
def called(name):
    """Return the words for a figure's key."""
    return NAMES.get(name, str(name).replace("_", " "))


@register.filter
def titled(name):
    """Return the words for a figure's key as they begin a line; mAP50 keeps its small m."""
    words = called(name)
    return (
        words
        if any(letter.isupper() for letter in words.split()[0])
        else f"{words[0].upper()}{words[1:]}"
    )


@register.filter
def asker(run):
    """Return who asked for a run, or what did."""
    return run.created_by.get_username() if run.created_by else by_trigger(run.trigger)


@register.filter
def by_trigger(trigger):
    return TRIGGERS.get(trigger, trigger)


@register.filter
def heat(part):
    """Return the step 0..9 of a share, for the shade of a cell; None where there is nothing."""
    return None if not part else min(9, max(1, round(9 * part)))
