"""What waits for a supervisor, and why: somebody asked, or two people saw it differently."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch

from review.models import Decision, TrainingItem
from review.selectors.access import visible_items

MOST_SHOWN = 50
Effect, Verdict = Decision.Effect, Decision.Verdict
_STANDING = Decision.objects.filter(undone_by__isnull=True).exclude(effect=Effect.VOID)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that needs review with the verdicts that brought it there."""

    item: TrainingItem
    decisions: list[Decision]
    differs: bool


def waiting_for_supervisor(user, *, limit=MOST_SHOWN):
    """Return (how many items need review, the first of them with who said what)."""
    waiting = visible_items(user).filter(status=TrainingItem.Status.NEEDS_REVIEW)
    verdicts = _STANDING.exclude(verdict__in=[Verdict.UNDONE, Verdict.REOPENED])
    verdicts = verdicts.select_related("reviewer").order_by("pk")
    shown = (
        waiting.select_related("site", "camera", "incident", "photo__evidence")
        .prefetch_related(
            "incident__evidence", Prefetch("decisions", queryset=verdicts, to_attr="verdicts")
        )
        .order_by("-priority", "pk")[:limit]
    )
    return waiting.count(), [_waiting(item) for item in shown]


def _waiting(item):
    asked = [one for one in item.verdicts if one.verdict == Verdict.NEEDS_REVIEW]
    in_force = [one for one in asked if one.effect == Effect.APPLIED]
    if in_force:
        return Waiting(item, in_force[-1:], differs=False)
    return Waiting(item, item.verdicts, differs=True)


def differing_items(user):
    """Return the items that need review because two blind verdicts differ."""
    here = _STANDING.filter(item=OuterRef("pk"))
    asked = here.filter(verdict=Verdict.NEEDS_REVIEW, effect=Effect.APPLIED)
    return visible_items(user).filter(
        ~Exists(asked),
        Exists(here.filter(effect=Effect.COUNTED)),
        status=TrainingItem.Status.NEEDS_REVIEW,
    )
