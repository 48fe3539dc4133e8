"""Check what people draw and write before any of it is stored."""

import math

from hitlsite.errors import DomainError

MOST_BOXES = 200
MOST_NOTE_CHARACTERS = 2000
MOST_CLASS_CHARACTERS = 60


def invalid(field, message):
    """Return the refusal of one field."""
    return DomainError("invalid", f"{field}: {message}", fields={field: message})


def clean_text(field, text, *, most=MOST_NOTE_CHARACTERS):
    """Return a text without blanks around it.

    Raises:
        DomainError: it is no text, too long, or holds what no database stores.
    """
    if not isinstance(text, str):
        raise invalid(field, "This must be text.")
    text = text.strip()
    if len(text) > most:
        raise invalid(field, f"This may be {most} characters long, not {len(text)}.")
    if "\x00" in text:
        raise invalid(field, "This holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise invalid(field, "This holds half a character.") from None
    return text


def clean_box(field, box):
    """Return [x1, y1, x2, y2] with an area inside 0..1; DomainError names ``field``."""
    is_four = isinstance(box, list | tuple) and len(box) == 4
    if not is_four or not all(_is_number(value) for value in box):
        raise invalid(field, "A box is four numbers: x1, y1, x2, y2.")
    x1, y1, x2, y2 = (float(value) for value in box)
    if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
        raise invalid(field, "A box lies within 0..1, its first corner left of and above its last.")
    return [x1, y1, x2, y2]


def clean_boxes(field, boxes, *, evidence):
    """Return [{box_xyxy, class_name, evidence}] of what a person drew.

    Args:
        boxes: dicts with ``box_xyxy`` and, if wanted, ``class_name`` and ``evidence`` (an id), or
            plain boxes.
        evidence: the Evidence rows that a box may be on.
    """
    known = {row.pk: row for row in evidence}
    return [
        {
            "box_xyxy": drawn["box_xyxy"],
            "class_name": clean_text(
                f"{name}.class_name", drawn.get("class_name") or "", most=MOST_CLASS_CHARACTERS
            ),
            "evidence": _evidence_id(f"{name}.evidence", drawn.get("evidence"), known),
        }
        for name, drawn in _each(field, boxes)
    ]


def clean_regions(field, regions, *, evidence):
    """Return [{box_xyxy, evidence, at_seconds}] of regions that a person drew to be hidden.

    A region without ``evidence`` is hidden in every file; one without ``at_seconds`` throughout
    a clip.
    """
    known = {row.pk: row for row in evidence}
    return [
        {
            "box_xyxy": drawn["box_xyxy"],
            "evidence": _evidence_id(f"{name}.evidence", drawn.get("evidence"), known),
            "at_seconds": _seconds(f"{name}.at_seconds", drawn.get("at_seconds")),
        }
        for name, drawn in _each(field, regions)
    ]


def _each(field, drawn):
    if not isinstance(drawn, list | tuple):
        raise invalid(field, "This must be a list.")
    if len(drawn) > MOST_BOXES:
        raise invalid(field, f"At most {MOST_BOXES} boxes, not {len(drawn)}.")
    for position, one in enumerate(drawn):
        name = f"{field}.{position}"
        one = one if isinstance(one, dict) else {"box_xyxy": one}
        yield name, {**one, "box_xyxy": clean_box(name, one.get("box_xyxy"))}


def _evidence_id(name, given, known):
    if given in (None, ""):
        return None
    if type(given) is not int or given not in known:
        raise invalid(name, "This is no file of the item.")
    return given


def _seconds(name, given):
    if given in (None, ""):
        return None
    if not _is_number(given) or not 0 <= given <= 86_400:
        raise invalid(name, "This must be a time in seconds.")
    return float(given)


def _is_number(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
