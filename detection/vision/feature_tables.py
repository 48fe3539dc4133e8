"""Measured features as parquet: written part by part, merged in bounded memory, read back checked.

A part is whole or not there, and carries the extractor's state after its last frame: an
extraction that ended in the middle goes on after its last part, and the merged file has the same
bytes wherever it was cut. What is missing is null in the files, never zero.
"""

import base64
import errno
import os
import re
from contextlib import contextmanager
from pathlib import Path

from detection.checkpoints import decode, encode
from detection.vision.feature_reading import FeatureTable, failures, read, unreadable
from detection.vision.task_columns import FUSION, OTHERS, VALUES, is_in, names_of
from hitlsite.errors import DomainError

__all__ = ["FeatureTable", "FeatureWriter", "merge", "parts_of", "read", "schema"]

PART_ROWS = 300
GROUP_ROWS = 2000
_PART = re.compile(r"part-(\d{6})\.parquet")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_VIDEO, _MODE, _STATE = "second_look.video", "second_look.mode", "second_look.state"


def schema(mode: str = FUSION) -> dict:
    """Return {column: polars type} of the files of a mode, in order."""
    import polars

    number, points = polars.Float32, polars.List(polars.List(polars.Float32))
    types = {
        "video_id": polars.String,
        "frame_index": polars.Int64,
        "t": polars.Float64,
        "yolo_objects": polars.List(polars.String),
        "yolo_boxes": points,
        "yolo_confidences": polars.List(number),
        "label": polars.String,
    }
    *before, label = OTHERS
    ordered = (*before, *VALUES, label)
    of_values = {column.name for column in VALUES}
    return {
        column.name: number if column.name in of_values else types.get(column.name, points)
        for column in ordered
        if is_in(mode, column)
    }


class FeatureWriter:
    """Writes what was measured in one video into parts of a folder.

    Args:
        folder: of this video alone; made when missing. Parts that lie there are gone on from.
        video_id: what the file calls the video.
        mode: the extractor's.
        part_rows: frames in a part.
        state_of: called when a part is written; returns the state to go on from.

    Attributes:
        frames: how many have been added, those of earlier parts included.
        last_seconds: time of the last of them, None before the first.

    Raises:
        DomainError: parts_differ: the parts in the folder are of another video or mode.
    """

    def __init__(self, folder, video_id, mode, *, part_rows=PART_ROWS, state_of=None):
        self.folder, self.video_id, self.mode = Path(folder), str(video_id), mode
        self._names, self._part_rows, self._state_of = names_of(mode), part_rows, state_of
        self.folder.mkdir(parents=True, exist_ok=True)
        self._waiting = []
        self.frames, self.last_seconds, self._next_index = 0, None, 0
        self._state, self._parts = None, 0
        self._look_at_parts()

    def resume_from(self):
        """Return (index of the first frame that is not in a part, state after the last or None)."""
        return self._next_index, self._state

    def add(self, features) -> None:
        """Take in the next frame.

        Raises:
            DomainError: frames_not_rising: it is not later than the one before; disk_full.
        """
        last = -1.0 if self.last_seconds is None else self.last_seconds
        if features.index < self._next_index or features.at_seconds <= last:
            raise DomainError(
                "frames_not_rising",
                f"Frame {features.index} at {features.at_seconds:.3f} s of {self.video_id} comes"
                f" after frame {self._next_index - 1} at {last:.3f} s.",
            )
        self._waiting.append(features)
        self.frames, self.last_seconds = self.frames + 1, features.at_seconds
        self._next_index = features.index + 1
        if len(self._waiting) >= self._part_rows:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last part as a part; nothing, if nothing was."""
        if not self._waiting:
            return
        self._state = self._state_of() if self._state_of else None
        metadata = {_VIDEO: self.video_id, _MODE: self.mode}
        if self._state is not None:
            metadata[_STATE] = base64.b64encode(encode(self._state)).decode()
        path = self.folder / f"part-{self._parts:06d}.parquet"
        table = _frame_of(self._waiting, self.video_id, self.mode, self._names)
        with _written(path) as partial, _writer(partial, self.mode, metadata) as writer:
            writer.write_table(_as_arrow(table))
        self._parts += 1
        self._waiting = []

    def _look_at_parts(self):
        """Find how far the parts go; the first that is damaged, and all after it, are removed."""
        rows = None
        for number, path in enumerate(parts_of(self.folder)):
            found = _read_part(path) if path.name == f"part-{number:06d}.parquet" else None
            if found is None:
                break
            metadata, rows = found
            if (metadata.get(_VIDEO), metadata.get(_MODE)) != (self.video_id, self.mode):
                raise DomainError(
                    "parts_differ",
                    f"The parts in {self.folder.name} are not of {self.video_id} by {self.mode}.",
                )
            self._parts, self.frames = number + 1, self.frames + rows.height
            self._next_index = rows["frame_index"][-1] + 1
            self.last_seconds = rows["t"][-1]
            self._state = _state_in(metadata)
        for path in parts_of(self.folder)[self._parts :]:
            path.unlink()


def parts_of(folder) -> list[Path]:
    """Return the parts in a folder, in order."""
    return sorted(path for path in Path(folder).iterdir() if _PART.fullmatch(path.name))


def merge(folder, target_path, labels=None) -> int:
    """Write the parts of a folder as one parquet file and return its number of rows.

    A few thousand rows are in memory at a time, and the file's bytes do not depend on where the
    parts were cut.

    Args:
        target_path: replaced once the file is whole.
        labels: called with arrays (times, frame indices); returns a name or None for each.

    Raises:
        DomainError: features_empty: there is no part; features_unreadable: one is damaged, and
            which; disk_full.
    """
    parts = parts_of(folder) if Path(folder).is_dir() else []
    if not parts:
        raise DomainError("features_empty", "Not one frame was measured, so there is no table.")
    metadata, _ = _read_part(parts[0]) or ({}, None)
    told = {key: metadata[key] for key in (_VIDEO, _MODE) if key in metadata}
    rows = 0
    with (
        _written(Path(target_path)) as partial,
        _writer(partial, told.get(_MODE, FUSION), told) as writer,
    ):
        for group in _groups(parts):
            writer.write_table(_as_arrow(_labelled(group, labels)))
            rows += group.height
    return rows


def _writer(path, mode, metadata):
    """Return a writer of one group of rows after another.

    It is not polars' own, which takes all rows at once and does not say when the disk is full.
    """
    import polars
    import pyarrow.parquet

    types = _as_arrow(polars.DataFrame(schema=schema(mode))).schema.with_metadata(metadata)
    return pyarrow.parquet.ParquetWriter(path, types, compression="zstd")


def _as_arrow(table):
    """Return the pyarrow table, in types that every reader of parquet knows."""
    import polars

    return table.to_arrow(compat_level=polars.CompatLevel.oldest())


def _groups(parts):
    """Yield tables of GROUP_ROWS rows, the last one shorter, whatever the parts are."""
    import polars

    waiting, rows = [], 0
    for path in parts:
        try:
            table = polars.read_parquet(path, glob=False)
        except failures() as error:
            raise unreadable(path, error) from error
        while table.height:
            part = table.head(GROUP_ROWS - rows)
            table = table.slice(part.height)
            waiting.append(part)
            rows += part.height
            if rows == GROUP_ROWS:
                yield polars.concat(waiting, rechunk=True)
                waiting, rows = [], 0
    if waiting:
        yield polars.concat(waiting, rechunk=True)


def _labelled(table, labels):
    import polars

    if labels is None:
        return table
    names = list(labels(table["t"].to_numpy(), table["frame_index"].to_numpy()))
    return table.with_columns(polars.Series("label", names, dtype=polars.String))


def _frame_of(features, video_id, mode, names):
    """Return the polars table of FrameFeatures."""
    import numpy
    import polars

    types = schema(mode)
    values = numpy.stack([one.values for one in features])
    columns = {
        "video_id": [video_id] * len(features),
        "frame_index": [one.index for one in features],
        "t": [one.at_seconds for one in features],
        "label": [None] * len(features),
    } | {name: values[:, place] for place, name in enumerate(names)}
    if "mp_pose_landmarks" in types:
        for name in ("pose", "left_hand", "right_hand"):
            columns[f"mp_{name}_landmarks"] = [_points(one.landmarks, name) for one in features]
    if "yolo_objects" in types:
        columns["yolo_objects"] = [list(one.objects) for one in features]
        columns["yolo_boxes"] = [one.boxes_xyxy.tolist() for one in features]
        columns["yolo_confidences"] = [one.scores.tolist() for one in features]
    table = polars.DataFrame(
        [polars.Series(name, columns[name], dtype=kind) for name, kind in types.items()]
    )
    return table.with_columns(polars.col(list(names)).fill_nan(None))


def _points(landmarks, name):
    points = getattr(landmarks, name, None)
    if points is None:
        return None
    return [[None] * 3 if row[0] != row[0] else row for row in points.tolist()]


def _read_part(path):
    """Return (metadata, its frame_index and t), None where the part is damaged or empty."""
    import polars

    try:
        metadata = polars.read_parquet_metadata(path)
        rows = polars.read_parquet(path, columns=["frame_index", "t"], glob=False)
    except failures():
        return None
    return (metadata, rows) if rows.height else None


def _state_in(metadata):
    content = metadata.get(_STATE)
    return decode(base64.b64decode(content)) if content else None


@contextmanager
def _written(path):
    """Yield the path of a file that takes the place of ``path`` once it is whole.

    Raises:
        DomainError: disk_full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DomainError(
                "disk_full", f"No space left on the disk of {path.parent}.", status=507
            ) from error
        raise
    finally:
        partial.unlink(missing_ok=True)
