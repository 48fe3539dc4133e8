"""The same items as a table: CSV for spreadsheets, parquet for programs; one row an item.

A spreadsheet runs what begins like a formula, and names of cameras and zones are anybody's: such
a cell gets an apostrophe in front, in CSV only. Parquet keeps types and lists. Both are written a
few hundred rows at a time.
"""

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from training.exporting.records import Item

# Name of a CSV column: what it holds. The order is that of the file.
COLUMNS = {
    "line": "number of the item's line in the JSONL, from 1",
    "item": "id of the training item",
    "category": "what people confirmed",
    "camera": "name of the camera",
    "happened_at": "when the incident opened or the photo was taken, ISO 8601, UTC",
    "duration_seconds": "how long the incident lasted; 0 for a photo",
    "confidence": "highest score of the detector, 0 to 1",
    "description": "one sentence",
    "zones": "names of zones, joined with ;",
    "rules": "kinds of the rules that fired, joined with ;",
    "objects": "how many boxes the picture of the line has",
    "people": "how many people can be seen in that picture; providers may drop the line",
    "image": "the picture of the line, inside the export",
    "images": "all pictures, joined with ;",
    "reviewer": "who confirmed it",
    "decision": "id of the confirmation",
    "privacy": "clear or redacted",
    "collection_method": "automatic, manual or import",
    "incident": "key of the incident; empty for a photo",
    "photo": "id of the photo; empty for an incident",
    "footage": "id of the footage; empty for a photo",
    "footage_sha256": "of the footage's file, empty for streams",
    "deployment": "id of what detected it; empty for a photo",
    "code_version": "of the product when the incident opened",
}
# Some spreadsheets read the wide forms of East Asian keyboards as the plain ones.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
ROWS_AT_ONCE = 500


def row_of(number: int, item: Item) -> dict:
    """Return the values of an item, lists as lists."""
    told, answer, main = item.provenance, item.answer, item.main
    footage, photo = told.get("footage") or {}, told.get("photo") or {}
    return {
        "line": number,
        "item": item.item_id,
        "category": item.category,
        "camera": item.camera,
        "happened_at": item.happened_at,
        "duration_seconds": float(answer["duration_seconds"]),
        "confidence": float(answer["confidence"]),
        "description": answer["description"],
        "zones": answer["zones"],
        "rules": [rule["kind"] for rule in answer["rules"]],
        "objects": len(main.boxes),
        "people": main.people,
        "image": main.file_name,
        "images": [picture.file_name for picture in item.pictures],
        "reviewer": item.reviewer,
        "decision": told.get("decision"),
        "privacy": item.privacy,
        "collection_method": told.get("collection_method"),
        "incident": told.get("incident"),
        "photo": photo.get("id"),
        "footage": footage.get("id"),
        "footage_sha256": footage.get("sha256"),
        "deployment": told.get("deployment"),
        "code_version": told.get("code_version"),
    }


def cell(value) -> str:
    """Return a value as the text of a CSV cell that no spreadsheet runs.

    >>> cell("=1+1"), cell(["a", "b"]), cell(None), cell(-0.5)
    ("'=1+1", 'a;b', '', '-0.5')
    """
    if value is None:
        return ""
    if isinstance(value, list):
        value = ";".join(value)
    if not isinstance(value, str):
        return str(value)
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


class CsvTable:
    """A CSV file under way: comma, quotes where needed, UTF-8, CRLF ends a row."""

    def __init__(self, path: Path):
        self._stream = path.open("w", encoding="utf-8", newline="")
        # What ends a row is what gets quoted: with a plain newline a lone CR would break a row.
        self._writer = csv.writer(self._stream, lineterminator="\r\n")
        self._writer.writerow(COLUMNS)

    def add(self, number: int, item: Item) -> None:
        self._writer.writerow([cell(value) for value in row_of(number, item).values()])

    def close(self) -> None:
        self._stream.close()


def schema():
    """Return the types of the parquet file: the CSV's columns, then boxes and pictures."""
    import pyarrow as pa

    text, whole, number = pa.string(), pa.int64(), pa.float64()
    kinds = {
        **dict.fromkeys(("line", "item", "objects", "people", "decision"), whole),
        **dict.fromkeys(("photo", "footage", "deployment"), whole),
        **dict.fromkeys(("duration_seconds", "confidence"), number),
        **dict.fromkeys(("zones", "rules", "images"), pa.list_(text)),
        "happened_at": pa.timestamp("us", tz="UTC"),
    }
    box = pa.struct([("class_name", text), ("box_xyxy", pa.list_(number, 4))])
    picture = [("file_name", text), ("sha256", text), ("kind", text), ("at_seconds", number)]
    picture += [("width", pa.int32()), ("height", pa.int32()), ("boxes_from", text)]
    picture += [("is_negative", pa.bool_()), ("exhaustive", pa.list_(text))]
    picture += [("boxes", pa.list_(box))]
    fields = [(name, kinds.get(name, text)) for name in COLUMNS]
    return pa.schema([*fields, ("pictures", pa.list_(pa.struct(picture)))])


class ParquetTable:
    """A parquet file under way, a row group every few hundred items."""

    def __init__(self, path: Path):
        import pyarrow.parquet as pq

        self._schema, self._rows = schema(), []
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, number: int, item: Item) -> None:
        row = row_of(number, item)
        row["happened_at"] = datetime.fromisoformat(row["happened_at"])
        row["pictures"] = [_picture(picture) for picture in item.pictures]
        self._rows.append(row)
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self):
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()


def _picture(picture):
    return {
        "file_name": picture.file_name,
        "sha256": picture.sha256,
        "kind": picture.kind,
        "at_seconds": picture.at_seconds,
        "width": picture.width,
        "height": picture.height,
        "boxes_from": picture.boxes_from,
        "is_negative": picture.is_negative,
        "exhaustive": list(picture.exhaustive),
        "boxes": [box._asdict() for box in picture.boxes],
    }


class TableError(ValueError):
    """One sentence about what is wrong with a table."""


def read_csv(path: Path):
    """Yield the rows of a CSV export as dicts of text.

    Raises:
        TableError: it is not in the form that ``CsvTable`` writes, or would run as a formula.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            if next(rows, None) != list(COLUMNS):
                raise TableError("does not begin with the columns of an export")
            for cells in rows:
                yield _csv_row(cells, rows.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(f"is not readable as CSV: {error}") from error


def _csv_row(cells, number):
    if len(cells) != len(COLUMNS):
        raise TableError(f"has {len(cells)} cells where line {number} ends")
    row = dict(zip(COLUMNS, cells, strict=True))
    for name, text in row.items():
        if text.startswith(FORMULA_STARTS):
            raise TableError(f"has a cell in line {number} that runs as a formula: {name}")
    return row


def read_parquet(path: Path):
    """Yield the rows of a parquet export as dicts.

    Raises:
        TableError: it is no parquet file, or has other columns or types.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            if not table.schema_arrow.equals(schema()):
                raise TableError("does not have the columns and types of an export")
            for batch in table.iter_batches(ROWS_AT_ONCE):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise TableError("is not readable as parquet") from error


WRITERS: dict[str, Callable] = {"csv": CsvTable, "parquet": ParquetTable}
READERS: dict[str, Callable] = {"csv": read_csv, "parquet": read_parquet}
