"""What a task classifier says of one stream, frame by frame, and the stretches that come of it.

A stream is its rows in order: the window that ends with a row is asked about as soon as it is
whole, and the answers are smoothed over the seconds before. Nothing looks ahead, so that a file
played through here row by row gives what the live camera gave. A sample tells of the window that
ends at its time: where the task changes, the label follows after half a window and half of what is
smoothed over. Spans are set back by that lag, so that they begin and end when the task does.

A label changes as soon as another one is the likelier, without a threshold in between: what keeps
it from flickering is the smoothing alone.
"""

import math
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from detection.vision.windows import RollingWindow
from hitlsite.errors import DomainError

SMOOTHINGS = ("median", "ema", "none")
USUAL_SMOOTHING, USUAL_SECONDS = "median", 1.0
LONGEST_SECONDS = 60.0
MOST_LATENCIES = 4096


@dataclass(frozen=True, slots=True)
class TaskSample:
    """What is said at one time: the likeliest label, and how likely every one is, (K,)."""

    at_seconds: float
    label: str
    confidence: float
    probabilities: np.ndarray


@dataclass(frozen=True, slots=True)
class TaskSpan:
    """A stretch with one label; the mean and the lowest of its samples' confidences."""

    start_seconds: float
    end_seconds: float
    label: str
    confidence: float
    lowest: float


class Smoother:
    """Smooth probabilities over the seconds before.

    ``median`` takes the median of each class over the last ``seconds`` and makes them add up to 1
    again. ``ema`` weighs what is ``seconds`` old 1/e as much as what is new. After a gap, or where
    the clock goes back, it starts anew.

    Raises:
        DomainError: smoothing_invalid.
    """

    def __init__(self, method=USUAL_SMOOTHING, seconds=USUAL_SECONDS, *, gap_seconds=1.0):
        if method not in SMOOTHINGS:
            raise _invalid("smoothing", f"Must be one of {', '.join(SMOOTHINGS)}.")
        if method != "none" and not 0 < seconds <= LONGEST_SECONDS:
            raise _invalid(
                "smoothing_seconds", f"Must be above 0 and at most {LONGEST_SECONDS:g} seconds."
            )
        self._method, self._seconds, self._gap_seconds = method, seconds, gap_seconds
        self._kept = deque()

    def add(self, at_seconds: float, probabilities: np.ndarray) -> np.ndarray:
        """Take the probabilities of a time, (K,), and return the smoothed ones."""
        if self._kept and not 0 < at_seconds - self._kept[-1][0] <= self._gap_seconds:
            self._kept.clear()
        if self._method == "none":
            return probabilities
        if self._method == "ema":
            return self._moved(at_seconds, probabilities)
        self._kept.append((at_seconds, probabilities))
        while self._kept[0][0] <= at_seconds - self._seconds:
            self._kept.popleft()
        found = np.median(np.array([kept for _, kept in self._kept]), axis=0)
        total = found.sum()
        return found / total if total > 0 else probabilities

    def _moved(self, at_seconds, probabilities):
        found = probabilities
        if self._kept:
            before, mean = self._kept.pop()
            share = -math.expm1(-(at_seconds - before) / self._seconds)
            found = mean + share * (probabilities - mean)
        self._kept.append((at_seconds, found))
        return found

    def state(self) -> dict:
        """Return what ``restore`` needs to go on."""
        return {
            "times": np.array([at for at, _ in self._kept], dtype=float),
            "rows": np.array([row for _, row in self._kept], dtype=float),
        }

    def restore(self, state: dict) -> None:
        """Go on from a state."""
        times, rows = np.asarray(state["times"]), np.asarray(state["rows"])
        self._kept = deque((float(at), row) for at, row in zip(times, rows, strict=True))


def _invalid(name, told):
    return DomainError("smoothing_invalid", f"{name}: {told}", fields={name: told})


class TaskStream:
    """A classifier on the rows of one stream.

    Args:
        predictor: see task_predictor.TaskPredictor.
        names: what each place of a row holds, as the extractor tells it.
        smoothing: "median", "ema" or "none".
        smoothing_seconds: over how long.

    Attributes:
        lag_seconds: how much later than the task the label changes, see ``lag_of``.
        latencies: milliseconds that the latest samples took, from row to label; at most
            MOST_LATENCIES of them.

    Raises:
        DomainError: features_differ, where the classifier learned from columns that ``names``
            lacks; smoothing_invalid.
    """

    def __init__(
        self, predictor, names, smoothing=USUAL_SMOOTHING, smoothing_seconds=USUAL_SECONDS
    ):
        self._predictor = predictor
        self._places = np.asarray(predictor.place_in(tuple(names)))
        self._window = RollingWindow(predictor.spec, len(self._places))
        gap_seconds = predictor.spec.gap_seconds
        self._smoother = Smoother(smoothing, smoothing_seconds, gap_seconds=gap_seconds)
        self.lag_seconds = lag_of(predictor.spec, smoothing, smoothing_seconds)
        self.latencies = deque(maxlen=MOST_LATENCIES)

    def step(self, at_seconds: float, values) -> TaskSample | None:
        """Take the values of the next frame, one for each name; return what is said of it.

        None until frames cover a whole window, at the start and after every gap.
        """
        started = time.perf_counter()
        window = self._window.add(at_seconds, np.asarray(values)[self._places])
        if window is None:
            return None
        found = self._predictor.probabilities(window[None])[0]
        found = self._smoother.add(at_seconds, np.asarray(found, dtype=float))
        best = int(np.argmax(found))
        sample = TaskSample(
            float(at_seconds), self._predictor.classes[best], float(found[best]), found
        )
        self.latencies.append((time.perf_counter() - started) * 1000)
        return sample

    def state(self) -> dict:
        """Return what ``restore`` needs to go on: JSON values and arrays."""
        return {"window": self._window.state(), "smoother": self._smoother.state()}

    def restore(self, state: dict) -> None:
        """Go on from a state of the same classifier with the same smoothing."""
        self._window.restore(state["window"])
        self._smoother.restore(state["smoother"])


def lag_of(spec, smoothing, smoothing_seconds: float) -> float:
    """Return how much later than the task the label of a sample changes, in seconds.

    A window is called by what fills more than half of it, which is so half a window after a change;
    a median follows after half of what it is taken over, and a moving mean in about its time
    constant. Never more than a window, so that a span does not begin before its first frame.
    """
    smoothed = {"median": smoothing_seconds / 2, "ema": smoothing_seconds, "none": 0.0}
    return float(min(spec.window_seconds / 2 + smoothed[smoothing], spec.offsets[0]))


class SpanBuilder:
    """Join samples into spans as they come.

    A span starts at its first sample and ends where a sample says something else, both set back by
    ``lag_seconds``. Before a gap, and at the end of everything, it ends at its last sample, so that
    without a lag one sample alone makes a span without length.
    """

    def __init__(self, *, gap_seconds: float = 1.0, lag_seconds: float = 0.0):
        self.gap_seconds, self.lag_seconds = gap_seconds, lag_seconds
        self._label, self._start, self._last = None, 0.0, 0.0
        self._count, self._total, self._lowest = 0, 0.0, 1.0

    def add(self, at_seconds: float, label: str, confidence: float) -> TaskSpan | None:
        """Take the next sample; return the span that it ended."""
        ended = None
        if self._label is not None:
            is_gap = not 0 < at_seconds - self._last <= self.gap_seconds
            if is_gap or label != self._label:
                ended = self._span(self._last if is_gap else self._set_back(at_seconds))
                self._label = None
        if self._label is None:
            self._label, self._start = label, self._set_back(at_seconds)
            self._count, self._total, self._lowest = 0, 0.0, 1.0
        self._last = at_seconds
        self._count += 1
        self._total += confidence
        self._lowest = min(self._lowest, confidence)
        return ended

    def finish(self) -> TaskSpan | None:
        """Return the span that goes on, as it ends now."""
        ended = self._span(self._last) if self._label is not None else None
        self._label = None
        return ended

    def _set_back(self, at_seconds):
        return max(at_seconds - self.lag_seconds, 0.0)

    def _span(self, end_seconds):
        mean = self._total / self._count
        return TaskSpan(self._start, end_seconds, self._label, mean, self._lowest)

    def state(self) -> list:
        """Return what ``restore`` needs to go on; JSON values."""
        if self._label is None:
            return []
        return [self._label, self._start, self._last, self._count, self._total, self._lowest]

    def restore(self, state: list) -> None:
        """Go on from a state."""
        if state:
            self._label, self._start, self._last = state[:3]
            self._count, self._total, self._lowest = state[3:]
        else:
            self._label = None


def spans_of(samples, *, gap_seconds: float = 1.0, lag_seconds: float = 0.0) -> list[TaskSpan]:
    """Return the spans of samples in order; see ``SpanBuilder``.

    Args:
        samples: TaskSamples, or rows [at_seconds, label, confidence].
        gap_seconds: samples further apart belong to two spans.
        lag_seconds: of the stream that said them.
    """
    builder, spans = SpanBuilder(gap_seconds=gap_seconds, lag_seconds=lag_seconds), []
    for sample in samples:
        is_row = not isinstance(sample, TaskSample)
        row = sample if is_row else (sample.at_seconds, sample.label, sample.confidence)
        spans.append(builder.add(*row))
    spans.append(builder.finish())
    return [span for span in spans if span is not None]


def latency_of(milliseconds) -> dict:
    """Return {"median", "p95", "slowest"} of some latencies, {} of none."""
    taken = np.array(list(milliseconds), dtype=float)
    if not len(taken):
        return {}
    median, high = np.percentile(taken, [50, 95])
    return {
        "median": round(float(median), 3),
        "p95": round(float(high), 3),
        "slowest": round(float(taken.max()), 3),
    }
