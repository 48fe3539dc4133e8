"""Counts behind the recall estimate: what was drawn, what people said of it, what was reported.

A sampled minute without an answer (still waiting, or rejected because it could not be told)
counts as not drawn: the judged ones of its day then stand for more. That is right as long as what
keeps a minute from being judged has nothing to do with what it shows. A day of which no minute was
judged is left out, with the incidents that were reported in it.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import TruncDate

from detection.models import Camera, Incident, SampleDraw
from review import recall
from review.models import Decision, TrainingItem
from review.selectors.access import visible_items, visible_sites

Status, Origin, Reason = TrainingItem.Status, Incident.Origin, Decision.Reason
# Rejected so, a sample shows nothing that should have been reported and was not.
NOTHING_MISSED = {
    Origin.AUDIT_MINUTE: (Reason.BASELINE_NOISE, Reason.DUPLICATE),
    Origin.NEAR_MISS: (Reason.BASELINE_NOISE, Reason.DUPLICATE, Reason.WRONG_CLASS),
}
WAITING = (Status.PENDING_REVIEW, Status.NEEDS_REVIEW)


@dataclass
class Day:
    """One draw with what people said of its samples; misses by category."""

    camera: Camera
    population: int
    drawn: int
    judged: int = 0
    unclear: int = 0
    missed: Counter = field(default_factory=Counter)

    def stratum(self, category=""):
        count = self.missed[category] if category else self.missed.total()
        return recall.Stratum(self.population, self.judged, count)


@dataclass(frozen=True)
class Figures:
    """The estimate for a camera, a category or all of them.

    Attributes:
        recall, missed: Intervals.
        reported: confirmed incidents on days of which a minute was judged.
        waiting: reported incidents of these days that nobody has decided yet.
        judged, seen: minutes that were judged, and those in which something was missed.
    """

    name: str
    recall: recall.Interval
    missed: recall.Interval
    reported: int
    waiting: int
    judged: int
    seen: int


@dataclass(frozen=True)
class Report:
    """The estimate of a stretch of days.

    Attributes:
        population, drawn, judged, waiting, unclear: sampled minutes.
        notes: what could not be drawn from, and why, with how many draws say so.
        more: so many judged minutes more would halve the interval; None where nothing does.
        near_misses: ``NearMisses``.
    """

    overall: Figures
    categories: tuple[Figures, ...]
    cameras: tuple[Figures, ...]
    population: int
    drawn: int
    judged: int
    waiting: int
    unclear: int
    days: int
    notes: tuple[tuple[str, int], ...]
    more: int | None
    near_misses: object


@dataclass(frozen=True)
class NearMisses:
    """What fell short of a threshold: how many there were, were judged, and were found right."""

    population: int
    judged: int
    waiting: int
    right: recall.Interval


def recall_report(user, *, since, until, camera=None):
    """Return the Report of what ``user`` may know of.

    Args:
        since, until: dates at each site, both included.
    """
    days = _days(user, Origin.AUDIT_MINUTE, since, until, camera)
    judged = {key: day for key, day in days.items() if day.judged}
    reported = _reported(user, since, until, judged)
    by_camera = defaultdict(list)
    for day in judged.values():
        by_camera[day.camera].append(day)
    categories = sorted(
        {name for day in judged.values() for name in day.missed} | {key[2] for key in reported}
    )
    every = list(judged.values())
    overall = _figures("", every, reported)
    drawn = sum(day.drawn for day in days.values())
    unclear = sum(day.unclear for day in days.values())
    return Report(
        overall=overall,
        categories=tuple(_figures(name, every, reported, category=name) for name in categories),
        cameras=tuple(
            _figures(str(one), of_camera, reported, camera=one)
            for one, of_camera in sorted(by_camera.items(), key=lambda pair: str(pair[0]))
        ),
        population=sum(day.population for day in days.values()),
        drawn=drawn,
        judged=overall.judged,
        waiting=drawn - overall.judged - unclear,
        unclear=unclear,
        days=len(judged),
        notes=_notes(user, since, until, camera),
        more=recall.minutes_to_halve([day.stratum() for day in every], overall.reported),
        near_misses=_near_misses(user, since, until, camera),
    )


def _figures(name, days, reported, *, category="", camera=None):
    counts = Counter()
    for (of_camera, _, of_category, status), count in reported.items():
        is_wanted = category in ("", of_category) and camera in (None, of_camera)
        counts[status] += count if is_wanted else 0
    strata = [day.stratum(category) for day in days]
    misses = recall.missed(strata)
    confirmed = counts[Status.CONFIRMED]
    return Figures(
        name=name,
        recall=recall.recall(confirmed, misses),
        missed=misses,
        reported=confirmed,
        waiting=sum(counts[status] for status in WAITING),
        judged=sum(one.judged for one in strata),
        seen=sum(one.missed for one in strata),
    )


def _draws(user, kind, since, until, camera):
    rows = SampleDraw.objects.visible_to(user).filter(kind=kind, day__range=(since, until))
    rows = rows.filter(camera=camera) if camera else rows
    return rows.select_related("camera__site")


def _days(user, origin, since, until, camera):
    """Return {(camera id, day): Day} of all draws, those of which nothing was judged included."""
    days = {
        (row.camera_id, row.day): Day(row.camera, row.population, row.drawn)
        for row in _draws(user, origin, since, until, camera)
        if row.population
    }
    for incident, status, category, reason in _answers(user, origin, since, until, camera):
        day = days.get((incident.camera_id, incident.sampled_day))
        if day is None or status in WAITING:
            continue
        if status == Status.REJECTED and reason not in NOTHING_MISSED[origin]:
            day.unclear += 1
            continue
        day.judged += 1
        if status == Status.CONFIRMED:
            day.missed[category] += 1
    return days


def _answers(user, origin, since, until, camera):
    """Yield (incident, status, category, reason) of the sampled items; gold ones only measure."""
    given = Decision.objects.filter(
        item=OuterRef("pk"), effect=Decision.Effect.APPLIED, undone_by__isnull=True
    )
    begin, end = _around(since, until)
    items = visible_items(user).filter(
        incident__origin=origin, incident__opened_at__range=(begin, end)
    )
    items = items.filter(camera=camera) if camera else items
    items = items.exclude(mode=TrainingItem.Mode.GOLD).select_related("incident")
    for item in items.annotate(why=Subquery(given.order_by("-pk").values("reason")[:1])):
        yield item.incident, item.status, item.category, item.why


def _around(since, until):
    """Return moments between which these days lie wherever the camera stands."""
    margin = timedelta(days=2)
    zone = ZoneInfo("UTC")
    begin, end = (datetime.combine(day, time.min, zone) for day in (since, until))
    return begin - margin, end + margin


def _reported(user, since, until, judged):
    """Return {(camera, day, category, status): count} of the incidents of the judged days."""
    found = Counter()
    cameras = {day.camera.pk: day.camera for day in judged.values()}
    begin, end = _around(since, until)
    for site in visible_sites(user).filter(cameras__in=cameras).distinct():
        # Decided after it was recorded, so that the index on decisions leads to it.
        is_of_time = Q(status__in=WAITING) | Q(status=Status.CONFIRMED, decided_at__gte=begin)
        items = TrainingItem.objects.filter(
            is_of_time,
            site=site,
            camera__in=cameras,
            incident__origin=Origin.RULE,
            incident__opened_at__range=(begin, end),
        )
        day = TruncDate("incident__opened_at", tzinfo=ZoneInfo(site.time_zone))
        rows = items.annotate(day=day).order_by().values("camera", "day", "category", "status")
        for row in rows.annotate(count=Count("pk")):
            if (row["camera"], row["day"]) in judged:
                key = (cameras[row["camera"]], row["day"], row["category"], row["status"])
                found[key] += row["count"]
    return found


def _notes(user, since, until, camera):
    notes = Counter()
    for row in _draws(user, Origin.AUDIT_MINUTE, since, until, camera).exclude(note=""):
        notes.update(row.note.split("; "))
    return tuple(notes.most_common(6))


def _near_misses(user, since, until, camera):
    days = _days(user, Origin.NEAR_MISS, since, until, camera).values()
    judged = [day for day in days if day.judged]
    return NearMisses(
        population=sum(day.population for day in days),
        judged=sum(day.judged for day in judged),
        waiting=sum(day.drawn - day.judged - day.unclear for day in days),
        right=recall.missed([day.stratum() for day in judged]),
    )
