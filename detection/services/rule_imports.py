"""Bring zones and rules of other systems, or our own files, to a camera."""

from dataclasses import dataclass, replace
from pathlib import Path

from django.db import transaction

from detection.models import Camera
from detection.services import cameras
from hitlsite.errors import DomainError


@dataclass(frozen=True)
class ImportResult:
    """What an import brought, or would bring.

    Attributes:
        config: the camera's zones and rules afterwards, a RulesConfig.
        before: those that it started from, as ``cameras.current_config`` gave them.
        notes: what was recognised, converted, and left out.
        zones_dialect, rules_dialect: how each text was recognised; None where it was not given.
        frame_size: (width, height) that pixels were taken to be of; None when nobody knew.
        is_stored: False for a dry run.
    """

    config: object
    before: dict
    notes: tuple[str, ...]
    zones_dialect: str | None
    rules_dialect: str | None
    frame_size: tuple[int, int] | None
    is_stored: bool = False


def import_rules(camera, *, by=None, dry_run=False, **texts):
    """Replace the camera's zones, rules or both by what the texts say; see ``plan_import``.

    Zones alone keep the rules, rules alone keep the zones. Nothing is stored when anything is
    refused. ``dry_run`` answers the same and stores nothing.
    """
    with transaction.atomic():
        locked = Camera.objects.select_for_update(of=("self",), no_key=True).get(pk=camera.pk)
        result = plan_import(locked, **texts)
        if dry_run:
            return result
        cameras.apply_config(locked, result.config, actor=by)
    return replace(result, is_stored=True)


def plan_import(
    camera,
    *,
    zones_text=None,
    rules_text=None,
    frame_size=None,
    zones_file="zones",
    **reading,
):
    """Return what an import would bring to a camera; ``camera`` may be None, a new one.

    Args:
        zones_text, rules_text: YAML or JSON in any dialect that ``read_dialects`` knows.
        frame_size: (width, height); by default that of the camera's latest footage.
        zones_file: how to name the zones in a refusal.
        reading: what else ``read_dialects`` takes; None stands for its default.

    Raises:
        DomainError: config_invalid, names file and key; rules_need_zones, when the camera keeps
            a rule that names a zone which the import does not have.
    """
    from detection.rules.dialects import read_dialects

    frame_size = frame_size or (latest_frame_size(camera) if camera else None)
    current = cameras.current_config(camera) if camera else {"zones": [], "rules": []}
    imported = read_dialects(
        zones_text,
        rules_text,
        zones_file=zones_file,
        frame_size=frame_size,
        known_zones=_known_zones(current),
        **{name: value for name, value in reading.items() if value is not None},
    )
    config, rules_dialect = imported.config, imported.rules_dialect
    if rules_dialect is None:
        config = _keep_rules(current, config, zones_file)
    dialects = imported.zones_dialect, rules_dialect
    return ImportResult(config, current, imported.notes, *dialects, frame_size)


def import_report(camera, result):
    """Return what an import brought as JSON values."""
    from detection.rules.config import dump_config

    return {
        "camera": camera.name,
        "site": camera.site.name,
        "is_stored": result.is_stored,
        "zones_dialect": result.zones_dialect,
        "rules_dialect": result.rules_dialect,
        "frame_size": result.frame_size,
        **dump_config(result.config),
        "notes": list(result.notes),
    }


def parse_frame_size(text):
    """Read "1920x1080" as (1920, 1080); None for no text, DomainError for what is no size."""
    from detection.rules.dialects import parse_frame_size as parse

    return parse(text) if text else None


def read_text(path):
    """Return the text of a configuration file, or refuse it by name; None for no path."""
    from detection.rules.documents import LONGEST_TEXT

    if path is None:
        return None
    try:
        with Path(path).open("rb") as file:
            content = file.read(4 * LONGEST_TEXT + 1)
        text = content.decode("utf-8-sig") if len(content) <= 4 * LONGEST_TEXT else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise DomainError("config_unreadable", f"{path} cannot be read: {reason}.") from error
    if text is None:
        message = f"{path} is longer than {LONGEST_TEXT} characters."
        raise DomainError("config_unreadable", message)
    return text


def latest_frame_size(camera):
    """Return (width, height) of the camera's latest footage whose size is known, or None."""
    return (
        camera.footage.filter(width__gt=0, height__gt=0)
        .order_by("-created_at", "-pk")
        .values_list("width", "height")
        .first()
    )


def _known_zones(current):
    """Return the zones of a camera's current configuration as ZoneSpecs."""
    from detection.rules.config import parse_config

    stored = {"zones": current["zones"]}
    return parse_config(stored, file_name="the camera", is_stored=True).zones


def _keep_rules(current, config, zones_file):
    """Return the new zones with the camera's rules, or refuse zones that a rule needs.

    Rules that are at odds with each other were so before: that is no fault of the zones.
    """
    from detection.rules.config import dump_config, parse_config

    kept = {"zones": dump_config(config)["zones"], "rules": current["rules"]}
    try:
        merged = parse_config(kept, file_name=zones_file, is_stored=True)
    except DomainError as error:
        key, problem = next(iter(error.fields.items()))
        position = int(key.partition("[")[2].partition("]")[0])
        raise _needed(zones_file, current["rules"][position]["name"], problem) from None
    turned = _private_names(kept["zones"]) - _private_names(current["zones"])
    for rule in merged.rules:
        for name in rule.zones:
            if name in turned:
                problem = f'names "{name}", a private zone: nothing that happens there is looked at'
                raise _needed(zones_file, rule.name, problem)
    return merged


def _private_names(zones):
    return {zone["name"] for zone in zones if zone["kind"] == "private"}


def _needed(zones_file, rule, problem):
    message = f'{zones_file}: the camera keeps its rule "{rule}", which {problem}'
    return DomainError("rules_need_zones", message, fields={"zones": problem})
