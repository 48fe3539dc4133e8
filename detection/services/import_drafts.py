"""Uploaded and pasted zones and rules, read for a look before they are saved."""

from dataclasses import dataclass

from detection.services import fleet, rule_drafts, rule_imports
from hitlsite.errors import DomainError

LARGEST_FILE = 1_000_000


@dataclass(frozen=True)
class Preview:
    """What an import would make of a camera.

    Attributes:
        result: the ImportResult of ``rule_imports``.
        document: the zones and rules that would be saved, as text.
        version: that of the camera's zones and rules that all of this is held against.
        changes: sentences about zones and rules that come, change and go.
        warnings: what would keep the camera from being of use.
    """

    result: object
    document: str
    version: str
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


def read_file(upload):
    """Return the text of an uploaded file.

    Raises:
        DomainError: file_unreadable, naming it.
    """
    if upload.size > LARGEST_FILE:
        message = f"{upload.name}: it is larger than {LARGEST_FILE // 1_000_000} MB."
        raise DomainError("file_unreadable", message)
    try:
        return upload.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DomainError("file_unreadable", f"{upload.name}: it is no text in UTF-8.") from None


def preview(camera, **texts):
    """Return the Preview of what ``rule_imports.plan_import`` makes of some texts."""
    from detection.rules.config import dump_config

    result = rule_imports.plan_import(camera, **texts)
    before = fleet.read_document(camera, result.before)
    latest = next(iter(fleet.recent_footage(camera, limit=1)), None)
    return Preview(
        result,
        rule_drafts.as_yaml(dump_config(result.config)),
        rule_drafts.version_of_document(result.before),
        tuple(changes(before, result.config)),
        tuple(fleet.warnings(camera, result.config, latest)),
    )


def changes(before, after):
    """Yield what comes, changes and goes between two RulesConfigs; ``before`` may be None."""
    for what in ("zones", "rules"):
        old = {one.name: one for one in (getattr(before, what) if before else ())}
        new = {one.name: one for one in getattr(after, what)}
        word = what.removesuffix("s")
        yield from _sentences(word, "new", [name for name in new if name not in old])
        changed = [name for name in new if name in old and new[name] != old[name]]
        yield from _sentences(word, "changed", changed)
        yield from _sentences(word, "removed", [name for name in old if name not in new])


def _sentences(word, fate, names):
    if names:
        plural = "" if len(names) == 1 else "s"
        yield f"{len(names)} {word}{plural} {fate}: {', '.join(names)}"
