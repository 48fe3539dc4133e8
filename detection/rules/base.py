"""What every rule shares: its specification, its parameters and the registry of kinds.

A kind of rule is one subclass of ``Rule``. It sees one ``Scene`` at a time and answers who holds
it now; when that becomes an incident, and when the incident ends, is decided in ``incidents``.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from detection.rules.hours import HoursWindow
from detection.rules.subjects import Subject
from detection.vision.types import Observation

SEVERITIES = ("info", "low", "medium", "high", "critical")
ZONE_KINDS = ("monitored", "restricted", "private", "public")
WHOLE_FRAME = "frame"
VEHICLE_CLASSES = frozenset({"bicycle", "car", "motorcycle", "bus", "train", "truck"})
DAY_SECONDS = 86_400.0

# Containers round presentation times, often to a millisecond: two roundings may add up.
TIMESTAMP_SLACK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class ZoneSpec:
    """A named polygon of the picture, points (x, y) normalised to 0..1."""

    name: str
    kind: str
    polygon: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule as a person set it up.

    Attributes:
        zones: names of zones; empty means what the kind takes by default.
        classes: class names; empty means every class.
        parameters: values by name; what is absent has the kind's default.
        active_hours: windows of which any one suffices; None means always.
    """

    name: str
    kind: str
    zones: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    severity: str = "medium"
    parameters: dict = field(default_factory=dict)
    active_hours: tuple[HoursWindow, ...] | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number that a person may set on a rule; a default of None depends on the others."""

    default: float | None
    unit: str
    minimum: float
    maximum: float
    meaning: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """What sampling does to measured times, and the picture's shape to distances.

    Attributes:
        sample_seconds: time between two sampled frames.
        lost_seconds: how long a subject may be out of sight before it is lost.
        aspect_ratio: frame width / height, so that distances compare in both directions.
    """

    sample_seconds: float
    lost_seconds: float
    aspect_ratio: float = 1.0

    def longest_gap(self, seconds: float) -> float:
        """Return the longest time between two samples that a gap of ``seconds`` may look like.

        A true gap of g seconds is seen as more than g and less than g plus two periods, so one
        period is the allowance that treats every sampling rate alike.
        """
        return seconds + self.sample_seconds + TIMESTAMP_SLACK_SECONDS

    def shortest_stay(self, seconds: float) -> float:
        """Return the shortest time between samples that proves a stay of about ``seconds``.

        A threshold off the sampling grid is rounded down to it: otherwise a stay could clear the
        threshold by more than a period and still be missed at a low rate.
        """
        periods = math.floor((seconds + TIMESTAMP_SLACK_SECONDS) / self.sample_seconds)
        return periods * self.sample_seconds - TIMESTAMP_SLACK_SECONDS


class Scene:
    """Who is where at one time.

    Attributes:
        subjects: everyone in sight, ordered by track id.
        inside: for each zone's name, positions in ``subjects`` of those standing in it.
        is_backfill: the scene lies in the past and shows only tracks confirmed since.
        foreground: what has come to rest, see ``TrackedFrame.foreground``; some of it may have
            been seen at an earlier time.
    """

    def __init__(
        self, at_seconds, subjects, inside, *, boxes=None, is_backfill=False, foreground=()
    ):
        self.at_seconds: float = at_seconds
        self.subjects: Sequence[Subject] = subjects
        self.inside: Mapping[str, Sequence[int]] = inside
        self.is_backfill: bool = is_backfill
        self.foreground: Sequence[Observation] = foreground
        self._boxes: np.ndarray | None = boxes
        self._members: dict[tuple, list[Subject]] = {}
        self._of_class: dict[tuple, list[Subject]] = {}

    @property
    def boxes(self) -> np.ndarray:
        """The subjects' boxes, (N, 4)."""
        if self._boxes is None:
            boxes = [subject.box for subject in self.subjects]
            self._boxes = np.array(boxes, np.float64).reshape(-1, 4)
        return self._boxes

    @cached_property
    def numbers(self) -> list[int]:
        """The subjects' numbers."""
        return [subject.number for subject in self.subjects]

    def members(self, zone: str, classes: frozenset[str]) -> list[Subject]:
        """Return the subjects in a zone that are, or now look like, one of some classes.

        Without classes it is everybody. Whether a subject really is one, see ``Rule.takes``.
        """
        inside = self.inside[zone]
        if not inside:
            return []
        key = (zone, classes)
        found = self._members.get(key)
        if found is None:
            found = [self.subjects[position] for position in inside]
            if classes:
                found = [
                    one for one in found if one.seen_as in classes or one.class_name in classes
                ]
            self._members[key] = found
        return found

    def members_of_class(self, zone: str, classes: frozenset[str]) -> list[Subject]:
        """Return the subjects in a zone that really are one of some classes, see ``Rule.takes``."""
        if not classes:
            return self.members(zone, classes)
        key = (zone, classes)
        found = self._of_class.get(key)
        if found is None:
            found = [one for one in self.members(zone, classes) if one.class_name in classes]
            self._of_class[key] = found
        return found


@dataclass(slots=True)
class Holding:
    """A rule holds at this moment.

    Attributes:
        subject: a Subject's number, or a text naming what is no single track.
        participants: the subjects in sight that make the rule hold.
        counts_for: the open incident and the hit in it that this has kept alive before; a rule
            that returns the same holding again saves the search for them.
    """

    subject: int | str
    zone: str
    participants: Sequence[Subject]
    counts_for: tuple | None = None


LIFECYCLE_PARAMETERS = {
    "grace_seconds": Parameter(2.0, "s", 0.0, 600.0, "gaps up to this long are bridged"),
    "cooldown_seconds": Parameter(
        30.0, "s", 0.0, DAY_SECONDS, "after a hit the same subject does not open one for so long"
    ),
}

RULE_KINDS: dict[str, type["Rule"]] = {}


class Rule(ABC):
    """A kind of rule. Subclasses that set ``kind`` are registered in RULE_KINDS.

    Attributes:
        category: the incident's category when this rule opens it.
        parameters_by_name: what may be set, with defaults and limits.
        zone_kinds: the kinds of zone that the rule may name; None means any.
        default_classes: the classes that it looks at where it names none; empty means every class.
        also_needs: classes that it must know of besides its own.
    """

    kind: ClassVar[str]
    category: ClassVar[str] = "unknown"
    default_severity: ClassVar[str] = "medium"
    parameters_by_name: ClassVar[dict[str, Parameter]] = LIFECYCLE_PARAMETERS
    zone_kinds: ClassVar[tuple[str, ...] | None] = None
    default_classes: ClassVar[tuple[str, ...]] = ()
    also_needs: ClassVar[tuple[str, ...]] = ()
    # How far back an idle rule knows at which times it was shown an empty scene.
    memory_seconds: float = 0.0

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            RULE_KINDS[cls.kind] = cls

    def __init__(self, spec: RuleSpec, zones: Sequence[ZoneSpec], timing: Timing):
        self.spec = spec
        self.timing = timing
        self.parameters = self.complete_parameters(spec.parameters)
        self.zones = self.select_zones(spec, zones)
        self.classes = frozenset(spec.classes or self.default_classes)
        self.longest_gap = timing.longest_gap(self.parameters["grace_seconds"])

    @classmethod
    def complete_parameters(cls, given: Mapping) -> dict:
        """Return every parameter, those not given at their defaults."""
        return {
            name: given.get(name, parameter.default)
            for name, parameter in cls.parameters_by_name.items()
        }

    @classmethod
    def find_conflict(cls, parameters: Mapping) -> tuple[str, str] | None:
        """Return (parameter, what is wrong) when values exclude each other."""
        return None

    @classmethod
    def select_zones(cls, spec: RuleSpec, zones: Sequence[ZoneSpec]) -> tuple[str, ...]:
        """Return the names of the zones to watch; without any, the whole frame."""
        return spec.zones or (WHOLE_FRAME,)

    def category_for(self, class_name: str) -> str:
        return self.category

    def takes(self, subject: Subject) -> bool:
        """Say whether a subject is of the rule's classes, on the whole of its recent sightings."""
        return not self.classes or subject.class_name in self.classes

    @property
    def is_idle(self) -> bool:
        """Whether, with nobody known and nothing open, empty scenes need not all be shown.

        Those of the last ``memory_seconds`` then leave the rule as all of them would.
        """
        return False

    @abstractmethod
    def observe(self, scene: Scene) -> list[Holding]:
        """Take in a scene and return who holds the rule at its time.

        What is returned for a backfill never opens a hit; it only keeps open ones alive.
        """

    @abstractmethod
    def numbers(self, subject: int | str, zone: str, until_seconds: float) -> dict:
        """Return the figures of a subject's hit as they stood at a time."""

    @abstractmethod
    def why(self, class_name: str, zone: str, numbers: Mapping) -> str:
        """Say in one sentence why the rule holds."""

    def heed_fixtures(self, boxes: Sequence[tuple[float, float, float, float]]) -> None:
        """Take over where people said that what stands there belongs there (xyxy)."""
        return  # most rules are not about things that stand somewhere

    @abstractmethod
    def forget(self, numbers: Iterable[int]) -> None:
        """Drop what is known of lost subjects."""

    @abstractmethod
    def state(self) -> dict:
        """Return everything remembered, as JSON values."""

    @abstractmethod
    def restore(self, state: dict) -> None:
        """Take over what another rule of the same specification remembered."""


def format_seconds(seconds: float) -> str:
    """Write a duration for people: "1.2 s", "45 s"."""
    return f"{round(seconds, 1):g} s" if seconds < 9.95 else f"{seconds:.0f} s"
