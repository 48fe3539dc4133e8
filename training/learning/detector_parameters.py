"""What a person may set of a detector's training, checked before anything is queued."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hitlsite.errors import DomainError

CHAMPION, SCRATCH = "champion", "scratch"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*\.pt")
_DEVICE = re.compile(r"cpu|auto|\d{1,2}(,\d{1,2}){0,15}")
_ARCHITECTURE = re.compile(r"yolo[\w-]+\.yaml")
_STRIDE = 32


@dataclass(frozen=True, slots=True)
class _Parameter:
    default: object
    read: Callable
    sentence: str


def _whole(low, high, step=1):
    def read(value):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError
        number = int(value)
        if not low <= number <= high or number % step:
            raise ValueError
        return number

    return read


def _share(low, high):
    def read(value):
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = float(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def _rate(value):
    return None if value in (None, "") else _share(1e-7, 0.1)(value)


def _matching(pattern, *words):
    def read(value):
        if not isinstance(value, str) or not (value in words or pattern.fullmatch(value)):
            raise ValueError
        return value

    return read


_KNOWN = {
    "base": _Parameter(
        CHAMPION,
        _matching(_NAME, CHAMPION, SCRATCH),
        "This must be champion, scratch, or the name of a .pt file in the model folder.",
    ),
    "base_path": _Parameter("", _matching(re.compile(r".+\.pt")), "This must end with .pt."),
    "architecture": _Parameter(
        "yolo11n.yaml",
        _matching(_ARCHITECTURE),
        "This must be the name of a network such as yolo11n.yaml.",
    ),
    "epochs": _Parameter(50, _whole(1, 1000), "This must be a whole number from 1 to 1000."),
    "batch": _Parameter(16, _whole(1, 256), "This must be a whole number from 1 to 256."),
    "image_size": _Parameter(
        640, _whole(64, 2048, _STRIDE), "This must be a multiple of 32 from 64 to 2048."
    ),
    "patience": _Parameter(
        20, _whole(0, 1000), "This must be a whole number from 0 (never) to 1000."
    ),
    "replay": _Parameter(0.5, _share(0.0, 0.95), "This must be a share from 0 to 0.95."),
    "device": _Parameter(
        "auto", _matching(_DEVICE), "This must be cpu, auto, or numbers of GPUs such as 0 or 0,1."
    ),
    "learning_rate": _Parameter(
        None, _rate, "This must be a number from 0.0000001 to 0.1, or nothing."
    ),
}


def clean(parameters: dict) -> dict:
    """Return the parameters with defaults filled in; ``base_path`` is there only where it is set.

    Raises:
        DomainError: parameters_invalid, with a sentence for every one that is wrong.

    >>> clean({"epochs": "3"})["epochs"]
    3
    """
    fields = {
        name: f"There is no such parameter; there are {', '.join(_KNOWN)}."
        for name in parameters
        if name not in _KNOWN
    }
    cleaned = {}
    for name, known in _KNOWN.items():
        try:
            cleaned[name] = known.read(parameters[name]) if name in parameters else known.default
        except (ValueError, TypeError, OverflowError):
            fields[name] = known.sentence
    if fields:
        name, sentence = next(iter(fields.items()))
        raise DomainError("parameters_invalid", f"{name}: {sentence}", fields=fields)
    if not cleaned["base_path"]:
        del cleaned["base_path"]
    return cleaned
