"""Reads zones and rules in our own form, YAML or JSON.

A file is taken whole or not at all, and a refusal names the file, the key and what is wrong with
it: people write these files by hand, and a rule that quietly never fires is worse than none.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import shapely

from detection.rules.base import (
    RULE_KINDS,
    SEVERITIES,
    WHOLE_FRAME,
    ZONE_KINDS,
    Parameter,
    Rule,
    RuleSpec,
    ZoneSpec,
)
from detection.rules.documents import (
    Refusal,
    is_number,
    load_text,
    name_type,
    read_choice,
    read_name,
    read_required,
    read_texts,
    refuse_unknown_keys,
    shorten,
    suggest,
)
from detection.rules.hours import DAYS, HoursWindow, format_minute, parse_minute
from hitlsite.errors import DomainError

MOVING = "moving"  # the class of the detector that needs no weights: any camera may use it
MOST_POINTS = 500
MOST_ENTRIES = 200
SMALLEST_AREA = 1e-6
ZONE_KEYS = ("name", "kind", "polygon")
RULE_KEYS = ("kind", "name", "zones", "classes", "severity", "active_hours")
WINDOW_KEYS = ("days", "from", "to")


@dataclass(frozen=True, slots=True)
class RulesConfig:
    """Checked zones and rules; every rule carries all of its parameters."""

    zones: tuple[ZoneSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()


def parse_config(
    text: str | Mapping,
    *,
    file_name: str,
    known_classes: Collection[str] | None = None,
    is_stored: bool = False,
) -> RulesConfig:
    """Read zones and rules.

    Args:
        text: YAML or JSON, or what such a text would be read as.
        file_name: how to name the source in a refusal.
        known_classes: the detector's classes, when a rule may name no others.
        is_stored: it was accepted once, so that rules at odds with each other are taken as they
            are: a session must not break off because an update became stricter.

    Raises:
        DomainError: config_invalid; ``fields`` holds the problem under its dotted key.
    """
    try:
        document = load_text(text) if isinstance(text, str) else text
        if not isinstance(document, Mapping):
            what = "empty" if document is None else f"a {name_type(document)}"
            raise Refusal("", f"must be a mapping with zones and rules, it is {what}")
        refuse_unknown_keys(document, ("zones", "rules"), "")
        zones = read_zones(document.get("zones", ()))
        rules = read_rules(
            document.get("rules", ()), zones, known_classes, may_contradict=is_stored
        )
        return RulesConfig(zones, rules)
    except Refusal as refusal:
        raise name_refusal(refusal, file_name) from None


def name_refusal(refusal: Refusal, file_name: str) -> DomainError:
    """Return a refusal as the error that people see, with the file's name."""
    return DomainError(
        "config_invalid",
        " ".join(filter(None, (f"{file_name}:", refusal.key, refusal.problem))),
        fields={refusal.key or "file": refusal.problem},
    )


def read_zones(value) -> tuple[ZoneSpec, ...]:
    """Read the list under ``zones``, or raise Refusal."""
    zones: list[ZoneSpec] = []
    for position, entry in enumerate(check_entries(value, "zones")):
        zones.append(_read_zone(entry, f"zones[{position}]", zones))
    return tuple(zones)


def read_rules(
    value, zones: Sequence[ZoneSpec], known_classes=None, *, may_contradict=False
) -> tuple[RuleSpec, ...]:
    """Read the list under ``rules``, which may name these zones, or raise Refusal."""
    entries = check_entries(value, "rules")
    names = _name_rules(entries)
    rules = [
        _read_rule(entry, name, f"rules[{position}]", zones, known_classes)
        for position, (entry, name) in enumerate(zip(entries, names, strict=True))
    ]
    if not may_contradict:
        _refuse_private_zones(rules, zones)
        _refuse_repetitions(rules, zones)
    return tuple(rules)


def _refuse_private_zones(rules, zones):
    private = {zone.name for zone in zones if zone.kind == "private"}
    for position, rule in enumerate(rules):
        for place, name in enumerate(rule.zones):
            if name in private:
                problem = f'names "{name}", a private zone: nothing that happens there is looked at'
                raise Refusal(f"rules[{position}].zones[{place}]", problem)


def _refuse_repetitions(rules, zones):
    """Refuse a rule that differs from an earlier one in nothing, or in its severity alone.

    Two thresholds over the same people are an escalation; two severities for the same hit are a
    contradiction that the order of a file must not decide.
    """
    seen: dict[tuple, int] = {}
    for position, rule in enumerate(rules):
        scope = (
            rule.kind,
            frozenset(RULE_KINDS[rule.kind].select_zones(rule, zones)),
            frozenset(rule.classes),
            None if rule.active_hours is None else frozenset(rule.active_hours),
            tuple(sorted(rule.parameters.items())),
        )
        first = seen.setdefault(scope, position)
        if first == position:
            continue
        other = rules[first]
        place = f'rules[{first}] ("{other.name}")'
        if other.severity == rule.severity:
            raise Refusal(f"rules[{position}]", f'("{rule.name}") says the same as {place}')
        problem = (
            f'("{rule.name}") contradicts {place}: they differ in nothing but severity, '
            f"{rule.severity} and {other.severity}"
        )
        raise Refusal(f"rules[{position}]", problem)


def check_entries(entries, key: str):
    """Return a list of mappings as it is, or refuse it."""
    if not isinstance(entries, list | tuple):
        raise Refusal(key, f"must be a list, it is a {name_type(entries)}")
    if len(entries) > MOST_ENTRIES:
        raise Refusal(key, f"has {len(entries)} entries, at most {MOST_ENTRIES} are allowed")
    for position, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise Refusal(f"{key}[{position}]", f"must be a mapping, it is a {name_type(entry)}")
    return entries


def _read_zone(entry, key, before):
    refuse_unknown_keys(entry, ZONE_KEYS, key)
    name = read_name(read_required(entry, "name", key), f"{key}.name")
    if name == WHOLE_FRAME:
        raise Refusal(f"{key}.name", f'must not be "{WHOLE_FRAME}", which means the whole picture')
    if name in {zone.name for zone in before}:
        raise Refusal(f"{key}.name", f'"{name}" is already the name of another zone')
    kind = read_choice(entry.get("kind", "monitored"), ZONE_KINDS, f"{key}.kind")
    polygon = _read_polygon(read_required(entry, "polygon", key), f"{key}.polygon")
    return ZoneSpec(name, kind, polygon)


def _read_polygon(value, key):
    if not isinstance(value, list | tuple):
        raise Refusal(key, f"must be a list of [x, y] points, it is a {name_type(value)}")
    if len(value) > MOST_POINTS:
        raise Refusal(key, f"has {len(value)} points, at most {MOST_POINTS} are allowed")
    points = tuple(_read_point(point, f"{key}[{at}]") for at, point in enumerate(value))
    if len(points) > 1 and points[0] == points[-1]:
        points = points[:-1]
    if len(points) < 3:
        raise Refusal(key, f"needs at least 3 points, it has {len(points)}")
    if shapely.MultiPoint(points).convex_hull.area < SMALLEST_AREA:
        raise Refusal(key, "has no area: its points lie on one line")
    polygon = shapely.Polygon(points)
    if not polygon.is_valid:
        raise Refusal(key, f"crosses or touches itself ({shapely.is_valid_reason(polygon)})")
    if polygon.area < SMALLEST_AREA:
        raise Refusal(key, "has no area")
    return points


def _read_point(value, key):
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise Refusal(key, f"must be a point [x, y], it is {shorten(value)}")
    for coordinate in value:
        if not is_number(coordinate) or not 0 <= coordinate <= 1:
            raise Refusal(key, f"must have numbers within 0..1, it is {shorten(value)}")
    return (float(value[0]), float(value[1]))


def _name_rules(entries):
    """Return every rule's name; one without is named for its kind, the second with -2."""
    given = {}
    for position, entry in enumerate(entries):
        if "name" in entry:
            key = f"rules[{position}].name"
            name = read_name(entry["name"], key)
            if name in given.values():
                raise Refusal(key, f'"{name}" is already the name of another rule')
            given[position] = name
    taken = set(given.values())
    names = []
    for position, entry in enumerate(entries):
        kind = entry.get("kind")
        kind = kind if isinstance(kind, str) else ""
        name, number = given.get(position, kind), 2
        while position not in given and name in taken:
            name, number = f"{kind}-{number}", number + 1
        taken.add(name)
        names.append(name)
    return names


def _read_rule(entry, name, key, zones, known_classes):
    kind = read_choice(read_required(entry, "kind", key), tuple(sorted(RULE_KINDS)), f"{key}.kind")
    rule_class = RULE_KINDS[kind]
    refuse_unknown_keys(entry, (*RULE_KEYS, *rule_class.parameters_by_name), key)
    severity = entry.get("severity", rule_class.default_severity)
    spec = RuleSpec(
        name=name,
        kind=kind,
        zones=_read_zone_names(entry.get("zones", ()), f"{key}.zones", zones, rule_class),
        classes=_read_classes(entry.get("classes", ()), f"{key}.classes", known_classes),
        severity=read_choice(severity, SEVERITIES, f"{key}.severity"),
        parameters=_read_parameters(entry, key, rule_class),
        active_hours=_read_active_hours(entry.get("active_hours"), f"{key}.active_hours"),
    )
    if not rule_class.select_zones(spec, zones):
        wanted = " or ".join(rule_class.zone_kinds or ZONE_KINDS)
        raise Refusal(f"{key}.zones", f"is not given and there is no {wanted} zone to take")
    return spec


def _read_zone_names(value, key, zones, rule_class: type[Rule]):
    names = read_texts(value, key)
    kinds = {zone.name: zone.kind for zone in zones}
    allowed = rule_class.zone_kinds
    for position, name in enumerate(names):
        if name not in kinds:
            problem = f"names the unknown zone {shorten(name)}{suggest(name, kinds)}"
            raise Refusal(f"{key}[{position}]", problem)
        if allowed and kinds[name] not in (*allowed, "private"):
            wanted = " or ".join(allowed)
            problem = (
                f'names "{name}", a {kinds[name]} zone; {rule_class.kind} takes {wanted} zones'
            )
            raise Refusal(f"{key}[{position}]", problem)
    return tuple(dict.fromkeys(names))


def _read_classes(value, key, known_classes):
    names = read_texts(value, key)
    for position, name in enumerate(names):
        if known_classes is not None and name != MOVING and name not in known_classes:
            problem = (
                f"{shorten(name)} is not a class of the detector{suggest(name, known_classes)}"
            )
            raise Refusal(f"{key}[{position}]", problem)
    return tuple(dict.fromkeys(names))


def _read_parameters(entry, key, rule_class: type[Rule]):
    given = {
        name: _read_number(entry[name], parameter, f"{key}.{name}")
        for name, parameter in rule_class.parameters_by_name.items()
        if name in entry
    }
    parameters = rule_class.complete_parameters(given)
    conflict = rule_class.find_conflict(parameters)
    if conflict:
        raise Refusal(f"{key}.{conflict[0]}", conflict[1])
    return parameters


def _read_number(value, parameter: Parameter, key):
    wanted = f"from {parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}".rstrip()
    if not is_number(value) or not parameter.minimum <= value <= parameter.maximum:
        raise Refusal(key, f"must be a number {wanted}, it is {shorten(value)}")
    if not parameter.is_whole:
        return float(value)
    if value != int(value):
        raise Refusal(key, f"must be a whole number {wanted}, it is {shorten(value)}")
    return int(value)


def _read_active_hours(value, key):
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not value:
        raise Refusal(key, f"must be a list of {{days, from, to}}, it is {shorten(value)}")
    return tuple(_read_window(window, f"{key}[{at}]") for at, window in enumerate(value))


def _read_window(value, key):
    if not isinstance(value, Mapping):
        raise Refusal(key, f"must be a mapping {{days, from, to}}, it is a {name_type(value)}")
    refuse_unknown_keys(value, WINDOW_KEYS, key)
    start = _read_minute(read_required(value, "from", key), f"{key}.from")
    end = _read_minute(read_required(value, "to", key), f"{key}.to")
    if start == end or start == parse_minute("24:00") or end == 0:
        raise Refusal(key, "must begin and end at two times (the whole day is 00:00 to 24:00)")
    days = read_texts(value.get("days", DAYS), f"{key}.days")
    for position, day in enumerate(days):
        read_choice(day, DAYS, f"{key}.days[{position}]")
    if not days:
        raise Refusal(f"{key}.days", "must name at least one day, or be left out")
    return HoursWindow(start, end, tuple(day for day in DAYS if day in days))


def _read_minute(value, key):
    try:
        return parse_minute(value)
    except (ValueError, AttributeError):
        problem = f'must be a time as "HH:MM", it is {shorten(value)}'
        raise Refusal(key, problem) from None


def dump_config(config: RulesConfig) -> dict:
    """Return the form that ``parse_config`` reads as the same configuration."""
    return {
        "zones": [
            {"name": zone.name, "kind": zone.kind, "polygon": [list(xy) for xy in zone.polygon]}
            for zone in config.zones
        ],
        "rules": [_dump_rule(rule) for rule in config.rules],
    }


def _dump_rule(rule):
    entry = {
        "name": rule.name,
        "kind": rule.kind,
        "zones": list(rule.zones),
        "classes": list(rule.classes),
        "severity": rule.severity,
        **rule.parameters,
    }
    if rule.active_hours is not None:
        entry["active_hours"] = [
            {
                "days": list(window.days),
                "from": format_minute(window.from_minute),
                "to": format_minute(window.to_minute),
            }
            for window in rule.active_hours
        ]
    return entry
