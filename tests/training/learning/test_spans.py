"""Spans: what stands at a time, what is refused, and that editing loses and invents nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitlsite.errors import DomainError
from training.learning.spans import (
    Span,
    checked,
    cut,
    label_at,
    merged,
    painted,
    renamed,
    seconds_by_label,
    spans_from_frames,
    within,
)

LABELS = ("idle", "work", "away")


@st.composite
def span_lists(draw):
    """Ordered spans between 0 and 100 s, some of which touch."""
    edges = sorted(set(draw(st.lists(st.integers(0, 100_000), min_size=2, max_size=24))))
    spans = []
    for start, end in zip(edges, edges[1:], strict=False):
        label = draw(st.sampled_from((None, *LABELS)))
        if label:
            spans.append([start / 1000, end / 1000, label])
    return spans


def by_hand(spans, at):
    return next((label for start, end, label in spans if start <= at < end), None)


@given(span_lists(), st.lists(st.integers(0, 100_100), max_size=30))
def test_a_time_has_the_label_of_the_span_that_it_lies_in(spans, milliseconds):
    times = [one / 1000 for one in milliseconds]
    assert label_at(spans, times) == [by_hand(spans, at) for at in times]


@given(span_lists())
def test_what_may_be_saved_is_saved_as_it_is(spans):
    kept = checked(list(reversed(spans)), duration=100.0, labels=LABELS)
    assert kept == [Span(*span) for span in spans]
    assert checked([list(span) for span in kept], duration=100.0, labels=LABELS) == kept


@given(span_lists(), st.integers(0, 100_000))
def test_cutting_and_merging_changes_no_label(spans, at):
    parts = cut(spans, at / 1000)
    assert merged(parts) == merged(spans)
    assert all(one.start < one.end for one in parts)


@given(span_lists(), st.integers(0, 99_999), st.integers(1, 50_000), st.sampled_from(LABELS))
def test_painting_changes_what_is_painted_and_nothing_else(spans, start, length, label):
    start, end = start / 1000, min(start + length, 100_000) / 1000
    for name in (label, None):
        after = painted(spans, start, end, name)
        times = [one / 500 for one in range(0, 50_000, 177)]
        for at, was, now in zip(times, label_at(spans, times), label_at(after, times), strict=True):
            assert now == (name if start <= at < end else was)
        checked([list(span) for span in after], duration=100.0, labels=LABELS)


@given(
    st.lists(st.sampled_from((*LABELS, "")), min_size=1, max_size=80),
    st.sampled_from((10.0, 24.0, 25.0, 29.97, 30.0)),
    st.floats(0.0, 3600.0),
)
def test_labels_of_frames_come_back_at_the_times_of_the_frames(labels, fps, begin):
    times = {index: begin + index / fps for index in range(len(labels))}
    spans = spans_from_frames(list(enumerate(labels)), times)
    assert label_at(spans, list(times.values())) == [label or None for label in labels]


def test_frames_far_apart_leave_a_gap_between_them():
    times = {0: 0.0, 1: 0.1, 2: 0.2, 3: 5.0, 4: 5.1}
    spans = spans_from_frames([(index, "work") for index in times], times)
    assert [span.start for span in spans] == [0.0, 5.0]
    assert spans[0].end == pytest.approx(0.3)
    assert spans[1].end == pytest.approx(5.2)


def test_labels_of_frames_that_do_not_exist_are_refused_by_name_and_number():
    rows = [(0, "work"), (7, "work"), (9, "idle"), (12, "idle")]
    with pytest.raises(DomainError) as refusal:
        spans_from_frames(rows, {0: 0.0, 1: 0.1})
    assert refusal.value.code == "frames_missing"
    assert "Frame 7 does not exist" in refusal.value.message
    assert "3 of 4" in refusal.value.message


def test_a_frame_with_two_labels_is_refused():
    with pytest.raises(DomainError) as refusal:
        spans_from_frames([(1, "work"), (1, "idle")], {1: 0.0})
    assert refusal.value.code == "frame_twice"


@pytest.mark.parametrize(
    ("spans", "field", "words"),
    [
        ([[0, 2, "work"], [1, 3, "idle"]], "spans.1", "lies over"),
        ([[1, 3, "idle"], [0, 2, "work"]], "spans.0", "lies over"),
        ([[2, 1, "work"]], "spans.0", "does not end after"),
        ([[1, 1, "work"]], "spans.0", "does not end after"),
        ([[-0.5, 1, "work"]], "spans.0", "before the video"),
        ([[0, 10.1, "work"]], "spans.0", "after the video"),
        ([[0, 1, "sleep"]], "spans.0", "no label"),
        ([[0, 1, None]], "spans.0", "no label"),
        ([[0, math.nan, "work"]], "spans.0", "no time"),
        ([[0, math.inf, "work"]], "spans.0", "no time"),
        ([[0, 10**400, "work"]], "spans.0", "no time"),
        ([[True, 1, "work"]], "spans.0", "no time"),
        ([["0", 1, "work"]], "spans.0", "no time"),
        ([[0, 1]], "spans.0", "[start, end, label]"),
        (["work"], "spans.0", "[start, end, label]"),
        ({"0": 1}, "spans", "list"),
        (None, "spans", "list"),
    ],
)
def test_what_may_not_be_saved_is_named(spans, field, words):
    with pytest.raises(DomainError) as refusal:
        checked(spans, duration=10.0, labels=LABELS)
    assert refusal.value.code == "spans_invalid"
    assert words in refusal.value.fields[field]


def test_too_many_spans_are_refused_at_once():
    with pytest.raises(DomainError, match="more than"):
        checked([[0, 1, "work"]] * 20_001, duration=None, labels=LABELS)


def test_a_video_of_unknown_length_takes_any_end():
    assert checked([[5, 5000, "work"]], duration=None, labels=LABELS)


def test_spans_that_overlap_by_less_than_a_microsecond_touch():
    kept = checked([[0, 1.0000004, "work"], [1, 2, "idle"]], duration=2.0, labels=LABELS)
    assert kept[0].end <= kept[1].start


def test_parts_between_times_and_other_names():
    spans = [[0, 4, "work"], [6, 8, "idle"]]
    assert within(spans, 1, 7) == [Span(1, 4, "work"), Span(6, 7, "idle")]
    assert [span.label for span in renamed(spans, {"work": "busy"})] == ["busy", "idle"]
    assert seconds_by_label(spans) == {"work": 4, "idle": 2}
