"""A classifier's figures are scikit-learn's, and what cannot be known is None."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from training.learning.classifier_figures import MISTAKES, area_under_curve, figures
from training.learning.paired import MacroF1

NAMES = ("high", "low", "medium")


@st.composite
def answers(draw, classes):
    """Return (truths, probabilities) of some items; few distinct scores, so that many tie."""
    count = draw(st.integers(1, 40))
    truths = draw(st.lists(st.sampled_from(classes), min_size=count, max_size=count))
    weight = st.integers(1, 9)
    rows = st.lists(weight, min_size=len(classes), max_size=len(classes))
    weights = np.array(draw(st.lists(rows, min_size=count, max_size=count)), dtype=float)
    return truths, weights / weights.sum(axis=1, keepdims=True)


def figures_of(truths, likely, classes, **options):
    count = len(truths)
    return figures(truths, likely, classes, list(range(count)), list(range(count)), **options)


@given(answers(NAMES))
def test_the_figures_are_the_librarys(given_answers):
    truths, likely = given_answers
    found = figures_of(truths, likely, NAMES)
    said = [NAMES[number] for number in likely.argmax(axis=1)]
    occurring = sorted(set(truths))

    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truths, said))
    mean = metrics.f1_score(truths, said, labels=occurring, average="macro", zero_division=0)
    assert found["macro_f1"] == found["figure"] == pytest.approx(mean)
    table = metrics.confusion_matrix(truths, said, labels=NAMES)
    assert found["confusion"] == {"names": list(NAMES), "rows": table.tolist()}
    columns = metrics.precision_recall_fscore_support(truths, said, labels=NAMES, zero_division=0)
    for row, *of_class in zip(found["classes"], *columns, strict=True):
        told = [row[name] for name in ("precision", "recall", "f1", "truths")]
        assert told == pytest.approx(of_class)
    right = np.array([one == other for one, other in zip(truths, said, strict=True)])
    shares, scores = calibration_curve(right, likely.max(axis=1), n_bins=10)
    drawn = np.array([point[:2] for point in found["curves"]["calibration"]])
    assert drawn == pytest.approx(np.stack([scores, shares], axis=1), abs=1e-5)
    counted = found["curves"]["histogram"]
    assert sum(counted["right"]) + sum(counted["wrong"]) == len(truths)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@given(answers(("confirmed", "rejected")))
def test_the_ranking_of_two_classes_is_the_librarys(given_answers):
    truths, likely = given_answers
    found = figures_of(
        truths, likely, ("confirmed", "rejected"), figure="auc", positive="confirmed"
    )
    is_positive = np.array([truth == "confirmed" for truth in truths])

    assert found["figure_name"] == "AUC"
    if is_positive.all() or not is_positive.any():
        assert found["figure"] is None
    else:
        assert found["figure"] == pytest.approx(metrics.roc_auc_score(is_positive, likely[:, 0]))
    if is_positive.any():
        mean = metrics.average_precision_score(is_positive, likely[:, 0])
        assert found["average_precision"] == pytest.approx(mean)
        curve = found["curves"]["precision_recall"]["confirmed"]
        assert [recall for recall, _ in curve] == sorted(recall for recall, _ in curve)
        assert curve[-1][0] == 1.0


@given(answers(NAMES))
def test_the_page_and_the_gate_give_one_macro_f1(given_answers):
    truths, likely = given_answers
    found = figures_of(truths, likely, NAMES)
    tables = np.array(found["confusion"]["rows"])[None, None].repeat(2, axis=0)
    gated = MacroF1(tables).values(np.ones((1, 1)), None)[0]

    assert found["macro_f1"] == pytest.approx(gated, abs=1e-12)


def test_a_truth_that_the_model_does_not_know_is_answered_wrong():
    found = figures_of(["off", "low"], [[0.9, 0.1], [0.2, 0.8]], ("high", "low"))

    assert found["accuracy"] == 0.5
    assert found["confusion"]["names"] == ["high", "low", "off"]
    assert found["mistakes"] == [{"entry": 0, "truth": "off", "answer": "high", "score": 0.9}]


def test_the_worst_mistakes_are_the_surest_ones_by_their_place_in_the_dataset():
    count = MISTAKES + 6
    likely = np.stack([np.linspace(0.5, 0.99, count), np.linspace(0.5, 0.01, count)], axis=1)
    places = list(range(100, 100 + count))
    found = figures(["low"] * count, likely, ("high", "low"), ["a"] * count, places)

    assert [one["entry"] for one in found["mistakes"]] == places[: -MISTAKES - 1 : -1]
    assert (found["items"], found["groups"]) == (count, 1)


def test_of_nothing_nothing_is_known():
    found = figures([], [], ("high", "low"), [], [])

    assert (found["figure"], found["accuracy"], found["auc"]) == (None, None, None)
    assert found["mistakes"] == found["curves"]["calibration"] == []
    assert area_under_curve(np.array([0.3]), np.array([True])) is None
