"""Filters of the queue: read from a query string, and turned into queries."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from detection.models import Camera, Deployment, Incident
from hitlsite.bounds import as_id, is_day_in_range
from hitlsite.errors import DomainError
from review.models import Decision, GoldAnswer, TrainingItem

_FIELDS = {"status": "statuses", "held": "holder"}


@dataclass(frozen=True, slots=True)
class ItemFilters:
    """Which items are asked for; empty fields ask for everything.

    ``since`` and ``until`` are about when the incident opened or the photo was taken. A plain date
    means that day, and a time without an offset that time, in the zone of each item's site;
    ``until`` is included. ``holder`` is who has claimed the item right now.
    """

    statuses: tuple[str, ...] = ()
    camera: Camera | None = None
    category: str = ""
    reason: str = ""
    since: datetime | date | None = None
    until: datetime | date | None = None
    deployment: Deployment | None = None
    origin: str = ""
    mode: str = ""
    holder: AbstractBaseUser | None = None

    @property
    def is_narrow(self):
        """Whether anything but the status is asked for."""
        return replace(self, statuses=()) != ItemFilters()


def parse_filters(user, given):
    """Check filters as they come from a query string, or pass ItemFilters on.

    Args:
        given: a mapping with any of status (one, several by comma, or "all"), camera (id),
            category, reason, since, until, deployment (id), origin, held ("me") and, for those who
            may know which items measure people, mode; other keys are left alone.

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
        "deployment": lambda text: _deployment(user, text),
        "origin": lambda text: _one_of(text, Incident.Origin.values),
        "mode": lambda text: _mode(user, text),
        "held": lambda text: user if _one_of(text, ["me"]) else None,
    }
    read, wrong = {}, {}
    for name, reader in readers.items():
        if not given.get(name):
            continue
        try:
            read[_FIELDS.get(name, name)] = reader(given[name])
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


def visible_deployments(user):
    """Return the models that reported something at a site of ``user``, the newest first."""
    cameras = Camera.objects.visible_to(user)
    reported = Incident.objects.filter(deployment=OuterRef("pk"), camera__in=cameras)
    return Deployment.objects.filter(Exists(reported)).order_by("-activated_at", "-pk")


def _deployment(user, text):
    found = visible_deployments(user).filter(pk=as_id(text)).first()
    if found is None:
        raise ValueError(f"There is no model {text[:20]!r}.")
    return found


def _mode(user, text):
    if not user.has_perm("review.view_agreement"):
        raise ValueError("You may not ask for this.")
    return _one_of(text, TrainingItem.Mode.values)


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
    """Return queries that together give the items of one site that filters ask for.

    No item is in two of them, and none is left out for its status.
    """
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
    if wanted.deployment:
        items = items.filter(incident__deployment=wanted.deployment)
    if wanted.origin:
        items = items.filter(incident__origin=wanted.origin)
    if wanted.mode:
        items = items.filter(mode=wanted.mode)
    if wanted.holder:
        # A handful of ids, read by who holds them: the queue's index knows nothing of claims.
        held = held_ids(wanted.holder, at=timezone.now())
        items = items.filter(pk__in=held)
    return _taken(items, site, wanted)


def held_ids(user, *, at):
    """Return the ids of the items whose claim by ``user`` has not run out."""
    live = TrainingItem.objects.filter(claimed_by=user, claim_expires_at__gt=at)
    return list(live.order_by().values_list("pk", flat=True))


def unjudged(user):
    """Return the condition that ``user`` has not judged an item blind, or as one that measures.

    Such an item goes on waiting, for somebody else or for ever; before the same person it would
    tell what it is.
    """
    held = Decision.objects.filter(item=OuterRef("pk"), reviewer=user, effect=Decision.Effect.HELD)
    # Few items measure, so that it is quicker to begin with their known answers.
    counted = Decision.objects.filter(
        item=OuterRef("item"), reviewer=user, effect=Decision.Effect.COUNTED
    )
    measured = GoldAnswer.objects.filter(Exists(counted), retired_at__isnull=True)
    return ~Exists(held) & ~Q(pk__in=measured.values("item"))


def _taken(items, site, wanted):
    """Return one query, or where times are asked for two: of incidents, and of photos.

    One of both would have to join both to every item before it could leave any out.
    """
    if not wanted.since and not wanted.until:
        return [items]
    zone = ZoneInfo(site.time_zone)
    return [
        items.filter(_between(f"{source}__{column}", wanted, zone), **{f"{source}__isnull": False})
        for source, column in (("incident", "opened_at"), ("photo", "captured_at"))
    ]


def _between(column, wanted, zone):
    condition = Q()
    if wanted.since:
        condition &= Q(**{f"{column}__gte": _at(wanted.since, zone)})
    if wanted.until:
        lookup = "lte" if isinstance(wanted.until, datetime) else "lt"
        condition &= Q(**{f"{column}__{lookup}": _at(wanted.until, zone, is_end=True)})
    return condition
