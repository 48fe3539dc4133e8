"""Zones as lists with ids and types, in pixels or in shares of the picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from detection.rules.base import RULE_KINDS, WHOLE_FRAME, ZONE_KINDS, RuleSpec, ZoneSpec
from detection.rules.config import MOST_POINTS, check_entries, read_zones
from detection.rules.dialects.scale import Scale
from detection.rules.documents import (
    Refusal,
    is_number,
    read_choice,
    read_name,
    read_required,
    read_texts,
    refuse_unknown_keys,
    shorten,
    suggest,
)

OWN = "our own form"
BY_TYPE = "a list of zones with id and type"
BY_ZONE_ID = "a list of zones with zone_id"
DIALECT_KEYS = ("id", "zone_id", "name", "type", "polygon", "rules_enabled", "enabled")
# What the dialects call our kinds of rules.
SECTION_KINDS = {
    "loitering": "loitering",
    "unattended_object": "object_left_unattended",
    "restricted_zone": "restricted_zone_entry",
    "rapid_movement": "rapid_movement",
    "crowd_formation": "crowd_formation",
}


@dataclass(frozen=True, slots=True)
class ZoneSide:
    """What a dialect says of a zone beyond its name, kind and polygon.

    Attributes:
        key: where it stands in the file.
        ids: how rules may refer to it, its name included.
        type: its type in lower case, of which our kinds are only some.
        rules_enabled: kinds of rules that may name it; None means all.
    """

    key: str
    ids: frozenset[str]
    type: str
    rules_enabled: frozenset[str] | None = None
    is_enabled: bool = True

    def lets(self, kind: str) -> bool:
        return self.rules_enabled is None or kind in self.rules_enabled


@dataclass(frozen=True, slots=True)
class ZonesRead:
    """Zones with all that rules have to know of them; ``sides`` also has those left out."""

    zones: tuple[ZoneSpec, ...] = ()
    sides: Mapping[str, ZoneSide] = field(default_factory=dict)
    dialect: str = OWN
    notes: tuple[str, ...] = ()
    is_new: bool = True

    @classmethod
    def of_known(cls, zones: Sequence[ZoneSpec]):
        """Take a camera's own zones, which the rules are read for."""
        sides = {zone.name: ZoneSide("", frozenset({zone.name}), zone.kind) for zone in zones}
        return cls(tuple(zones), sides, is_new=False)

    def resolve(self, reference: str, key: str) -> str:
        """Return the name of the zone that an id or a name means, or refuse it."""
        found = [name for name, side in self.sides.items() if reference in side.ids]
        if not found:
            known = sorted({one for side in self.sides.values() for one in side.ids})
            problem = f"names the unknown zone {shorten(reference)}{suggest(reference, known)}"
            raise Refusal(key, problem)
        if len(found) > 1:
            both = " and ".join(f'"{name}"' for name in found)
            raise Refusal(key, f"may mean more than one zone: {shorten(reference)} is {both}")
        return found[0]

    def restrict(self, names) -> "ZonesRead":
        """Return the same with these zones restricted."""
        zones = tuple(
            replace(zone, kind="restricted") if zone.name in names else zone for zone in self.zones
        )
        return replace(self, zones=zones)

    def tell(self) -> list[str]:
        """Return the notes, with what became of types that are no kinds of ours."""
        types = [
            f'{self.sides[zone.name].key}.type: "{self.sides[zone.name].type}" is no kind of ours; '
            f'"{zone.name}" is {zone.kind}'
            for zone in self.zones
            if self.sides[zone.name].type not in ZONE_KINDS
        ]
        return [*self.notes, *types]

    def find_unapplied(self) -> list[str]:
        """Return a note when zones limit rules and none were read."""
        limited = [side.key for side in self.sides.values() if side.rules_enabled is not None]
        if not limited:
            return []
        return [f"{limited[0]}.rules_enabled: not applied, there are no rules in this import"]


def read_zone_list(value, scale: Scale) -> ZonesRead:
    """Read a list of zones, whichever dialect its keys show it to be, or raise Refusal."""
    entries = check_entries(value, "zones")
    if not _is_dialect(entries):
        zones = read_zones(entries)
        known = ZonesRead.of_known(zones)
        return replace(known, is_new=True)
    for position, entry in enumerate(entries):
        refuse_unknown_keys(entry, DIALECT_KEYS, f"zones[{position}]")
    drafts, notes = _convert_polygons(entries, scale)
    sides: list[ZoneSide] = []
    taken: set[str] = set()
    for position, entry in enumerate(entries):
        drafts[position]["name"], side = _read_side(entry, f"zones[{position}]", taken)
        drafts[position]["kind"] = side.type if side.type in ZONE_KINDS else "monitored"
        sides.append(side)
    zones = read_zones(drafts)
    for zone, side in zip(zones, sides, strict=True):
        if not side.is_enabled:
            notes.append(f'{side.key}: "{zone.name}" is left out, it is not enabled')
    return ZonesRead(
        tuple(zone for zone, side in zip(zones, sides, strict=True) if side.is_enabled),
        {zone.name: side for zone, side in zip(zones, sides, strict=True)},
        BY_ZONE_ID if any("zone_id" in entry for entry in entries) else BY_TYPE,
        tuple(notes),
    )


def _is_dialect(entries):
    """Say whether a list is not in our form: by its keys, or by points that must be pixels."""
    if any("kind" in entry for entry in entries):
        return False
    theirs = set(DIALECT_KEYS) - {"name", "polygon"}
    return any(theirs & set(entry) for entry in entries) or any(
        coordinate > 1 for _, _, point in _points(entries) for coordinate in point
    )


def _points(entries):
    """Yield (zone position, point position, point) of every point of two numbers."""
    for position, entry in enumerate(entries):
        polygon = entry.get("polygon")
        if isinstance(polygon, list | tuple):
            for at, point in enumerate(polygon[:MOST_POINTS]):
                if (
                    isinstance(point, list | tuple)
                    and len(point) == 2
                    and all(map(is_number, point))
                ):
                    yield position, at, point


def _convert_polygons(entries, scale):
    """Return (drafts with polygons in shares, notes).

    Points are pixels unless no coordinate of the whole file exceeds 1. What is no polygon is left
    as it is, for our own reader to refuse.
    """
    drafts = [
        {"polygon": read_required(one, "polygon", f"zones[{at}]")} for at, one in enumerate(entries)
    ]
    points = list(_points(entries))
    first = next((at for at, _, point in points if max(point) > 1), None)
    if first is None:
        return drafts, ["zones: no coordinate exceeds 1, so they are shares of the picture"]
    if scale.frame_size is None:
        problem = "is in pixels, and nobody said of which frame size (WIDTHxHEIGHT)"
        raise Refusal(f"zones[{first}].polygon", problem)
    for draft in drafts:
        if isinstance(draft["polygon"], list | tuple):
            draft["polygon"] = list(draft["polygon"])
    width, height = scale.frame_size
    for position, at, point in points:
        if not (0 <= point[0] <= width and 0 <= point[1] <= height):
            key = f"zones[{position}].polygon[{at}]"
            problem = (
                f"lies outside the frame of {scale.name_frame()} pixels, it is {shorten(point)}"
            )
            raise Refusal(key, problem)
        drafts[position]["polygon"][at] = scale.share(point)
    return drafts, [f"zones: pixels of a {scale.name_frame()} frame became shares of the picture"]


def _read_side(entry, key, taken):
    """Return (name, side) of one zone."""
    given = [name for name in ("id", "zone_id") if name in entry]
    if len(given) == 2:
        raise Refusal(f"{key}.zone_id", "stands beside id; a zone has one of them")
    id_key = f"{key}.{given[0]}" if given else f"{key}.name"
    reference = _read_id(entry[given[0]], id_key) if given else None
    if reference is not None and reference in taken:
        raise Refusal(id_key, f"{shorten(reference)} is already the id of another zone")
    taken.add(reference)
    name = entry.get("name", reference)
    if name is None:
        raise Refusal(f"{key}.name", "is missing, and so is an id")
    name = read_name(name, f"{key}.name" if "name" in entry else id_key)
    side = ZoneSide(
        key,
        frozenset(filter(None, (reference, name))),
        _read_type(entry.get("type", "monitored"), f"{key}.type"),
        _read_enabled_kinds(entry.get("rules_enabled"), f"{key}.rules_enabled"),
        _read_switch(entry.get("enabled", True), f"{key}.enabled"),
    )
    return name, side


def _read_id(value, key):
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return read_name(str(value) if is_whole and abs(value) < 10**18 else value, key)


def _read_type(value, key):
    return read_name(value, key).lower()


def _read_switch(value, key):
    if not isinstance(value, bool):
        raise Refusal(key, f"must be true or false, it is {shorten(value)}")
    return value


def _read_enabled_kinds(value, key):
    if value is None:
        return None
    known = SECTION_KINDS | {kind: kind for kind in RULE_KINDS}
    names = read_texts(value, key)
    for position, name in enumerate(names):
        read_choice(name, tuple(known), f"{key}[{position}]")
    return frozenset(known[name] for name in names)


def limit_rules(rules: Sequence[RuleSpec], read: ZonesRead):
    """Return (rules, notes): rules of our own form without the zones that do not let them in."""
    kept, notes = [], []
    for rule in rules:
        names = RULE_KINDS[rule.kind].select_zones(rule, read.zones)
        let_in = [name for name in names if name == WHOLE_FRAME or read.sides[name].lets(rule.kind)]
        dropped = [name for name in names if name not in let_in]
        if dropped:
            listed = ", ".join(dropped)
            notes.append(f'rule "{rule.name}": rules_enabled keeps it out of {listed}')
            if not let_in:
                notes.append(f'rule "{rule.name}" is left out: no zone remains')
                continue
            rule = replace(rule, zones=tuple(let_in))
        kept.append(rule)
    return tuple(kept), notes
