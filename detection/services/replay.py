"""Run rules again over stored track logs, without video, and tell what another rule set changes.

A replay gives an engine what the live one was given, frame by frame: the same rules find the same
incidents. Whoever edits rules sees what they would have found before they are saved.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from detection.services import cameras, replay_plans, score_thresholds, sessions, stored_tracks
from detection.services.matching import match
from detection.vision.types import TrackedFrame


@dataclass(frozen=True, slots=True)
class Replayed:
    """An incident that a replay found.

    Attributes:
        close_reason: empty where the session goes on and the incident is still open at the end
            of its logs; its closing time is then the last at which a rule held.
        rules, zones: by name, each once, in the order of firing.
        hits: every rule's part, as ``incidents.HitRecord`` has it, as JSON values.
        peak_score: the best score while a rule held.
    """

    footage_id: int
    key: str
    category: str
    severity: str
    class_name: str
    opened_at_seconds: float
    closed_at_seconds: float
    opened_at: datetime
    closed_at: datetime
    close_reason: str
    why: str
    rules: tuple[str, ...]
    zones: tuple[str, ...]
    track_ids: tuple[int, ...]
    hits: tuple[dict, ...]
    peak_score: float = 0.0


@dataclass(frozen=True)
class Difference:
    """What a rule set finds beside the camera's saved one; everything in the order of time."""

    since: datetime | None
    until: datetime | None
    before: tuple[Replayed, ...]
    after: tuple[Replayed, ...]
    appeared: tuple[Replayed, ...]
    disappeared: tuple[Replayed, ...]
    kept: tuple[tuple[Replayed, Replayed], ...]
    row_count: int
    footage_count: int


def newest_at(camera):
    """Return the wall-clock time at which the camera's newest stored track log ends, or None."""
    ends = [
        (row.starts_at + timedelta(seconds=row.last_log_starts), row.pk, row)
        for row in replay_plans.sessions_with_logs(camera)
    ]
    if not ends:
        return None
    row = max(ends)[2]
    log = replay_plans.logs_of(row)[-1]
    last_seconds = stored_tracks.read_last_seconds(log.path)
    return row.starts_at + timedelta(
        seconds=log.end_seconds if last_seconds is None else last_seconds
    )


def replay(
    camera,
    config,
    *,
    since=None,
    until=None,
    footage=None,
    progress=None,
    most_rows=None,
    heeds_thresholds=True,
):
    """Return the incidents that rules find in the camera's track logs, in the order of time.

    Args:
        config: a RulesConfig.
        since, until: aware datetimes; incidents that overlap this window are returned. A session
            is replayed from its start where that is cheap, and otherwise from a margin before
            the window, farther back if there is a quiet log near; an incident that began before
            that is seen from there on.
        footage: only this session.
        progress: called with (logs done, logs in all).
        most_rows: refuse to read more sightings than these, those before the window included.
        heeds_thresholds: leave out what stays below the score that its class needs by now.

    Raises:
        DomainError: nothing_to_replay, replay_too_long, track_log_unreadable, or what is wrong
            with the rules.
        NotFound: the footage is another camera's.
    """
    plans = replay_plans.plan(camera, [config], since, until, footage, most_rows=most_rows)
    (found,), _ = _replay_all(plans, camera, [config], since, until, progress)
    return _heeded(camera, found) if heeds_thresholds else found


def compare(camera, config, *, since=None, until=None, footage=None, progress=None, most_rows=None):
    """Return the Difference that a RulesConfig makes against the camera's saved rules.

    The logs are read once for both; arguments and errors are those of ``replay``.
    """
    from detection.rules.config import parse_config

    saved = parse_config(cameras.current_config(camera), file_name=str(camera), is_stored=True)
    configs = [saved, config]
    plans = replay_plans.plan(camera, configs, since, until, footage, most_rows=most_rows)
    (before, after), row_count = _replay_all(plans, camera, configs, since, until, progress)
    before, after = _heeded(camera, before), _heeded(camera, after)
    kept = match(before, after)
    gone, come = {id(old) for old, _ in kept}, {id(new) for _, new in kept}
    return Difference(
        since=since,
        until=until,
        before=tuple(before),
        after=tuple(after),
        appeared=tuple(one for one in after if id(one) not in come),
        disappeared=tuple(one for one in before if id(one) not in gone),
        kept=tuple(kept),
        row_count=row_count,
        footage_count=len(plans),
    )


def _heeded(camera, found):
    """Return the incidents that would be told: see ``rules.score_floor``."""
    thresholds = score_thresholds.in_force(camera)
    return [one for one in found if one.peak_score >= thresholds.get(one.class_name, 0.0)]


def as_json(difference):
    """Return a Difference as JSON values: the same for the same logs and rules, whenever asked."""
    names = ("before", "after", "appeared", "disappeared")
    return {
        "since": difference.since and difference.since.isoformat(),
        "until": difference.until and difference.until.isoformat(),
        "rows": difference.row_count,
        "sessions": difference.footage_count,
        **{name: [_incident_as_json(one) for one in getattr(difference, name)] for name in names},
        "kept": [
            {"footage": after.footage_id, "before": before.key, "after": after.key}
            for before, after in difference.kept
        ],
    }


def _incident_as_json(one):
    told = asdict(one)
    told["opened_at"], told["closed_at"] = one.opened_at.isoformat(), one.closed_at.isoformat()
    return told


def _replay_all(plans, camera, configs, since, until, progress):
    """Return (incidents by configuration, rows read)."""
    done, total = 0, sum(len(logs) for _, logs in plans)
    found, row_count = [[] for _ in configs], 0
    fixtures = cameras.fixture_boxes(camera)
    for row, logs in plans:
        runs = [_Run(row, config, fixtures) for config in configs]
        window = replay_plans.Window(row, since, until)
        for log in logs:
            if window.is_past(log.start_seconds, runs):
                break
            columns = stored_tracks.read(log.path)
            row_count += len(columns)
            _feed(runs, log, columns)
            done += 1
            if progress:
                progress(done, total)
        for run, incidents in zip(runs, found, strict=True):
            incidents += [one for one in run.finish() if window.overlaps(one)]
    if progress:
        progress(total, total)
    for incidents in found:
        incidents.sort(key=lambda one: (one.opened_at, one.footage_id, one.key))
    return found, row_count


def _feed(runs, log, columns):
    """Give every engine the frames of a log."""
    for run in runs:
        run.enter(log, columns)
    empty = stored_tracks.fill_gaps(columns, log.start_seconds, log.end_seconds, runs[0].fps)
    frames = stored_tracks.LogFrames(columns, empty)
    places = [run.engine.locate(frames.boxes) for run in runs]
    for empty_at_seconds, frame, start, end in frames:
        for run, its_places in zip(runs, places, strict=True):
            if empty_at_seconds:
                run.pass_by(empty_at_seconds)
            if frame is not None:
                run.update(frame, its_places[start:end])


class _Run:
    """One rule set on one session, from log to log."""

    def __init__(self, row, config, fixtures):
        self._row = row
        self._config = config
        self._fixtures = fixtures
        self._told = None
        self._records = []
        self._last_seconds = self._memory_seconds = 0.0
        self.engine = None

    def enter(self, log, columns):
        """Go on with the sampling rate and picture size that the session had in this log."""
        told = (columns.sampling_fps or self._row.configuration["sampling_fps"],)
        told += columns.frame_size or (self._row.width, self._row.height)
        if told != self._told:
            fresh = sessions.make_engine(self._row, self._config, told[0], told[1:])
            fresh.heed_fixtures(self._fixtures)
            if self.engine is not None:
                fresh.restore(self.engine.state())
            self.engine, self._told = fresh, told
            self._memory_seconds = fresh.memory_seconds
        last_seconds = columns.last_seconds
        self._last_seconds = log.end_seconds if last_seconds is None else last_seconds

    @property
    def fps(self):
        return self._told[0]

    def update(self, frame, places):
        for transition in self.engine.update(frame, places):
            if transition.kind == "closed":
                self._records.append((transition.incident, transition.incident.close_reason))

    def pass_by(self, empty_at_seconds):
        """Take frames without anything in them, in order, or as few as leave the same state."""
        is_idle, first_needed = False, empty_at_seconds[-1] - self._memory_seconds
        for at_seconds in empty_at_seconds:
            is_idle = is_idle or self.engine.is_idle
            if not is_idle or at_seconds >= first_needed:
                self.update(TrackedFrame(at_seconds), ())

    def has_open_since_before(self, at_seconds):
        if self.engine is None:
            return False
        return any(opened <= at_seconds for opened in self.engine.opened_at_seconds())

    def finish(self):
        """Return all incidents; what is open is closed, as the session's end would close it."""
        if self.engine is not None:
            has_ended = self._row.ended_at is not None
            for transition in self.engine.finish(self._last_seconds):
                record = transition.incident
                is_cut = record.close_reason == "source_ended" and not has_ended
                self._records.append((record, "" if is_cut else record.close_reason))
        return [_replayed(self._row, record, reason) for record, reason in self._records]


def _replayed(row, record, close_reason):
    hits = tuple(
        {
            "rule_name": hit.rule_name,
            "kind": hit.kind,
            "zone": hit.zone,
            "opened_at_seconds": hit.opened_at_seconds,
            "closed_at_seconds": hit.closed_at_seconds,
            "why": hit.why,
            "numbers": hit.numbers,
        }
        for hit in record.hits
    )
    return Replayed(
        footage_id=row.pk,
        key=record.key,
        category=record.category,
        severity=record.severity,
        class_name=record.class_name,
        opened_at_seconds=record.opened_at_seconds,
        closed_at_seconds=record.closed_at_seconds,
        opened_at=row.starts_at + timedelta(seconds=record.opened_at_seconds),
        closed_at=row.starts_at + timedelta(seconds=record.closed_at_seconds),
        close_reason=close_reason,
        why=record.hits[0].why,
        rules=tuple(dict.fromkeys(hit.rule_name for hit in record.hits)),
        zones=tuple(dict.fromkeys(hit.zone for hit in record.hits)),
        track_ids=tuple(record.track_ids),
        hits=hits,
        peak_score=record.peak_score,
    )
