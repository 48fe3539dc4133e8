"""Track logs: every track of a segment as parquet, so that rules can be run again without video."""

import io

import numpy as np

from detection.models import TrackLog
from hitlsite import storage

COLUMNS = ("at_seconds", "track_id", "class_name", "score", "x1", "y1", "x2", "y2")


class TrackRows:
    """The rows of the last minutes of a session; small enough to live in a checkpoint.

    A clip may have begun in the segment before, so rows stay for as long as a clip can be.
    """

    def __init__(self):
        self._rows = []
        self._class_names = {}

    def add(self, observations):
        for seen in observations:
            code = self._class_names.setdefault(seen.class_name, len(self._class_names))
            self._rows.append((seen.at_seconds, seen.track_id, code, seen.score, *seen.box_xyxy))

    def between(self, start_seconds, end_seconds):
        """Return the rows of a stretch of time as the JSON form of ``Evidence.observations``."""
        names = list(self._class_names)
        return [
            {
                "at_seconds": round(at_seconds, 4),
                "track_id": int(track_id),
                "class_name": names[int(code)],
                "score": round(float(score), 4),
                "box_xyxy": [round(float(edge), 5) for edge in box],
            }
            for at_seconds, track_id, code, score, *box in sorted(self._rows)
            if start_seconds <= at_seconds <= end_seconds
        ]

    def forget_before(self, at_seconds):
        """Drop the rows older than ``at_seconds``."""
        self._rows = [row for row in self._rows if row[0] >= at_seconds]

    def state(self):
        return {
            "rows": np.array(self._rows, np.float64).reshape(-1, 8),
            "class_names": list(self._class_names),
        }

    def restore(self, state):
        self._rows = [tuple(row) for row in state["rows"].tolist()]
        self._class_names = {name: code for code, name in enumerate(state["class_names"])}

    def count_from(self, start_seconds):
        return len(self._from(start_seconds))

    def _from(self, start_seconds):
        return sorted(row for row in self._rows if row[0] >= start_seconds)

    def as_parquet(self, start_seconds, *, source, deployment_id):
        """Return the rows from ``start_seconds`` on as parquet bytes, by time and track."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = np.array(self._from(start_seconds), np.float64).reshape(-1, 8)
        names = np.array([*self._class_names, ""], dtype=object)
        table = pa.table(
            {
                "at_seconds": rows[:, 0],
                "track_id": rows[:, 1].astype(np.int64),
                "class_name": pa.array(
                    names[rows[:, 2].astype(int)], pa.string()
                ).dictionary_encode(),
                "score": rows[:, 3].astype(np.float32),
                **{
                    column: rows[:, 4 + place].astype(np.float32)
                    for place, column in enumerate(("x1", "y1", "x2", "y2"))
                },
                "source": pa.array([source] * len(rows), pa.string()).dictionary_encode(),
                "deployment_id": np.full(len(rows), deployment_id, np.int64),
            }
        )
        stream = io.BytesIO()
        pq.write_table(table, stream, compression="zstd")
        return stream.getvalue()


def store(segment, rows, *, deployment, source):
    """Store the rows of a segment; return the unsaved TrackLog row."""
    content = rows.as_parquet(segment.start_seconds, source=source, deployment_id=deployment.pk)
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
