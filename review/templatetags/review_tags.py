"""Words, times and the undo toast for templates."""

from datetime import timedelta

from django import template
from django.conf import settings
from django.utils import timezone

from hitlsite import people
from review.services.undoing import undoable

register = template.Library()

# The pages whose query is a filter of the queue, which a person keeps through an undo.
FILTERED = ("queue", "item", "decide", "same", "bulk", "undo", "undo_batch")


@register.filter
def role(user):
    return people.role_of(user)


@register.filter
def words(name):
    """Turn a snake_case word of the glossary into words."""
    return str(name or "").replace("_", " ").replace(":", ": ")


@register.filter
def clock(seconds):
    """Show a time on the source's clock: 75.3 is 1:15.3."""
    if seconds is None:
        return "–"
    tenths = round(float(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}" if hours else f"{minutes}"
    return f"{f'{hours}:' if hours else ''}{text}:{rest // 10:02d}.{rest % 10}"


@register.filter
def lasting(seconds):
    """Show a length of time: "12.4 s", "3 min 05 s", "2 h 10 min"."""
    if seconds is None:
        return "still open"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


@register.filter
def figure(value):
    """Show a number of a rule with two decimals at most, anything else as it is."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {figure(one)}" for name, one in value.items())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


@register.filter
def parameters_apart(hit):
    """Return the (name, value) of a rule's parameters that its numbers do not say already."""
    return [pair for pair in hit.parameters.items() if pair not in hit.numbers.items()]


@register.filter
def percent(share):
    return "–" if share is None else f"{100 * share:.0f} %"


@register.filter
def unit(name):
    """Return the unit that a name of the glossary ends with."""
    return {"seconds": "s", "px": "px", "fps": "fps"}.get(str(name).rpartition("_")[2], "")


@register.filter
def without_unit(name):
    stem, _, ending = str(name).rpartition("_")
    return words(stem if stem and ending in ("seconds", "px", "fps") else name)


@register.inclusion_tag("review/_undo_toast.html", takes_context=True)
def undo_toast(context):
    """Offer to take back the newest verdict of whoever looks, while that is possible."""
    user = getattr(context.get("request"), "user", None)
    if user is None or not user.is_authenticated:
        return {}
    now = timezone.now()
    decision = next((one for one in undoable(user, at=now) if one.item.used_at is None), None)
    if decision is None:
        return {}
    ends_at = decision.at + timedelta(seconds=settings.UNDO_SECONDS)
    return {
        "decision": decision,
        "together": _given_together(decision),
        "seconds_left": max(1, round((ends_at - now).total_seconds())),
        "csrf_token": context.get("csrf_token"),
        "carried": _filters(context["request"]),
    }


def _filters(request):
    match = request.resolver_match
    if match is None or match.namespace != "review" or match.url_name not in FILTERED:
        return ""
    query = request.GET.copy()
    query.pop("after", None)
    return query.urlencode()


def _given_together(decision):
    """Return how many verdicts were given in one act with this one, itself among them."""
    if decision.batch is None:
        return 1
    return type(decision).objects.filter(batch=decision.batch).exclude(verdict="undone").count()
