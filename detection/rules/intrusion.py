"""Somebody is where nobody should be."""

from detection.rules.base import DAY_SECONDS, LIFECYCLE_PARAMETERS, Parameter, format_seconds
from detection.rules.dwell import DwellRule


class RestrictedZoneEntry(DwellRule):
    kind = "restricted_zone_entry"
    category = "restricted_zone_entry"
    default_severity = "high"
    threshold_name = "min_duration_seconds"
    zone_kinds = ("restricted",)
    parameters_by_name = {
        "min_duration_seconds": Parameter(1.0, "s", 0.0, DAY_SECONDS, "dwell that is an entry"),
        **LIFECYCLE_PARAMETERS,
    }

    @classmethod
    def select_zones(cls, spec, zones):
        return spec.zones or tuple(zone.name for zone in zones if zone.kind in cls.zone_kinds)

    def why(self, class_name, zone, numbers):
        stay = format_seconds(numbers["dwell_seconds"])
        return f"{class_name} inside restricted zone {zone} for {stay}"
