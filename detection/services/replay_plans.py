"""Which stored track logs a replay of a window needs, and where it begins."""

from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from detection.models import Footage, TrackLog
from hitlsite.errors import DomainError, NotFound

# A replay of a window begins so long before it, or as long as something takes to become an
# incident by the rules...
MARGIN_SECONDS = 900.0
# ...or at an earlier log of at most so many rows away: at the session's start, or where nobody was.
CHEAP_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class StoredLog:
    """Where a stretch of a session's tracks is stored, in the session's seconds."""

    path: str
    row_count: int
    start_seconds: float
    end_seconds: float


class Window:
    """A window of wall-clock time in the seconds of one session."""

    def __init__(self, row, since, until):
        self.since_seconds = -float("inf")
        self.until_seconds = float("inf")
        if since is not None:
            self.since_seconds = (since - row.starts_at).total_seconds()
        if until is not None:
            self.until_seconds = (until - row.starts_at).total_seconds()

    def may_touch(self, row):
        ends = row.last_log_starts if row.last_log_ends is None else row.last_log_ends
        return ends >= self.since_seconds and self.until_seconds >= 0

    def touches(self, log):
        return log.end_seconds >= self.since_seconds and log.start_seconds <= self.until_seconds

    def overlaps(self, incident):
        begins_in_time = incident.opened_at_seconds <= self.until_seconds
        return begins_in_time and incident.closed_at_seconds >= self.since_seconds

    def is_past(self, at_seconds, runs):
        """Say whether nothing after a time matters: the window is over, and what began in it."""
        if at_seconds <= self.until_seconds:
            return False
        return not any(run.has_open_since_before(self.until_seconds) for run in runs)


def sessions_with_logs(camera):
    """Return the camera's footage that has track logs, oldest first.

    Each knows, as ``last_log_starts`` and ``last_log_ends``, the seconds of its last segment.
    """
    last = TrackLog.objects.filter(footage=OuterRef("pk")).order_by("-segment__position")
    rows = Footage.objects.filter(camera=camera).annotate(
        last_log_starts=Subquery(last.values("segment__start_seconds")[:1]),
        last_log_ends=Subquery(last.values("segment__end_seconds")[:1]),
    )
    rows = rows.filter(last_log_starts__isnull=False)
    return rows.select_related("camera__site").order_by("starts_at", "pk")


def plan(camera, configs, since, until, footage, *, most_rows=None):
    """Return the sessions to replay, oldest first, each with its logs in order.

    Args:
        most_rows: how many sightings all of these logs may hold; None is no limit.

    Raises:
        DomainError: nothing_to_replay, replay_too_long.
    """
    rows = sessions_with_logs(camera)
    if footage is not None:
        wanted = getattr(footage, "pk", footage)
        if not Footage.objects.filter(camera=camera, pk=wanted).exists():
            raise NotFound(f"Camera {camera} has no footage {wanted}.", code="footage_unknown")
        rows = rows.filter(pk=wanted)
    margin = max([MARGIN_SECONDS, *map(_longest_wait, configs)])
    plans = []
    for row in rows:
        window = Window(row, since, until)
        if not window.may_touch(row):
            continue
        wanted = _logs_of_window(logs_of(row), window, margin)
        if wanted:
            plans.append((row, wanted))
    if not plans:
        when = " in that time" if since or until else ""
        raise DomainError("nothing_to_replay", f"Camera {camera} has no track logs{when}.")
    _require_bounded(plans, most_rows)
    return plans


def _require_bounded(plans, most_rows):
    count = sum(log.row_count for _, logs in plans for log in logs)
    if most_rows is not None and count > most_rows:
        raise DomainError(
            "replay_too_long",
            f"That film, and what the rules need of the time before it, has {count:,} sightings; a "
            f"page replays {most_rows:,} at most. Choose less film, or run manage.py replay, which "
            "takes any amount.",
        )


def logs_of(row):
    """Return the StoredLogs of a session, in order."""
    longest = float("inf") if row.duration_seconds is None else row.duration_seconds
    stored = row.track_logs.order_by("segment__position").values_list(
        "path", "row_count", "segment__start_seconds", "segment__end_seconds"
    )
    return [
        StoredLog(path, row_count, start, max(start, min(longest, start if end is None else end)))
        for path, row_count, start, end in stored
    ]


def _logs_of_window(logs, window, margin):
    """Return the logs that decide what happened in a window, from where replay begins."""
    inside = [at for at, log in enumerate(logs) if window.touches(log)]
    if not inside:
        return []
    first = inside[0]
    while first and logs[first - 1].end_seconds > window.since_seconds - margin:
        first -= 1
    row_count, quiet = 0, None
    for at in range(first - 1, -1, -1):
        row_count += logs[at].row_count
        if row_count > CHEAP_ROWS:
            return logs[first if quiet is None else quiet :]
        if quiet is None and not logs[at].row_count:
            quiet = at
    return logs


def _longest_wait(config):
    """Return the longest time in which something becomes an incident by these rules.

    Cool-downs do not count. One of a day would have every look at the last hour begin a day
    before; so a cool-down that is longer than the margin may have begun before it, and what it
    would have silenced is told.
    """
    from detection.rules.base import RULE_KINDS

    return max(
        (
            rule.parameters.get(name) or 0.0
            for rule in config.rules
            for name, parameter in RULE_KINDS[rule.kind].parameters_by_name.items()
            if parameter.unit == "s" and name != "cooldown_seconds"
        ),
        default=0.0,
    )
