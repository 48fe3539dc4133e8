"""The area under the curve of weighted groups is scikit-learn's with sample weights."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from training.learning import gate, paired_auc
from training.learning.paired_auc import Auc

GROUPS = 5
COUNTS = st.lists(st.integers(0, 3), min_size=GROUPS, max_size=GROUPS)


def drawn(seed, items=30):
    rng = np.random.default_rng(seed)
    # Few different scores, so that there are ties.
    scores = rng.integers(0, 8, (2, items)) / 8
    group = np.append(np.arange(GROUPS), rng.integers(0, GROUPS, items - GROUPS))
    return Auc(scores, rng.random(items) < 0.4, group, GROUPS)


def test_the_docstring_tells_the_truth():
    assert doctest.testmod(paired_auc).failed == 0


@settings(deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 50), model=st.integers(0, 1))
def test_one_model_has_the_area_of_the_definition(counts, seed, model):
    auc = drawn(seed)
    weights = np.array([counts], dtype=float)
    found = auc.values(*((weights, None) if model == 0 else (None, weights)))
    assert_is_area(found[0], auc.scores[model], auc.is_positive, weights[0, auc.group])


@settings(deadline=None)
@given(champion=COUNTS, challenger=COUNTS, seed=st.integers(0, 50))
def test_answers_of_both_are_ranked_together(champion, challenger, seed):
    auc = drawn(seed)
    given = np.array([champion, challenger], dtype=float)
    found = auc.values(given[:1], given[1:])
    weights = given[:, auc.group].ravel()
    assert_is_area(found[0], auc.scores.ravel(), np.tile(auc.is_positive, 2), weights)


def assert_is_area(found, scores, is_positive, weights):
    counted = weights > 0
    if len(set(is_positive[counted])) < 2:
        assert np.isnan(found)
        return
    wanted = roc_auc_score(is_positive[counted], scores[counted], sample_weight=weights[counted])
    assert found == pytest.approx(wanted)


def test_many_draws_are_drawn_in_parts(monkeypatch):
    auc, weights = drawn(1), np.random.default_rng(1).integers(0, 3, (50, GROUPS)).astype(float)
    whole = auc.values(weights, None)
    monkeypatch.setattr(paired_auc, "_CELLS_AT_ONCE", 100)
    assert np.array_equal(auc.values(weights, None), whole, equal_nan=True)


def test_nothing_to_rank_is_no_figure():
    empty = Auc(np.zeros((2, 0)), np.zeros(0, bool), np.zeros(0, int), 0)
    assert empty.items == 0
    assert np.isnan(empty.values(np.ones((1, 0)), None)).all()
    assert gate.decide(empty).outcome == gate.Outcome.NOT_ENOUGH_DATA


def test_the_gate_sees_a_better_ranking():
    rng = np.random.default_rng(2)
    is_positive = rng.random(600) < 0.5
    scores = np.stack([rng.random(600), 0.5 * is_positive + rng.random(600)])
    group = np.arange(600) // 6
    better = Auc(scores, is_positive, group, 100)
    assert gate.decide(better).outcome == gate.Outcome.PROMOTE
    assert gate.decide(Auc(scores[::-1], is_positive, group, 100)).outcome == gate.Outcome.KEEP
