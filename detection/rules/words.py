"""Rules as sentences, for people who set them up and for those who have to live with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from detection.rules.base import RULE_KINDS, RuleSpec, ZoneSpec
from detection.rules.hours import DAYS, HoursWindow, format_minute

# {who} begins the sentence; {where} names the zones; the others are parameters with their units.
SENTENCES = {
    "loitering": "{who} stays in {where} for {threshold_seconds} or longer.",
    "presence": "{who} is in {where} for {min_duration_seconds} or longer.",
    "restricted_zone_entry": "{who} is inside {where} for {min_duration_seconds} or longer.",
    "crowd_formation": (
        "{threshold_count} or more {many} are together in {where} for {min_duration_seconds}; it "
        "is over when fewer than {release_count} are left."
    ),
    "object_left_unattended": (
        "{who} is left in {where}, and its owner stays away, farther than {owner_radius}, for "
        "{threshold_seconds} or longer."
    ),
    "rapid_movement": "{who} moves in {where} at {threshold_speed} or faster.",
    "aggression": (
        "Two or more {many} struggle within reach of each other in {where} for "
        "{min_duration_seconds} or longer."
    ),
}
# Who it is where a rule names no classes.
ANYBODY = {"object_left_unattended": "Something"}
UNITS = {"subjects": "", "0 or 1": ""}
DETAILS = {
    "grace_seconds": "gaps up to {value} are bridged",
    "cooldown_seconds": "quiet for {value} after",
}
SWITCHES = {"unknown_objects": ("only things that have a name", "things without a name, too")}
MOVING = "whatever moves"
DAY_NAMES = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
WORKDAYS, WEEKEND = DAYS[:5], DAYS[5:]


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One rule, said.

    Attributes:
        sentence: when it holds.
        hours: on which hours of the site, "at all hours" without any.
        details: what else was set, in a few words each.
    """

    name: str
    kind: str
    severity: str
    sentence: str
    hours: str
    details: tuple[str, ...]


def describe(rule: RuleSpec, zones: Sequence[ZoneSpec] = ()) -> RuleWords:
    """Say what a rule waits for; ``zones`` are those of its camera."""
    kind = RULE_KINDS[rule.kind]
    values = kind.complete_parameters(rule.parameters)
    said = {name: _quantity(kind, name, value) for name, value in values.items()}
    pattern = SENTENCES.get(rule.kind, "{who} in {where}: " + rule.kind.replace("_", " ") + ".")
    sentence = pattern.format(
        who=_who(rule),
        many=_many(rule.classes or kind.default_classes),
        where=_where(rule, zones),
        **said,
    )
    return RuleWords(
        name=rule.name,
        kind=rule.kind,
        severity=rule.severity,
        sentence=sentence,
        hours=describe_hours(rule.active_hours),
        details=tuple(
            _detail(name, values[name], said[name])
            for name in values
            if values[name] is not None and f"{{{name}}}" not in pattern
        ),
    )


def describe_hours(windows: Sequence[HoursWindow] | None) -> str:
    """Say when a rule applies: "Mon–Fri 22:00–06:00"."""
    if windows is None:
        return "at all hours"
    return ", ".join(_window(window) for window in windows)


def _window(window):
    span = f"{format_minute(window.from_minute)}–{format_minute(window.to_minute)}"
    is_whole = (window.from_minute, window.to_minute) == (0, 24 * 60)
    days = _days(window.days)
    if is_whole:
        return days or "at all hours"
    return f"{days} {span}".strip()


def _days(days):
    if tuple(days) == DAYS:
        return ""
    if tuple(days) == WORKDAYS:
        return "Mon–Fri"
    if tuple(days) == WEEKEND:
        return "Sat and Sun"
    return ", ".join(DAY_NAMES[day] for day in days)


def _who(rule):
    if not rule.classes:
        return ANYBODY.get(rule.kind, "Anything tracked")
    first, *rest = (MOVING if name == "moving" else name for name in rule.classes)
    named = first if first == MOVING else f"{_article(first)} {first}"
    text = _joined([named, *rest], "or")
    return text[:1].upper() + text[1:]


def _many(classes):
    if not classes:
        return "subjects"
    if tuple(classes) == ("person",):
        return "people"
    if tuple(classes) == ("moving",):
        return "moving things"
    return f"subjects ({_joined(classes, 'or')})"


def _where(rule, zones):
    if rule.zones:
        return _joined([f"“{name}”" for name in rule.zones], "or")
    kinds = RULE_KINDS[rule.kind].zone_kinds
    if kinds is None:
        return "the picture"
    named = [f"“{zone.name}”" for zone in zones if zone.kind in kinds]
    return _joined(named, "or") or f"a {_joined(kinds, 'or')} zone, of which there is none"


def _article(word):
    return "an" if word[:1].lower() in "aeiou" else "a"


def _joined(parts, word):
    parts = list(parts)
    return f" {word} ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _quantity(kind, name, value):
    """Write a value with its unit: "45 s", "3 min", "0.5 body heights/s"."""
    if value is None:
        return "unset"
    unit = kind.parameters_by_name[name].unit
    if unit == "s":
        return duration(value)
    return f"{round(value, 2):g} {UNITS.get(unit, unit)}".strip()


def duration(seconds: float) -> str:
    """Write a length of time as people set it: 90 s, 5 min, 2 h."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{round(seconds, 2):g} s"


def _detail(name, value, said):
    if name in DETAILS:
        return DETAILS[name].format(value=said)
    if name in SWITCHES:
        return SWITCHES[name][bool(value)]
    return f"{name.removesuffix('_seconds').replace('_', ' ')} {said}"
