"""When a rule hit becomes an incident, and when the incident is over.

One subject has at most one open incident, which lists every rule that fired, each with its own
times and reason, in order. Times are those at which a rule held: an incident closes as of the
last moment its rules held, however much later that is noticed.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from detection.rules.base import (
    SEVERITIES,
    TIMESTAMP_SLACK_SECONDS,
    Holding,
    Rule,
)
from detection.rules.subjects import Subject

OPENED, UPDATED, CLOSED = "opened", "updated", "closed"
RULE_STOPPED, TRACK_LOST, SOURCE_ENDED = "rule_stopped", "track_lost", "source_ended"


@dataclass(frozen=True, slots=True)
class HitRecord:
    """One rule's part in an incident.

    Attributes:
        numbers: the figures that made the rule fire; final once the hit is closed.
        parameters: the rule's parameters as they were applied.
    """

    rule_name: str
    kind: str
    zone: str
    opened_at_seconds: float
    closed_at_seconds: float | None
    why: str
    numbers: dict
    parameters: dict


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An incident as it stood at a transition.

    Attributes:
        key: the same on every run over the same tracks, and unique in a session.
        category: of the rule that opened it.
        severity: the highest of its rules.
        hits: in the order of firing.
        peak_score, peak_at_seconds, box_xyxy: the best observation while a rule held; for a
            crowd the box spans its members.
    """

    key: str
    category: str
    severity: str
    class_name: str
    opened_at_seconds: float
    closed_at_seconds: float | None
    close_reason: Literal["rule_stopped", "track_lost", "source_ended"] | None
    hits: tuple[HitRecord, ...]
    track_ids: tuple[int, ...]
    peak_score: float
    peak_at_seconds: float
    box_xyxy: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Transition:
    kind: Literal["opened", "updated", "closed"]
    incident: IncidentRecord


@dataclass(slots=True)
class Hit:
    """A rule's part in an incident while that is open; ``rule`` is a position in the rule list."""

    rule: int
    zone: str
    opened_at: float
    last_held: float
    numbers: dict | None = None  # set when the hit closes

    @property
    def is_open(self):
        return self.numbers is None


@dataclass(slots=True)
class OpenIncident:
    """An incident in the making; ``holding`` has those of its hits that are still open."""

    key: str
    subject: int | str
    class_name: str
    opened_at: float
    hits: list[Hit] = field(default_factory=list)
    holding: dict[tuple[int, str], Hit] = field(default_factory=dict)
    track_ids: list[int] = field(default_factory=list)
    peak_score: float = -1.0
    peak_at: float = 0.0
    box: tuple = (0.0, 0.0, 0.0, 0.0)

    def start_hit(self, rule: int, zone: str, at_seconds: float) -> Hit:
        hit = Hit(rule, zone, at_seconds, at_seconds)
        self.hits.append(hit)
        self.holding[rule, zone] = hit
        return hit

    def watch(self, participants: Sequence[Subject], at_seconds: float) -> None:
        """Keep the tracks that take part, and the best observation."""
        best = self.peak_score
        if len(participants) == 1:
            (subject,) = participants
            if subject.track_id not in self.track_ids:
                self.track_ids.append(subject.track_id)
            if subject.score > best:
                self.peak_score, self.peak_at, self.box = subject.score, at_seconds, subject.box
            return
        known = set(self.track_ids)  # a crowd may have had hundreds
        for subject in participants:
            if subject.track_id not in known:
                known.add(subject.track_id)
                self.track_ids.append(subject.track_id)
            if subject.score > best:
                best = subject.score
        if best > self.peak_score:
            self.peak_score, self.peak_at = best, at_seconds
            self.box = span_boxes([subject.box for subject in participants])

    def state(self) -> dict:
        hits = [
            [hit.rule, hit.zone, hit.opened_at, hit.last_held, hit.numbers] for hit in self.hits
        ]
        return {
            "key": self.key,
            "subject": self.subject,
            "class_name": self.class_name,
            "opened_at": self.opened_at,
            "hits": hits,
            "track_ids": list(self.track_ids),
            "peak_score": self.peak_score,
            "peak_at": self.peak_at,
            "box": list(self.box),
        }

    @classmethod
    def from_state(cls, state: dict) -> "OpenIncident":
        hits = [Hit(*values) for values in state["hits"]]
        changed = {
            "hits": hits,
            "holding": {(hit.rule, hit.zone): hit for hit in hits if hit.is_open},
            "track_ids": list(state["track_ids"]),
            "box": tuple(state["box"]),
        }
        return cls(**{**state, **changed})


def span_boxes(boxes):
    """Return the smallest box around all boxes (xyxy)."""
    if len(boxes) == 1:
        return boxes[0]
    left, top, right, bottom = zip(*boxes, strict=True)
    return (min(left), min(top), max(right), max(bottom))


class Lifecycle:
    """Opens, updates and closes incidents from what holds at each moment."""

    def __init__(self, rules: Sequence[Rule]):
        self._rules = rules
        self._longest_gaps = [rule.longest_gap for rule in rules]
        self._open: dict[int | str, OpenIncident] = {}
        # When a rule last held for a subject: (rule, subject) -> seconds.
        self._cooldowns: dict[tuple[int, int | str], float] = {}
        # Before this time no open hit can have stopped.
        self._none_stops_before = -math.inf

    @property
    def is_empty(self) -> bool:
        """Whether no incident is open."""
        return not self._open

    def opened_at_seconds(self) -> list[float]:
        """Return when every open incident opened."""
        return [incident.opened_at for incident in self._open.values()]

    def live(self) -> list[tuple[str, float, float]]:
        """Return (key, peak_at_seconds, last_held_seconds) of every open incident."""
        return [
            (incident.key, incident.peak_at, max(hit.last_held for hit in incident.hits))
            for incident in self._open.values()
        ]

    def open_records(self, keys: Iterable[str]) -> list[IncidentRecord]:
        """Return the open incidents of these keys as they stand."""
        wanted = set(keys)
        return [self._record(one) for one in self._open.values() if one.key in wanted]

    def expire(self, at_seconds: float, lost: Iterable[int] = ()) -> list[Transition]:
        """Close what is over by a time: subjects that are lost, rules that stopped."""
        transitions = []
        if not self._open and not lost:
            return transitions
        lost = set(lost)
        if lost or at_seconds >= self._none_stops_before:
            for incident in list(self._open.values()):
                transitions += self._expire_incident(incident, at_seconds, lost)
            self._none_stops_before = self._find_next_stop()
        if lost:
            self._cooldowns = {
                key: until for key, until in self._cooldowns.items() if key[1] not in lost
            }
        return transitions

    def _expire_incident(self, incident, at_seconds, lost):
        if incident.subject in lost:
            return [self._close(incident, TRACK_LOST)]
        longest_gaps = self._longest_gaps
        stopped = [
            hit
            for hit in incident.holding.values()
            if at_seconds - hit.last_held > longest_gaps[hit.rule]
        ]
        for hit in stopped:
            self._close_hit(incident, hit)
        if not incident.holding:
            return [self._close(incident, RULE_STOPPED)]
        return [Transition(UPDATED, self._record(incident))] if stopped else []

    def _find_next_stop(self):
        """Return a time before which no open hit stops: as they are held, they last longer."""
        longest_gaps = self._longest_gaps
        ends = (
            hit.last_held + longest_gaps[hit.rule]
            for incident in self._open.values()
            for hit in incident.holding.values()
        )
        return min(ends, default=math.inf) - TIMESTAMP_SLACK_SECONDS

    def apply(self, at_seconds: float, holdings: Iterable[tuple[int, Holding]]) -> list[Transition]:
        """Take in what holds now: pairs of a rule's position and its holding, in rule order."""
        changed: dict[int | str, str] = {}
        known = self._open
        for rule, holding in holdings:
            if holding.counts_for is not None:
                incident, hit = holding.counts_for
                if hit.numbers is None:
                    hit.last_held = at_seconds
                    incident.watch(holding.participants, at_seconds)
                    continue
            incident = known.get(holding.subject)
            hit = incident.holding.get((rule, holding.zone)) if incident else None
            if hit is not None:
                hit.last_held = at_seconds
            elif self._is_cooling(rule, holding.subject, at_seconds):
                continue
            else:
                changed.setdefault(holding.subject, UPDATED if incident else OPENED)
                incident = incident or self._begin(rule, holding, at_seconds)
                hit = incident.start_hit(rule, holding.zone, at_seconds)
                ends = at_seconds + self._longest_gaps[rule] - TIMESTAMP_SLACK_SECONDS
                self._none_stops_before = min(self._none_stops_before, ends)
            holding.counts_for = incident, hit
            incident.watch(holding.participants, at_seconds)
        return [
            Transition(kind, self._record(self._open[subject])) for subject, kind in changed.items()
        ]

    def extend(self, at_seconds: float, holdings: Iterable[tuple[int, Holding]]) -> None:
        """Let open hits have held at a time past, as is known only now."""
        for rule, holding in holdings:
            incident = self._open.get(holding.subject)
            hit = incident.holding.get((rule, holding.zone)) if incident else None
            if hit is not None:
                hit.last_held = max(hit.last_held, at_seconds)

    def finish(self, at_seconds: float) -> list[Transition]:
        """Close everything: the source has ended."""
        transitions = self.expire(at_seconds)
        transitions += [self._close(one, SOURCE_ENDED) for one in list(self._open.values())]
        self._cooldowns = {}
        return transitions

    def _is_cooling(self, rule, subject, at_seconds):
        last_held = self._cooldowns.get((rule, subject))
        if last_held is None:
            return False
        cooldown_seconds = self._rules[rule].parameters["cooldown_seconds"]
        if at_seconds - last_held < cooldown_seconds - TIMESTAMP_SLACK_SECONDS:
            return True
        del self._cooldowns[rule, subject]
        return False

    def _begin(self, rule, holding, at_seconds):
        members = holding.participants
        whose = holding.subject if isinstance(holding.subject, str) else members[0].track_ids[0]
        base = f"{self._rules[rule].spec.name}:{whose}:{round(at_seconds * 1000)}"
        taken = {incident.key for incident in self._open.values()}
        key = base if base not in taken else f"{base}:{holding.subject}"
        incident = OpenIncident(key, holding.subject, most_common_class(members), at_seconds)
        for subject in members:
            incident.track_ids += subject.track_ids
        self._open[holding.subject] = incident
        return incident

    def _close_hit(self, incident, hit):
        hit.numbers = self._rules[hit.rule].numbers(incident.subject, hit.zone, hit.last_held)
        del incident.holding[hit.rule, hit.zone]
        key = (hit.rule, incident.subject)
        last_held = max(hit.last_held, self._cooldowns.get(key, hit.last_held))
        # Subjects that are no tracks are never reported lost: what is over goes here.
        self._cooldowns = {
            known: since
            for known, since in self._cooldowns.items()
            if last_held - since < self._rules[known[0]].parameters["cooldown_seconds"]
        }
        self._cooldowns[key] = last_held

    def _close(self, incident, reason):
        for hit in list(incident.holding.values()):
            self._close_hit(incident, hit)
        del self._open[incident.subject]
        return Transition(CLOSED, self._record(incident, reason))

    def _record(self, incident: OpenIncident, close_reason=None) -> IncidentRecord:
        specs = [self._rules[hit.rule].spec for hit in incident.hits]
        opening = self._rules[incident.hits[0].rule]
        ended = max(hit.last_held for hit in incident.hits) if close_reason else None
        return IncidentRecord(
            key=incident.key,
            category=opening.category_for(incident.class_name),
            severity=max((spec.severity for spec in specs), key=SEVERITIES.index),
            class_name=incident.class_name,
            opened_at_seconds=incident.opened_at,
            closed_at_seconds=ended,
            close_reason=close_reason,
            hits=tuple(self._hit_record(incident, hit) for hit in incident.hits),
            track_ids=tuple(incident.track_ids),
            peak_score=incident.peak_score,
            peak_at_seconds=incident.peak_at,
            box_xyxy=incident.box,
        )

    def _hit_record(self, incident, hit):
        rule = self._rules[hit.rule]
        numbers = hit.numbers or rule.numbers(incident.subject, hit.zone, hit.last_held)
        return HitRecord(
            rule_name=rule.spec.name,
            kind=rule.kind,
            zone=hit.zone,
            opened_at_seconds=hit.opened_at,
            closed_at_seconds=None if hit.is_open else hit.last_held,
            why=rule.why(incident.class_name, hit.zone, numbers),
            numbers=dict(numbers),
            parameters=dict(rule.parameters),
        )

    def state(self) -> dict:
        """Return open incidents and cool-downs as JSON values."""
        return {
            "open": [incident.state() for incident in self._open.values()],
            "cooldowns": [[*key, last_held] for key, last_held in self._cooldowns.items()],
        }

    def restore(self, state: dict) -> None:
        """Take over what another lifecycle over the same rules remembered."""
        incidents = [OpenIncident.from_state(one) for one in state["open"]]
        self._open = {incident.subject: incident for incident in incidents}
        self._none_stops_before = -math.inf
        self._cooldowns = {
            (rule, subject): last_held for rule, subject, last_held in state["cooldowns"]
        }


def most_common_class(subjects: Sequence[Subject]) -> str:
    """Return the class that most subjects have; of equals the first by name."""
    names = sorted(subject.class_name for subject in subjects)
    return max(names, key=names.count)
