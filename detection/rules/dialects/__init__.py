"""Reads zones and rules as other systems write them, beside our own form.

What was written in pixels and frames is converted to shares of the picture, body heights and
seconds, and every conversion and everything that has no counterpart here is told in a note: an
import that changes the meaning of a number in silence would be worse than none. Files are taken
whole or not at all; a refusal names the file and the key as they stand in it.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from detection.rules.base import ZoneSpec
from detection.rules.config import RulesConfig, name_refusal, read_rules
from detection.rules.dialects.scale import BODY_HEIGHT_SHARE, FRAME_RATE, Scale
from detection.rules.dialects.sections import is_sections, read_sections
from detection.rules.dialects.zones import OWN, ZonesRead, limit_rules, read_zone_list
from detection.rules.documents import Refusal, load_text, name_type, refuse_unknown_keys
from hitlsite.errors import DomainError


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read, and what became of what was written.

    Attributes:
        config: checked as ``parse_config`` checks; without a text of zones, over ``known_zones``.
        notes: one sentence for each reading, conversion and omission.
        zones_dialect, rules_dialect: how each was recognised; None where none was given.
    """

    config: RulesConfig
    notes: tuple[str, ...]
    zones_dialect: str | None
    rules_dialect: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """Zones or rules as they stand in a file, unread."""

    file_name: str
    value: object
    is_dialect: bool = False


def read_dialects(
    zones_text: str | None = None,
    rules_text: str | None = None,
    *,
    zones_file: str = "zones",
    rules_file: str = "rules",
    frame_size: tuple[int, int] | None = None,
    body_height_share: float = BODY_HEIGHT_SHARE,
    fps: float = FRAME_RATE,
    known_zones: Sequence[ZoneSpec] = (),
    known_classes: Collection[str] | None = None,
) -> Imported:
    """Read a text of zones, one of rules, or both, each in whatever dialect it is written.

    Args:
        zones_file, rules_file: how to name the texts in a refusal.
        frame_size: (width, height) of the frame that pixels were measured in.
        body_height_share: a person's height as a share of the frame's, to convert px/s.
        fps: frames a second of what was watched before, to convert windows in frames.
        known_zones: what rules may name when there is no text of zones.
        known_classes: the detector's classes, when a rule may name no others.

    Raises:
        DomainError: config_invalid, with the problem under its key in ``fields``;
            nothing_to_import; scale_invalid, when a number to convert with makes no sense.
    """
    scale = Scale.checked(frame_size, body_height_share, fps)
    zones_part, rules_part = _find_parts(zones_text, rules_text, zones_file, rules_file)
    zones, notes = ZonesRead.of_known(known_zones), []
    if zones_part is not None:
        with _refusing_by_name(zones_part):
            zones = read_zone_list(zones_part.value, scale)
        notes.append(f"{zones_part.file_name}: zones read as {zones.dialect}")
    with _refusing_by_name(rules_part):
        zones, rules, rules_dialect, said = _read_rules(rules_part, zones, scale, known_classes)
    if rules_part is not None:
        notes.append(f"{rules_part.file_name}: rules read as {rules_dialect}")
    notes += [*zones.tell(), *said]
    config, zones_dialect = RulesConfig(zones.zones, tuple(rules)), zones_part and zones.dialect
    return Imported(config, tuple(notes), zones_dialect, rules_dialect)


@contextmanager
def _refusing_by_name(part):
    """Tell a refusal under the name of the file that it is about."""
    try:
        yield
    except Refusal as refusal:
        raise name_refusal(refusal, part.file_name) from None


def _read_rules(part, zones, scale, known_classes):
    """Return (zones, rules, dialect, notes); rules may make zones restricted, and may be None."""
    if part is None:
        return zones, (), None, zones.find_unapplied()
    if part.is_dialect:
        read = read_sections(part.value, zones, scale, known_classes)
        return read.zones, read.rules, read.dialect, read.notes
    rules = read_rules(part.value, zones.zones, known_classes)
    rules, notes = limit_rules(rules, zones)
    return zones, rules, OWN, notes


def _find_parts(zones_text, rules_text, zones_file, rules_file):
    """Return the parts (zones, rules), None for what is not given; a file may hold both."""
    if zones_text is None and rules_text is None:
        raise DomainError("nothing_to_import", "Give zones, rules or both: there is no file.")
    zones = rules = None
    if zones_text is not None:
        zones, rules = _open(zones_text, zones_file, _split_zones_file)
    if rules_text is not None:
        more_zones, more_rules = _open(rules_text, rules_file, _split_rules_file)
        for key, first, second in (("zones", zones, more_zones), ("rules", rules, more_rules)):
            if first is not None and second is not None:
                problem = f"are given twice: {first.file_name} has {key} too"
                raise name_refusal(Refusal(key, problem), rules_file)
        zones, rules = zones or more_zones, rules or more_rules
    return zones, rules


def _open(text, file_name, split):
    try:
        return split(load_text(text), file_name)
    except Refusal as refusal:
        raise name_refusal(refusal, file_name) from None


def _split_zones_file(document, file_name):
    if isinstance(document, list):
        return Part(file_name, document), None
    if isinstance(document, Mapping) and "zones" in document:
        return _split_own(document, file_name)
    if isinstance(document, Mapping) and ("rules" in document or is_sections(document)):
        raise Refusal("", "has rules and no zones; give it as the rules")
    wanted = "must be a list of zones or a mapping with zones"
    raise Refusal("", f"{wanted}, it is {_name(document)}")


def _split_rules_file(document, file_name):
    if not isinstance(document, Mapping) or not document:
        raise Refusal("", f"must be a mapping with rules, it is {_name(document)}")
    if "rules" in document:
        return _split_own(document, file_name)
    if "zones" in document:
        raise Refusal("", "has zones and no rules; give it as the zones")
    return None, Part(file_name, document, is_dialect=True)


def _split_own(document, file_name):
    refuse_unknown_keys(document, ("zones", "rules"), "")
    parts = [Part(file_name, document[key]) if key in document else None for key in document]
    by_key = dict(zip(document, parts, strict=True))
    return by_key.get("zones"), by_key.get("rules")


def _name(document):
    if document is None or document == {}:
        return "empty"
    return f"a {name_type(document)}"


def parse_frame_size(text: str) -> tuple[int, int]:
    """Read "1920x1080" as (1920, 1080), or raise DomainError frame_size_invalid."""
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*[xX×]\s*([0-9]{1,6})\s*", text)
    if match is None:
        message = 'The frame size must be given as "WIDTHxHEIGHT" in pixels, such as 1920x1080.'
        raise DomainError("frame_size_invalid", message)
    size = (int(match[1]), int(match[2]))
    Scale.checked(size)
    return size
