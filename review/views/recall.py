"""How much of what happens is reported, estimated from random minutes that people looked at."""

from dataclasses import dataclass
from datetime import timedelta

from django import forms
from django.conf import settings
from django.utils import timezone
from django.views.decorators.http import require_safe

from detection.models import Camera
from hitlsite.bounds import is_day_in_range
from hitlsite.pages import page
from review.selectors import recall as selector
from review.views.access import reviewers_only

PERIOD_DAYS = 28
LONGEST_DAYS = 366
WIDTH = 200.0


class RecallForm(forms.Form):
    """Which days and which camera the estimate is of."""

    since = forms.DateField(required=False, label="From")
    until = forms.DateField(required=False, label="To")
    camera = forms.ModelChoiceField(Camera.objects.none(), required=False, empty_label="Every one")

    def __init__(self, *args, user, **options):
        super().__init__(*args, **options)
        self.fields["camera"].queryset = Camera.objects.visible_to(user).order_by("name")
        for name in ("since", "until"):
            self.fields[name].widget.input_type = "date"

    def clean(self):
        given = super().clean()
        days = [given.get(name) for name in ("since", "until")]
        if not all(day is None or is_day_in_range(day) for day in days):
            raise forms.ValidationError("There is no footage of that year.")
        if all(days) and not timedelta(0) <= days[1] - days[0] <= timedelta(days=LONGEST_DAYS):
            raise forms.ValidationError(f"Choose 1 to {LONGEST_DAYS} days, the first one first.")
        return given


@dataclass(frozen=True)
class Plot:
    """An interval of shares on an axis of WIDTH units; ``x`` is the estimate's place or None."""

    left: float
    length: float
    x: float | None


@dataclass(frozen=True)
class Row:
    figures: selector.Figures
    plot: Plot | None


def plot(interval):
    """Return the Plot of a recall Interval, None where nothing is known."""
    if interval.width is None:
        return None
    x = None if interval.estimate is None else round(WIDTH * interval.estimate, 1)
    return Plot(round(WIDTH * interval.low, 1), round(WIDTH * interval.width, 1), x)


@require_safe
@reviewers_only
def recall(request):
    form = RecallForm(request.GET or None, user=request.user)
    given = form.cleaned_data if form.is_bound and form.is_valid() else {}
    since, until = _period(given.get("since"), given.get("until"))
    report = selector.recall_report(
        request.user, since=since, until=until, camera=given.get("camera")
    )
    context = {
        "form": form,
        "report": report,
        "overall": Row(report.overall, plot(report.overall.recall)),
        "categories": [Row(one, plot(one.recall)) for one in report.categories],
        "cameras": [Row(one, plot(one.recall)) for one in report.cameras],
        "since": since,
        "until": until,
        "minutes_a_day": settings.AUDIT_MINUTES,
    }
    return page(request, "review/recall.html", context)


def _period(since=None, until=None):
    """Return the first and last day, both included; by default the last four weeks."""
    until = until or (since + timedelta(days=PERIOD_DAYS - 1) if since else timezone.localdate())
    return since or until - timedelta(days=PERIOD_DAYS - 1), until


def panel(user):
    """Return what ``review/_dashboard_recall.html`` shows of the last four weeks."""
    if not user.has_perm("review.view_trainingitem"):
        return {}
    since, until = _period()
    report = selector.recall_report(user, since=since, until=until)
    return {
        "minutes_a_day": settings.AUDIT_MINUTES,
        "report": report,
        "recall": report.overall.recall,
        "plot": plot(report.overall.recall),
        "period_days": PERIOD_DAYS,
    }
