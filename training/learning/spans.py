"""Stretches of time with a name: what stands where, what may be saved, and how they are cut.

A span is [start, end, label] in seconds on the video's clock. It has its start and not its end, so
that of two spans that touch each moment has one label. Lists of spans are kept in order and
without one over another; whoever edits, saves, reads a file or makes windows asks this module.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hitlsite.errors import DomainError

DIGITS = 6  # a microsecond: what is finer is how floats are written
TOUCHING = 10.0**-DIGITS
MOST_SPANS = 20_000
SHORTEST = 0.001  # s
LAST_FRAME_SECONDS = 1 / 25  # how long the only frame of a list holds
GAP_FACTOR = 1.5  # frames further apart than so many usual steps have something between them


class Span(NamedTuple):
    start: float
    end: float
    label: str


def label_at(spans: Iterable, times: Sequence[float]) -> list[str | None]:
    """Return the label at each time, None where no span lies.

    Args:
        spans: [start, end, label], in order, none over another.
        times: seconds, in any order.

    >>> label_at([[0, 2, "work"], [2, 3, "idle"]], [1.9, 2.0, 3.0])
    ['work', 'idle', None]
    """
    spans = [Span(*span) for span in spans]
    times = _rounded(times)
    if not spans:
        return [None] * len(times)
    starts = _rounded([span.start for span in spans])
    found = np.searchsorted(starts, times, side="right") - 1
    return [
        spans[place].label if place >= 0 and at < spans[place].end else None
        for place, at in zip(found.tolist(), times.tolist(), strict=True)
    ]


def _rounded(times) -> np.ndarray:
    """Return times as spans have them, so that a frame lies in the span that began with it."""
    return np.round(np.asarray(times, dtype=np.float64), DIGITS)


def checked(spans: Iterable, *, duration: float | None, labels: Iterable[str]) -> list[Span]:
    """Return spans in order, rounded to a microsecond, once they may be saved.

    Args:
        spans: [start, end, label] in any order.
        duration: seconds of the video; None where nobody knows how long it is.
        labels: the names that may stand there.

    Raises:
        DomainError: spans_invalid; its fields say by place in the given list what is wrong.
    """
    given = list(spans) if isinstance(spans, (list, tuple)) else None
    if given is None:
        raise _refused({"spans": "Spans are a list of [start, end, label]."})
    if len(given) > MOST_SPANS:
        raise _refused({"spans": f"{len(given):,} spans are more than {MOST_SPANS:,}."})
    labels, wrong, kept = set(labels), {}, []
    for place, raw in enumerate(given):
        try:
            kept.append((_read(raw, duration, labels), place))
        except ValueError as error:
            wrong[f"spans.{place}"] = str(error)
    kept.sort(key=lambda one: one[0][:2])
    for (earlier, _), (later, place) in zip(kept, kept[1:], strict=False):
        if later.start < earlier.end - TOUCHING:
            wrong.setdefault(f"spans.{place}", f"{_told(later)} lies over {_told(earlier)}.")
    if wrong:
        raise _refused(wrong)
    return _without_slivers([span for span, _ in kept])


def _read(raw, duration, labels) -> Span:
    if not isinstance(raw, (list, tuple)) or len(raw) != 3:
        raise ValueError("A span is [start, end, label].")
    start, end, label = raw
    for value in (start, end):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not abs(value) <= sys.float_info.max:
            raise ValueError(f"{str(value)[:40]!r} is no time in seconds.")
    if not isinstance(label, str) or label not in labels:
        raise ValueError(f"{str(label)[:60]!r} is no label of this set.")
    span = Span(round(float(start), DIGITS), round(float(end), DIGITS), label)
    if span.start < 0:
        raise ValueError(f"{_told(span)} begins before the video.")
    if span.end - span.start < SHORTEST - TOUCHING:
        raise ValueError(f"{_told(span)} does not end after its start.")
    if duration is not None and span.end > duration + TOUCHING:
        raise ValueError(f"{_told(span)} ends after the video, which is {duration:.3f} s long.")
    return span


def _without_slivers(spans):
    """Let what is over the next by less than a microsecond touch it."""
    return [
        span._replace(end=min(span.end, following.start))
        for span, following in zip(spans, spans[1:], strict=False)
    ] + spans[-1:]


def _told(span) -> str:
    return f"{span.label} from {span.start:.3f} to {span.end:.3f} s"


def _refused(wrong):
    first = next(iter(wrong.values()))
    more = f" ({len(wrong) - 1:,} more are wrong.)" if len(wrong) > 1 else ""
    return DomainError("spans_invalid", f"{first}{more}", fields=wrong)


def merged(spans: Iterable, *, gap: float = TOUCHING) -> list[Span]:
    """Return ordered spans with those of one label joined that are at most ``gap`` seconds apart.

    >>> merged([[0, 1, "a"], [1, 2, "a"], [2, 3, "b"]])
    [Span(start=0, end=2, label='a'), Span(start=2, end=3, label='b')]
    """
    kept: list[Span] = []
    for span in (Span(*one) for one in spans):
        if kept and kept[-1].label == span.label and span.start - kept[-1].end <= gap:
            kept[-1] = kept[-1]._replace(end=max(kept[-1].end, span.end))
        else:
            kept.append(span)
    return kept


def cut(spans: Iterable, at: float) -> list[Span]:
    """Return ordered spans with the one around ``at`` as two of its label."""
    parts: list[Span] = []
    for span in (Span(*one) for one in spans):
        if span.start < at < span.end:
            parts += [span._replace(end=at), span._replace(start=at)]
        else:
            parts.append(span)
    return parts


def within(spans: Iterable, start: float, end: float) -> list[Span]:
    """Return what of ordered spans lies between two times."""
    clipped = (Span(max(s, start), min(e, end), label) for s, e, label in spans)
    return [span for span in clipped if span.start < span.end]


def painted(spans: Iterable, start: float, end: float, label: str | None) -> list[Span]:
    """Return ordered spans with a stretch given a label over what was there, None to empty it."""
    spans = list(spans)
    before, after = within(spans, -math.inf, start), within(spans, end, math.inf)
    middle = [Span(start, end, label)] if label is not None and start < end else []
    return merged(before + middle + after)


def renamed(spans: Iterable, names: Mapping[str, str]) -> list[Span]:
    """Return spans with labels called otherwise; those not in ``names`` keep theirs."""
    return [Span(start, end, names.get(label, label)) for start, end, label in spans]


def spans_from_frames(rows: Iterable, times: Mapping[int, float]) -> list[Span]:
    """Return the spans of labelled frames; a frame holds until the next one of the video.

    Args:
        rows: (frame index, label), each frame at most once; an empty label is none.
        times: {frame index: seconds} of every frame that there is.

    Raises:
        DomainError: frames_missing, naming the first frame that is not in ``times`` and how many
            are not; frame_twice.
    """
    labelled = _by_frame(rows)
    missing = sorted(index for index in labelled if index not in times)
    if missing:
        raise DomainError(
            "frames_missing",
            f"Frame {missing[0]:,} does not exist in the video"
            + (f", nor do {len(missing) - 1:,} others" if len(missing) > 1 else "")
            + f": {len(missing):,} of {len(labelled):,} labelled frames are missing.",
        )
    frames = sorted((at, index) for index, at in times.items())
    starts = [at for at, _ in frames]
    rounded = zip(_rounded(starts).tolist(), _rounded(_ends(starts)).tolist(), strict=True)
    spans = [
        Span(start, end, labelled[index])
        for (start, end), (_, index) in zip(rounded, frames, strict=True)
        if labelled.get(index) and start < end
    ]
    return merged(spans)


def _by_frame(rows) -> dict[int, str]:
    labelled: dict[int, str] = {}
    for index, label in rows:
        if labelled.setdefault(index, label) != label:
            raise DomainError(
                "frame_twice", f"Frame {index:,} is called {labelled[index]!r} and {label!r}."
            )
    return labelled


def _ends(times) -> list[float]:
    """Return until when each frame holds: the next one, or a usual step where it is far off."""
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else LAST_FRAME_SECONDS
    following = [*times[1:], math.inf]
    return [
        later if later - at <= GAP_FACTOR * step else at + step
        for at, later in zip(times, following, strict=True)
    ]


def seconds_by_label(spans: Iterable) -> dict[str, float]:
    """Return {label: seconds}."""
    totals: dict[str, float] = {}
    for start, end, label in spans:
        totals[label] = totals.get(label, 0.0) + end - start
    return totals
