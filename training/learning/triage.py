"""What is known of an incident before anybody looks at it, as columns of numbers.

Nothing here may come from a verdict on the incident itself, nor from anything that was decided
after it had begun: what a model is told of a camera's past is what people had said by then.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

CONFIRMED, REJECTED = "confirmed", "rejected"
CLASSES = (CONFIRMED, REJECTED)
SEVERITIES = ("info", "low", "medium", "high", "critical")
CATEGORIES = (
    "loitering",
    "restricted_zone_entry",
    "object_left_unattended",
    "rapid_movement",
    "aggression",
    "crowd_formation",
    "pose_anomaly",
    "person_detected",
    "vehicle_detected",
    "unknown",
)
ORIGINS = ("rule", "audit_minute", "near_miss", "import")
RULE_KINDS = (
    "loitering",
    "presence",
    "restricted_zone_entry",
    "object_left_unattended",
    "rapid_movement",
    "aggression",
    "crowd_formation",
)
ZONE_KINDS = ("monitored", "restricted", "private", "public")
KINDS_OF_CLASS = {
    "person": {"person"},
    "vehicle": {"bicycle", "car", "motorcycle", "bus", "truck", "train", "boat", "airplane"},
    "bag": {"backpack", "handbag", "suitcase"},
    "animal": {
        *("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    },
}
NIGHT_FROM, NIGHT_UNTIL = 20, 6
_OTHER = "other"
_NUMBERS = (
    "severity",
    "log_duration",
    "peak_score",
    "above_threshold",
    "tracks",
    "rule_hits",
    "hour_sine",
    "hour_cosine",
    "weekday",
    "is_weekend",
    "is_night",
    "past_rejected",
    "log_past_decided",
)
_SETS = {
    "category": CATEGORIES,
    "origin": ORIGINS,
    "rule": RULE_KINDS,
    "zone": ZONE_KINDS,
    "class": (*KINDS_OF_CLASS, _OTHER),
}
COLUMNS = _NUMBERS + tuple(f"{prefix}_{name}" for prefix, names in _SETS.items() for name in names)


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it was when it had ended.

    Attributes:
        opened_at: in the time zone of its site.
        threshold: from which score on its detector reports, 0..1.
        rule_kinds, zone_kinds: of its rule hits, one each; a zone that is not known any more has
            none.
        past_rejected, past_decided: what people had decided at its camera before it began.
    """

    category: str
    severity: str
    class_name: str
    origin: str
    opened_at: datetime
    duration_seconds: float
    peak_score: float
    threshold: float
    tracks: int
    rule_kinds: Sequence[str]
    zone_kinds: Sequence[str]
    past_rejected: int
    past_decided: int


def is_night(at: datetime) -> bool:
    """Say whether a local time lies between eight in the evening and six in the morning."""
    return at.hour >= NIGHT_FROM or at.hour < NIGHT_UNTIL


def features(one: Incident) -> dict[str, float]:
    """Return the columns of an incident by name."""
    angle = 2 * math.pi * (one.opened_at.hour + one.opened_at.minute / 60) / 24
    severity = SEVERITIES.index(one.severity) if one.severity in SEVERITIES else 2
    numbers = {
        "severity": severity,
        "log_duration": math.log1p(max(one.duration_seconds or 0.0, 0.0)),
        "peak_score": one.peak_score,
        "above_threshold": one.peak_score - one.threshold,
        "tracks": one.tracks,
        "rule_hits": len(one.rule_kinds),
        "hour_sine": math.sin(angle),
        "hour_cosine": math.cos(angle),
        "weekday": one.opened_at.weekday(),
        "is_weekend": one.opened_at.weekday() >= 5,
        "is_night": is_night(one.opened_at),
        # With nothing decided it is one half, and it takes some verdicts to move away from that.
        "past_rejected": (one.past_rejected + 1) / (one.past_decided + 2),
        "log_past_decided": math.log1p(one.past_decided),
    }
    held = {
        "category": {one.category},
        "origin": {one.origin},
        "rule": set(one.rule_kinds),
        "zone": set(one.zone_kinds),
        "class": {_kind_of_class(one.class_name)},
    }
    numbers |= {
        f"{prefix}_{name}": name in held[prefix]
        for prefix, names in _SETS.items()
        for name in names
    }
    return {name: float(numbers[name]) for name in COLUMNS}


def _kind_of_class(name):
    found = (kind for kind, names in KINDS_OF_CLASS.items() if name in names)
    return next(found, _OTHER)


class Past:
    """What people have decided of a camera's incidents, to be asked as of any moment.

    Args:
        decided: (when it was decided, whether it was rejected), in any order.
    """

    def __init__(self, decided: Iterable[tuple[datetime, bool]] = ()):
        rows = sorted(decided)
        self._at = [at for at, _ in rows]
        self._rejected = [0, *accumulate(int(is_rejected) for _, is_rejected in rows)]

    def before(self, at: datetime) -> tuple[int, int]:
        """Return (how many were rejected, how many were decided) strictly before a moment."""
        count = bisect_left(self._at, at)
        return self._rejected[count], count
