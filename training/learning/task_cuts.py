"""Windows out of one video's features: cut, called by their label, kept in a file.

A window has the label that stands at more than half of its points; one that has no such label is
left out and counted, as is one that a gap in the features swallows.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from detection.vision.windows import SLACK, WindowSpec, ends, gather, places
from training.learning.manifest import canonical_json
from training.learning.spans import label_at

AMBIGUOUS, UNLABELLED, GAP = "ambiguous", "unlabelled", "gap"
# So many windows are looked at together, which bounds the memory whatever a video's length.
_AT_ONCE = 4096
_DIGITS = 6


@dataclass(slots=True)
class Cut:
    """The labelled windows of one video.

    Attributes:
        ends: (m,) seconds, rising.
        labels: of each.
        left_out: {reason: how many}.
    """

    ends: np.ndarray
    labels: list[str]
    left_out: Counter = field(default_factory=Counter)


def cut(times: np.ndarray, spec: WindowSpec, *, spans=None, row_labels=None) -> Cut:
    """Return the windows of a video that have a label.

    Args:
        times: (n,) of the rows.
        spans: [start, end, label] of the video; they count where they are not None.
        row_labels: n labels, None or "" for none.
    """
    found = ends(times, spec)
    spans = () if spans is None and row_labels is None else spans
    names = {name: code for code, name in enumerate(_names(spans, row_labels))}
    codes = _codes_of_rows(row_labels, names) if spans is None else None
    kept, labels, left_out = [], [], Counter({GAP: _lost(times, found, spec)})
    by_code = list(names)
    for first in range(0, len(found), _AT_ONCE):
        part = found[first : first + _AT_ONCE]
        if spans is None:
            at_points = codes[places(times, part, spec)]
        else:
            at_points = _codes_of_points(spans, part[:, None] - spec.offsets, names)
        given = _majority(at_points, len(names))
        left_out[UNLABELLED] += int((given == -1).sum())
        left_out[AMBIGUOUS] += int((given == -2).sum())
        kept.append(part[given >= 0])
        labels += [by_code[code] for code in given[given >= 0].tolist()]
    return Cut(np.concatenate(kept) if kept else np.empty(0), labels, +left_out)


def _names(spans, row_labels):
    told = row_labels or () if spans is None else (label for _, _, label in spans)
    return sorted({name for name in told if name})


def _lost(times, found, spec):
    """Return how many windows there would be more if the video had no gap."""
    if not len(times):
        return 0
    first = math.ceil((times[0] + spec.offsets[0] - SLACK) / spec.step_seconds)
    last = math.floor((times[-1] + SLACK) / spec.step_seconds)
    return max(last - first + 1 - len(found), 0)


def _codes_of_rows(row_labels, names):
    """Return the code of every row's label, and behind them that of no row."""
    return np.array([names.get(name, -1) for name in row_labels or ()] + [-1], dtype=np.int32)


def _codes_of_points(spans, points, names):
    """Return the code of the label at every point (m, S); points of many windows are the same."""
    unique, back = np.unique(np.round(points, _DIGITS), return_inverse=True)
    codes = [-1 if name is None else names[name] for name in label_at(spans, unique)]
    return np.array(codes, dtype=np.int32)[back].reshape(points.shape)


def _majority(codes, classes):
    """Return the code that more than half of each row has; -1: none has one, -2: nothing does."""
    half = codes.shape[1] / 2
    given = np.full(len(codes), -2)
    for code in range(-1, classes):
        given[(codes == code).sum(axis=1) > half] = code
    return given


def kept(
    path: Path, times: np.ndarray, values: np.ndarray, made: Cut, spec: WindowSpec, about: dict
) -> list[str]:
    """Write the windows (m, S, C) to a .npy file; return the hash of each with its label.

    Args:
        values: (n, C).
        about: what else makes a window what it is, such as the names of its columns.
    """
    shape = (len(made.ends), spec.steps, values.shape[1])
    prefix = canonical_json({"spec": spec.as_dict(), **about})
    hashes = []
    with path.open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for first in range(0, len(made.ends), _AT_ONCE):
            part = gather(times, values, made.ends[first : first + _AT_ONCE], spec)
            part = np.ascontiguousarray(part, dtype="<f4")
            stream.write(part.data)
            labels = made.labels[first : first + _AT_ONCE]
            hashes += _hashes(prefix, labels, part)
    return hashes


def _hashes(prefix, labels: Sequence[str], windows):
    begun = {}
    for label in set(labels):
        begun[label] = hashlib.sha256(canonical_json([prefix, label]).encode())
    found = []
    for label, window in zip(labels, windows, strict=True):
        one = begun[label].copy()
        one.update(window.data)
        found.append(one.hexdigest())
    return found
