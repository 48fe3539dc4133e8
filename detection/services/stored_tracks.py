"""Stored track logs read back: as columns, and as the very frames that the rules were given."""

from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import numpy as np

from detection.services.tracklogs import FLAGS, FLOATS, LAST_TOLD, unpack_times
from hitlsite import storage
from hitlsite.errors import DomainError

EDGES = ("x1", "y1", "x2", "y2")
_OF_LOG = {"empty_at_seconds", "sampling_fps", "frame_size", "last_seconds"}


@dataclass(frozen=True, slots=True)
class LogColumns:
    """A stored log as arrays of N rows, in the order in which they were told.

    Attributes:
        at_seconds, known_at_seconds: when it was seen, and the frame that told it.
        class_name: (N,) texts.
        boxes: (N, 4) normalised xyxy.
        limb_speed: NaN where none is known.
        is_static: of what has come to rest, see ``TrackedFrame.foreground``.
        empty_at_seconds: times of the sampled frames without anything; None where not stored.
        sampling_fps, frame_size, last_seconds: of the session; None where not stored.
    """

    at_seconds: np.ndarray
    known_at_seconds: np.ndarray
    track_id: np.ndarray
    class_name: np.ndarray
    score: np.ndarray
    boxes: np.ndarray
    limb_speed: np.ndarray
    is_held: np.ndarray
    is_static: np.ndarray
    empty_at_seconds: np.ndarray | None
    sampling_fps: float | None
    frame_size: tuple[int, int] | None
    last_seconds: float | None

    def __len__(self):
        return len(self.at_seconds)


def read(path):
    """Return the LogColumns stored under a name; older logs lack columns, which get defaults.

    Raises:
        DomainError: track_log_unreadable, when the file is missing or damaged.
    """
    with _opened(path) as stored:
        told = stored.schema_arrow.metadata or {}
        names = set(stored.schema_arrow.names)
        wanted = [*FLOATS, "track_id", "class_name", *FLAGS, LAST_TOLD]
        table = stored.read([name for name in wanted if name in names], use_threads=False)
    column = {name: table[name].to_numpy() for name in table.column_names}
    at_seconds = column["at_seconds"].astype(np.float64)
    empty = told.get(b"empty_at_seconds")
    columns = LogColumns(
        at_seconds=at_seconds,
        known_at_seconds=column.get("known_at_seconds", at_seconds),
        track_id=column["track_id"],
        class_name=column["class_name"],
        score=column["score"].astype(np.float64),
        boxes=np.stack([column[edge].astype(np.float64) for edge in EDGES], axis=1),
        limb_speed=column.get("limb_speed", np.full(len(table), np.nan)),
        **{name: column.get(name, np.zeros(len(table), bool)) for name in FLAGS},
        empty_at_seconds=None if empty is None else unpack_times(empty),
        **_told_of_session(told),
    )
    return _unrolled(columns, column[LAST_TOLD]) if LAST_TOLD in column else columns


def _unrolled(columns, last_told):
    """Return the columns with a row for each frame where one stands for several."""
    known = columns.known_at_seconds
    times = np.union1d(known, columns.empty_at_seconds)
    first, last = (np.searchsorted(times, bounds, "right") for bounds in (known, last_told))
    counts = last - first
    # The positions first, first + 1, ... last - 1 of every row, one row after another.
    places = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    rows = np.concatenate((np.arange(len(known)), np.repeat(np.arange(len(known)), counts)))
    told_at = np.concatenate((known, times[places]))
    seen_at = np.concatenate((columns.at_seconds, times[places]))
    order = np.argsort(told_at, kind="stable")
    of_rows = [one.name for one in fields(LogColumns) if one.name not in _OF_LOG]
    values = {name: getattr(columns, name)[rows[order]] for name in of_rows}
    values |= {"known_at_seconds": told_at[order], "at_seconds": seen_at[order]}
    empty = np.setdiff1d(columns.empty_at_seconds, told_at)
    return replace(columns, **values, empty_at_seconds=empty)


def read_last_seconds(path):
    """Return the time of the last frame that a stored log accounts for, None if it is not told."""
    with _opened(path) as stored:
        return _told_of_session(stored.schema_arrow.metadata or {})["last_seconds"]


@contextmanager
def _opened(path):
    """Give a stored log as an open parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    local, is_copy = None, False
    try:
        local, is_copy = storage.local_copy(path)
        with pq.ParquetFile(local, read_dictionary=["class_name"], pre_buffer=False) as stored:
            yield stored
    except (OSError, pa.ArrowException, KeyError) as error:
        message = f"The track log {path} cannot be read: it is missing or damaged."
        raise DomainError("track_log_unreadable", message) from error
    finally:
        if is_copy:
            local.unlink(missing_ok=True)


def _told_of_session(told):
    size = told.get(b"frame_size")
    return {
        "sampling_fps": float(told[b"sampling_fps"]) if b"sampling_fps" in told else None,
        "frame_size": tuple(int(side) for side in size.split(b"x")) if size else None,
        "last_seconds": float(told[b"last_seconds"]) if b"last_seconds" in told else None,
    }


def fill_gaps(columns, start_seconds, end_seconds, fps):
    """Return the times at which frames without rows were sampled, as far as a log tells.

    A log that does not tell has them where the sampling grid has no row near.
    """
    if columns.empty_at_seconds is not None:
        return columns.empty_at_seconds
    grid = np.arange(np.ceil(start_seconds * fps), np.floor(end_seconds * fps) + 1) / fps
    known = np.unique(columns.known_at_seconds)
    if not len(known):
        return grid
    after = np.searchsorted(known, grid).clip(0, len(known) - 1)
    before = (after - 1).clip(0)
    nearest = np.minimum(abs(known[after] - grid), abs(known[before] - grid))
    return grid[nearest > 0.75 / fps]


class LogFrames:
    """The sampled frames of a log, in order.

    Attributes:
        boxes: (M, 4) of what was in sight, in the order of the frames and, within one, of the
            track ids.
    """

    def __init__(self, columns, empty_at_seconds):
        self._columns = columns
        self._empty = empty_at_seconds
        is_late = columns.at_seconds < columns.known_at_seconds
        shown = np.flatnonzero(~columns.is_static & ~is_late)
        by_track = np.lexsort((columns.track_id[shown], columns.known_at_seconds[shown]))
        self._shown = shown[by_track]
        self._late = np.flatnonzero(~columns.is_static & is_late)
        static = np.flatnonzero(columns.is_static)
        told = (columns.track_id, columns.at_seconds, columns.known_at_seconds)
        self._static = static[np.lexsort([column[static] for column in told])]
        self.boxes = columns.boxes[self._shown]

    def __iter__(self):
        """Yield (times of the empty frames before, frame, its first and last place in boxes).

        The empty frames after the last one come with None.
        """
        from detection.vision.types import TrackedFrame

        known = self._columns.known_at_seconds
        times, first_rows = np.unique(known, return_index=True)
        gaps = [0, *np.searchsorted(self._empty, times).tolist()]
        held = self._columns.is_held[first_rows].tolist()
        shown, late, static = (
            self._cut(rows, times) for rows in (self._shown, self._late, self._static)
        )
        empty = self._empty.tolist()
        for number, at_seconds in enumerate(times.tolist()):
            observations, start, end = shown[number]
            frame = TrackedFrame(
                at_seconds, observations, late[number][0], held[number], static[number][0]
            )
            yield empty[gaps[number] : gaps[number + 1]], frame, start, end
        if gaps[-1] < len(empty):
            yield empty[gaps[-1] :], None, 0, 0

    def _cut(self, rows, times):
        """Return (observations, start, end) of some rows, which are in order, for each frame."""
        if not len(rows):
            return [((), 0, 0)] * len(times)
        observations = self._observe(rows)
        known = self._columns.known_at_seconds[rows]
        bounds = zip(
            np.searchsorted(known, times, "left").tolist(),
            np.searchsorted(known, times, "right").tolist(),
            strict=True,
        )
        return [(tuple(observations[start:end]), start, end) for start, end in bounds]

    def _observe(self, rows):
        from detection.vision.types import Observation

        columns = self._columns
        speeds = columns.limb_speed[rows]
        spoken = speeds.tolist()
        for unknown in np.flatnonzero(np.isnan(speeds)).tolist():
            spoken[unknown] = None
        return list(
            map(
                Observation,
                columns.at_seconds[rows].tolist(),
                columns.track_id[rows].tolist(),
                columns.class_name[rows].tolist(),
                columns.score[rows].tolist(),
                map(tuple, columns.boxes[rows].tolist()),
                spoken,
            )
        )
