"""Train classifiers of rows of numbers; ``detection.vision.tabular`` keeps and asks them."""

from collections.abc import Sequence

import numpy as np

from detection.vision.tabular import parameters as tabular_parameters
from detection.vision.tabular.estimators import untrained
from detection.vision.tabular.model import Model, table_of
from hitlsite.errors import DomainError


def fit(
    features,
    labels: Sequence[str],
    algorithm: str,
    parameters: dict | None = None,
    seed: int = 0,
    *,
    columns: Sequence[str] | None = None,
) -> Model:
    """Train a classifier.

    Args:
        features: (n, k) float; NaN where nothing is known.
        labels: n of them.
        columns: k names; without, they are counted.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid, features_invalid, column_empty,
            too_few_rows, one_class, class_too_small.
    """

    parameters = tabular_parameters.clean(algorithm, parameters)
    width = np.shape(features)[1] if np.ndim(features) == 2 else 0
    columns = tuple(columns or (f"column_{place}" for place in range(width)))
    table = table_of(features, columns)
    labels = np.array([str(label) for label in labels], dtype=str)
    _require_learnable(table, labels, columns, algorithm)
    if algorithm == "lightgbm":
        classes, booster = _boosted(table, labels, parameters, seed, columns)
        return Model(algorithm, columns, classes, parameters, len(table), booster)
    least = int(np.unique(labels, return_counts=True)[1].min())
    told = {}
    if algorithm == "random_forest" and parameters["balanced"]:
        told["sample_weight"] = _balancing(labels)
    estimator = untrained(algorithm, parameters, seed, least).fit(table, labels, **told)
    if algorithm == "random_forest":
        estimator.n_jobs = 1
    classes = tuple(str(one) for one in estimator.classes_)
    return Model(algorithm, columns, classes, parameters, len(table), estimator)


def _balancing(labels):
    """Return a weight for every row, so that all classes weigh the same.

    scikit-learn's forests do so themselves, but take labels such as "1" for numbers and then miss
    them (1.9).
    """
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return len(labels) / (len(counts) * counts[places])


def _require_learnable(table, labels, columns, algorithm):
    if len(table) != len(labels):
        raise DomainError("features_invalid", f"{len(table)} rows have {len(labels)} labels.")
    if len(table) < 2:
        raise DomainError("too_few_rows", f"Nothing can be learned from {len(table)} row(s).")
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise DomainError("one_class", f"All rows are labelled {names[0]}: nothing to tell apart.")
    empty = np.isnan(table).all(axis=0)
    if empty.any():
        name = columns[int(empty.argmax())]
        raise DomainError("column_empty", f"The column {name} holds no value at all.")
    if algorithm == "svm" and counts.min() < 2:
        name = names[int(counts.argmin())]
        raise DomainError(
            "class_too_small", f"svm needs two rows of every class, and {name} has one."
        )


def _boosted(table, labels, parameters, seed, columns):
    """Return (classes, booster)."""
    import lightgbm

    classes, places = np.unique(labels, return_inverse=True)
    weights = None
    if parameters["balanced"]:
        weights = (len(labels) / len(classes) / np.bincount(places))[places]
    settings = {
        "objective": "multiclass",
        "num_class": len(classes),
        "num_leaves": parameters["leaves"],
        "learning_rate": parameters["learning_rate"],
        # Twenty rows a leaf would let a small table grow no tree at all.
        "min_data_in_leaf": min(parameters["leaf_rows"], max(len(labels) // 20, 1)),
        "seed": seed,
        # Threads that wait for each other cost tables more than they save on a shared machine.
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    names = [f"column_{place}" for place in range(len(columns))]
    known = lightgbm.Dataset(table, label=places, weight=weights, feature_name=names)
    booster = lightgbm.train(settings, known, num_boost_round=parameters["trees"])
    return tuple(str(name) for name in classes), booster
