"""Reading a table of features, from here or from elsewhere: nothing in it is believed unchecked.

Only the columns that models and windows need are read; lists of landmarks and boxes stay in the
file.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection.vision.task_columns import OTHERS, REQUIRED, VALUES, mode_of
from hitlsite.errors import DomainError

MOST_ROWS = 3_000_000  # some 80 hours of ten frames a second
LATEST_SECONDS = 1e10  # past it a float64 tells frames apart no longer by a microsecond
_NAMED = 8


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """The numbers of one video's table.

    Attributes:
        video_id: what the file calls the video, "" where it does not say.
        names: the columns of ``task_columns.VALUES`` that the file has, in their order there.
        frame_index: (n,) int64, rising.
        times: (n,) float64, seconds, rising.
        values: (n, len(names)) float32; NaN is missing.
        labels: n names or None for each frame; None where the file has no such column.
        ignored: names of the columns that mean nothing here.
    """

    video_id: str
    names: tuple[str, ...]
    frame_index: np.ndarray
    times: np.ndarray
    values: np.ndarray
    labels: list[str | None] | None
    ignored: tuple[str, ...]

    def __len__(self):
        return len(self.times)

    @property
    def mode(self) -> str:
        """Return the narrowest detector mode that can have these columns."""
        return mode_of(self.names)


def read(path) -> FeatureTable:
    """Read a table of features.

    Raises:
        DomainError: features_unreadable (no parquet), features_empty, features_too_long,
            columns_missing, columns_invalid (a type, an infinite number, a frame without number
            or time, two videos), times_not_rising; each names the file and the column.
    """
    import polars

    path = Path(path)
    try:
        lazy = polars.scan_parquet(path, glob=False)
        types = dict(lazy.collect_schema())
        rows = lazy.select(polars.len()).collect().item()
    except failures() as error:
        raise unreadable(path, error) from error
    names = _checked_columns(path.name, types)
    if not rows:
        raise DomainError("features_empty", f"{path.name} has no rows.")
    if rows > MOST_ROWS:
        raise DomainError(
            "features_too_long", f"{path.name} has {rows} rows; {MOST_ROWS} are the most."
        )
    wanted = [name for name in ("video_id", *REQUIRED, *names, "label") if name in types]
    try:
        table = lazy.select(wanted).collect()
    except failures() as error:
        raise unreadable(path, error) from error
    return _table_of(path.name, table, names, types)


def failures() -> tuple:
    """Return what polars raises about a file that is damaged; a panic is none of its errors."""
    from polars import exceptions

    return exceptions.PolarsError, exceptions.PanicException, OSError


def unreadable(path, error) -> DomainError:
    """Build the error for a file that is no parquet, or is damaged."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return DomainError(
        "features_unreadable", f"{Path(path).name} cannot be read as parquet: {reason}"
    )


def _checked_columns(file_name, types):
    """Return the names of the VALUES in a file whose needed columns are there, typed right."""
    names = tuple(column.name for column in VALUES if column.name in types)
    missing = [name for name in REQUIRED if name not in types]
    if not names:
        missing.append(f"any of {', '.join(column.name for column in VALUES)}")
    if missing:
        raise DomainError(
            "columns_missing",
            f"{file_name} lacks {' and '.join(missing)}.",
            fields=dict.fromkeys((n for n in REQUIRED if n not in types), "is missing"),
        )
    wrong = {}
    for name in (*REQUIRED, *names):
        kind = types[name]
        is_right = kind.is_integer() if name == "frame_index" else kind.is_numeric()
        if not is_right and not (name in names and str(kind) == "Null"):
            expected = "whole numbers" if name == "frame_index" else "numbers"
            wrong[name] = f"holds {kind}, not {expected}"
    for name in ("video_id", "label"):
        kind = str(types.get(name, "Null"))
        if not kind.startswith(("String", "Categorical", "Enum", "Null")):
            wrong[name] = f"holds {kind}, not text"
    _refuse(file_name, wrong)
    return names


def _refuse(file_name, wrong):
    if wrong:
        told = [f"{name} {what}" for name, what in wrong.items()]
        rest = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
        raise DomainError(
            "columns_invalid", f"{file_name}: {'; '.join(told[:_NAMED])}{rest}.", fields=wrong
        )


def _table_of(file_name, table, names, types):
    import polars

    wrong = {name: "is missing in a row" for name in REQUIRED if table[name].null_count()}
    _refuse(file_name, wrong)
    times = table["t"].cast(polars.Float64).to_numpy()
    indices = _whole(file_name, table["frame_index"])
    values = np.empty((len(times), len(names)), np.float32)
    for place, name in enumerate(names):
        column = table[name].cast(polars.Float64, strict=False).to_numpy()
        with np.errstate(over="ignore"):
            values[:, place] = column
        if np.isinf(values[:, place]).any():
            row = int(np.argmax(np.isinf(values[:, place])))
            wrong[name] = f"is infinite in frame {indices[row]}"
    _refuse(file_name, wrong)
    _check_rising(file_name, indices, times)
    own = {column.name for column in (*OTHERS, *VALUES)}
    return FeatureTable(
        video_id=_video_of(file_name, table),
        names=names,
        frame_index=indices,
        times=times,
        values=values,
        labels=table["label"].cast(polars.String).to_list() if "label" in types else None,
        ignored=tuple(name for name in types if name not in own),
    )


def _whole(file_name, series):
    """Return frame numbers as int64."""
    import polars

    try:
        return series.cast(polars.Int64).to_numpy()
    except polars.exceptions.PolarsError as error:
        wrong = {"frame_index": "holds a number past all frames"}
        raise DomainError(
            "columns_invalid",
            f"{file_name}: frame_index {wrong['frame_index']}.",
            fields=wrong,
        ) from error


def _check_rising(file_name, indices, times):
    if not (np.abs(times) <= LATEST_SECONDS).all():  # neither is NaN
        _refuse(file_name, {"t": "is no time in a row"})
    if indices[0] < 0:
        _refuse(file_name, {"frame_index": "is below 0 in a row"})
    for name, column in (("t", times), ("frame_index", indices)):
        if len(column) > 1:
            is_behind = np.diff(column) <= 0
            if is_behind.any():
                row = int(np.argmax(is_behind)) + 1
                raise DomainError(
                    "times_not_rising",
                    f"{file_name}: {name} does not rise in row {row + 1}"
                    f" ({column[row - 1]} and then {column[row]}).",
                )


def _video_of(file_name, table):
    import polars

    if "video_id" not in table.columns:
        return ""
    found = table["video_id"].cast(polars.String).drop_nulls().unique().to_list()
    if len(found) > 1:
        first, second = sorted(found)[:2]
        wrong = {"video_id": f"names {len(found)} videos, {first} and {second} among them"}
        _refuse(file_name, wrong)
    return found[0] if found else ""
