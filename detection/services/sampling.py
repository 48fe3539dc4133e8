"""Draw from each camera's day what nobody reported, at random, so that misses are seen too.

Two kinds: minutes of footage, of which every recorded one had the same chance, and tracks that
nearly fired a rule. How many there were and how many were taken is stored with the draw, and the
chance with each sample, because an estimate needs both.

What is drawn follows from a seed that only this installation can know and that a draw that broke
off finds again: it takes the same ones once more. Everything a draw stores, it stores in one
transaction, under a constraint that lets a day be drawn from once.
"""

import hashlib
import hmac
import logging
import random
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Camera, SampleDraw
from detection.services import excerpts, near_misses, recorded_days, samples
from hitlsite import audit, jobs
from hitlsite.errors import DomainError

logger = logging.getLogger(__name__)

KIND = "draw_samples"
DAYS_BACK = 7
# A day rests before it is drawn from: what a phone recorded in its last hour may still arrive.
REST = timedelta(hours=1)
MOST_NOTE = 300
Kind = SampleDraw.Kind


@dataclass
class Report:
    """What one turn did."""

    drawn: list[SampleDraw] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def wanted(kind):
    """Return how many are to be drawn of a camera's day."""
    return settings.AUDIT_MINUTES if kind == Kind.AUDIT_MINUTE else settings.NEAR_MISSES


def due(*, camera=None, day=None, at=None):
    """Return the (camera, day, kind) that are to be drawn from and are not yet, oldest first.

    Args:
        camera: only this one.
        day: just this date, however long ago, as soon as it is over.

    Raises:
        DomainError: day_not_over.
    """
    at = at or timezone.now()
    cameras = [camera] if camera else Camera.objects.select_related("site").order_by("pk")
    found = []
    for one in cameras:
        for date in _days(one, day, at):
            found += [(one, date, kind) for kind in Kind if wanted(kind)]
    known = set(
        SampleDraw.objects.filter(day__in={date for _, date, _ in found}).values_list(
            "camera", "day", "kind"
        )
    )
    missing = [one for one in found if (one[0].pk, one[1], one[2]) not in known]
    return sorted(missing, key=lambda one: (one[1], one[0].pk, one[2]))


def _days(camera, day, at):
    zone = camera.site.time_zone
    if day is not None:
        if recorded_days.bounds(day, zone)[1] > at:
            message = f"{day} is not over at {camera.site}: a day is drawn from as a whole."
            raise DomainError("day_not_over", message)
        return [day]
    today = recorded_days.day_of(at, zone)
    days = [today - timedelta(days=ago) for ago in range(1, DAYS_BACK + 1)]
    return [one for one in days if recorded_days.bounds(one, zone)[1] + REST <= at]


def draw_due(*, camera=None, day=None, at=None, progress=None):
    """Draw from every day that is due; return a Report, empty where another worker is at it.

    Args:
        progress: called with (done, in all, the SampleDraw or None) after each.
    """
    report = Report()
    with jobs.alone(KIND, "all") as job:
        if job is None:
            return report
        todo = due(camera=camera, day=day, at=at)
        for number, (one, date, kind) in enumerate(todo, start=1):
            made = None
            try:
                made = draw(one, date, kind, at=at)
            except Exception as error:  # one camera's day must not keep the others from theirs
                logger.exception("No %s was drawn from %s on %s.", kind, one, date)
                report.failed.append((f"{one} {date} {kind}", jobs.describe(error)[1]))
            if made is not None:
                report.drawn.append(made)
            if progress:
                progress(number, len(todo), made)
    return report


def draw(camera, day, kind, *, at=None):
    """Draw from a camera's day; return the SampleDraw, None where there is nothing to draw from.

    A day of which something is still being ingested is left for later. A day that was drawn from
    before returns that draw.

    Raises:
        DomainError: disk_full, track_log_unreadable.
    """
    made = SampleDraw.objects.filter(camera=camera, day=day, kind=kind).first()
    if made is not None:
        return made
    recorded = recorded_days.read(camera, day)
    if recorded.is_empty or not recorded.is_settled:
        return None
    if kind == Kind.AUDIT_MINUTE:
        population, take = recorded.minutes, _take_minute
    else:
        population = near_misses.find(camera, day, recorded.footage)
        take = near_misses.take
    seed = seed_of(camera, day, kind)
    chosen = choose(population, wanted(kind), seed)
    cut, notes = _cut(chosen, take)
    notes += [f"not drawn from: {reason}" for reason in recorded.left_out]
    draft = SampleDraw(
        camera=camera,
        kind=kind,
        day=day,
        population=len(population),
        drawn=len(cut),
        seed=seed,
        note="; ".join(notes)[:MOST_NOTE],
        drawn_at=at or timezone.now(),
    )
    try:
        return _store(draft, cut)
    finally:
        for _, excerpt in cut:
            excerpt.discard()


def seed_of(camera, day, kind):
    """Return the seed of a draw, 64 hex digits: the same for the same day, and nobody's guess."""
    told = f"{KIND}:{camera.pk}:{day.isoformat()}:{kind}"
    return hmac.new(settings.SECRET_KEY.encode(), told.encode(), hashlib.sha256).hexdigest()


def choose(population, count, seed):
    """Return ``count`` of a sequence at random, every subset as likely, in their order."""
    count = min(count, len(population))
    places = sorted(random.Random(seed).sample(range(len(population)), count))
    return [population[place] for place in places]


def _take_minute(minute):
    return excerpts.take(minute.footage, minute.start_seconds, minute.end_seconds)


def _cut(chosen, take):
    """Return ([(sample, Excerpt)], a note for each that could not be cut).

    A full disk says nothing about the footage: the whole draw is done again later.
    """
    cut, notes = [], []
    try:
        for one in chosen:
            try:
                cut.append((one, take(one)))
            except DomainError as error:
                if error.code not in excerpts.UNCUT:
                    raise
                notes.append(error.message)
    except BaseException:
        for _, excerpt in cut:
            excerpt.discard()
        raise
    return cut, notes


def _store(draft, cut):
    """Store a draw with all of its samples; return the one of a faster worker instead."""
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
            for one, excerpt in cut:
                incident = samples.create(draft, one)
                excerpts.store(excerpt, incident)
            audit.record(
                "sample.drawn",
                draft,
                site=draft.camera.site,
                detail={
                    "kind": draft.kind,
                    "day": draft.day.isoformat(),
                    "population": draft.population,
                    "drawn": draft.drawn,
                    "seed": draft.seed,
                },
            )
    except IntegrityError:
        made = SampleDraw.objects.filter(camera=draft.camera, day=draft.day, kind=draft.kind)
        if not made.exists():
            raise
        return made.get()
    return draft
