"""Stretches of videos that a person should name: which wait, and what asking about them showed."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, Max, Q
from django.utils import timezone

from detection.models import Footage, TaskLog
from training.learning.active import share_interval
from training.learning.spans import seconds_by_label, within
from training.models import SpanAnnotation, SpanSearch, SpanToLabel

VIEW, CHANGE = "training.view_spantolabel", "training.change_spantolabel"
State, Reason = SpanToLabel.State, SpanToLabel.Reason
# A stretch is answered by spans that cover so much of it.
ANSWERED_FROM = 0.5
MOST_MEASURED = 2000
# Logs may be stored in another order than their ids; so far back is looked each time.
MOST_BEHIND = 20_000
STREAM_RESTS_SECONDS = 60.0


def visible(user):
    """Return the spans that ``user`` may know of, the most doubtful first."""
    if not user.has_perm(VIEW):
        return SpanToLabel.objects.none()
    return SpanToLabel.objects.visible_to(user).order_by("-priority", "pk")


def waiting(user):
    """Return the spans that wait for ``user``, the most doubtful first."""
    return visible(user).filter(state=State.WAITING)


def for_page(spans):
    """Return spans with what a list shows of them."""
    return spans.select_related(
        "label_set", "footage__camera__site", "deployment", "challenger", "handled_by"
    )


def after(spans, priority, pk):
    """Return the spans that follow one in the order of the queue."""
    return spans.filter(Q(priority__lt=priority) | Q(priority=priority, pk__gt=pk))


def counts(user):
    """Return {reason: how many wait}."""
    rows = waiting(user).order_by().values_list("reason").annotate(count=Count("pk"))
    found = dict(rows)
    return {reason: found.get(reason, 0) for reason in Reason.values}


def lately_dismissed(user, most=5):
    """Return what was dismissed last, which can be put back."""
    rows = visible(user).filter(state=State.DISMISSED)
    return for_page(rows).order_by("-handled_at", "-pk")[:most]


@dataclass(frozen=True, slots=True)
class Arm:
    """How often the model was wrong in the labelled spans of an arm; bounds for 90 of 100."""

    name: str
    queued: int
    labelled: int
    wrong: int
    low: float
    high: float

    @property
    def share(self):
        return self.wrong / self.labelled if self.labelled else None


def arms(user):
    """Return the Arms, of doubt and of chance, over the spans that were labelled last."""
    of_chance = Q(reason=Reason.RANDOM)
    pairs = (("doubt", ~of_chance), ("chance", of_chance))
    return [_arm(name, visible(user).filter(found)) for name, found in pairs]


def _arm(name, spans):
    said = spans.filter(state=State.LABELLED, annotation__isnull=False)
    rows = said.order_by("-handled_at", "-pk").values_list(
        "annotation", "start_seconds", "end_seconds", "predicted"
    )[:MOST_MEASURED]
    rows = list(rows)
    annotations = SpanAnnotation.objects.in_bulk({annotation for annotation, *_ in rows})
    wrong = sum(
        named(annotations[annotation].spans, start, end) != predicted
        for annotation, start, end, predicted in rows
    )
    return Arm(name, spans.count(), len(rows), wrong, *share_interval(wrong, len(rows)))


def named(spans, start, end):
    """Return what most of a stretch is called by spans, None where they do not cover half of it."""
    seconds = seconds_by_label(within(spans, start, end))
    if sum(seconds.values()) < ANSWERED_FROM * (end - start) - 1e-6:
        return None
    return min(seconds, key=lambda label: (-seconds[label], label))


def waiting_footage(at=None):
    """Return the ids of footage of which something was said that was not searched yet.

    Footage that goes on is looked at a minute behind; a file is looked at once it has ended.
    """
    at = at or timezone.now()
    newest = SpanSearch.objects.aggregate(found=Max("until_log"))["found"] or 0
    is_stream = Q(footage__kind=Footage.Kind.STREAM)
    rested = Q(created_at__lte=at - timedelta(seconds=STREAM_RESTS_SECONDS))
    logs = TaskLog.objects.filter(pk__gt=newest - MOST_BEHIND)
    logs = logs.filter(Q(footage__ended_at__isnull=False) | (is_stream & rested))
    found = logs.order_by().values("footage").annotate(last=Max("pk"))
    until = F("footage__span_search__until_log")
    found = found.filter(Q(footage__span_search__isnull=True) | Q(last__gt=until))
    return sorted(found.values_list("footage", flat=True))
