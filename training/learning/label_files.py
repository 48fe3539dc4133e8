"""Labels of a video as somebody else wrote them down: by frame, or by stretch of time."""

import csv
import io
import math
from dataclasses import dataclass

from hitlsite.errors import DomainError

FRAMES, SPANS = ("frame_index", "label"), ("start", "end", "label")
MOST_CHARACTERS = 40_000_000
DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class LabelFile:
    """What a file says; one of the two is None.

    Attributes:
        frames: (frame index, label) in the order of the file, "" where a frame has none.
        spans: (start, end, label) in seconds, in the order of the file.
    """

    frames: tuple[tuple[int, str], ...] | None = None
    spans: tuple[tuple[float, float, str], ...] | None = None

    @property
    def label_names(self) -> list[str]:
        """The labels that occur, in the order in which they first do."""
        rows = self.frames if self.frames is not None else self.spans
        return list(dict.fromkeys(row[-1] for row in rows if row[-1]))


def parse_labels(text: str) -> LabelFile:
    """Read `frame_index,label` or `start,end,label`, with a line of these names or without.

    Raises:
        DomainError: labels_unreadable, naming the line.
    """
    if len(text) > MOST_CHARACTERS:
        raise _unreadable(f"The file is longer than {MOST_CHARACTERS:,} characters.")
    rows = _rows(text.removeprefix("\ufeff"))
    if not rows:
        raise _unreadable("The file has no lines.")
    columns, rows = _columns(rows)
    if not rows:
        raise _unreadable(f"The file has no line below its names {','.join(columns)}.")
    if columns == FRAMES:
        return LabelFile(frames=tuple(_frame(number, cells) for number, cells in rows))
    return LabelFile(spans=tuple(_span(number, cells) for number, cells in rows))


def _rows(text):
    """Return (line number, cells) of every line that has something in it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise _unreadable(f"Line {reader.line_num}: {error}.") from error
    return [(number, cells) for number, cells in rows if any(cells)]


def _columns(rows):
    """Return (FRAMES or SPANS, the rows with their cells in this order, without the names)."""
    number, first = rows[0]
    lowered = [cell.lower() for cell in first]
    for columns in (SPANS, FRAMES):
        if set(columns) <= set(lowered):
            places = [lowered.index(name) for name in columns]
            if len(set(lowered)) < len(lowered):
                raise _unreadable(f"Line {number}: a name stands there twice.")
            return columns, [(line, _picked(line, cells, places)) for line, cells in rows[1:]]
    if _is_number(first[0]):
        columns = {2: FRAMES, 3: SPANS}.get(len(first))
        if columns:
            return columns, [
                (line, _picked(line, cells, range(len(columns)), len(columns)))
                for line, cells in rows
            ]
    raise _unreadable(f"Line {number}: this is neither {','.join(FRAMES)} nor {','.join(SPANS)}.")


def _picked(line, cells, places, exactly=None):
    if max(places) >= len(cells) or (exactly and len(cells) != exactly):
        raise _unreadable(f"Line {line}: it has {len(cells)} cells.")
    return [cells[place] for place in places]


def _frame(line, cells):
    index, label = cells
    try:
        number = float(index)
        if number < 0 or number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise _unreadable(f"Line {line}: {index[:40]!r} is no number of a frame.") from None
    return int(number), label


def _span(line, cells):
    start, end, label = cells
    for value in (start, end):
        if not _is_number(value):
            raise _unreadable(f"Line {line}: {value[:40]!r} is no time in seconds.")
    if not label:
        raise _unreadable(f"Line {line}: it has no label.")
    if not float(start) < float(end):
        raise _unreadable(f"Line {line}: it does not end after its start.")
    return float(start), float(end), label


def _is_number(cell):
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _unreadable(sentence):
    return DomainError("labels_unreadable", sentence, fields={"labels": sentence})
