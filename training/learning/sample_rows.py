"""Rows of a device's measures as JSON: checked one by one, every wrong value named by its path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from hitlsite.errors import DomainError
from training.learning.sample_tables import (
    DECISION,
    LARGEST,
    MOST_CHARACTERS,
    NO_DECISION,
    NUMBERS,
    REQUIRED,
    SOURCES,
    TEXTS,
    TIMESTAMP,
    YEARS,
)
from training.learning.trajectory import MEASURES, POINTS

PAST = "past"
_NEEDED = "This is needed."


@dataclass(frozen=True, slots=True)
class Row:
    """One checked sample; ``label`` and ``label_source`` are "" where nothing is known."""

    client_id: str
    sequence: str
    at: datetime
    measures: dict[str, float]
    label: str
    label_source: str


def checked(rows: Sequence, *, zone: tzinfo, path: str = "samples") -> list[Row]:
    """Return rows as they may be stored.

    Args:
        zone: of times that say none.

    Raises:
        DomainError: samples_invalid; its fields name every wrong value, as ``samples.3.deviceFPS``.
    """
    wrong, found = {}, []
    for number, row in enumerate(rows):
        said = _said(row, (*NUMBERS, *TEXTS, TIMESTAMP), REQUIRED)
        if isinstance(row, Mapping):
            said |= _wrong_texts(row)
            at = _time(row.get(TIMESTAMP), zone)
            if at is None:
                told = "This must be a time by ISO 8601, such as 2026-03-02T09:00:00Z."
                said[TIMESTAMP] = told if row.get(TIMESTAMP) is not None else _NEEDED
        wrong |= {f"{path}.{number}.{name}".rstrip("."): told for name, told in said.items()}
        if not wrong:
            found.append(_row(row, at))
    _refuse(wrong, "samples_invalid")
    return found


def questions(rows: Sequence, *, path: str = "rows") -> tuple[list[dict], list[list[dict]]]:
    """Return (measures, pasts) of rows that a model is asked about.

    Raises:
        DomainError: rows_invalid; its fields name every wrong value, as ``rows.0.past.2``.
    """
    wrong, measures, pasts = {}, [], []
    for number, row in enumerate(rows):
        place = f"{path}.{number}"
        past = row.get(PAST, []) if isinstance(row, Mapping) else []
        said = _said(row, (*NUMBERS, PAST), MEASURES)
        wrong |= {f"{place}.{name}".rstrip("."): told for name, told in said.items()}
        if not isinstance(past, list) or len(past) > POINTS:
            wrong[f"{place}.{PAST}"] = f"This must be a list of at most {POINTS} rows."
            continue
        for ago, one in enumerate(past):
            said = _said(one, (*NUMBERS, TIMESTAMP), ())
            name_of = f"{place}.{PAST}.{ago}"
            wrong |= {f"{name_of}.{name}".rstrip("."): told for name, told in said.items()}
        if not wrong:
            measures.append(_numbers(row))
            pasts.append([_numbers(one) for one in past])
    _refuse(wrong, "rows_invalid")
    return measures, pasts


def _said(row, known, required):
    """Return what is wrong with the names and numbers of a row; "" names the row itself."""
    if not isinstance(row, Mapping):
        return {"": "This must be an object."}
    said = {str(name)[:60]: "There is no such column." for name in row if name not in known}
    said |= {name: _NEEDED for name in required if row.get(name) is None}
    for name in NUMBERS:
        value = row.get(name)
        if value is not None and not _is_number(value, name):
            said[name] = f"This must be a number within {LARGEST:g} either way."
    decision = row.get(DECISION)
    if DECISION not in said and decision is not None and not _is_level(decision):
        said[DECISION] = "This must be a level, 0, 1, 2, ..., or -1 for no decision."
    return said


def _is_number(value, name):
    if isinstance(value, bool):
        return name == "inAcceptableRange"
    return isinstance(value, int | float) and abs(value) <= LARGEST


def _is_level(value):
    return value == int(value) and value >= NO_DECISION


def _wrong_texts(row):
    said = {}
    for name, most in MOST_CHARACTERS.items():
        value = row.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > most or "\x00" in value:
            said[name] = f"This must be text of at most {most} characters."
    if not row.get("client_id"):
        said.setdefault("client_id", _NEEDED)
    source = row.get("label_source")
    if "label_source" not in said and source and source not in SOURCES:
        said["label_source"] = f"This must be one of {', '.join(SOURCES)}."
    if "label_source" not in said and source and not row.get("label") and source != "decision":
        said["label_source"] = "There is no label that it could be the source of."
    return said


def _time(value, zone):
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    if at.year not in YEARS:
        return None
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _numbers(row):
    return {name: float(row[name]) for name in NUMBERS if row.get(name) is not None}


def _row(row, at):
    measures = _numbers(row)
    label, source = labelled(
        row.get("label") or "", row.get("label_source") or "", measures[DECISION]
    )
    return Row(row["client_id"], row.get("sequence") or "", at, measures, label, source)


def labelled(label: str, source: str, decision: float) -> tuple[str, str]:
    """Return (label, its source) of a row: its label, else the decision that was made.

    >>> labelled("2", "", 1.0), labelled("", "", 1.0), labelled("", "", -1.0)
    (('2', 'human'), ('1', 'decision'), ('', ''))
    """
    if label:
        return label, source or "human"
    return (str(int(decision)), "decision") if decision != NO_DECISION else ("", "")


def _refuse(wrong, code):
    if wrong:
        name, told = next(iter(wrong.items()))
        raise DomainError(code, f"{name}: {told}", fields=wrong)
