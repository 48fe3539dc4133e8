"""What is new for everybody who has the pages open, read once for all of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db.models import Sum
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from detection.models import Incident
from hitlsite.models import Membership, Site
from review.models import ItemTally, TrainingItem

PERMISSION = "review.view_trainingitem"
MODEL_BACKEND = "hitlsite.backends.PeopleBackend"
MOST_AT_ONCE = 100
# Rows are numbered before they are stored: a lower number may come to sight after a higher one.
LOOK_BACK_ROWS = 50
LOOK_BACK = timedelta(seconds=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has read: the newest incident, and the newest request for a supervisor."""

    incident: int
    asked_at: datetime

    def __str__(self):
        return f"{self.incident}-{int(self.asked_at.timestamp() * 1_000_000)}"


@dataclass(frozen=True, slots=True)
class News:
    """One event of one site; ``key`` tells it from every other."""

    kind: str
    key: str
    site: int
    told: dict
    place: Place


@dataclass
class Look:
    """What one look at the database found.

    Attributes:
        counts: by site, how many items stand where.
        allowed: the sites of each session that was asked about; one without any is over.
    """

    place: Place
    news: list[News] = field(default_factory=list)
    counts: dict = field(default_factory=dict)
    allowed: dict = field(default_factory=dict)


def read_place(text):
    """Return the Place that a client gave back, None where it is none of ours."""
    numbers = str(text or "").split("-")
    if len(numbers) != 2 or not all(
        number.isascii() and number.isdigit() and len(number) <= 16 for number in numbers
    ):
        return None
    incident, micros = map(int, numbers)
    try:
        return Place(incident, EPOCH + timedelta(microseconds=micros))
    except OverflowError:
        return None


def newest_place():
    """Return where somebody stands who has read everything so far."""
    last = Incident.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Place(last or 0, timezone.now())


def look(place, *, sessions=None):
    """Return what came after a Place, a little of what came before it, and the counts.

    Args:
        sessions: keys of sessions to ask about; None asks about none.
    """
    found = Look(place)
    incidents = _incidents_after(place.incident - LOOK_BACK_ROWS)
    items = _items_after(place.asked_at - LOOK_BACK)
    found.place = Place(
        max([place.incident, *(one.pk for one in incidents)]),
        max([place.asked_at, *(one.decided_at for one in items)]),
    )
    found.news = [_of_incident(one, found.place) for one in incidents]
    found.news += [_of_item(one, found.place) for one in items]
    totals = ItemTally.objects.values_list("site", "status").annotate(total=Sum("count"))
    for site, status, total in totals.order_by():
        found.counts.setdefault(site, {})[status] = total
    if sessions is not None:
        found.allowed = allowed_sites(sessions)
    return found


def missed(place, sites):
    """Return the News of some sites since a Place, oldest first, no more than a page of them."""
    incidents = _incidents_after(place.incident, camera__site__in=sites)
    items = _items_after(place.asked_at, site__in=sites)
    now = newest_place()
    return [_of_incident(one, now) for one in incidents] + [_of_item(one, now) for one in items]


def _incidents_after(pk, **conditions):
    rows = Incident.objects.filter(pk__gt=pk, origin=Incident.Origin.RULE, **conditions)
    newest = rows.select_related("camera").order_by("-pk")[:MOST_AT_ONCE]
    return list(newest)[::-1]


def _items_after(at, **conditions):
    rows = TrainingItem.objects.filter(
        status=TrainingItem.Status.NEEDS_REVIEW, decided_at__gt=at, **conditions
    )
    # A site's index leads to them; without one every item would be read.
    rows = rows if conditions else rows.filter(site__in=Site.objects.values("pk"))
    newest = rows.select_related("camera").order_by("-decided_at")[:MOST_AT_ONCE]
    return list(newest)[::-1]


def _of_incident(incident, place):
    told = {
        "incident": incident.pk,
        "category": incident.category,
        "severity": incident.severity,
        "camera": incident.camera.name,
        "why": incident.why,
        "opened_at": incident.opened_at.isoformat(),
    }
    return News("incident", f"incident:{incident.pk}", incident.camera.site_id, told, place)


def _of_item(item, place):
    told = {"item": item.pk, "category": item.category, "camera": item.camera.name}
    key = f"item:{item.pk}:{item.decided_at.timestamp():.6f}"
    return News("needs_review", key, item.site_id, told, place)


def who(key):
    """Return (ids of the sites that a session's person may review, the person's id)."""
    people = {}
    allowed = allowed_sites([key], people)
    return allowed[key], people.get(key, "")


def allowed_sites(keys, people_by_key=None):
    """Return {session key: ids of the sites that its person may review}; a dead one has none.

    It takes as many queries for hundreds of sessions as for one.

    Args:
        people_by_key: filled with the id of each session's person.
    """
    users = {}
    for session in Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now()):
        told = session.get_decoded()
        users[session.session_key] = (told.get(SESSION_KEY), told.get(HASH_SESSION_KEY, ""))
    model = get_user_model()
    ids = {pk for pk, _ in users.values() if pk}
    people = {
        str(one.pk): one
        for one in model.objects.with_perm(PERMISSION, backend=MODEL_BACKEND).filter(pk__in=ids)
    }
    sites = {str(pk): set() for pk in ids}
    for user, site in Membership.objects.filter(user__in=ids).values_list("user", "site"):
        sites[str(user)].add(site)
    every = set(Site.objects.values_list("pk", flat=True))
    allowed = dict.fromkeys(keys, frozenset())
    for key, (pk, digest) in users.items():
        person = people.get(pk)
        if person is not None and _is_current(person, digest):
            allowed[key] = frozenset(every if person.is_superuser else sites[pk])
            if people_by_key is not None:
                people_by_key[key] = pk
    return allowed


def _is_current(person, digest):
    """Say whether a session is of the person's password as it is now."""
    known = [person.get_session_auth_hash(), *person.get_session_auth_fallback_hash()]
    return any(constant_time_compare(digest, one) for one in known)
