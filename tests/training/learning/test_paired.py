"""Figures of weighted groups are those of the items themselves, drawn as often."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from training.learning.paired import AveragePrecision, ClassF1, MacroF1, Mean, Rate

COUNTS = st.lists(st.integers(0, 3), min_size=4, max_size=4)


def row(counts):
    return np.array([counts], dtype=float)


def random_detections(seed, groups=4, each=6):
    rng = np.random.default_rng(seed)
    model = np.repeat([0, 1], groups * each)
    group = np.tile(np.repeat(np.arange(groups), each), 2)
    right = rng.random((2, len(model))) < [[0.6], [0.3]]
    right[1] &= right[0]  # what matches at a high threshold matches at a low one
    truths = np.bincount(group, weights=right[0]) + 1
    scores = rng.permutation(len(model)) / len(model)
    return AveragePrecision(scores, model, group, right, truths)


def average_precision_by_hand(scores, right, truths):
    """Return AP at 101 recalls as it is defined, one recall after the other."""
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(right[order])
    precision = found / np.arange(1, len(order) + 1)
    recall = found / truths
    reached = [precision[recall >= level] for level in np.linspace(0, 1, 101)]
    return np.mean([part.max() if len(part) else 0.0 for part in reached])


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_the_definition(seed):
    figure = random_detections(seed)
    for model in (0, 1):
        mine = figure.model == model
        wanted = np.mean(
            [
                average_precision_by_hand(figure.scores[mine], right[mine], figure.truths.sum())
                for right in figure.right
            ]
        )
        ones = np.ones((1, 4))
        found = figure.values(*((ones, None) if model == 0 else (None, ones)))
        assert found[0] == pytest.approx(wanted)


@settings(deadline=None, max_examples=40)
@given(champion=COUNTS, challenger=COUNTS, seed=st.integers(0, 20))
def test_a_group_that_counts_twice_is_a_group_that_is_there_twice(champion, challenger, seed):
    figure = random_detections(seed)
    counts = np.array([champion, challenger])
    times = counts[figure.model, figure.group]
    copies = np.repeat(np.arange(len(times)), times)
    truths = int((counts.sum(axis=0) * figure.truths).sum())
    found = figure.values(row(champion), row(challenger))[0]
    if truths == 0:
        assert np.isnan(found)
        return
    scores = figure.scores[copies]
    wanted = [average_precision_by_hand(scores, right[copies], truths) for right in figure.right]
    assert found == pytest.approx(np.mean(wanted))


def test_no_detections_are_worth_nothing():
    nothing = np.array([])
    figure = AveragePrecision(
        nothing, nothing.astype(int), nothing.astype(int), nothing.reshape(1, 0), np.array([2, 0])
    )
    assert figure.values(np.array([[1.0, 1.0]]), None)[0] == 0.0
    assert np.isnan(figure.values(np.array([[0.0, 1.0]]), None)[0])


@settings(deadline=None, max_examples=40)
@given(counts=COUNTS, seed=st.integers(0, 50))
def test_macro_f1_is_the_librarys(counts, seed):
    rng = np.random.default_rng(seed)
    truth, answer = rng.integers(0, 3, (2, 4, 8))
    confusions = np.zeros((2, 4, 3, 3))
    for group in range(4):
        np.add.at(confusions[1, group], (truth[group], answer[group]), 1)
    confusions[0] = confusions[1].transpose(0, 2, 1)
    found = MacroF1(confusions).values(None, row(counts))[0]
    drawn = np.repeat(np.arange(4), counts)
    if not len(drawn):
        assert np.isnan(found)
        return
    true = truth[drawn].ravel()
    wanted = f1_score(true, answer[drawn].ravel(), labels=np.unique(true), average="macro")
    assert found == pytest.approx(wanted)


def test_a_mean_leaves_out_what_is_not_there():
    common = Rate(np.array([[1, 1], [2, 2]]), np.array([2, 2]))
    rare = Rate(np.array([[0, 1], [0, 1]]), np.array([0, 1]))
    both = Mean((common, rare))
    assert both.values(np.array([[1.0, 0.0], [1.0, 1.0]]), None) == pytest.approx([0.5, 0.75])
    assert (both.groups, both.items) == (2, 5)


def test_a_model_counts_only_where_it_is_asked():
    rate = Rate(np.array([[2, 0], [0, 2]]), np.array([2, 2]))
    swapped, kept = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
    assert rate.values(kept, swapped)[0] == 1.0
    assert rate.values(swapped, kept)[0] == 0.0


@settings(deadline=None, max_examples=40)
@given(counts=COUNTS, seed=st.integers(0, 50), place=st.integers(0, 2))
def test_the_f1_of_a_class_is_that_of_the_library(counts, seed, place):
    rng = np.random.default_rng(seed)
    group, truth, answer = (rng.integers(0, top, 40) for top in (4, 3, 3))
    confusions = np.zeros((2, 4, 3, 3))
    np.add.at(confusions[1], (group, truth, answer), 1.0)
    confusions[0] = confusions[1]
    found = ClassF1(confusions, place).values(None, row(counts))[0]
    weights = np.array(counts)[group]
    if not weights[truth == place].any():
        assert np.isnan(found)
        return
    wanted = f1_score(truth == place, answer == place, sample_weight=weights, zero_division=0)
    assert found == pytest.approx(wanted)


def test_always_answering_a_class_is_no_perfect_score_for_it():
    confusions = np.zeros((2, 1, 2, 2))
    confusions[0, 0] = [[5, 0], [5, 0]]
    confusions[1, 0] = [[4, 1], [1, 4]]
    figure, ones = ClassF1(confusions, 0), np.ones((1, 1))
    assert figure.items == 5
    assert figure.values(ones, None)[0] == pytest.approx(2 / 3)
    assert figure.values(None, ones)[0] == pytest.approx(0.8)
