"""Many at once in one place.

The subject of a crowd is the zone, not any of its members. Hysteresis keeps a crowd whose size
hovers around the threshold from opening and closing again and again: it forms at
``threshold_count`` and lasts until fewer than ``release_count`` are left.
"""

from detection.rules.base import (
    DAY_SECONDS,
    LIFECYCLE_PARAMETERS,
    Holding,
    Parameter,
    Rule,
    format_seconds,
)


class Crowd:
    """What is known of one zone.

    Attributes:
        entered: when each member in sight came in, by subject number.
        counted_at: the time of the last full count.
        since, last: first and last time at which there were enough.
        has_formed: they were enough for long enough.
        most: the most members counted at once.
    """

    __slots__ = ("counted_at", "entered", "has_formed", "last", "most", "since")

    def __init__(self):
        self.entered: dict[int, float] = {}
        self.counted_at = self.since = self.last = None
        self.has_formed = False
        self.most = 0

    def count(self, members: list[int], at_seconds: float) -> None:
        """Take in who stands in the zone now; who is not named has left."""
        entered = self.entered
        self.entered = {number: entered.get(number, at_seconds) for number in members}
        self.counted_at = at_seconds

    def amend(self, members: list[int], at_seconds: float) -> bool:
        """Add members confirmed since; say whether the last count was of that very moment."""
        for number in members:
            self.entered.setdefault(number, at_seconds)
        return at_seconds == self.counted_at

    def start(self, size: int) -> None:
        """Begin at the time since which ``size`` of the present members were there together."""
        self.since = sorted(self.entered.values())[size - 1]
        self.has_formed = False
        self.most = 0

    def state(self) -> dict:
        return {
            "counted_at": self.counted_at,
            "entered": [[number, at] for number, at in self.entered.items()],
            "since": self.since,
            "last": self.last,
            "has_formed": self.has_formed,
            "most": self.most,
        }

    @classmethod
    def from_state(cls, state: dict) -> "Crowd":
        crowd = cls()
        crowd.entered = dict(state["entered"])
        for name in ("counted_at", "since", "last", "has_formed", "most"):
            setattr(crowd, name, state[name])
        return crowd


class CrowdFormation(Rule):
    kind = "crowd_formation"
    category = "crowd_formation"
    parameters_by_name = {
        "threshold_count": Parameter(3, "subjects", 1, 1000, "so many form a crowd", is_whole=True),
        "release_count": Parameter(
            None, "subjects", 1, 1000, "it lasts while so many stay; one fewer", is_whole=True
        ),
        "min_duration_seconds": Parameter(3.0, "s", 0.0, DAY_SECONDS, "for so long together"),
        **LIFECYCLE_PARAMETERS,
    }

    def __init__(self, spec, zones, timing):
        super().__init__(spec, zones, timing)
        self._shortest_stay = timing.shortest_stay(self.parameters["min_duration_seconds"])
        self._crowds = {zone: Crowd() for zone in self.zones}

    @classmethod
    def complete_parameters(cls, given):
        parameters = super().complete_parameters(given)
        if parameters["release_count"] is None:
            parameters["release_count"] = max(1, parameters["threshold_count"] - 1)
        return parameters

    @classmethod
    def find_conflict(cls, parameters):
        release, threshold = parameters["release_count"], parameters["threshold_count"]
        if release > threshold:
            return (
                "release_count",
                f"must not exceed threshold_count ({threshold}), it is {release}",
            )
        return None

    @property
    def is_idle(self):
        return not any(crowd.entered for crowd in self._crowds.values())

    def observe(self, scene):
        holdings = []
        for zone, crowd in self._crowds.items():
            members = scene.members_of_class(zone, self.classes)
            if not members and not crowd.entered:
                if not scene.is_backfill:
                    crowd.counted_at = scene.at_seconds
                continue
            numbers = [subject.number for subject in members]
            if not scene.is_backfill:
                crowd.count(numbers, scene.at_seconds)
            elif not crowd.amend(numbers, scene.at_seconds):
                continue
            if self._holds(crowd, scene.at_seconds):
                holdings.append(Holding(f"crowd:{zone}", zone, members))
        return holdings

    def _holds(self, crowd, at_seconds):
        threshold = self.parameters["threshold_count"]
        if crowd.last is not None and at_seconds - crowd.last > self.longest_gap:
            crowd.since = crowd.last = None
            crowd.has_formed = False
        size = len(crowd.entered)
        if size < (self.parameters["release_count"] if crowd.has_formed else threshold):
            return False
        if crowd.since is None:
            crowd.start(threshold)
        crowd.last = at_seconds
        crowd.most = max(crowd.most, size)
        crowd.has_formed |= at_seconds - crowd.since >= self._shortest_stay
        return crowd.has_formed

    def numbers(self, subject, zone, until_seconds):
        crowd = self._crowds[zone]
        return {
            "count": crowd.most,
            "duration_seconds": round(until_seconds - crowd.since, 3),
            "since_seconds": round(crowd.since, 3),
            "threshold_count": self.parameters["threshold_count"],
            "min_duration_seconds": self.parameters["min_duration_seconds"],
        }

    def why(self, class_name, zone, numbers):
        duration = format_seconds(numbers["duration_seconds"])
        return f"crowd of {numbers['count']} in {zone} for {duration}"

    def forget(self, numbers):
        for crowd in self._crowds.values():
            for number in numbers:
                crowd.entered.pop(number, None)

    def state(self):
        return {zone: crowd.state() for zone, crowd in self._crowds.items()}

    def restore(self, state):
        self._crowds = {zone: Crowd.from_state(state[zone]) for zone in self.zones}
