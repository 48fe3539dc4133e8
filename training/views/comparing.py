"""Champion and challenger side by side on the test pictures, where they differ first."""

from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hitlsite.pages import page, permitted
from training.selectors import learning
from training.services import comparisons
from training.views.pictured import pictured

_signed_in = permitted()


@never_cache
@_signed_in
@require_safe
def compare(request, pk):
    """Show one picture with what both found in it."""
    version = learning.model_version(request.user, pk)
    decision = learning.judgement(version)
    rows = comparisons.ranked(decision) if decision else ()
    context = {"version": version, "decision": decision, "total": len(rows)}
    if rows:
        at = _at(request.GET.get("at", ""), len(rows))
        context |= _context(request.user, decision, rows, at)
    return page(request, "training/learning/compare.html", context)


def _at(asked, total):
    """Return which picture is asked for, the first for anything else; counted from 1."""
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    return min(max(number, 1), total)


def _context(user, decision, rows, at):
    row = rows[at - 1]
    entry = learning.entries(decision.challenger.dataset, [row.position])[row.position]
    sides = [_side("challenger", user, entry, row.challenger, decision.challenger)]
    if row.champion is not None:
        sides.insert(0, _side("champion", user, entry, row.champion, decision.champion))
    return {
        "row": row,
        "entry": entry,
        "sides": sides,
        "at": at,
        "before": at - 1 if at > 1 else None,
        "after": at + 1 if at < len(rows) else None,
        "differing": sum(one.differing > 0 for one in rows),
        "better": sum(_gained(one) > 0 for one in rows),
        "worse": sum(_gained(one) < 0 for one in rows),
        "truths": len(_true_boxes(entry)),
    }


def _gained(row):
    return row.champion.errors - row.challenger.errors if row.champion else 0


def _side(role, user, entry, side, evaluation):
    """Return what one half of the page shows."""
    found = [("right", side.right), ("wrong", side.wrong), ("missed", side.missed)]
    boxes = [("truth", "", box) for box in _true_boxes(entry)]
    boxes += [
        (kind, _label(name, score), box) for kind, rows in found for name, box, score, _ in rows
    ]
    return {
        "role": role,
        "evaluation": evaluation,
        "side": side,
        "shown": pictured(user, entry, boxes),
        "lines": [(kind, *row) for kind, rows in found for row in rows],
    }


def _true_boxes(entry):
    """Return the boxes of the classes that count on a picture."""
    counted = entry.label.get("exhaustive", [])
    return [box for name, *box in entry.label.get("boxes", []) if name in counted]


def _label(name, score):
    return name if score is None else f"{name} {score:.2f}"
