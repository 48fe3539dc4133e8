"""Strict readers of environment variables: nonsense refuses to start, and names the variable.

``VARIABLES`` fills as the settings are read, so that the table in the README can be checked
against what the code really asks for.
"""

import os

from django.core.exceptions import ImproperlyConfigured

VARIABLES = {}

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _read(name, default):
    VARIABLES[name] = default
    return os.environ.get(name)


def text(name, default=""):
    raw = _read(name, default)
    return default if raw is None or raw == "" else raw


def flag(name, default):
    raw = _read(name, default)
    if raw is None:
        return default
    lowered = raw.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}.")


def number(name, default, *, minimum=None, maximum=None, kind=int):
    """Read an int (or ``kind=float``) within limits, both ends included."""
    raw = _read(name, default)
    if raw is None or raw.strip() == "":
        return default
    try:
        value = kind(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {raw!r}.") from None
    too_small = minimum is not None and not value >= minimum
    too_large = maximum is not None and not value <= maximum
    if too_small or too_large:
        raise ImproperlyConfigured(f"{name} must lie between {minimum} and {maximum}, not {raw!r}.")
    return value


def choice(name, default, options):
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def words(name, default=()):
    """Read a comma-separated list; blanks are dropped."""
    raw = _read(name, ",".join(default))
    if raw is None:
        return list(default)
    return [word.strip() for word in raw.split(",") if word.strip()]
