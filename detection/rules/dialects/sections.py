"""Rules as sections of thresholds, nested or flat.

A section is a mapping named for what it watches for; the flat dialect has only the thresholds, each
under a longer name. Both become entries of our own form, which our own reader checks; a refusal is
then told under the key that stands in the file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from detection.rules.base import RULE_KINDS, RuleSpec
from detection.rules.config import read_rules
from detection.rules.dialects.scale import Scale
from detection.rules.dialects.zones import SECTION_KINDS, ZonesRead
from detection.rules.documents import (
    Refusal,
    is_number,
    name_type,
    read_texts,
    refuse_unknown_keys,
    shorten,
)

NESTED = "nested sections of thresholds"
FLAT = "a flat list of thresholds"
SPEED = "threshold_pixels_per_second"
WINDOW = "frame_window"
MOST_PIXELS = 1_000_000
# Section -> {its key: our parameter}; SPEED and WINDOW are converted on the way.
PARAMETERS = {
    "loitering": {"threshold_seconds": "threshold_seconds"},
    "unattended_object": {"threshold_seconds": "threshold_seconds"},
    "restricted_zone": {"min_duration_seconds": "min_duration_seconds"},
    "rapid_movement": {SPEED: "threshold_speed", WINDOW: "window_seconds"},
    "crowd_formation": {"threshold_count": "threshold_count"},
}
CLASSES = {
    "loitering": "classes",
    "unattended_object": "object_classes",
    "restricted_zone": "alert_classes",
    "rapid_movement": "classes",
    "crowd_formation": "classes",
}
ZONES = dict.fromkeys(("loitering", "unattended_object", "crowd_formation"), "monitored_zones")
FLAT_KEYS = {
    "loitering_threshold_seconds": ("loitering", "threshold_seconds"),
    "unattended_threshold_seconds": ("unattended_object", "threshold_seconds"),
    "rapid_movement_threshold_pps": ("rapid_movement", SPEED),
    "crowd_threshold": ("crowd_formation", "threshold_count"),
    "zone_violation_duration_seconds": ("restricted_zone", "min_duration_seconds"),
}
GLOBAL_LIMITS = {
    "min_track_hits": 10_000,
    "max_track_age": 1_000_000,
    "min_confidence": 1,
    "zone_grace_period": 600,
}
IGNORED = {
    "min_track_hits": "a track counts from its first sighting once a second one has confirmed it",
    "max_track_age": "the camera's lost_seconds says how long a track may be out of sight",
    "min_confidence": "the threshold of the detector in use decides what counts as seen",
}


@dataclass(frozen=True, slots=True)
class SectionsRead:
    """Rules, the zones that they made restricted, and the notes."""

    zones: ZonesRead
    rules: tuple[RuleSpec, ...]
    dialect: str
    notes: list[str]


@dataclass(slots=True)
class Draft:
    """An entry of our own form, and under which keys of the file its parts stood."""

    section: str
    key: str
    entry: dict
    keys: dict[str, str] = field(default_factory=dict)
    zone_keys: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)


def is_sections(document: Mapping) -> bool:
    """Say whether any key belongs to one of these dialects."""
    return any(key in PARAMETERS or key in FLAT_KEYS or key == "global" for key in document)


def read_sections(
    document: Mapping, zones: ZonesRead, scale: Scale, known_classes=None
) -> SectionsRead:
    """Read the rules of a document in either dialect, or raise Refusal."""
    is_flat = any(key in FLAT_KEYS for key in document)
    if is_flat:
        refuse_unknown_keys(document, tuple(FLAT_KEYS), "")
        sections = _unflatten(document)
    else:
        refuse_unknown_keys(document, (*PARAMETERS, "global"), "")
        sections = {name: _check_section(name, value) for name, value in document.items()}
    return _Reading(zones, scale, is_flat).read(sections, known_classes)


def _unflatten(document):
    sections = {}
    for key, value in document.items():
        section, name = FLAT_KEYS[key]
        sections[section] = {name: value}
    return sections


def _check_section(name, value):
    if not isinstance(value, Mapping):
        raise Refusal(name, f"must be a mapping, it is a {name_type(value)}")
    if name == "global":
        known = tuple(GLOBAL_LIMITS)
    else:
        own = {"restricted_zone": "restricted_types"}.get(name, ZONES.get(name))
        known = (*PARAMETERS[name], *filter(None, (own,)), CLASSES[name], "enabled")
    refuse_unknown_keys(value, known, name)
    return value


class _Reading:
    """One document on its way into rules."""

    def __init__(self, zones, scale, is_flat):
        self.zones, self.scale, self.is_flat = zones, scale, is_flat
        self.notes: list[str] = []

    def read(self, sections, known_classes):
        grace = self._read_global(sections.get("global", {}))
        drafts = []
        for section in PARAMETERS:
            if section in sections and self._is_enabled(section, sections[section]):
                draft = self._draft(section, sections[section])
                if self._place(draft, sections[section]):
                    drafts.append(draft)
        for draft in drafts if grace is not None else ():
            draft.entry["grace_seconds"] = grace
            draft.keys["grace_seconds"] = "global.zone_grace_period"
        try:
            rules = read_rules([draft.entry for draft in drafts], self.zones.zones, known_classes)
        except Refusal as refusal:
            raise _retell(refusal, drafts) from None
        return SectionsRead(self.zones, rules, FLAT if self.is_flat else NESTED, self.notes)

    def key(self, section, name):
        """Return the key under which a section's value stands in the file."""
        if self.is_flat:
            return next(key for key, place in FLAT_KEYS.items() if place[0] == section)
        return f"{section}.{name}"

    def _is_enabled(self, section, value):
        is_enabled = value.get("enabled", True)
        if not isinstance(is_enabled, bool):
            problem = f"must be true or false, it is {shorten(is_enabled)}"
            raise Refusal(f"{section}.enabled", problem)
        if not is_enabled:
            self.notes.append(f"{section}: left out, it is not enabled")
        return is_enabled

    def _read_global(self, values):
        """Note what of the global values has no counterpart; return the grace, if given."""
        for name, most in GLOBAL_LIMITS.items():
            if name not in values:
                continue
            value = values[name]
            if not is_number(value) or not 0 <= value <= most:
                problem = f"must be a number from 0 to {most}, it is {shorten(value)}"
                raise Refusal(f"global.{name}", problem)
            if name in IGNORED:
                self.notes.append(f"global.{name}: ignored, {IGNORED[name]}")
            else:
                self.notes.append(f"global.{name}: {value:g} s became grace_seconds of every rule")
        return values.get("zone_grace_period")

    def _draft(self, section, value):
        """Make our entry of a section: its kind, parameters and classes."""
        kind = SECTION_KINDS[section]
        key = self.key(section, "") if self.is_flat else section
        draft = Draft(section, key, {"kind": kind})
        for theirs, ours in PARAMETERS[section].items():
            if theirs in value:
                draft.keys[ours] = self.key(section, theirs)
                draft.entry[ours] = self._convert(draft, theirs, ours, value[theirs])
        if CLASSES[section] in value:
            draft.keys["classes"] = self.key(section, CLASSES[section])
            draft.entry["classes"] = value[CLASSES[section]]
        return draft

    def _convert(self, draft, theirs, ours, value):
        """Return a parameter in our unit, with a note where it was in another one."""
        if theirs not in (SPEED, WINDOW):
            return value
        key = draft.keys[ours]
        least = 1 if theirs == WINDOW else 0
        if not is_number(value) or not least <= value <= MOST_PIXELS:
            problem = f"must be a number from {least} to {MOST_PIXELS}, it is {shorten(value)}"
            raise Refusal(key, problem)
        if theirs == WINDOW:
            shortest = RULE_KINDS[draft.entry["kind"]].parameters_by_name[ours].minimum
            converted, given, how = self._convert_window(value, shortest)
        else:
            converted, given, how = self._convert_speed(value, key)
        draft.given[ours] = given
        self.notes.append(f"{key}: {given} became {ours} {converted:g} {how}")
        return converted

    def _convert_window(self, frames, shortest):
        seconds = round(frames / self.scale.fps, 6)
        how = f"s, at {self.scale.fps:g} frames a second"
        if seconds < shortest:
            seconds, how = shortest, f"{how}, raised to the shortest window there is"
        return seconds, f"{frames:g} frames", how

    def _convert_speed(self, pixels, key):
        scale = self.scale
        if scale.frame_size is None:
            problem = "is in pixels, and nobody said of which frame size (WIDTHxHEIGHT)"
            raise Refusal(key, problem)
        tall = scale.body_height_share * scale.frame_size[1]
        how = (
            f"body heights/s, taking a person to be {tall:g} px tall "
            f"({scale.body_height_share:g} of the frame's height)"
        )
        return round(scale.body_heights(pixels), 6), f"{pixels:g} px/s", how

    def _place(self, draft, value):
        """Give the entry its zones; False when none is left for it, which a note tells."""
        section = draft.section
        if section == "restricted_zone":
            chosen = self._choose_restricted(draft, value)
        elif value.get(ZONES.get(section)):
            chosen = self._choose_named(draft, value[ZONES[section]])
        elif section in ZONES:
            chosen = self._choose_all(draft)
        else:
            chosen = self._choose_enabling(draft)
        if chosen is None:
            self.notes.append(f"{draft.key}: left out, no zone remains for it")
            return False
        draft.entry["zones"] = chosen
        # Zones that no line of the file names are told under what chose them.
        draft.zone_keys = draft.zone_keys or [draft.key] * len(chosen)
        return True

    def _choose_named(self, draft, references):
        """Return the zones that ids or names mean, without those that do not let it in."""
        key = self.key(draft.section, ZONES[draft.section])
        chosen = []
        for position, reference in enumerate(_read_references(references, key)):
            place = f"{key}[{position}]"
            name = self.zones.resolve(reference, place)
            side = self.zones.sides[name]
            if not side.is_enabled:
                self.notes.append(f'{place}: "{name}" is left out, it is not enabled')
            elif not side.lets(draft.entry["kind"]):
                self.notes.append(f'{place}: "{name}" is left out by its rules_enabled')
            else:
                chosen.append(name)
                draft.zone_keys.append(place)
        return chosen or None

    def _choose_all(self, draft):
        """Return all zones that let the kind in; the whole picture where there are no zones."""
        usable = [zone.name for zone in self.zones.zones if zone.kind != "private"]
        if not usable:
            self.notes.append(f"{draft.key}: no zone is named, so the whole picture counts")
            return []
        chosen = [name for name in usable if self.zones.sides[name].lets(draft.entry["kind"])]
        if chosen:
            self.notes.append(f"{draft.key}: no zone is named, so these count: {', '.join(chosen)}")
        return chosen or None

    def _choose_enabling(self, draft):
        """Return the zones that name the kind in rules_enabled.

        Where none does, it is the zones that let everything in; and the whole picture only where
        no zone says anything of rules.
        """
        kind = draft.entry["kind"]
        usable = [zone.name for zone in self.zones.zones if zone.kind != "private"]
        limits = {name: self.zones.sides[name].rules_enabled for name in usable}
        if all(limit is None for limit in limits.values()):
            self.notes.append(
                f"{draft.key}: no zone has rules_enabled, so the whole picture counts"
            )
            return []
        naming = [name for name in usable if kind in (limits[name] or ())]
        if naming:
            self.notes.append(f"{draft.key}: these zones enable it: {', '.join(naming)}")
            return naming
        open_to_all = [name for name in usable if limits[name] is None]
        if open_to_all:
            listed = ", ".join(open_to_all)
            self.notes.append(f"{draft.key}: no zone enables it by name, so these count: {listed}")
        return open_to_all or None

    def _choose_restricted(self, draft, value):
        """Return the zones of the restricted types, which become restricted zones of ours."""
        types = self._read_types(value)
        kind = draft.entry["kind"]
        found = [
            zone
            for zone in self.zones.zones
            if self.zones.sides[zone.name].type in types and self.zones.sides[zone.name].lets(kind)
        ]
        others = [zone.name for zone in found if zone.kind != "restricted"]
        if others and not self.zones.is_new:
            problem = (
                f'would make the camera\'s zone "{others[0]}" a restricted one; '
                "import the zones together with the rules"
            )
            raise Refusal("restricted_zone.restricted_types", problem)
        if others:
            self.notes.append(
                f"restricted_zone.restricted_types: now restricted: {', '.join(others)}"
            )
            self.zones = self.zones.restrict(set(others))
        return [zone.name for zone in found] or None

    def _read_types(self, value):
        if "restricted_types" not in value:
            return {"restricted"}
        key = "restricted_zone.restricted_types"
        types = read_texts(value["restricted_types"], key)
        for position, name in enumerate(types):
            if name.lower() in ("public", "private"):
                problem = f"must not be {shorten(name)}, which is the opposite of restricted"
                raise Refusal(f"{key}[{position}]", problem)
        return {name.lower() for name in types}


def _read_references(value, key):
    if not isinstance(value, list | tuple):
        raise Refusal(key, f"must be a list, it is a {name_type(value)}")
    references = []
    for position, one in enumerate(value):
        is_whole = isinstance(one, int) and not isinstance(one, bool) and abs(one) < 10**18
        if not is_whole and not (isinstance(one, str) and one):
            raise Refusal(
                f"{key}[{position}]", f"must be a zone's id or name, it is {shorten(one)}"
            )
        references.append(str(one))
    return references


def _retell(refusal, drafts):
    """Return a refusal of our entries under the keys of the file."""
    match = re.fullmatch(r"rules\[(\d+)\](?:\.(\w+))?(?:\[(\d+)\])?", refusal.key)
    if match is None:
        return refusal
    draft = drafts[int(match[1])]
    name, position = match[2], match[3]
    key = draft.keys.get(name, draft.key)
    if name == "zones" and position is not None and int(position) < len(draft.zone_keys):
        key = draft.zone_keys[int(position)]
    elif position is not None:
        key = f"{key}[{position}]"
    given = f" (from {draft.given[name]})" if name in draft.given else ""
    return Refusal(key, f"{refusal.problem}{given}")
