"""Tables of a device's measures as CSV, in the form of 24 columns and the older one of 14.

Columns may stand in any order. A cell that cannot be read is refused with its line and column: a
table that is half right teaches what nobody measured.
"""

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

import numpy as np

from hitlsite.errors import DomainError
from training.learning.trajectory import COLUMNS, MEASURES, MOTION, features

TIMESTAMP, DECISION = "timestamp", "decisionLOD"
NO_DECISION = -1
OLD_FORM = (
    TIMESTAMP,
    *MEASURES,
    *MOTION,
    DECISION,
    "decisionTiles",
    "latencyMs",
    "fpsAfterDecision",
    "memoryMB",
)
ADDED = (
    "deviceGPULoad",
    "jsHeapMemoryMB",
    "memoryPeakMB",
    "jsHeapPeakMB",
    "fpsImprovement",
    "qualityScore",
    "fpsPerGPUPercent",
    "fpsPerMemoryMB",
    "inAcceptableRange",
    "lodChangeFromPrevious",
)
NUMBERS = (*OLD_FORM[1:], *ADDED)
REQUIRED = (*MEASURES, DECISION)
MOST_CHARACTERS = {"client_id": 100, "sequence": 100, "label": 60, "label_source": 8}
TEXTS = tuple(MOST_CHARACTERS)
SOURCES = ("human", "outcome", "decision")
LARGEST = 1e12
YEARS = range(1900, 9000)
# Without a column that says so, a pause begins a new sequence, and so does every hundredth row:
# what is judged apart must share no past, and the gate needs more than a few parts to judge by.
PAUSE_SECONDS = 60.0
STRETCH_ROWS = 100
_WORDS = {"true": 1.0, "false": 0.0, "": math.nan}
# A time in milliseconds is larger than this from 1973 on, one in seconds until the year 5138.
_MILLISECONDS_FROM = 1e11


@dataclass(slots=True)
class Samples:
    """The rows of a table, column by column.

    Attributes:
        numbers: {name: (n,) float}, NaN where a cell is empty; the decision is -1 where none is.
        times: (n,) seconds since 1970; NaN where there is no time.
        texts: {name: n of them} of the columns that the table has.
        sequences: n names; rows of one stand in time order.
        text: the table as it stands, for ``digests``.
        ignored: columns that nobody knows.
    """

    numbers: dict[str, np.ndarray]
    times: np.ndarray
    texts: dict[str, Sequence[str]]
    sequences: list[str]
    text: str
    ignored: list[str] = field(default_factory=list)

    def __len__(self):
        return len(self.times)

    def columns(self, names: Iterable[str]) -> np.ndarray:
        """Return some columns side by side, (n, names); NaN where the table has none."""
        nothing = np.full(len(self), np.nan)
        return np.stack([self.numbers.get(name, nothing) for name in names], axis=1)

    def features(self) -> np.ndarray:
        """Return the columns that a level-of-detail policy looks at, (n, 35), in row order."""
        order = np.argsort(self.times, kind="stable")
        table = np.empty((len(self), len(COLUMNS)))
        sequences = np.asarray(self.sequences)[order]
        table[order] = features(
            self.columns(MEASURES)[order], self.columns(MOTION)[order], sequences
        )
        return table

    def digests(self) -> list[str]:
        """Return a digest of what stands in each row; of equal rows the later ones are numbered."""
        seen, found = {}, []
        for row in _rows(self.text)[1:]:
            key = hashlib.sha256("\x1f".join(row).encode()).hexdigest()[:40]
            again = seen[key] = seen.get(key, -1) + 1
            found.append(f"{key}-{again}" if again else key)
        return found


def read(text: str, *, name: str = "samples", zone: tzinfo = UTC) -> Samples:
    """Read a table.

    Args:
        name: of the file; its sequences are named after it.
        zone: of times that say none.

    Raises:
        DomainError: samples_invalid, naming line and column; columns_missing.
    """
    text = text.removeprefix("\ufeff")
    head = _head(text)
    ignored = _checked_head(head)
    numbers, cells = _quickly(text, head) or _carefully(text, head)
    _require_whole(numbers, text)
    count = len(numbers[DECISION])
    texts = {one: _texts(one, cells[one], text) for one in TEXTS if one in cells}
    times = _times(cells.get(TIMESTAMP), count, zone, text)
    sequences = _sequences(texts.get("sequence"), times, name)
    return Samples(numbers, times, texts, sequences, text, ignored)


def _lines(text):
    """Return the lines, whatever they end with."""
    return io.StringIO(text, newline=None)


def _rows(text):
    """Return the cells of every line that has any."""
    lines = csv.reader(_lines(text), strict=True)
    try:
        return [row for row in lines if row]
    except csv.Error as error:
        raise _wrong(lines.line_num, "", f"this is no CSV: {error}") from error


def _head(text):
    lines = csv.reader(_lines(text), strict=True)
    try:
        return [cell.strip() for cell in next((row for row in lines if row), ())]
    except csv.Error as error:
        raise _wrong(lines.line_num, "", f"this is no CSV: {error}") from error


def _quickly(text, head):
    """Return ({name: numbers}, {name: cells}) of a plain table; None for any other.

    A plain one has no quotes, and a number in every cell that should hold one.
    """
    if '"' in text:
        return None
    body = [line for line in _lines(text) if line != "\n"][1:]
    commas = len(head) - 1
    if not body or any(line.count(",") != commas for line in body):
        return None
    names = [name for name in NUMBERS if name in head]
    try:
        found = np.loadtxt(
            body,
            delimiter=",",
            comments=None,
            usecols=[head.index(name) for name in names],
            ndmin=2,
        )
    except ValueError:
        return None
    if len(found) != len(body) or not (np.abs(found) <= LARGEST).all():
        return None
    places = [(name, head.index(name)) for name in (TIMESTAMP, *TEXTS) if name in head]
    cells = {
        name: [line.rstrip("\n").split(",", place + 1)[place] for line in body]
        for name, place in places
    }
    return dict(zip(names, np.ascontiguousarray(found.T), strict=True)), cells


def _carefully(text, head):
    """Return ({name: numbers}, {name: cells}) of any table, or say where it is wrong."""
    rows = _rows(text)[1:]
    if not rows:
        raise DomainError("samples_invalid", "The table has a head and no rows.")
    cells = _columns(head, rows, text)
    return {name: _numbers(name, cells[name], text) for name in NUMBERS if name in cells}, cells


def _checked_head(head):
    """Return the columns that are not known; refuse a table that cannot be read by its head."""
    missing = [name for name in REQUIRED if name not in head]
    if missing:
        raise DomainError(
            "columns_missing",
            f"Line 1: the column {missing[0]} is missing; a table needs {', '.join(REQUIRED)}.",
            fields=dict.fromkeys(missing, "This column is missing."),
        )
    twice = [name for name in head if head.count(name) > 1]
    if twice:
        raise _wrong(1, twice[0], "this column is there twice")
    return [name for name in head if name not in (TIMESTAMP, *NUMBERS, *TEXTS)]


def _columns(head, rows, text):
    """Return {name: cells}."""
    width = len(head)
    for place, row in enumerate(rows):
        if len(row) != width:
            raise _wrong(
                _line_of(text, place), "", f"it has {len(row)} cells and the head has {width}"
            )
    return dict(zip(head, zip(*rows, strict=True), strict=True))


def _numbers(name, cells, text):
    try:
        found = np.array(list(map(float, cells)))
    except ValueError:
        found = np.array([_number(cell) for cell in cells])
    wrong = ~(np.abs(found) <= LARGEST)
    if wrong.any():
        found = _filled(name, cells, found, wrong, text)
    return found


def _filled(name, cells, found, wrong, text):
    """Let empty cells be NaN where they may be empty; refuse everything else."""
    for place in np.flatnonzero(wrong):
        cell = cells[place].strip()
        if cell:
            raise _wrong(_line_of(text, place), name, f"{cell[:40]!r} is no number that can be")
        if name == DECISION:
            found[place] = NO_DECISION
        elif name in REQUIRED:
            raise _wrong(_line_of(text, place), name, "this is needed and empty")
        else:
            found[place] = math.nan
    return found


def _number(cell):
    """Return a cell's number; NaN for an empty one, infinity for what is none."""
    cell = cell.strip().lower()
    if cell in _WORDS:
        return _WORDS[cell]
    try:
        number = float(cell)
    except ValueError:
        return math.inf
    return number if math.isfinite(number) else math.inf


def _require_whole(numbers, text):
    decisions = numbers[DECISION]
    wrong = (decisions != np.round(decisions)) | (decisions < NO_DECISION)
    if wrong.any():
        place = int(wrong.argmax())
        told = f"{decisions[place]:g} is no level; levels are 0, 1, 2, ..., and -1 is no decision"
        raise _wrong(_line_of(text, place), DECISION, told)


def _texts(name, cells, text):
    found = [cell.strip() for cell in cells]
    most = MOST_CHARACTERS[name]
    for place, cell in enumerate(found):
        told = ""
        if len(cell) > most or "\x00" in cell:
            told = f"this must be text of at most {most} characters"
        elif name == "label_source" and cell and cell not in SOURCES:
            told = f"{cell!r} is none of {', '.join(SOURCES)}"
        if told:
            raise _wrong(_line_of(text, place), name, told)
    return found


def _times(cells, count, zone, text):
    if cells is None:
        return np.full(count, np.nan)
    try:
        found = np.array(list(map(float, cells)))
    except ValueError:
        found = np.array([_time(cell, zone) for cell in cells])
    found = np.where(np.abs(found) > _MILLISECONDS_FROM, found / 1000.0, found)
    lowest, highest = -2.2e9, 2.2e11
    wrong = ~((found > lowest) & (found < highest))
    if wrong.any():
        place = int(wrong.argmax())
        cell = cells[place].strip()[:40]
        told = f"{cell!r} is no time: ISO 8601, or seconds or milliseconds since 1970"
        raise _wrong(_line_of(text, place), TIMESTAMP, told)
    return found


def _time(cell, zone):
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        return math.nan
    if at.year not in YEARS:
        return math.nan
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def _sequences(named, times, name):
    """Return the sequence of every row; see PAUSE_SECONDS for a table that names none."""
    if named is not None:
        return named
    steps = np.abs(np.diff(times))
    number, rows, found = 0, 0, []
    for place in range(len(times)):
        is_pause = place > 0 and steps[place - 1] > PAUSE_SECONDS
        if is_pause or rows == STRETCH_ROWS:
            number, rows = number + 1, 0
        found.append(f"{name[:80]} {number}")
        rows += 1
    return found


def _line_of(text, place):
    """Return the line on which a row ends; cells may hold line breaks, and lines may be empty."""
    lines = csv.reader(_lines(text))
    rows = (lines.line_num for row in lines if row)
    return next(line for number, line in enumerate(rows) if number == place + 1)


def _wrong(line, column, told):
    where = f"Line {line}, column {column}" if column else f"Line {line}"
    fields = {column: f"{told}."} if column else {}
    return DomainError("samples_invalid", f"{where}: {told}.", fields=fields)
