"""The queue of stretches of videos that a person should name, and what asking saved so far."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from hitlsite.errors import DomainError
from hitlsite.pages import page, permitted, see_other
from training.models import LabelSet, SpanToLabel
from training.selectors import spans_to_label as selector
from training.services import spans_to_label as service

MOST_ROWS = 50


@dataclass(frozen=True)
class Row:
    """A span of the list; ``at`` is when it begins, at its site."""

    span: SpanToLabel
    at: datetime

    @property
    def from_clock(self):
        return _clock(self.span.start_seconds)

    @property
    def until_clock(self):
        return _clock(self.span.end_seconds)

    @property
    def seconds(self):
        return self.span.end_seconds - self.span.start_seconds


def _clock(seconds):
    """Return seconds of a video as it counts them: 1:02.5, past an hour 1:00:02.5."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


@require_safe
@permitted(selector.VIEW)
def spans_to_label(request):
    """Show what waits, the most doubtful first."""
    waiting = selector.waiting(request.user)
    rows = [_row(span) for span in selector.for_page(waiting)[:MOST_ROWS]]
    counts = selector.counts(request.user)
    context = {
        "rows": rows,
        "counts": [(SpanToLabel.Reason(name).label, count) for name, count in counts.items()],
        "total": sum(counts.values()),
        "dismissed": [_row(span) for span in selector.lately_dismissed(request.user)],
        "arms": selector.arms(request.user),
        "may_change": request.user.has_perm(selector.CHANGE),
        "has_sets": LabelSet.objects.visible_to(request.user).exists(),
    }
    return page(request, "training/spans_to_label.html", context)


def _row(span):
    zone = ZoneInfo(span.footage.camera.site.time_zone)
    at = span.footage.starts_at + timedelta(seconds=span.start_seconds)
    return Row(span, at.astimezone(zone))


@require_safe
@permitted(selector.VIEW)
def spans_to_label_count(request):
    """Answer with a line on how many wait, for other pages; empty where none do."""
    context = {"total": selector.waiting(request.user).count()}
    return render(request, "training/_spans_to_label_count.html", context)


@require_POST
@permitted(selector.VIEW)
def dismiss_span(request, pk):
    """Take a span off the queue."""
    return _changed(request, service.dismiss, pk, "The span was dismissed; it can be put back.")


@require_POST
@permitted(selector.VIEW)
def restore_span(request, pk):
    """Put a dismissed span back."""
    return _changed(request, service.restore, pk, "The span waits again.")


def _changed(request, act, pk, told):
    try:
        act(pk, by=request.user)
    except DomainError as error:
        if error.status != 409:
            raise
        messages.error(request, error.message)
    else:
        messages.success(request, told)
    return see_other("training:spans_to_label")
