"""One line of another system's incidents, read and checked before anything of it is stored.

What is wrong names the key at fault. Ids become parts of file names and of keys, so only plain ones
are taken; everything else is text, a number or a time that a row can hold.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from detection.models import Incident
from detection.services.uploads import EARLIEST_CAPTURE, LATEST_AHEAD
from hitlsite.bounds import read_json
from hitlsite.errors import DomainError
from review.services.regions import MOST_CLASS_CHARACTERS, clean_text

Category = Incident.Category
INCIDENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)
MOST_RULES, MOST_ZONES = 20, 50
LONGEST_SECONDS = 7 * 86_400.0
# What other systems call the kinds of rules, besides our own names.
DIALECT_NAMES = {
    "unattended_object": Category.OBJECT_LEFT_UNATTENDED,
    "abandoned_object": Category.OBJECT_LEFT_UNATTENDED,
    "object_left_behind": Category.OBJECT_LEFT_UNATTENDED,
    "restricted_zone": Category.RESTRICTED_ZONE_ENTRY,
    "restricted_area": Category.RESTRICTED_ZONE_ENTRY,
    "zone_violation": Category.RESTRICTED_ZONE_ENTRY,
    "intrusion": Category.RESTRICTED_ZONE_ENTRY,
    "running": Category.RAPID_MOVEMENT,
    "speeding": Category.RAPID_MOVEMENT,
    "fight": Category.AGGRESSION,
    "violence": Category.AGGRESSION,
    "crowd": Category.CROWD_FORMATION,
    "crowding": Category.CROWD_FORMATION,
    "person": Category.PERSON_DETECTED,
    "vehicle": Category.VEHICLE_DETECTED,
}


@dataclass(frozen=True)
class ImportLine:
    """What a line says, checked.

    Attributes:
        rules: (name as given, category) of each rule that fired, in order.
        zones: {name of the zone: seconds in it, None where only the name is given}.
        opened_at, closed_at: aware times.
    """

    incident_id: str
    class_name: str
    rules: tuple[tuple[str, str], ...]
    zones: dict[str, float | None]
    reason: str
    confidence: float
    opened_at: datetime
    closed_at: datetime

    @property
    def category(self):
        return self.rules[0][1] if self.rules else str(Category.UNKNOWN)

    @property
    def seconds(self):
        return (self.closed_at - self.opened_at).total_seconds()


def wrong(key, message):
    """Return the refusal of one key of a line."""
    return DomainError("line_invalid", f"{key}: {message}", fields={key: message})


def category_of(name):
    """Return the category of a rule by any name that is known for it; else "unknown"."""
    plain = re.sub(r"[\s-]+", "_", name.strip().casefold())
    return str(plain if plain in Category.values else DIALECT_NAMES.get(plain, Category.UNKNOWN))


def read_line(text, *, time_zone):
    """Return the ImportLine of a line of JSON.

    Args:
        text: bytes of one line.
        time_zone: of the site: what a time without a zone is in.

    Raises:
        DomainError: line_invalid, with the key at fault in its fields.
    """
    try:
        told = read_json(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise wrong("line", f"This is no JSON: {error}.") from error
    if not isinstance(told, dict):
        raise wrong("line", "This is no JSON object.")
    opened_at = _time("start_time", told.get("start_time"), time_zone)
    return ImportLine(
        incident_id=_incident_id(told.get("incident_id")),
        class_name=_text("class_name", told.get("class_name"), MOST_CLASS_CHARACTERS, needed=True),
        rules=_rules(told.get("triggered_rules")),
        zones=_zones(told.get("zone_presence")),
        reason=_text("reason", told.get("reason"), 2000)[:300],
        confidence=_number("max_confidence", told.get("max_confidence"), most=1.0) or 0.0,
        opened_at=opened_at,
        closed_at=_end(told, opened_at, time_zone),
    )


def _incident_id(given):
    given = str(given) if type(given) is int else given
    is_plain = isinstance(given, str) and INCIDENT_ID.fullmatch(given)
    if not is_plain or ".." in given or "_frame_" in given:
        raise wrong(
            "incident_id",
            "This must be 1 to 80 letters, digits, dots, dashes or underscores, without"
            ' ".." or "_frame_".',
        )
    return given


def _text(key, given, most, *, needed=False):
    if given is None and not needed:
        return ""
    try:
        text = clean_text(key, given, most=most)
    except DomainError as error:
        raise wrong(key, error.fields[key]) from error
    if needed and not text:
        raise wrong(key, "This is needed.")
    return text


def _number(key, given, *, most):
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= most:
        raise wrong(key, f"This must be a number from 0 to {most:g}.")
    return float(given)


def _rules(given):
    if not isinstance(given, list) or len(given) > MOST_RULES:
        raise wrong("triggered_rules", f"This must be a list of at most {MOST_RULES} rules.")
    named = [one.get("rule") or one.get("name") if isinstance(one, dict) else one for one in given]
    names = [_text("triggered_rules", name, 60, needed=True) for name in named]
    return tuple((name, category_of(name)) for name in names)


def _zones(given):
    if given is None:
        return {}
    rows = given if isinstance(given, dict) else dict.fromkeys(given) if _is_texts(given) else None
    if rows is None or len(rows) > MOST_ZONES:
        message = f"This must be at most {MOST_ZONES} zones, by name or with seconds."
        raise wrong("zone_presence", message)
    return {
        _text("zone_presence", name, 60, needed=True): _number(
            "zone_presence", seconds, most=LONGEST_SECONDS
        )
        for name, seconds in rows.items()
    }


def _is_texts(given):
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _time(key, given, time_zone):
    """Return an aware time: ISO 8601, or seconds since 1970."""
    try:
        if isinstance(given, str):
            moment = datetime.fromisoformat(given)
        elif isinstance(given, int | float) and not isinstance(given, bool):
            moment = datetime.fromtimestamp(given, UTC)
        else:
            raise ValueError
        if timezone.is_naive(moment):
            moment = moment.replace(tzinfo=ZoneInfo(time_zone))
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise wrong(key, "This must be a time, ISO 8601 or seconds since 1970.") from error
    if not EARLIEST_CAPTURE <= moment <= timezone.now() + LATEST_AHEAD:
        raise wrong(key, "This must lie after 1999 and not ahead of now.")
    return moment


def _end(told, opened_at, time_zone):
    """Return when the incident ended: as told, or after as many seconds as it is said to last."""
    seconds = _number("duration_seconds", told.get("duration_seconds"), most=LONGEST_SECONDS)
    if told.get("end_time") is None:
        if seconds is None:
            raise wrong("end_time", "This or duration_seconds is needed.")
        return opened_at + timedelta(seconds=seconds)
    ended = _time("end_time", told["end_time"], time_zone)
    if not opened_at <= ended <= opened_at + timedelta(seconds=LONGEST_SECONDS):
        raise wrong("end_time", "This lies before start_time, or more than a week after it.")
    return ended
