"""Take over how another system was told to train, from its configuration file.

The file holds ``{"training": {...}}``, perhaps under one more key. All of it is taken or nothing.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from detection.slots import LOD_POLICY, SLOTS
from hitlsite.bounds import read_json
from hitlsite.errors import DomainError
from training.services import policies

SECTION = "training"
MOST_BYTES = 1_000_000
MOST_HOURS = 24 * 366
MOST_SAMPLES = 2_000_000_000
# Files are named by whoever runs this product, in TRAINING_HISTORY_LOG.
IGNORED = ("logFile", "trainingLogFile")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        changed: {column of the policy: value} of those that are new.
        ignored: {key: value} that were read and mean nothing here.
        outside: keys beside the section, which nobody looked at.
    """

    slot: str
    changed: dict
    ignored: dict = field(default_factory=dict)
    outside: tuple[str, ...] = ()


def from_file(path, *, slot=LOD_POLICY, by=None):
    """Read a file and do as ``from_document``.

    Raises:
        DomainError: config_unreadable, config_invalid.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DomainError("config_unreadable", f"{path} is larger than {MOST_BYTES} bytes.")
        document = read_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError("config_unreadable", f"{path} cannot be read: {reason}.") from error
    except ValueError as error:
        raise DomainError("config_unreadable", f"{path} is no JSON: {error}.") from error
    return from_document(document, slot=slot, by=by)


def from_document(document, *, slot=LOD_POLICY, by=None):
    """Take a configuration into the policy of a slot and return Imported.

    Raises:
        Forbidden; DomainError: slot_unknown, config_invalid (``fields`` names every key at fault).
    """
    policy = policies.policy_of(slot)
    section, outside = _section(document)
    columns, problems = {}, {}
    for key, value in section.items():
        name = f"{SECTION}.{str(key)[:60]}"
        if key in IGNORED:
            continue
        if key not in _READERS:
            known = ", ".join((*_READERS, *IGNORED))
            problems[name] = f"There is no such key; there are {known}."
            continue
        column, read = _READERS[key]
        try:
            columns[column] = read(value, slot)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise _invalid(problems)
    for column, value in columns.items():
        setattr(policy, column, value)
    try:
        changed = policies.save(policy, by=by)
    except DomainError as error:
        if error.code != "invalid":
            raise
        raise _invalid(error.fields) from error
    ignored = {key: section[key] for key in IGNORED if key in section}
    return Imported(slot, {name: columns[name] for name in changed}, ignored, tuple(outside))


def _section(document):
    """Return (the section, keys beside it), at the top or under one more key.

    Raises:
        DomainError: config_invalid.
    """
    if not isinstance(document, dict):
        raise DomainError("config_invalid", "The configuration is no JSON object.")
    places = [("", document)]
    places += [(str(key), part) for key, part in document.items() if isinstance(part, dict)]
    found = [(path, part) for path, part in places if SECTION in part and part is not None]
    # What lies under "training" itself is its content.
    found = [(path, part) for path, part in found if path != SECTION]
    if len(found) != 1:
        told = ", ".join(f"{path}.{SECTION}".lstrip(".") for path, _ in found)
        many = f"there are several: {told}" if found else "there is none"
        raise DomainError("config_invalid", f'The file needs one "{SECTION}" section; {many}.')
    path, holder = found[0]
    section = holder[SECTION]
    if not isinstance(section, dict):
        raise _invalid({SECTION: "This is an object of names and values."})
    beside = [key for key in document if key not in (SECTION, path)]
    beside += [f"{path}.{key}" for key in holder if path and key != SECTION]
    return section, [str(key)[:60] for key in beside]


def _flag(value, slot):
    if not isinstance(value, bool):
        raise ValueError(f"This is true or false, not {_shown(value)}.")
    return value


def _whole(least, most):
    def read(value, slot):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or value != int(value) or not least <= value <= most:
            raise ValueError(f"This is a whole number from {least} to {most}, not {_shown(value)}.")
        return int(value)

    return read


def _algorithm(value, slot):
    known = SLOTS[slot].algorithms
    if value not in known:
        usable = f"is trained by {', '.join(known)}" if known else "is not trained yet"
        raise ValueError(f"The slot {slot} {usable}, not by {_shown(value)}.")
    return value


def _shown(value):
    return json.dumps(value)[:60]


_READERS = {
    "autoTrain": ("enabled", _flag),
    "autoTrainIntervalHours": ("interval_hours", _whole(1, MOST_HOURS)),
    "minSamplesForTraining": ("min_samples", _whole(0, MOST_SAMPLES)),
    "modelType": ("algorithm", _algorithm),
}


def _invalid(fields):
    named = " ".join(f"{name}: {sentence}" for name, sentence in fields.items())
    return DomainError("config_invalid", f"Nothing was changed. {named}", fields=fields)
