"""Tracks and detections in the text format of the MOT Challenge.

A line is ``frame,id,left,top,width,height,score,x,y,z``: frames count from 1, boxes are in pixels
with their upper left corner, an id of -1 is nobody's. Anybody's public detections can so be put
through our trackers and the answer be measured by anybody's tools; see ``track_detections``.
"""

import configparser
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection.vision.types import Detections
from hitlsite.errors import DomainError

FEWEST_COLUMNS, MOST_COLUMNS = 7, 10
# What a tracker calls the things whose class the format does not tell.
CLASS_NAME = "object"
SCORE_SCALES = ("auto", "given", "minmax", "logistic")
LAST_FRAME = 100_000_000
LARGEST_ID = 2**53  # beyond, a float skips whole numbers


@dataclass(frozen=True, slots=True)
class Rows:
    """The lines of a file, or of a tracker's answer.

    Attributes:
        frames: (N,) int64, counted from 1, never falling.
        ids: (N,) int64, -1 for nobody's.
        boxes: (N, 4) float64 left, top, width, height in px.
        scores: (N,) float64.
    """

    frames: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __len__(self):
        return len(self.frames)

    def select(self, chosen):
        """Return the lines of a mask or of indices."""
        return Rows(self.frames[chosen], self.ids[chosen], self.boxes[chosen], self.scores[chosen])


@dataclass(frozen=True, slots=True)
class SequenceInfo:
    """What a sequence's ``seqinfo.ini`` says; frame_size is (width, height) px."""

    name: str
    fps: float
    frame_size: tuple[int, int]
    length: int


def read_sequence_info(folder):
    """Read ``seqinfo.ini`` in a sequence's folder.

    Raises:
        DomainError: sequence_invalid, naming the file and the key at fault.
    """
    path = Path(folder) / "seqinfo.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_read_text(path, "sequence_invalid"))
        section = parser["Sequence"]
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise DomainError("sequence_invalid", f"{path} is no sequence file: {reason}") from error
    except KeyError as error:
        raise DomainError("sequence_invalid", f"{path} has no section [Sequence].") from error

    def positive(key, kind=int):
        try:
            value = kind(section[key])
        except KeyError as error:
            raise DomainError("sequence_invalid", f"{path} lacks {key}.") from error
        except ValueError:
            value = -1
        if not 0 < value < LAST_FRAME:
            message = f"{path}: {key} must be a number above 0, not {section[key]!r}."
            raise DomainError("sequence_invalid", message)
        return value

    size = positive("imWidth"), positive("imHeight")
    name = section.get("name", Path(folder).name)
    return SequenceInfo(name, positive("frameRate", float), size, positive("seqLength"))


def read_rows(path, *, length=None):
    """Read a file of detections or tracks.

    Args:
        length: frames in the sequence, where that is known.

    Raises:
        DomainError: detections_invalid, naming the file and the first line at fault.
    """
    rows = []
    for number, line in enumerate(_read_text(path, "detections_invalid").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = _parse_line(line)
            if length is not None and row[0] > length:
                raise ValueError(f"frame {row[0]:.0f}, but the sequence has {length}")
            if rows and row[0] < rows[-1][0]:
                raise ValueError(f"frame {row[0]:.0f} after frame {rows[-1][0]:.0f}")
        except ValueError as error:
            message = f"{path}, line {number}: {error}."
            raise DomainError("detections_invalid", message) from error
        rows.append(row)
    if not rows:
        raise DomainError("detections_invalid", f"{path} is empty.")
    table = np.array(rows)
    return Rows(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), *_split(table))


def _split(table):
    return table[:, 2:6].copy(), table[:, 6].copy()


def _read_text(path, code):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DomainError(code, f"{path} is not a text file.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DomainError(code, f"{path} cannot be read: {reason}.") from error


def _parse_line(line):
    """Return frame, id, left, top, width, height, score; ValueError says what is wrong."""
    columns = [column.strip() for column in line.split(",")]
    if not FEWEST_COLUMNS <= len(columns) <= MOST_COLUMNS:
        wanted = f"{FEWEST_COLUMNS} to {MOST_COLUMNS}"
        raise ValueError(f"{len(columns)} columns separated by commas, not {wanted}")
    values = [_parse_number(column) for column in columns][:FEWEST_COLUMNS]
    frame, _, _, _, width, height, _ = values
    if frame != int(frame) or not 1 <= frame <= LAST_FRAME:
        raise ValueError(f"frame {columns[0]} is no whole number from 1 on")
    if values[1] != int(values[1]) or abs(values[1]) > LARGEST_ID:
        raise ValueError(f"id {columns[1]} is no whole number")
    if not (width > 0 and height > 0):
        raise ValueError(f"a box of {columns[4]} x {columns[5]} px")
    return values


def _parse_number(column):
    try:
        value = float(column)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{column[:40]!r} is no number")
    return value


def scale_scores(scores, scale):
    """Bring a file's scores to 0..1, on which the trackers' thresholds are.

    Args:
        scores: (N,), of the whole file.
        scale: "given" takes scores in 0..1 as they are; "logistic" is for logits; "minmax" puts
            the file's least score at 0 and its greatest at 1, which no live camera could do.
            "auto" is "given" where that fits, 1.0 throughout where all scores are the same
            (detections without scores), "minmax" otherwise.

    Returns:
        (N,) and the scale that was used.

    Raises:
        DomainError: scores_invalid, "given" for scores that are not in 0..1.
    """
    least, most = float(scores.min()), float(scores.max())
    fits = least >= 0.0 and most <= 1.0
    if scale == "auto":
        scale = "given" if fits and most > 0 else "minmax"
    if scale == "given":
        if not fits:
            message = f"Scores from {least:g} to {most:g} do not lie in 0..1; choose another scale."
            raise DomainError("scores_invalid", message)
        return scores, scale
    if scale == "logistic":
        return 1.0 / (1.0 + np.exp(-np.clip(scores, -60.0, 60.0))), scale
    if most == least:
        return np.ones(len(scores)), scale
    return (scores - least) / (most - least), scale


def track(rows, tracker, *, fps, frame_size, frames=None, progress=None):
    """Run a tracker over a sequence's detections.

    Args:
        rows: detections with scores in 0..1.
        tracker: of `tracking.make_tracker`, or whatever else keeps its protocol.
        fps: frames a second of the sequence; frame 1 is at 0 s.
        frame_size: (width, height) px.
        frames: the frames to look at, rising; all of them without.
        progress: called with the number of frames done since the last call.

    Returns:
        the tracks, ordered by frame and id; a track's first sighting is among them.
    """
    size = np.array([*frame_size, *frame_size], np.float64)
    seen = {}
    for frame in find_frames(rows, fps) if frames is None else frames:
        frame = int(frame)
        tracked = tracker.update(_detections_of(rows, frame, size), (frame - 1) / fps)
        for one in (*tracked.earlier, *tracked.observations):
            x1, y1, x2, y2 = np.array(one.box_xyxy) * size
            key = round(one.at_seconds * fps) + 1, one.track_id
            seen[key] = (x1, y1, x2 - x1, y2 - y1, one.score)
        if progress is not None:
            progress(1)
    keys = sorted(seen)
    index = np.array(keys, np.int64).reshape(-1, 2)
    values = np.array([seen[key] for key in keys]).reshape(-1, 5)
    return Rows(index[:, 0], index[:, 1], values[:, :4], values[:, 4])


def find_frames(rows, fps, lost_seconds=2.0):
    """Return the frames worth a step: up to the last one, without the middle of a long silence.

    Once every track is lost a frame without detections changes nothing, so a file that names
    frame 1 and frame 90 million costs two frames and the time in which tracks are lost.
    """
    present = np.unique(rows.frames)
    patience = int(np.ceil((lost_seconds + 1.0) * fps)) + 1
    ends = np.append(present[1:], present[-1] + 1)
    spans = [
        np.arange(start, min(end, start + patience))
        for start, end in zip(present, ends, strict=True)
    ]
    return np.concatenate(spans)


def _detections_of(rows, frame, size):
    start, end = np.searchsorted(rows.frames, (frame, frame + 1))
    if start == end:
        return Detections.empty()
    left_top, extent = rows.boxes[start:end, :2], rows.boxes[start:end, 2:]
    boxes = np.concatenate((left_top, left_top + extent), axis=1) / size
    scores = rows.scores[start:end].astype(np.float32)
    return Detections(boxes.astype(np.float32), scores, (CLASS_NAME,) * len(scores))


def write_rows(path, rows):
    """Write tracks; the file appears whole or not at all.

    Raises:
        DomainError: results_unwritable, naming the file.
    """
    path = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="ascii") as target:
            target.writelines(map(_format_row, rows.frames, rows.ids, rows.boxes, rows.scores))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or str(error)
        raise DomainError("results_unwritable", f"{path} cannot be written: {reason}.") from error


def _format_row(frame, track_id, box, score):
    left, top, width, height = box
    return (
        f"{frame},{track_id},{left:.3f},{top:.3f},{width:.3f},{height:.3f},{score:.4f},-1,-1,-1\n"
    )
