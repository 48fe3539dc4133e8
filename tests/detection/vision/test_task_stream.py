"""A stream says what the whole file says, whatever its clock does and wherever it is cut."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.checkpoints import decode, encode
from detection.vision.task_stream import (
    MOST_LATENCIES,
    Smoother,
    SpanBuilder,
    TaskSample,
    TaskStream,
    latency_of,
    spans_of,
)
from detection.vision.windows import SLACK, WindowSpec, gather
from hitlsite.errors import DomainError
from tests.detection.vision.toy_tasks import NAMES, ToyPredictor, rows

SHORT = WindowSpec(window_seconds=0.6, step_seconds=0.2, grid_seconds=0.1, gap_seconds=0.5)
# Milliseconds between frames: even, uneven, and now and then a gap of 0.7 s.
STEPS = st.lists(st.sampled_from([33, 40, 41, 100, 125, 240, 700]), min_size=1, max_size=60)


def streamed(times, values, *, smoothing="none", cut=None, seconds=1.0, spec=SHORT):
    """Return all samples of a stream; a fresh one goes on from a checkpoint before row ``cut``."""
    stream = TaskStream(ToyPredictor(spec=spec), NAMES, smoothing, seconds)
    samples = []
    for place, (at, row) in enumerate(zip(times, values, strict=True)):
        if place == cut:
            state = decode(encode(stream.state()))
            stream = TaskStream(ToyPredictor(spec=spec), NAMES, smoothing, seconds)
            stream.restore(state)
        samples.append(stream.step(at, row))
    return [sample for sample in samples if sample is not None]


def at_once(times, values, spec=SHORT):
    """Return (times, probabilities) of every whole window that ends with a row, cut from a file."""
    starts = np.append(0, np.flatnonzero(np.diff(times) > spec.gap_seconds) + 1)
    begun = times[starts[np.searchsorted(starts, np.arange(len(times)), side="right") - 1]]
    ends = times[times - spec.offsets[0] + SLACK >= begun]
    predictor = ToyPredictor(spec=spec)
    columns = predictor.place_in(NAMES)
    return ends, predictor.probabilities(gather(times, values[:, columns], ends, spec))


def smoothed_at_once(times, found, method, seconds, gap_seconds):
    """Return the smoothed probabilities, computed by looking back from each time anew."""
    rows, mean = [], None
    for place, at in enumerate(times):
        first = place
        while first and 0 < times[first] - times[first - 1] <= gap_seconds:
            first -= 1
        if method == "median":
            near = found[first : place + 1][times[first : place + 1] > at - seconds]
            row = np.median(near, axis=0)
            rows.append(row / row.sum())
        elif method == "ema":
            share = -math.expm1(-(at - times[place - 1]) / seconds) if first < place else None
            mean = found[place] if share is None else mean + share * (found[place] - mean)
            rows.append(mean)
        else:
            rows.append(found[place])
    return rows


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["median", "ema", "none"]), st.sampled_from([0.3, 1.0]), st.data())
def test_a_stream_gives_what_the_whole_file_gives_to_the_last_bit(steps, method, seconds, data):
    times = np.cumsum(steps) / 1000
    noise = np.random.default_rng(len(steps))
    values = (noise.random((len(times), 3)) * 4).astype(np.float32)
    values[noise.random(values.shape) < 0.1] = np.nan
    ends, found = at_once(times, values)
    expected = smoothed_at_once(ends, found, method, seconds, SHORT.gap_seconds)
    cut = data.draw(st.integers(0, len(times) - 1))
    samples = streamed(times, values, smoothing=method, seconds=seconds, cut=cut)
    assert [sample.at_seconds for sample in samples] == ends.tolist()
    for sample, row in zip(samples, expected, strict=True):
        assert np.array_equal(sample.probabilities, row)
        assert sample.confidence == row.max()
        assert sample.label == ("idle", "work")[int(row.argmax())]


@pytest.mark.parametrize("fps", [5.0, 12.5, 29.97])
def test_a_busy_stretch_becomes_one_span_at_any_rate(fps):
    times, values = rows(20, fps, busy=[(6, 13)])
    samples = streamed(times, values, smoothing="median", spec=WindowSpec())
    spans = spans_of(samples)
    assert [span.label for span in spans] == ["idle", "work", "idle"]
    work = spans[1]
    # It follows by less than half a window and half a second of smoothing.
    assert 6 < work.start_seconds < 8
    assert 13 < work.end_seconds < 15.5
    assert spans[0].end_seconds == work.start_seconds
    assert 0.5 <= work.lowest <= work.confidence <= 1


def test_what_is_too_short_for_a_window_says_nothing():
    times, values = rows(1.8)
    assert streamed(times, values, spec=WindowSpec()) == []
    assert spans_of([]) == []


def test_one_strange_frame_changes_no_label_that_is_smoothed():
    smoother = Smoother("median", 1.0)
    usual, strange = np.array([0.9, 0.1]), np.array([0.0, 1.0])
    told = [smoother.add(at / 10, strange if at == 7 else usual).argmax() for at in range(20)]
    assert set(told) == {0}


@pytest.mark.parametrize("method", ["median", "ema"])
def test_smoothing_starts_anew_after_a_gap_and_when_the_clock_goes_back(method):
    smoother = Smoother(method, 5.0, gap_seconds=1.0)
    before, after = np.array([1.0, 0.0]), np.array([0.25, 0.75])
    smoother.add(0.0, before)
    smoother.add(0.5, before)
    assert np.array_equal(smoother.add(2.0, after), after)
    assert np.array_equal(smoother.add(1.0, before), before)


@pytest.mark.parametrize(
    ("method", "seconds"), [("mean", 1.0), ("median", 0.0), ("ema", -1.0), ("ema", 61.0)]
)
def test_other_smoothing_is_refused(method, seconds):
    with pytest.raises(DomainError) as refused:
        Smoother(method, seconds)
    assert refused.value.code == "smoothing_invalid"


def test_a_classifier_of_other_columns_is_refused_by_their_names():
    with pytest.raises(DomainError, match="left_hand_x") as refused:
        TaskStream(ToyPredictor(columns=("left_hand_x", "person_x")), NAMES)
    assert refused.value.code == "features_differ"


def test_latencies_are_bounded_and_told():
    stream = TaskStream(ToyPredictor(spec=SHORT), NAMES)
    times, values = rows(MOST_LATENCIES / 10 + 20)
    for at, row in zip(times, values, strict=True):
        stream.step(at, row)
    assert len(stream.latencies) == MOST_LATENCIES
    told = latency_of(stream.latencies)
    assert 0 < told["median"] <= told["p95"] <= told["slowest"]
    assert latency_of([]) == {}


class TestSpans:
    def test_ends_where_the_next_begins_or_at_the_last_sample_before_a_gap(self):
        samples = [[0.0, "a", 0.9], [0.5, "a", 0.7], [1.0, "b", 0.6], [5.0, "b", 0.8]]
        told = [
            (span.start_seconds, span.end_seconds, span.label, round(span.confidence, 6))
            for span in spans_of(samples, gap_seconds=1.0)
        ]
        assert told == [(0.0, 1.0, "a", 0.8), (1.0, 1.0, "b", 0.6), (5.0, 5.0, "b", 0.8)]
        assert spans_of(samples)[0].lowest == 0.7

    def test_takes_samples_as_rows_or_as_they_come(self):
        sample = TaskSample(1.0, "a", 0.5, np.array([0.5, 0.5]))
        assert spans_of([sample]) == spans_of([[1.0, "a", 0.5]])

    @given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=30), st.data())
    def test_going_on_from_a_state_changes_nothing(self, labels, data):
        samples = [[place / 3, label, 0.5 + place / 100] for place, label in enumerate(labels)]
        cut = data.draw(st.integers(0, len(samples)))
        builder, found = SpanBuilder(), []
        for place, sample in enumerate(samples):
            if place == cut:
                state = json.loads(json.dumps(builder.state()))
                builder = SpanBuilder()
                builder.restore(state)
            found.append(builder.add(*sample))
        found.append(builder.finish())
        assert [span for span in found if span] == spans_of(samples)

    @pytest.mark.parametrize(
        ("smoothing", "seconds"), [("none", 1.0), ("median", 1.0), ("ema", 0.5)]
    )
    def test_set_back_they_begin_and_end_with_the_task(self, smoothing, seconds):
        # The hand is as far above the classifier's border as it is below it otherwise.
        times, values = rows(40.0, busy=((10.0, 25.0),))
        values[:, 0] = np.where((times >= 10.0) & (times < 25.0), 2.0, 0.0)
        stream = TaskStream(ToyPredictor(), NAMES, smoothing, seconds)
        samples = [stream.step(at, row) for at, row in zip(times, values, strict=True)]
        samples = [sample for sample in samples if sample is not None]

        as_told = spans_of(samples)
        set_back = spans_of(samples, lag_seconds=stream.lag_seconds)

        assert [span.label for span in set_back] == ["idle", "work", "idle"]
        assert as_told[1].start_seconds - 10.0 > 0.8
        assert set_back[1].start_seconds == pytest.approx(10.0, abs=0.3)
        assert set_back[1].end_seconds == pytest.approx(25.0, abs=0.3)
        assert set_back[-1].end_seconds == times[-1]

    @given(
        st.lists(st.tuples(st.sampled_from([100, 250, 1500]), st.sampled_from("abc")), max_size=40),
        st.floats(0.0, 1.4),
    )
    def test_set_back_none_lies_over_another(self, told, lag_seconds):
        at, samples = 2.0, []
        for milliseconds, label in told:
            at += milliseconds / 1000
            samples.append((at, label, 0.9))
        spans = spans_of(samples, gap_seconds=1.0, lag_seconds=lag_seconds)
        assert all(span.start_seconds <= span.end_seconds for span in spans)
        assert all(one.end_seconds <= other.start_seconds + 1e-9 for one, other in pairwise(spans))
