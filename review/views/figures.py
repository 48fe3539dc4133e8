"""Figures for the dashboard: small queries, and the geometry of its chart."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from detection.models import Footage, Incident
from hitlsite.models import Site

CHART_DAYS = 14
BAR_WIDTH, BAR_STEP, CHART_HEIGHT = 10, 13, 36
MOST_ROWS = 6


@dataclass(frozen=True)
class Bar:
    day: date
    count: int
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class CategoryRow:
    category: str
    total: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    rows: tuple[CategoryRow, ...]
    first_day: date
    last_day: date
    width: int = CHART_DAYS * BAR_STEP - (BAR_STEP - BAR_WIDTH)
    height: int = CHART_HEIGHT


def incidents_by_day(user, *, at=None):
    """Return a chart of incidents by category over the last days, each in its site's time zone."""
    at = at or timezone.now()
    counts, today = Counter(), at.date()
    for site in Site.objects.visible_to(user):
        zone = ZoneInfo(site.time_zone)
        today = max(today, at.astimezone(zone).date())
        recent = Incident.objects.reported().filter(
            camera__site=site, opened_at__gte=at - timedelta(days=CHART_DAYS + 1)
        )
        per_day = recent.annotate(day=TruncDate("opened_at", tzinfo=zone)).order_by()
        for row in per_day.values("category", "day").annotate(count=Count("pk")):
            counts[row["category"], row["day"]] += row["count"]
    days = [today - timedelta(days=ago) for ago in reversed(range(CHART_DAYS))]
    highest = max((counts[key] for key in counts if key[1] in days), default=0)
    totals = Counter()
    for (category, day), count in counts.items():
        totals[category] += count if day in days else 0
    rows = tuple(
        CategoryRow(category, total, _bars(category, days, counts, highest))
        for category, total in totals.most_common()
        if total
    )
    return Chart(rows, days[0], days[-1])


def _bars(category, days, counts, highest):
    """Return one bar a day; an empty day keeps a hairline, so that the axis stays visible."""
    bars = []
    for position, day in enumerate(days):
        count = counts[category, day]
        height = max(3.0, CHART_HEIGHT * count / highest) if count else 1.0
        bars.append(
            Bar(day, count, position * BAR_STEP, round(CHART_HEIGHT - height, 1), round(height, 1))
        )
    return tuple(bars)


def has_footage(user):
    return Footage.objects.visible_to(user).exists()
