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
        notes: what was recognised, converted, and left out.
        zones_dialect, rules_dialect: how each text was recognised; None where it was not given.
        frame_size: (width, height) that pixels were taken to be of; None when nobody knew.
        is_stored: False for a dry run.
    """

    config: object
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
        locked = Camera.objects.select_for_update(of=("self",)).get(pk=camera.pk)
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
    zones_file="zones",
    rules_file="rules",
    frame_size=None,
    body_height_share=None,
    fps=None,
    known_classes=None,
):
    """Return what an import would bring to a camera; ``camera`` may be None, a new one.

    Args:
        zones_text, rules_text: YAML or JSON in any dialect that ``read_dialects`` knows.
        zones_file, rules_file: how to name them in a refusal.
        frame_size: (width, height); by default that of the camera's latest footage.
        body_height_share, fps: see ``read_dialects``, which has the defaults.

    Raises:
        DomainError: config_invalid, names file and key; rules_need_zones, when the camera keeps
            a rule that names a zone which the import does not have.
    """
    from detection.rules.dialects import read_dialects

    frame_size = frame_size or (latest_frame_size(camera) if camera else None)
    given = {"body_height_share": body_height_share, "fps": fps}
    current = cameras.current_config(camera) if camera else {"zones": [], "rules": []}
    imported = read_dialects(
        zones_text,
        rules_text,
        zones_file=zones_file,
        rules_file=rules_file,
        frame_size=frame_size,
        known_zones=_known_zones(current),
        known_classes=known_classes,
        **{name: value for name, value in given.items() if value is not None},
    )
    config = imported.config
    if imported.rules_dialect is None:
        config = _keep_rules(current, config, zones_file)
    return ImportResult(
        config, imported.notes, imported.zones_dialect, imported.rules_dialect, frame_size
    )


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

    return parse_config({"zones": current["zones"]}, file_name="the camera").zones


def _keep_rules(current, config, zones_file):
    """Return the new zones with the camera's rules, or refuse zones that a rule needs."""
    from detection.rules.config import dump_config, parse_config

    kept = {"zones": dump_config(config)["zones"], "rules": current["rules"]}
    try:
        return parse_config(kept, file_name=zones_file)
    except DomainError as error:
        key, problem = next(iter(error.fields.items()))
        position = int(key.partition("[")[2].partition("]")[0])
        rule = current["rules"][position]["name"]
        message = f'{zones_file}: the camera keeps its rule "{rule}", which {problem}'
        raise DomainError("rules_need_zones", message, fields={"zones": problem}) from None
