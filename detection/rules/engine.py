"""Runs the rules of one camera session over its tracked frames.

The engine finds out who the tracks are (``subjects``), in which zones they stand, asks every rule
who holds it, and lets ``incidents`` draw the conclusions. All it remembers can be taken out with
``state()`` and put into a fresh engine, between any two frames.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter

import numpy as np

from detection.rules.base import (
    RULE_KINDS,
    Holding,
    Rule,
    RuleSpec,
    Scene,
    Timing,
    ZoneSpec,
)
from detection.rules.incidents import IncidentRecord, Lifecycle, Transition
from detection.rules.places import ZoneMap, to_boxes
from detection.rules.sightings import check_sightings, check_time
from detection.rules.subjects import SubjectBook
from detection.vision.types import TrackedFrame
from hitlsite.errors import DomainError

_BY_TRACK = attrgetter("track_id")
_BY_TIME_AND_TRACK = attrgetter("at_seconds", "track_id")


class RuleEngine:
    """Turn tracked frames into incident transitions.

    Args:
        zones, rules: the camera's; see ``config.parse_config``, which checks them.
        aspect_ratio: frame width / height.
        sampling_fps: frames a second that the engine is given; no more than the source has.
        lost_seconds: out of sight for longer than this, a subject is lost.
        clock: source time in seconds -> aware local datetime; wanted when a rule has active
            hours, which otherwise always apply.

    Raises:
        DomainError: rules_invalid, when a rule names an unknown kind or zone.
    """

    def __init__(
        self,
        zones: Sequence[ZoneSpec],
        rules: Sequence[RuleSpec],
        *,
        aspect_ratio: float,
        sampling_fps: float,
        lost_seconds: float = 2.0,
        clock: Callable[[float], datetime] | None = None,
    ):
        timing = Timing(
            sample_seconds=1.0 / sampling_fps, lost_seconds=lost_seconds, aspect_ratio=aspect_ratio
        )
        self._rules = [make_rule(spec, zones, timing) for spec in rules]
        self._watch = [
            (position, rule.observe, rule.spec.active_hours)
            for position, rule in enumerate(self._rules)
        ]
        self._map = ZoneMap(zones, {name for rule in self._rules for name in rule.zones})
        self._subjects = SubjectBook(
            aspect_ratio=aspect_ratio, longest_gap=timing.longest_gap(lost_seconds)
        )
        self._lifecycle = Lifecycle(self._rules)
        self._clock = clock
        self._last_at: float | None = None

    def update(
        self, tracked: TrackedFrame, places: Sequence[int] | None = None
    ) -> list[Transition]:
        """Take in the next frame and return what it changed.

        A frame that is no later than the last one (a repeated timestamp, a frame given again
        after ``restore``) changes nothing.

        Args:
            places: what ``locate`` says of the observations, which then come ordered by track id
                from a track log, and have been checked when it was written.

        Raises:
            DomainError: observation_invalid, naming a time, box or score that is no number, a box
                inside out or an id that is there twice; the engine stands as before.
        """
        at_seconds = float(tracked.at_seconds)
        check_time(at_seconds)
        if self._last_at is not None and at_seconds <= self._last_at:
            return []
        observations = tracked.observations
        if len(observations) > 1:
            observations = sorted(observations, key=_BY_TRACK)
        boxes = None
        if places is None:
            boxes = to_boxes(observations)
            places = self._checked_places(tracked, boxes)
        transitions = []
        if tracked.earlier:
            visible = {seen.track_id for seen in observations}
            transitions += self._look_back(tracked.earlier, at_seconds, visible)
        transitions += self._expire(at_seconds)
        subjects = self._subjects.resolve(observations, at_seconds, is_held=tracked.is_held)
        inside = self._map.inside(places)
        scene = Scene(at_seconds, subjects, inside, boxes=boxes, foreground=tracked.foreground)
        transitions += self._lifecycle.apply(at_seconds, self._holdings(scene))
        self._last_at = at_seconds
        return transitions

    def finish(self, at_seconds: float) -> list[Transition]:
        """Close every open incident because the source ended at a time."""
        return self._expire(at_seconds) + self._lifecycle.finish(at_seconds)

    def heed_fixtures(self, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        """Stay silent from now on about what stands at these places (xyxy)."""
        for rule in self._rules:
            rule.heed_fixtures(boxes)

    def live_incidents(self) -> list[tuple[str, float, float]]:
        """Return (key, peak_at_seconds, last_held_seconds) of every open incident."""
        return self._lifecycle.live()

    def open_incidents(self, keys: Iterable[str]) -> list[IncidentRecord]:
        """Return the open incidents of these keys as they stand, in the order of opening."""
        return self._lifecycle.open_records(keys)

    @property
    def is_idle(self) -> bool:
        """Whether frames without anything in them need not all be given.

        Those of the last ``memory_seconds``, and at least the last one, then leave the engine as
        all of them would.
        """
        if not (self._subjects.is_empty and self._lifecycle.is_empty):
            return False
        return all(rule.is_idle for rule in self._rules)

    @property
    def memory_seconds(self) -> float:
        """How far back an idle engine knows at which times it was given an empty frame."""
        return max((rule.memory_seconds for rule in self._rules), default=0.0)

    def locate(self, boxes: np.ndarray) -> list[int]:
        """Return for each of many boxes (N, 4) in which zones it stands, for ``update``."""
        return self._map.locate(boxes)

    def opened_at_seconds(self) -> list[float]:
        """Return when every open incident opened."""
        return self._lifecycle.opened_at_seconds()

    def _expire(self, at_seconds):
        lost = self._subjects.expire(at_seconds)
        transitions = self._lifecycle.expire(at_seconds, lost)
        if lost:
            for rule in self._rules:
                rule.forget(lost)
        return transitions

    def _look_back(self, earlier, at_seconds, visible):
        """Let dwell begin, or go on, when a track was first seen, not when it was confirmed."""
        transitions = []
        past = [seen for seen in earlier if seen.at_seconds < at_seconds]
        past.sort(key=_BY_TIME_AND_TRACK)
        for then, group in groupby(past, key=attrgetter("at_seconds")):
            observations = self._subjects.select_news(group)
            subjects = self._subjects.resolve(observations, float(then), reserved=visible)
            inside = self._map.inside(self._places(observations))
            scene = Scene(float(then), subjects, inside, is_backfill=True)
            transitions += self._lifecycle.expire(float(then))
            self._lifecycle.extend(float(then), self._holdings(scene))
        return transitions

    def _checked_places(self, tracked, boxes):
        """Return where the observations stand, or refuse those that make no sense."""
        if len(boxes) or tracked.earlier or tracked.foreground:
            check_sightings(tracked, boxes)
        return self._map.locate(boxes) if len(boxes) else []

    def _places(self, observations):
        return self._map.locate(to_boxes(observations)) if observations else []

    def _holdings(self, scene) -> list[tuple[int, Holding]]:
        local = None
        holdings = []
        for position, observe, windows in self._watch:
            found = observe(scene)
            if not found:
                continue
            if windows is not None and self._clock is not None:
                local = local or self._clock(scene.at_seconds)
                if not any(window.contains(local) for window in windows):
                    continue
            holdings += [(position, holding) for holding in found]
        return holdings

    def state(self) -> dict:
        """Return everything remembered, as JSON values."""
        return {
            "rules": [[rule.spec.name, rule.kind, list(rule.zones)] for rule in self._rules],
            "last_at": self._last_at,
            "subjects": self._subjects.state(),
            "memories": [rule.state() for rule in self._rules],
            "lifecycle": self._lifecycle.state(),
        }

    def restore(self, state: dict) -> None:
        """Go on where another engine with the same zones and rules stood.

        Raises:
            DomainError: rules_changed, when the state comes from other rules.
        """
        mine = [[rule.spec.name, rule.kind, list(rule.zones)] for rule in self._rules]
        if state["rules"] != mine:
            theirs = ", ".join(name for name, *_ in state["rules"]) or "none"
            raise DomainError(
                "rules_changed", f"The stored state belongs to other rules ({theirs}) or zones."
            )
        self._last_at = state["last_at"]
        self._subjects.restore(state["subjects"])
        self._lifecycle.restore(state["lifecycle"])
        for rule, memory in zip(self._rules, state["memories"], strict=True):
            rule.restore(memory)


def make_rule(spec: RuleSpec, zones: Sequence[ZoneSpec], timing: Timing) -> Rule:
    """Build a rule from its specification; DomainError names an unknown kind or zone."""
    rule_class = RULE_KINDS.get(spec.kind)
    if rule_class is None:
        known = ", ".join(sorted(RULE_KINDS))
        raise DomainError(
            "rules_invalid",
            f'Rule "{spec.name}" has the unknown kind "{spec.kind}"; known: {known}.',
        )
    missing = set(spec.zones) - {zone.name for zone in zones}
    if missing:
        raise DomainError(
            "rules_invalid", f'Rule "{spec.name}" names the unknown zone "{min(missing)}".'
        )
    return rule_class(spec, zones, timing)
