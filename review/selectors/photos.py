"""The photo library: what a person may see of it, its pages, and the list of marked photos.

The library's index serves one camera, newest capture first. A page over several cameras is merged
from one short query each, so that it costs the same however many photos are stored.
"""

import heapq
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.dateparse import parse_datetime

from detection.models import Camera, Photo, PhotoDetection
from hitlsite.bounds import as_id, is_day_in_range
from hitlsite.errors import DomainError, NotFound
from review.models import Annotation, Mark, TrainingItem
from review.selectors import cursors
from review.selectors.access import is_file_private, may_see_media
from review.selectors.filters import parse_filters
from review.selectors.photo_rows import STANDING, loaded, loaded_of

PAGE_SIZE, LARGEST_PAGE = 48, 200
MOST_CLASS_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class PhotoFilters:
    """Which photos are asked for; empty fields ask for everything.

    ``since`` and ``until`` are as in ItemFilters, about the time of capture.
    """

    camera: Camera | None = None
    is_marked: bool | None = None
    class_name: str = ""
    since: datetime | date | None = None
    until: datetime | date | None = None


@dataclass(frozen=True, slots=True)
class PhotoPage:
    photos: list[Photo]
    next_cursor: str | None


def visible_photos(user):
    """Return every photo that ``user`` may know of; none to those who may see no photos."""
    if not user.has_perm("detection.view_photo"):
        return Photo.objects.none()
    return Photo.objects.visible_to(user)


def photo_for(user, pk):
    """Return one photo with all that its page shows.

    Raises:
        NotFound: there is none that ``user`` may know of.
    """
    visible = visible_photos(user).filter(pk=as_id(pk)).values_list("pk", flat=True)
    found = loaded(list(visible))
    if not found:
        raise NotFound(f"There is no photo {str(pk)[:20]}.")
    return found[0]


def may_see_photo(user, photo):
    """Say whether the picture of a photo that ``user`` may know of may be shown to ``user``.

    A photo that nobody has decided on is shown to those who see unredacted media; after that it is
    shown as its item is.
    """
    item = getattr(photo, "item", None)
    is_decided = item is not None and (item.is_open or item.decided_at is not None)
    if is_decided or (item is not None and item.is_private):
        return may_see_media(user, item)
    return user.has_perm("review.view_unredacted") or user.has_perm("review.view_unredacted_always")


def photo_access(user, photo):
    """Say whether ``user`` may be shown the file of a photo as it is now.

    In an item that counts as private, the very file must be one that was found or made private.
    """
    if not may_see_photo(user, photo):
        return False
    if user.has_perm("review.view_unredacted_always"):
        return True
    item = getattr(photo, "item", None)
    return item is None or not item.is_private or is_file_private(photo.evidence)


def is_photo_private(photo):
    """Say whether the file of a photo was found or made private."""
    evidence = getattr(photo, "evidence", None)
    return evidence is not None and is_file_private(evidence)


def parse_photo_filters(user, given):
    """Check filters as they come from a query string, or pass PhotoFilters on.

    Args:
        given: a mapping with any of camera (id), marked (yes or no), class (a name), since and
            until; other keys are left alone.

    Raises:
        DomainError: filter_invalid; ``fields`` names what is bad.
    """
    if isinstance(given, PhotoFilters):
        return given
    given = {key: str(value or "").strip() for key, value in (given or {}).items()}
    shared = parse_filters(user, {name: given.get(name) for name in ("camera", "since", "until")})
    marked = {"": None, "yes": True, "no": False}
    if given.get("marked", "") not in marked:
        raise _bad("marked", "This is yes or no.")
    class_name = given.get("class", "")
    if len(class_name) > MOST_CLASS_CHARACTERS or "\x00" in class_name:
        raise _bad("class", f"This is a name of at most {MOST_CLASS_CHARACTERS} characters.")
    return PhotoFilters(
        camera=shared.camera,
        is_marked=marked[given.get("marked", "")],
        class_name=class_name,
        since=shared.since,
        until=shared.until,
    )


def _bad(name, message):
    return DomainError("filter_invalid", f"{name}: {message}", fields={name: message})


def photos_page(user, *, filters=None, after=None, size=PAGE_SIZE):
    """Return one page of the library, the newest capture first.

    Args:
        filters: PhotoFilters, or a mapping for ``parse_photo_filters``.
        after: the cursor that the page before gave.

    Raises:
        DomainError: filter_invalid, cursor_invalid, size_invalid.
    """
    wanted = parse_photo_filters(user, filters)
    check_size(size)
    position = cursors.decoded(after, _library_position) if after else None
    keys = _newest(user, wanted, position, size + 1)
    shown = keys[:size]
    cursor = None
    if len(keys) > size:
        captured_at, pk = shown[-1]
        cursor = cursors.encoded(captured_at.isoformat(), pk)
    return PhotoPage(loaded([pk for _, pk in shown]), cursor)


def photo_neighbours(user, photo, filters=None):
    """Return (id of the newer photo, id of the older one) in the library, None at either end."""
    wanted = parse_photo_filters(user, filters)
    position = photo.captured_at, photo.pk
    older = _newest(user, wanted, position, 1)
    newer = []
    for lane in _lanes(user, wanted):
        later = Q(captured_at__gt=position[0]) | Q(captured_at=position[0], pk__gt=position[1])
        lane = lane.filter(later).order_by("captured_at", "pk")
        newer += lane.values_list("captured_at", "pk")[:1]
    return min(newer)[1] if newer else None, older[0][1] if older else None


def check_size(size):
    """Refuse a page of no size or of too many rows."""
    if type(size) is not int or not 1 <= size <= LARGEST_PAGE:
        message = f"A page holds 1 to {LARGEST_PAGE} photos."
        raise DomainError("size_invalid", message, fields={"limit": message})


def _newest(user, wanted, position, count):
    keys = []
    for lane in _lanes(user, wanted):
        keys += _lane_keys(lane, position, count)
    return heapq.nlargest(count, keys)


def _lanes(user, wanted):
    """Yield one query for each camera: a stretch of the library's index."""
    cameras = [wanted.camera] if wanted.camera else Camera.objects.visible_to(user)
    if not user.has_perm("detection.view_photo"):
        return
    if not wanted.camera:
        cameras = cameras.select_related("site")
    for camera in cameras:
        photos = Photo.objects.filter(camera=camera)
        if wanted.is_marked is not None:
            standing = Exists(Mark.objects.filter(STANDING, photo=OuterRef("pk")))
            photos = photos.filter(standing if wanted.is_marked else ~standing)
        if wanted.class_name:
            of_class = PhotoDetection.objects.filter(
                photo=OuterRef("pk"), class_name=wanted.class_name
            )
            photos = photos.filter(Exists(of_class))
        yield _captured(photos, ZoneInfo(camera.site.time_zone), wanted)


def _captured(photos, zone, wanted):
    if wanted.since:
        photos = photos.filter(captured_at__gte=_aware(wanted.since, zone))
    if wanted.until:
        is_day = not isinstance(wanted.until, datetime)
        until = _aware(wanted.until + timedelta(days=1) if is_day else wanted.until, zone)
        photos = photos.filter(**{"captured_at__lt" if is_day else "captured_at__lte": until})
    return photos


def _aware(moment, zone):
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _lane_keys(lane, position, count):
    """Read the index twice at most: the rest of a moment, then what lies before it."""
    lane = lane.order_by("-captured_at", "-pk").values_list("captured_at", "pk")
    if position is None:
        return list(lane[:count])
    captured_at, pk = position
    keys = list(lane.filter(captured_at=captured_at, pk__lt=pk)[:count])
    if len(keys) < count:
        keys += lane.filter(captured_at__lt=captured_at)[: count - len(keys)]
    return keys


def marked_page(user, *, after=None, size=PAGE_SIZE):
    """Return one page of the marked photos, the newest mark first.

    Raises:
        DomainError: cursor_invalid, size_invalid.
    """
    check_size(size)
    marks = _standing_marks(user)
    if after:
        marks = marks.filter(pk__lt=cursors.decoded(after, _mark_position))
    rows = list(marks.order_by("-pk").select_related("photo")[: size + 1])
    shown = rows[:size]
    cursor = cursors.encoded(shown[-1].pk) if len(rows) > size else None
    return PhotoPage(loaded_of(shown), cursor)


def marked_count(user):
    """Return how many photos are marked at the sites of ``user``."""
    return _standing_marks(user).count()


def _standing_marks(user):
    if not user.has_perm("detection.view_photo"):
        return Mark.objects.none()
    return Mark.objects.visible_to(user).filter(STANDING)


def mark_figures(user):
    """Return how many photos are marked, annotated and waiting, altogether and by reason."""
    annotated = Annotation.objects.filter(evidence__photo=OuterRef("photo"), is_current=True)
    rows = (
        _standing_marks(user)
        .order_by()
        .values("reason")
        .annotate(
            marked=Count("pk"),
            annotated=Count("pk", filter=Exists(annotated)),
            waiting=Count("pk", filter=Q(photo__item__status__in=TrainingItem.OPEN_STATUSES)),
        )
    )
    by_reason = {row["reason"]: row for row in rows}
    names = ("marked", "annotated", "waiting")
    totals = {name: sum(row[name] for row in by_reason.values()) for name in names}
    nothing = dict.fromkeys(names, 0)
    reasons = [
        {"reason": value, "label": label, **{n: by_reason.get(value, nothing)[n] for n in names}}
        for value, label in Mark.Reason.choices
    ]
    return {**totals, "reasons": reasons}


def kept_photos(photos):
    """Return those of ``photos`` that no retention may delete.

    They are marked, a person drew on them, or their item waits for a verdict, has a positive one,
    or was used.
    """
    marked = Mark.objects.filter(STANDING, photo=OuterRef("pk"))
    drawn_on = Annotation.objects.filter(evidence__photo=OuterRef("pk"))
    needed = TrainingItem.objects.filter(photo=OuterRef("pk")).filter(
        ~Q(status=TrainingItem.Status.REJECTED) | Q(used_at__isnull=False)
    )
    return photos.filter(Exists(marked) | Exists(drawn_on) | Exists(needed))


def _library_position(text, pk):
    captured_at = parse_datetime(text)
    is_sound = type(pk) is int and as_id(pk) is not None and captured_at is not None
    if is_sound and captured_at.tzinfo and is_day_in_range(captured_at):
        return captured_at.astimezone(UTC), pk
    return None


def _mark_position(pk):
    return as_id(pk) if type(pk) is int else None
