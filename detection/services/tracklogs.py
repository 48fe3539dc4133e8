"""Track logs: all that the rules saw in a segment, as parquet, so that they can be run again.

A log repeats the session's frames exactly: every value as the rule engine was given it, when it
was told, and the times of the frames in which there was nothing. What has come to rest is told
in every frame and hardly ever changes, so one row stands for all the frames in a row that told the
same of it. What a clip shows is read from the same rows while they are fresh.
"""

import base64
import io
import zlib
from bisect import bisect_right

import numpy as np

from detection.models import TrackLog
from hitlsite import storage

FLOATS = ("at_seconds", "score", "x1", "y1", "x2", "y2", "limb_speed", "known_at_seconds")
FLAGS = ("is_held", "is_static")
# Until when the frames after a row's own told the same; a log in which none did lacks the column.
LAST_TOLD = "last_told_seconds"
# A row in memory: times and box, the class as a number, flags as 0 or 1.
_ROW = ("at_seconds", "track_id", "class_code", *FLOATS[1:], *FLAGS, LAST_TOLD)
_TRACK_ID, _KNOWN_AT = _ROW.index("track_id"), _ROW.index("known_at_seconds")
_IS_STATIC = _ROW.index("is_static")
_NO_SPEED = float("nan")


class TrackRows:
    """The rows of the last minutes of a session; small enough to live in a checkpoint.

    A clip may have begun in the segment before, so rows stay for as long as a clip can be.

    Args:
        sampling_fps: frames a second that the session samples.
        frame_size: (width, height) of its pictures.
    """

    def __init__(self, *, sampling_fps=None, frame_size=None):
        self.sampling_fps = sampling_fps
        self.frame_size = frame_size
        self._rows = []
        self._class_names = {}
        # Times of the frames without a row of their own.
        self._empty = []
        self._last_at = None
        # By id of what rests: the number of the row that the last frame told of it.
        self._resting = {}

    def add(self, tracked):
        """Take in a sampled frame as the rule engine is given it."""
        at_seconds = float(tracked.at_seconds)
        if self._last_at is not None and at_seconds <= self._last_at:
            return  # the engine takes no frame twice either
        before = len(self._rows)
        for seen in tracked.earlier:
            if seen.at_seconds < at_seconds:
                self._append(seen, seen.at_seconds, tracked)
        for seen in tracked.observations:
            self._append(seen, at_seconds, tracked)
        self._rest(tracked, at_seconds)
        if len(self._rows) == before:
            self._empty.append(at_seconds)
        self._last_at = at_seconds

    def _rest(self, tracked, at_seconds):
        """Take in what rests: what the frame before told just so goes on in its row."""
        resting = {}
        for seen in tracked.foreground:
            self._append(seen, seen.at_seconds, tracked, is_static=1)
            if seen.at_seconds != at_seconds:
                continue
            number = self._resting.get(seen.track_id)
            if number is not None and self._goes_on(self._rows[number]):
                self._rows.pop()
                self._rows[number] = (*self._rows[number][:-1], at_seconds)
            else:
                number = len(self._rows) - 1
            resting[seen.track_id] = number
        self._resting = resting

    def _goes_on(self, row):
        """Say whether the newest row repeats one that the frame before told."""
        again = self._rows[-1]
        if row[-1] != self._last_at or row[_KNOWN_AT + 1 : -1] != again[_KNOWN_AT + 1 : -1]:
            return False
        told = zip(row[_TRACK_ID:_KNOWN_AT], again[_TRACK_ID:_KNOWN_AT], strict=True)
        # A limb speed that is not known is NaN, and unlike itself.
        return all(one == other or one != one and other != other for one, other in told)

    def _append(self, seen, at_seconds, tracked, is_static=0):
        code = self._class_names.setdefault(seen.class_name, len(self._class_names))
        speed = _NO_SPEED if seen.limb_speed is None else float(seen.limb_speed)
        box = map(float, seen.box_xyxy)
        known_at = float(tracked.at_seconds)
        told = (speed, known_at, int(tracked.is_held), is_static, known_at)
        self._rows.append((float(at_seconds), seen.track_id, code, float(seen.score), *box, *told))

    def between(self, start_seconds, end_seconds, *, at_rest=None):
        """Return what was seen in a stretch of time, as ``Evidence.observations`` has it.

        Args:
            at_rest: ids of what has come to rest that is wanted; None wants all of it.
        """
        names = list(self._class_names)
        return [
            {
                "at_seconds": round(at_seconds, 4),
                "track_id": int(track_id),
                "class_name": names[int(code)],
                "score": round(float(score), 4),
                "box_xyxy": [round(float(edge), 5) for edge in (x1, y1, x2, y2)],
            }
            for at_seconds, track_id, code, score, x1, y1, x2, y2, *_ in self._unrolled(at_rest)
            if start_seconds <= at_seconds <= end_seconds
        ]

    def _unrolled(self, at_rest):
        """Return the rows in the order of time, those of what rests once for each frame."""
        times = sorted({row[_KNOWN_AT] for row in self._rows} | set(self._empty))
        found = []
        for row in self._rows:
            is_static = row[_IS_STATIC]
            if is_static and at_rest is not None and row[_TRACK_ID] not in at_rest:
                continue
            found.append(row)
            if row[-1] > row[_KNOWN_AT]:
                later = slice(bisect_right(times, row[_KNOWN_AT]), bisect_right(times, row[-1]))
                found += [(at_seconds, *row[1:]) for at_seconds in times[later]]
        return sorted(found, key=lambda row: row[:8])

    def forget_before(self, at_seconds):
        """Drop what was told before ``at_seconds``; to be called at the end of every segment.

        What rests gets a new row in the next, so that a segment's log stands for itself.
        """
        self._rows = [row for row in self._rows if row[-1] >= at_seconds]
        self._empty = [empty for empty in self._empty if empty >= at_seconds]
        self._resting = {}

    def state(self):
        return {
            "rows": np.array(self._rows, np.float64).reshape(-1, len(_ROW)),
            "class_names": list(self._class_names),
            "empty": np.array(self._empty, np.float64),
            "last_at": self._last_at,
            "resting": list(map(list, self._resting.items())),
        }

    def restore(self, state):
        self._rows = [_completed(row) for row in state["rows"].tolist()]
        self._class_names = {name: code for code, name in enumerate(state["class_names"])}
        self._empty = state["empty"].tolist() if "empty" in state else []
        self._last_at = state.get("last_at")
        self._resting = dict(state.get("resting", ()))

    def count_from(self, start_seconds):
        return len(self._from(start_seconds))

    def _from(self, start_seconds):
        return [row for row in self._rows if row[_KNOWN_AT] >= start_seconds]

    def as_parquet(self, start_seconds, *, source, deployment_id, last_seconds):
        """Return what was told from ``start_seconds`` on as parquet bytes, in the order of telling.

        Args:
            source: where tracks come from, "detector" or "foreground".
            last_seconds: time of the last decoded frame, sampled or not.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = np.array(self._from(start_seconds), np.float64).reshape(-1, len(_ROW))
        column = dict(zip(_ROW, rows.T, strict=True))
        names = np.array([*self._class_names, ""], dtype=object)
        sources = np.where(column["is_static"] > 0, "foreground", source).astype(object)
        speed = column.pop("limb_speed")
        is_repeated = (column[LAST_TOLD] > column["known_at_seconds"]).any()
        table = pa.table(
            {
                **{name: np.ascontiguousarray(column[name]) for name in FLOATS if name in column},
                "limb_speed": pa.array(speed, pa.float64(), mask=np.isnan(speed)),
                "track_id": column["track_id"].astype(np.int64),
                "class_name": _words(names[column["class_code"].astype(int)]),
                "source": _words(sources),
                **{name: column[name] > 0 for name in FLAGS},
                "deployment_id": np.full(len(rows), deployment_id, np.int64),
                **({LAST_TOLD: np.ascontiguousarray(column[LAST_TOLD])} if is_repeated else {}),
            }
        )
        empty = np.array([at for at in self._empty if at >= start_seconds], np.float64)
        table = table.replace_schema_metadata(self._metadata(empty, last_seconds))
        stream = io.BytesIO()
        pq.write_table(table, stream, compression="zstd")
        return stream.getvalue()

    def _metadata(self, empty, last_seconds):
        told = {"empty_at_seconds": pack_times(empty), "last_seconds": repr(float(last_seconds))}
        if self.sampling_fps:
            told["sampling_fps"] = repr(float(self.sampling_fps))
        if self.frame_size:
            told["frame_size"] = "x".join(str(int(side)) for side in self.frame_size)
        return told


def _completed(row):
    """Return a row of a checkpoint with what checkpoints of earlier versions did not hold."""
    added = (_NO_SPEED, row[0], 0.0, 0.0, row[0])
    return (*row, *added[len(row) - len(_ROW) :]) if len(row) < len(_ROW) else tuple(row)


def store(segment, rows, *, deployment, source, last_seconds=None):
    """Store the rows of a segment; return the unsaved TrackLog row."""
    content = rows.as_parquet(
        segment.start_seconds,
        source=source,
        deployment_id=deployment.pk,
        last_seconds=last_seconds or 0.0,
    )
    site_id = segment.footage.camera.site_id
    path, sha256, _ = storage.store_bytes(site_id, "tracks", content, suffix=".parquet")
    return TrackLog(
        footage=segment.footage,
        segment=segment,
        deployment=deployment,
        path=path,
        sha256=sha256,
        row_count=rows.count_from(segment.start_seconds),
    )


def _words(values):
    import pyarrow as pa

    return pa.array(values, pa.string()).dictionary_encode()


def pack_times(times):
    """Write times exactly and in few bytes: as integers, their bits differ by much the same."""
    steps = np.diff(times.view(np.int64), prepend=np.int64(0))
    return base64.b64encode(zlib.compress(steps.astype("<i8").tobytes()))


def unpack_times(packed):
    """Return the times that ``pack_times`` wrote."""
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed)), "<i8")
    return np.cumsum(steps, dtype=np.int64).view(np.float64)
