"""Which stretches are doubtful, how they are cut, and how the control arm is drawn."""

import hashlib

import pytest

from training.learning import doubtful
from training.learning.doubtful import Sample, Stretch


def said(*stretches, step=0.5, start=0.0):
    """Return samples: (seconds, label, confidence) one after another."""
    samples, at = [], start
    for seconds, label, confidence in stretches:
        for _ in range(round(seconds / step)):
            at += step
            samples.append(Sample(at, label, confidence))
    return samples


def places(found):
    return [(one.start, one.end) for one in found]


def stretch(start, seconds=4.0, priority=0.5):
    return Stretch(start, start + seconds, "low_confidence", "work", "", 0.4, priority)


def test_a_sure_model_leaves_nothing_to_ask():
    assert doubtful.stretches(said((60, "work", 0.6)), threshold=0.6) == []


def test_where_the_model_is_unsure():
    samples = said((10, "work", 0.9), (4, "idle", 0.4), (10, "work", 0.9))
    (found,) = doubtful.stretches(samples, threshold=0.6)

    assert (found.start, found.end) == (10.0, 14.0)
    assert (found.reason, found.predicted, found.other) == ("low_confidence", "idle", "")
    assert found.confidence == pytest.approx(0.4)
    assert found.priority == pytest.approx(0.6)


def test_where_two_models_differ():
    samples = said((20, "work", 0.9))
    others = said((10, "work", 0.9), (4, "idle", 0.7), (6, "work", 0.9))
    (found,) = doubtful.stretches(samples, others, threshold=0.6)

    assert (found.start, found.end) == (10.0, 14.0)
    assert (found.reason, found.predicted, found.other) == ("disagreement", "work", "idle")
    assert found.priority == pytest.approx(0.7)


def test_the_other_model_may_be_sampled_at_other_times():
    samples = said((6, "work", 0.9))
    others = said((6, "idle", 0.9), start=0.2)
    assert places(doubtful.stretches(samples, others, threshold=0.6)) == [(0.0, 6.0)]


def test_what_the_other_model_did_not_see_is_no_disagreement():
    others = said((6, "idle", 0.9), start=100.0)
    assert doubtful.stretches(said((6, "work", 0.9)), others, threshold=0.6) == []


@pytest.mark.parametrize(("seconds", "count"), [(0.5, 0), (1.0, 1)])
def test_less_than_a_second_is_not_asked_for(seconds, count):
    samples = said((10, "work", 0.9), (seconds, "idle", 0.4), (10, "work", 0.9))
    assert len(doubtful.stretches(samples, threshold=0.6)) == count


@pytest.mark.parametrize(
    ("between", "expected"),
    [(1.0, [(10.0, 15.0)]), (1.5, [(10.0, 12.0), (13.5, 15.5)])],
)
def test_stretches_close_to_each_other_are_one(between, expected):
    parts = (10, "work", 0.9), (2, "idle", 0.4), (between, "work", 0.9), (2, "idle", 0.4)
    assert places(doubtful.stretches(said(*parts), threshold=0.6)) == expected


def test_a_long_stretch_is_cut():
    found = doubtful.stretches(said((70, "idle", 0.4)), threshold=0.6)
    assert places(found) == [(0.0, 30.0), (30.0, 60.0), (60.0, 70.0)]


@pytest.mark.parametrize("samples", [[], [Sample(0.5, "work", 0.1)]])
def test_next_to_nothing_was_said(samples):
    assert doubtful.stretches(samples, threshold=0.6) == []


def test_what_is_asked_already_is_not_asked_again():
    whole = stretch(10.0, 10.0)
    assert doubtful.without(whole, []) == whole
    assert doubtful.without(whole, [(0.0, 10.0), (20.0, 30.0)]) == whole
    assert places([doubtful.without(whole, [(10.0, 14.0)])]) == [(14.0, 20.0)]
    assert doubtful.without(whole, [(10.0, 14.0), (14.0, 19.5)]) is None


def test_the_most_doubtful_of_each_hour():
    found = [stretch(0.0, priority=0.1), stretch(50.0, priority=0.9)]
    found += [stretch(90.0, priority=0.5), stretch(3700.0, priority=0.2)]

    assert places(doubtful.best(found, 2)) == [(50.0, 54.0), (90.0, 94.0), (3700.0, 3704.0)]
    assert places(doubtful.best(found, 2, {0: 1, 1: 2})) == [(50.0, 54.0)]
    assert doubtful.best(found, 0) == []


def test_pieces_are_whole_and_say_what_was_said_most():
    samples = said((7, "work", 0.8), (8, "idle", 0.6), (2, "work", 0.9))
    others = said((17, "work", 0.9))
    pieces = doubtful.pieces(samples, others)

    assert places(pieces) == [(0.001, 5.0), (5.001, 10.0), (10.001, 15.0)]
    assert [piece.predicted for piece in pieces] == ["work", "idle", "idle"]
    assert [piece.other for piece in pieces] == ["", "work", "work"]
    assert {piece.reason for piece in pieces} == {"random"}


def keys(count):
    return [hashlib.sha256(str(number).encode()).digest() for number in range(count)]


def test_one_in_ten_of_what_is_asked_is_random():
    asked = [stretch(10.0 * number) for number in range(9000)]
    population = [stretch(5.0 * number, 5.0) for number in range(100_000)]
    drawn = doubtful.drawn(population, asked, keys(9000))

    # 1000 are expected; five standard deviations of a binomial draw are 150.
    assert 850 < len(drawn) < 1150
    starts = [one.start for one in drawn]
    assert starts == sorted(starts)
    assert 0.45 < sum(start < 250_000 for start in starts) / len(starts) < 0.55


def test_the_draw_is_the_same_every_time():
    asked = [stretch(10.0 * number, priority=number / 200) for number in range(200)]
    population = [stretch(5.0 * number, 5.0) for number in range(1000)]
    first = doubtful.drawn(population, asked, keys(200))

    assert first and first == doubtful.drawn(population, asked, keys(200))
    assert {one.priority for one in first} <= {one.priority for one in asked}


def test_of_nothing_nothing_is_drawn():
    assert doubtful.drawn([], [stretch(0.0)], [b"\0" * 32]) == []
