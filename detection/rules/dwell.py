"""Rules about how long somebody stays: loitering and presence.

Dwell is the time from the first to the last observation inside a zone, in seconds on the
source's clock. Short absences (a jittering box at the zone's edge, a missed detection) do not
interrupt it; absences longer than the grace start it anew.
"""

from dataclasses import dataclass

from detection.rules.base import (
    DAY_SECONDS,
    LIFECYCLE_PARAMETERS,
    VEHICLE_CLASSES,
    Holding,
    Parameter,
    Rule,
    format_seconds,
)


@dataclass(slots=True)
class Stay:
    """When somebody was first and last seen inside, and the holding that it became."""

    first: float
    last: float
    holding: Holding | None = None


class DwellRule(Rule):
    """Holds while a subject's dwell in a zone has reached ``threshold_name``."""

    threshold_name = "threshold_seconds"

    def __init__(self, spec, zones, timing):
        super().__init__(spec, zones, timing)
        self._shortest_stay = timing.shortest_stay(self.parameters[self.threshold_name])
        # By zone and subject number.
        self._stays: dict[str, dict[int, Stay]] = {zone: {} for zone in self.zones}

    @property
    def is_idle(self):
        return True  # stays are those of subjects, and forgotten with them

    def observe(self, scene):
        at_seconds, longest_gap, shortest = scene.at_seconds, self.longest_gap, self._shortest_stay
        takes_all, inside = not self.classes, scene.inside
        holdings = []
        for zone, stays in self._stays.items():
            if not inside[zone]:
                continue
            for subject in scene.members(zone, self.classes):
                number = subject.number
                stay = stays.get(number)
                if stay is None or at_seconds - stay.last > longest_gap:
                    stays[number] = stay = Stay(at_seconds, at_seconds)
                else:
                    stay.last = at_seconds
                if at_seconds - stay.first >= shortest and (takes_all or self.takes(subject)):
                    if stay.holding is None:
                        stay.holding = Holding(number, zone, (subject,))
                    holdings.append(stay.holding)
        return holdings

    def numbers(self, subject, zone, until_seconds):
        first_seconds = self._stays[zone][subject].first
        return {
            "dwell_seconds": round(until_seconds - first_seconds, 3),
            "since_seconds": round(first_seconds, 3),
            self.threshold_name: self.parameters[self.threshold_name],
        }

    def forget(self, numbers):
        for stays in self._stays.values():
            for number in numbers:
                stays.pop(number, None)

    def state(self):
        return {
            zone: [[number, stay.first, stay.last] for number, stay in stays.items()]
            for zone, stays in self._stays.items()
        }

    def restore(self, state):
        for zone in self.zones:
            self._stays[zone] = {number: Stay(first, last) for number, first, last in state[zone]}


class Loitering(DwellRule):
    kind = "loitering"
    category = "loitering"
    parameters_by_name = {
        "threshold_seconds": Parameter(30.0, "s", 0.0, DAY_SECONDS, "dwell that is too long"),
        **LIFECYCLE_PARAMETERS,
    }

    def why(self, class_name, zone, numbers):
        return f"{class_name} loitering in {zone} for {format_seconds(numbers['dwell_seconds'])}"


class Presence(DwellRule):
    kind = "presence"
    default_severity = "info"
    threshold_name = "min_duration_seconds"
    parameters_by_name = {
        "min_duration_seconds": Parameter(1.0, "s", 0.0, DAY_SECONDS, "dwell that counts"),
        **LIFECYCLE_PARAMETERS,
    }

    def category_for(self, class_name):
        if class_name == "person":
            return "person_detected"
        return "vehicle_detected" if class_name in VEHICLE_CLASSES else "unknown"

    def why(self, class_name, zone, numbers):
        return f"{class_name} present in {zone} for {format_seconds(numbers['dwell_seconds'])}"
