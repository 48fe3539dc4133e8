"""Classifiers of tables: what is learned, and what cannot be."""

import numpy as np
import pytest

from detection.vision.tabular import model as tabular_model
from hitlsite.errors import DomainError
from training.learning import tabular

ALGORITHMS = tabular_model.ALGORITHMS
COLUMNS = ("near", "far", "noise")
RNG = np.random.default_rng(4)
FEATURES = RNG.normal(size=(300, 3))
LABELS = np.where(FEATURES[:, 0] > 0.3, "7", np.where(FEATURES[:, 1] > 0, "30", "1"))
QUICK = {"random_forest": {"trees": 20}, "lightgbm": {"trees": 20}}


def fitted(algorithm, features=FEATURES, labels=LABELS, **options):
    return tabular.fit(
        features, labels, algorithm, QUICK.get(algorithm), 1, columns=COLUMNS, **options
    )


@pytest.fixture(scope="module", params=ALGORITHMS)
def model(request):
    return fitted(request.param)


def test_answers_are_labels_and_no_indices(model):
    assert model.classes == ("1", "30", "7")
    found = model.probabilities(FEATURES)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert np.mean(np.array(model.answers(found)) == LABELS) > 0.75


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_classes_are_answered_alike_in_any_number(algorithm):
    labels = np.where(FEATURES[:, 0] > 0, "yes", "no")
    model = fitted(algorithm, labels=labels)
    many = model.probabilities(FEATURES)
    few = np.concatenate([model.probabilities(row[None]) for row in FEATURES])
    assert few == pytest.approx(many, abs=1e-9)
    assert np.mean(np.array(model.answers(few)) == labels) > 0.9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_learns_the_same(algorithm):
    first, second = (fitted(algorithm).probabilities(FEATURES) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_missing_values_are_learned_with(algorithm):
    gaps = FEATURES.copy()
    gaps[::5, 0] = np.nan
    model = fitted(algorithm, features=gaps)
    assert not np.isnan(model.probabilities(gaps)).any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_balanced_classes_find_what_is_rare(algorithm):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(400, 3))
    features[:20] += 1.2
    labels = ["rare"] * 20 + ["usual"] * 380
    settings = QUICK.get(algorithm, {})
    found = []
    for balanced in (False, True):
        given = {**settings, "balanced": balanced}
        model = tabular.fit(features, labels, algorithm, given)
        found.append(model.probabilities(features[:20])[:, 0].mean())
    if algorithm != "svm":  # its calibration puts the shares back
        assert found[1] > found[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("features", "labels", "code"),
    [
        (FEATURES, ["1"] * 300, "one_class"),
        (FEATURES[:1], ["1"], "too_few_rows"),
        (FEATURES[:0], [], "too_few_rows"),
        (FEATURES, LABELS[:10], "features_invalid"),
        (FEATURES * [1, np.nan, 1], LABELS, "column_empty"),
        (FEATURES * [1, np.inf, 1], LABELS, "features_invalid"),
        ([["a", "b", "c"]] * 2, ["1", "2"], "features_invalid"),
        (FEATURES[:, :2], LABELS, "columns_differ"),
        (FEATURES[0], LABELS, "columns_differ"),
    ],
)
def test_what_cannot_be_learned_is_refused(algorithm, features, labels, code):
    with pytest.raises(DomainError) as refused:
        fitted(algorithm, features=features, labels=labels)
    assert refused.value.code == code


def test_an_empty_column_is_named():
    with pytest.raises(DomainError, match="far"):
        fitted("svm", features=FEATURES * [1, np.nan, 1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_two_rows_are_enough_to_learn_something(algorithm):
    features, labels = FEATURES[:4], ["a", "a", "b", "b"]
    assert fitted(algorithm, features=features, labels=labels).classes == ("a", "b")


def test_a_class_of_one_row_is_too_small_for_svm():
    with pytest.raises(DomainError) as refused:
        fitted("svm", labels=["odd", *["even"] * 299])
    assert refused.value.code == "class_too_small"
