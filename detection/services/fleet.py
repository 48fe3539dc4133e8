"""How the cameras fare: what each of them has seen lately, and what keeps it from being of use."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.models import Camera, Footage, Incident, Rule, Segment, Snapshot
from detection.services import cameras, snapshots
from hitlsite.errors import DomainError

RECENT = timedelta(hours=24)
MOVING = "moving"
PERSON = "person"


@dataclass(frozen=True)
class Fare:
    """One camera as lists show it.

    Attributes:
        snapshot: its picture, None where there is none or ``user`` may not see it.
        config: a RulesConfig, None where what is stored cannot be read.
        footage: the latest, a FootageState, or None.
        incident_count: of the last 24 hours.
        warnings: sentences.
    """

    camera: Camera
    snapshot: Snapshot | None
    config: object
    footage: object
    incident_count: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class FootageState:
    """A footage and how far it is.

    Attributes:
        state: "running", "waiting", "failed", "damaged" or "done".
        until: wall-clock time up to which it is ingested.
        message: what went wrong, "" where nothing did.
        task_trouble: why its tasks were not classified in the end, "" where they were.
    """

    footage: Footage
    state: str
    until: datetime
    incident_count: int = 0
    message: str = field(default="")
    task_trouble: str = field(default="")

    @property
    def frame_size(self):
        """(width, height) in pixels, None where nobody knows."""
        size = self.footage.width, self.footage.height
        return size if all(size) else None


def fares(user):
    """Return every camera that ``user`` may know of, by site and name."""
    found = list(
        Camera.objects.visible_to(user)
        .select_related("site", "snapshot")
        .prefetch_related("zones", Prefetch("rules", Rule.objects.order_by("position", "name")))
        .annotate(
            incident_count=_incidents_of("camera", opened_at__gte=timezone.now() - RECENT),
            latest_footage=Subquery(
                Footage.objects.filter(camera=OuterRef("pk"))
                .order_by("-created_at", "-pk")
                .values("pk")[:1]
            ),
        )
        .order_by("site__name", "name")
    )
    latest = _states(Footage.objects.filter(pk__in=[one.latest_footage for one in found]))
    by_camera = {state.footage.camera_id: state for state in latest}
    may_see = snapshots.may_see(user)
    return [_fare(camera, by_camera.get(camera.pk), may_see) for camera in found]


def _incidents_of(owner, **conditions):
    """Return a subquery that counts the incidents of the row at hand, their ``owner``."""
    found = Incident.objects.reported().filter(**{owner: OuterRef("pk")}, **conditions).order_by()
    totals = found.values(owner).annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(totals), 0)


def _fare(camera, latest, may_see):
    rules = [rule for rule in camera.rules.all() if rule.is_enabled]
    config = read_document(camera, cameras.as_document(camera.zones.all(), rules))
    snapshot = getattr(camera, "snapshot", None) if may_see else None
    told = tuple(warnings(camera, config, latest))
    return Fare(camera, snapshot, config, latest, camera.incident_count, told)


def read_config(camera):
    """Return the camera's zones and enabled rules as a RulesConfig; None if they are unreadable."""
    return read_document(camera, cameras.current_config(camera))


def read_document(camera, document):
    """Return what ``cameras.current_config`` gave as a RulesConfig; None if it is unreadable."""
    from detection.rules.config import parse_config

    try:
        return parse_config(document, file_name=str(camera), is_stored=True)
    except DomainError:
        return None


def recent_footage(camera, *, limit=8):
    """Return the newest footage of a camera as FootageStates, newest first."""
    return _states(Footage.objects.filter(camera=camera).order_by("-created_at", "-pk")[:limit])


def _states(footage):
    segments = Segment.objects.filter(footage=OuterRef("pk"))
    done = segments.filter(state=Segment.State.DONE).order_by("-position")
    rows = footage.select_related("deployment").annotate(
        is_running=Exists(segments.filter(state=Segment.State.RUNNING)),
        is_waiting=Exists(segments.filter(state=Segment.State.QUEUED)),
        failure=Subquery(segments.filter(state=Segment.State.FAILED).values("error_message")[:1]),
        end_of_done=Subquery(done.values("end_seconds")[:1]),
        # What ended well has a message for this alone.
        task_trouble=Subquery(done.values("error_message")[:1]),
        checkpointed=Subquery(
            segments.order_by()
            .values("footage")
            .annotate(last=Max("checkpoint_seconds"))
            .values("last")
        ),
        incident_total=_incidents_of("footage"),
    )
    return [_state(row) for row in rows]


def _state(row):
    seconds = max(row.end_of_done or 0.0, row.checkpointed or 0.0)
    if row.duration_seconds is not None:
        seconds = row.duration_seconds if row.ended_at else min(seconds, row.duration_seconds)
    until = row.starts_at + timedelta(seconds=seconds)
    told = {"incident_count": row.incident_total, "task_trouble": row.task_trouble or ""}
    if row.failure is not None and not row.is_running:
        return FootageState(row, "failed", until, message=row.failure, **told)
    if row.is_running:
        return FootageState(row, "running", until, **told)
    if row.is_waiting:
        return FootageState(row, "waiting", until, **told)
    state = "damaged" if row.damage else "done"
    return FootageState(row, state, until, message=row.damage, **told)


def warnings(camera, config, latest):
    """Yield what keeps a camera from being of use, a sentence each."""
    if config is None:
        yield "Its zones and rules cannot be read; save them again."
        return
    if not config.rules:
        yield "No rules yet: whatever happens before it, nothing becomes an incident."
    if latest is not None and latest.state == "failed":
        yield f"The latest footage failed: {latest.message}".rstrip()
    if camera.classifies_tasks and latest is not None and latest.task_trouble:
        yield f"Tasks are not classified as they should be: {latest.task_trouble}"
    if knows_only_motion(camera, latest):
        yield from _of_motion(config.rules)
    if any(zone.kind == "restricted" for zone in config.zones):
        watched = [rule for rule in config.rules if rule.kind == "restricted_zone_entry"]
        if config.rules and not watched:
            yield "There is a restricted zone, but no rule speaks when somebody enters it."


def _of_motion(rules):
    """Yield which rules wait in vain where nothing but motion is told."""
    blind = [rule.name for rule in rules if _needs_people(rule)]
    if blind:
        need = "needs" if len(blind) == 1 else "need"
        yield f"{_named(blind)} {need} a detector that knows people; motion does not."
    waiting = [
        rule
        for rule in rules
        if not _needs_people(rule) and rule.classes and MOVING not in rule.classes
    ]
    if waiting:
        wait = "waits" if len(waiting) == 1 else "wait"
        classes = " or ".join(dict.fromkeys(name for rule in waiting for name in rule.classes))
        names = _named([rule.name for rule in waiting])
        yield f"{names} {wait} for {classes}, and motion detection never says that."


def _needs_people(rule):
    """Say whether a rule means people though it does not name them."""
    from detection.rules.base import RULE_KINDS

    kind = RULE_KINDS[rule.kind]
    return PERSON in kind.also_needs or (not rule.classes and PERSON in kind.default_classes)


def _named(names):
    quoted = [f"“{name}”" for name in names]
    if len(quoted) == 1:
        return f"Rule {quoted[0]}"
    return f"Rules {', '.join(quoted[:-1])} and {quoted[-1]}"


def knows_only_motion(camera, latest=None):
    """Say whether the camera's detector tells no classes apart, as far as that is known."""
    if camera.detector == "motion":
        return True
    served = latest.footage.deployment if latest else None
    return camera.detector == "auto" and served is not None and served.backend == "motion"


def recent_incidents(camera, *, limit=8):
    """Return the newest incidents of a camera."""
    found = camera.incidents.reported().select_related("camera__site")
    return found.order_by("-opened_at", "-pk")[:limit]


def counts(camera):
    """Return how many incidents there were in 24 hours, and in all."""
    since = timezone.now() - RECENT
    return camera.incidents.reported().aggregate(
        recent=Count("pk", filter=Q(opened_at__gte=since)), total=Count("pk")
    )
