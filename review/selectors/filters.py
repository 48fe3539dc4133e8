"""Filters of the queue: read from a query string, and turned into queries."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef
from django.utils.dateparse import parse_date, parse_datetime

from detection.models import Camera, Incident
from hitlsite.bounds import as_id, is_day_in_range
from hitlsite.errors import DomainError
from review.models import Decision, TrainingItem


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """Which items are asked for; empty fields ask for everything.

    ``since`` and ``until`` are about when the incident opened. A plain date means that day, and a
    time without an offset that time, in the zone of each item's site; ``until`` is included.
    """

    statuses: tuple[str, ...] = ()
    camera: Camera | None = None
    category: str = ""
    reason: str = ""
    since: datetime | date | None = None
    until: datetime | date | None = None


def parse_filters(user, given):
    """Check filters as they come from a query string, or pass ItemFilters on.

    Args:
        given: a mapping with any of status (one, several by comma, or "all"), camera (id),
            category, reason, since, until; other keys are left alone.

    Raises:
        DomainError: filter_invalid; ``fields`` names each bad one.
    """
    if isinstance(given, ItemFilters):
        return given
    given = {key: _plain(value) for key, value in (given or {}).items()}
    readers = {
        "status": _statuses,
        "camera": lambda text: _camera(user, text),
        "category": lambda text: _one_of(text, Incident.Category.values),
        "reason": lambda text: _one_of(text, Decision.Reason.values),
        "since": _moment,
        "until": _moment,
    }
    read, wrong = {}, {}
    for name, reader in readers.items():
        if not given.get(name):
            continue
        try:
            read["statuses" if name == "status" else name] = reader(given[name])
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        name, message = next(iter(wrong.items()))
        raise DomainError("filter_invalid", f"{name}: {message}", fields=wrong)
    return ItemFilters(**read)


def _plain(value):
    if isinstance(value, list | tuple):
        return ",".join(str(part) for part in value)
    return "" if value is None else str(value).strip()


def _one_of(text, choices):
    if text not in choices:
        raise ValueError(f"{text[:60]!r} is none of {', '.join(choices)}.")
    return text


def _statuses(text):
    if text == "all":
        return ()
    return tuple(
        dict.fromkeys(_one_of(part, TrainingItem.Status.values) for part in text.split(","))
    )


def _camera(user, text):
    found = Camera.objects.visible_to(user).filter(pk=as_id(text)).first()
    if found is None:
        raise ValueError(f"There is no camera {text[:20]!r}.")
    return found


def _moment(text):
    try:
        moment = parse_date(text) or parse_datetime(text.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or not is_day_in_range(moment):
        raise ValueError(f"{text[:40]!r} is no date or time in ISO 8601.")
    return moment


def _at(moment, zone, *, is_end=False):
    """Return an aware time; the day after a plain date where that date is an end."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
        moment += timedelta(days=1) if is_end else timedelta()
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def matching(site, wanted):
    """Return the items of one site that filters ask for, whatever their status."""
    items = TrainingItem.objects.filter(site=site)
    if wanted.camera:
        items = items.filter(camera=wanted.camera)
    if wanted.category:
        items = items.filter(category=wanted.category)
    if wanted.reason:
        given = Decision.objects.filter(
            item=OuterRef("pk"),
            reason=wanted.reason,
            effect=Decision.Effect.APPLIED,
            undone_by__isnull=True,
        )
        items = items.filter(Exists(given), status=TrainingItem.Status.REJECTED)
    zone = ZoneInfo(site.time_zone)
    if wanted.since:
        items = items.filter(incident__opened_at__gte=_at(wanted.since, zone))
    if wanted.until:
        is_day = not isinstance(wanted.until, datetime)
        lookup = "incident__opened_at__lt" if is_day else "incident__opened_at__lte"
        items = items.filter(**{lookup: _at(wanted.until, zone, is_end=True)})
    return items
