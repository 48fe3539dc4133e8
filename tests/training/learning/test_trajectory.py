"""The columns of a row: its measures and its past, and nothing that came later."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.learning import trajectory
from training.learning.trajectory import COLUMNS, MEASURES, MOTION, POINTS, features, of_requests


def by_hand(measures, motion, sequences):
    """Return the columns as they are defined, one row after the other."""
    table, pasts = [], {}
    for row, moved, sequence in zip(measures, motion, sequences, strict=True):
        past = pasts.setdefault(sequence, [])
        cells = list(row)
        for ago in range(1, POINTS + 1):
            cells += past[-ago] if len(past) >= ago else [0.0, 0.0, 0.0]
        table.append(cells)
        past.append([0.0 if one != one else one for one in moved])
    return np.array(table, dtype=float).reshape(len(table), len(COLUMNS))


def drawn(seed, count, sequences):
    rng = np.random.default_rng(seed)
    motion = rng.normal(size=(count, 3))
    motion[rng.random((count, 3)) < 0.1] = np.nan
    return rng.normal(size=(count, 5)), motion, rng.integers(0, sequences, count)


def test_the_docstring_tells_the_truth():
    assert doctest.testmod(trajectory).failed == 0


def test_there_are_35_columns_of_one_name_each():
    assert len(COLUMNS) == len(set(COLUMNS)) == 35
    assert COLUMNS[:6] == (*MEASURES, "viewportVelocity_1")
    assert COLUMNS[-1] == "viewportAngularVelocity_10"


@given(seed=st.integers(0, 99), count=st.integers(0, 40), sequences=st.integers(1, 4))
def test_the_columns_are_those_of_the_definition(seed, count, sequences):
    rows = drawn(seed, count, sequences)
    assert np.array_equal(features(*rows), by_hand(*rows))


@given(
    seed=st.integers(0, 99), count=st.integers(1, 40), kept=st.integers(0, 40), other=st.booleans()
)
def test_no_row_changes_by_what_comes_later(seed, count, kept, other):
    measures, motion, sequences = drawn(seed, count, 3)
    kept = min(kept, count)
    before = features(measures[:kept], motion[:kept], sequences[:kept])
    if other:
        measures[kept:], motion[kept:] = 99.0, -99.0
        sequences[kept:] = 0
    assert np.array_equal(features(measures, motion, sequences)[:kept], before)


@given(seed=st.integers(0, 99))
def test_no_row_sees_how_its_own_view_moves(seed):
    measures, motion, sequences = drawn(seed, 20, 2)
    before = features(measures, motion, sequences)[-1]
    motion[-1] = 1e6
    assert np.array_equal(features(measures, motion, sequences)[-1], before)


def test_serving_makes_the_columns_that_training_did():
    measures, motion, sequences = drawn(3, 30, 1)
    trained = features(measures, motion, sequences)
    for row in (0, 1, 5, 10, 29):
        past = [named(MOTION, one) for one in motion[max(row - POINTS, 0) : row]]
        served = of_requests([named(MEASURES, measures[row])], [past])
        assert np.array_equal(served[0], trained[row])


def test_many_rows_are_asked_at_once():
    rows = [named(MEASURES, [number] * 5) for number in range(3)]
    pasts = [[], [named(MOTION, [1, 2, 3])] * 12, [{}]]
    table = of_requests(rows, pasts)
    assert table[:, 0].tolist() == [0, 1, 2]
    assert table[1, 5:].tolist() == [1, 2, 3] * 10
    assert not table[[0, 2], 5:].any()


def test_a_measure_that_is_missing_is_an_error():
    with pytest.raises(KeyError):
        of_requests([{}], [[]])


def named(names, numbers):
    return dict(zip(names, [float(one) for one in numbers], strict=True))
