"""Zones and rules as other systems write them, and readers of them, for tests."""

import pytest

from detection.rules.dialects import read_dialects
from hitlsite.errors import DomainError

FULL_HD = (1920, 1080)
BY_TYPE = """
- {id: gate, name: Main gate, type: restricted, polygon: [[0, 0], [960, 0], [960, 540], [0, 540]],
   rules_enabled: [restricted_zone, loitering]}
- {id: 2, name: Lobby, type: lobby, polygon: [[960, 540], [1920, 540], [1920, 1080], [960, 1080]]}
- {id: desk, type: Private, polygon: [[0, 810], [480, 810], [480, 1080]]}
"""
BY_ZONE_ID = """
zones:
  - {zone_id: z1, name: hall, polygon: [[0, 540], [1920, 540], [1920, 1080]], enabled: true}
  - {zone_id: z2, name: yard, polygon: [[0, 0], [1920, 0], [1920, 540]], enabled: false}
"""
NESTED = """
loitering: {threshold_seconds: 20, monitored_zones: [gate, Lobby], classes: [person]}
unattended_object: {threshold_seconds: 90, object_classes: [backpack], monitored_zones: [2]}
restricted_zone: {min_duration_seconds: 2.5, restricted_types: [restricted], alert_classes: [car]}
rapid_movement: {threshold_pixels_per_second: 540, frame_window: 10, classes: [person]}
crowd_formation: {threshold_count: 5, monitored_zones: ["2"], classes: [person]}
global: {min_track_hits: 3, max_track_age: 30, min_confidence: 0.4, zone_grace_period: 1.5}
"""
FLAT = """
loitering_threshold_seconds: 45
unattended_threshold_seconds: 120
rapid_movement_threshold_pps: 540
crowd_threshold: 6
zone_violation_duration_seconds: 3
"""
OWN = {
    "zones": [{"name": "hall", "kind": "restricted", "polygon": [[0, 0], [1, 0], [1, 1]]}],
    "rules": [{"kind": "loitering", "zones": ["hall"], "threshold_seconds": 7}],
}


def read(zones=None, rules=None, **options):
    options = {"frame_size": FULL_HD, **options}
    return read_dialects(zones, rules, zones_file="Z.yaml", rules_file="R.yaml", **options)


def refusal_of(zones=None, rules=None, **options):
    with pytest.raises(DomainError) as caught:
        read(zones, rules, **options)
    assert "\n" not in caught.value.message
    return caught.value


def by_kind(imported):
    return {rule.kind: rule for rule in imported.config.rules}
