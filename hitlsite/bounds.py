"""How large, how far off and how deep may be what strangers send.

Python reads numbers, days and JSON that no database column, no calendar arithmetic and no later
recursion can take. Every door asks here, so that each of them says no in the same places.
"""

import json

LARGEST_ID = 2**63 - 1
LONGEST_ID = len(str(LARGEST_ID))
YEARS = range(1900, 9000)  # room for time zones and for the day after, at either end
MOST_NESTED = 32


def as_id(given):
    """Return a row's id from an int or from ASCII digits; None for what can be no id."""
    if type(given) is not int:
        text = str(given)
        if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
            return None
        given = int(text)
    return given if 0 <= given <= LARGEST_ID else None


def is_day_in_range(day):
    """Say whether a date or datetime leaves room for the arithmetic that is done with it."""
    return day.year in YEARS


def read_json(text):
    """Return what a JSON text holds.

    Args:
        text: str, or bytes in UTF-8.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds what can be neither stored nor sent
            back: NaN, an infinity, half a character.
    """
    text = text.decode() if isinstance(text, bytes) else text
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _refuse_deep(parsed)
    if "\\u" in text:
        # "\ud800" reads well and is half a character.
        json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


def _refuse_constant(name):
    raise ValueError(f"{name} is no number")


def _refuse_deep(parsed):
    level = [parsed]
    for _ in range(MOST_NESTED):
        level = [
            part
            for value in level
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError("it is nested too deeply")
