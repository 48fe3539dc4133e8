"""Classifiers of rows of numbers: trained, kept as files that run nothing, and asked.

Labels are text. What a model answers is in the order of its own classes, which need not be those of
a dataset, nor numbers from 0 on. The files are LightGBM's text, or skops for scikit-learn, read
against a list of types that may be in it; neither can carry code, and no pickle is ever read.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hitlsite.errors import DomainError
from training.learning import tabular_parameters
from training.learning.forests import FlatForest
from training.learning.scaled import ScaledModel

ALGORITHMS = tuple(tabular_parameters.KNOWN)
FORMAT = 1
NAMES_FILE, SKOPS_FILE, LIGHTGBM_FILE = "model.json", "model.skops", "model.txt"
# Besides the estimators of scikit-learn that skops knows to be harmless.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)
FOLDS = 3
FEW_ROWS = 64
_MOST_NAME_BYTES = 1_000_000


@dataclass(frozen=True)
class Model:
    """A trained classifier.

    Attributes:
        columns: names of the features, in order.
        classes: labels in the order of the probabilities.
        estimator: of scikit-learn, or a LightGBM booster.
    """

    algorithm: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    parameters: dict
    rows: int
    estimator: object

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, the main one first."""
        main = LIGHTGBM_FILE if self.algorithm == "lightgbm" else SKOPS_FILE
        return main, NAMES_FILE

    @property
    def backend(self) -> str:
        return "lightgbm" if self.algorithm == "lightgbm" else "skops"

    @cached_property
    def _quick(self):
        """What answers few rows in a fraction of the time, and the same."""
        kind = FlatForest if self.algorithm == "random_forest" else ScaledModel
        return kind.of(self.estimator)

    def probabilities(self, features, columns: Sequence[str] | None = None) -> np.ndarray:
        """Return the probability of each class, (n, classes).

        Args:
            features: (n, columns) float; NaN where nothing is known.
            columns: what the features are called; given, they must be the model's own.

        Raises:
            DomainError: columns_differ, features_invalid.
        """
        if columns is not None and tuple(columns) != self.columns:
            raise _columns_differ(self.columns, tuple(columns))
        table = _table(features, self.columns)
        if not len(table):
            return np.zeros((0, len(self.classes)))
        if self.algorithm == "lightgbm":
            return self.estimator.predict(table, num_threads=1)
        if len(table) <= FEW_ROWS:
            return self._quick.probabilities(table)
        return self.estimator.predict_proba(table)

    def answers(self, probabilities: np.ndarray) -> list[str]:
        """Return the likeliest label of each row of probabilities."""
        return [self.classes[place] for place in np.asarray(probabilities).argmax(axis=1)]


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
    table = _table(features, columns)
    labels = np.array([str(label) for label in labels], dtype=str)
    _require_learnable(table, labels, columns, algorithm)
    if algorithm == "lightgbm":
        classes, booster = _boosted(table, labels, parameters, seed, columns)
        return Model(algorithm, columns, classes, parameters, len(table), booster)
    least = int(np.unique(labels, return_counts=True)[1].min())
    told = {}
    if algorithm == "random_forest" and parameters["balanced"]:
        told["sample_weight"] = _balancing(labels)
    estimator = _estimator(algorithm, parameters, seed, least).fit(table, labels, **told)
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


def _table(features, columns):
    try:
        table = np.ascontiguousarray(features, dtype=float)
    except (TypeError, ValueError) as error:
        raise DomainError("features_invalid", "The features are not all numbers.") from error
    if table.ndim != 2 or table.shape[1] != len(columns):
        raise DomainError(
            "columns_differ", f"Rows of {len(columns)} columns are needed, not {table.shape}."
        )
    endless = np.isinf(table).any(axis=0)
    if endless.any():
        name = columns[int(endless.argmax())]
        raise DomainError("features_invalid", f"The column {name} holds an infinite value.")
    return table


def _columns_differ(wanted, given):
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    told = [f"{', '.join(missing[:5])} missing"] if missing else []
    told += [f"{', '.join(map(str, unknown[:5]))} unknown"] if unknown else []
    said = "; ".join(told) or "they stand in another order"
    return DomainError("columns_differ", f"The columns are not those of the model: {said}.")


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


def _estimator(algorithm, parameters, seed=0, least=FOLDS):
    """Return the untrained estimator; only trees can do with missing values and any scale.

    Args:
        least: how many rows the rarest class has.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    weights = "balanced" if parameters["balanced"] else None
    if algorithm == "random_forest":
        return RandomForestClassifier(
            parameters["trees"],
            min_samples_leaf=parameters["leaf_rows"],
            random_state=seed,
            n_jobs=-1,
        )
    if algorithm == "logistic":
        return _scaled(LogisticRegression(C=parameters["c"], class_weight=weights, max_iter=2000))
    machine = SVC(C=parameters["c"], class_weight=weights, cache_size=500)
    # Its own probabilities are deprecated, and fitted five times over.
    return CalibratedClassifierCV(_scaled(machine), cv=min(FOLDS, least), ensemble=False)


def _scaled(estimator):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), estimator
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


def save(model: Model, folder: Path) -> tuple[str, ...]:
    """Write a model into a folder and return the names of its files, the main one first."""
    import zipfile

    folder = Path(folder)
    if model.algorithm == "lightgbm":
        (folder / LIGHTGBM_FILE).write_text(model.estimator.model_to_string(), encoding="utf-8")
    else:
        import skops.io

        # A path is refused where it has another suffix than skops', so the file is opened here.
        with (folder / SKOPS_FILE).open("wb") as sink:
            skops.io.dump(model.estimator, sink, compression=zipfile.ZIP_DEFLATED)
    told = {
        "format": FORMAT,
        "algorithm": model.algorithm,
        "columns": list(model.columns),
        "classes": list(model.classes),
        "parameters": model.parameters,
        "rows": model.rows,
    }
    (folder / NAMES_FILE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return model.files


def load(folder: Path) -> Model:
    """Read a model that ``save`` wrote, here or elsewhere.

    Raises:
        DomainError: artifact_missing, artifact_damaged, or artifact_refused where a file holds what
            none of ours holds. Nothing in it is run.
    """
    folder = Path(folder)
    told = _names(folder / NAMES_FILE)
    algorithm, classes = told["algorithm"], tuple(told["classes"])
    if algorithm == "lightgbm":
        estimator = _booster(folder / LIGHTGBM_FILE, len(classes), len(told["columns"]))
    else:
        estimator = _unpacked(folder / SKOPS_FILE, algorithm, told["parameters"])
        if tuple(str(one) for one in estimator.classes_) != classes:
            raise _damaged(folder / SKOPS_FILE, "its classes are others than those beside it")
        if estimator.n_features_in_ != len(told["columns"]):
            raise _damaged(folder / SKOPS_FILE, "it has another number of columns")
    columns = tuple(told["columns"])
    return Model(algorithm, columns, classes, told["parameters"], told["rows"], estimator)


def _names(path):
    content = _content(path)
    told = None
    with suppress(ValueError, RecursionError):
        told = json.loads(content)
    if not isinstance(told, dict) or told.get("format") != FORMAT or not _are_names(told):
        raise _damaged(path, "it does not describe a model")
    told["parameters"] = tabular_parameters.clean(told["algorithm"], told["parameters"])
    return told


def _are_names(told):
    lists = [told.get("columns"), told.get("classes")]
    return (
        told.get("algorithm") in ALGORITHMS
        and isinstance(told.get("parameters"), dict)
        and isinstance(told.get("rows"), int)
        and all(isinstance(one, list) and one for one in lists)
        and all(isinstance(name, str) for one in lists for name in one)
    )


def _booster(path, classes, columns):
    import lightgbm

    content = _content(path, most=None)
    try:
        booster = lightgbm.Booster(model_str=content.decode("utf-8"))
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise _damaged(path, "it is no model of LightGBM") from error
    if booster.num_model_per_iteration() != classes or booster.num_feature() != columns:
        raise _damaged(path, "its classes or columns are others than those beside it")
    return booster


def _unpacked(path, algorithm, parameters):
    import skops.io

    content = _content(path, most=None)
    try:
        foreign = set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED)
        if foreign:
            names = ", ".join(sorted(foreign)[:3])
            raise DomainError(
                "artifact_refused", f"The model file {path.name} holds {names}: it is not read."
            )
        estimator = skops.io.loads(content, trusted=list(TRUSTED))
    except DomainError:
        raise
    except Exception as error:  # whatever a reader of strangers' files may raise
        raise _damaged(path, "it is no file of skops") from error
    if _makeup(estimator) != _makeup(_estimator(algorithm, parameters)):
        raise DomainError(
            "artifact_refused", f"The model file {path.name} holds no {algorithm} of ours."
        )
    return estimator


def _makeup(estimator):
    """Return the types that an estimator is put together from."""
    parts = [part for _, part in getattr(estimator, "steps", ())]
    inner = getattr(estimator, "estimator", None) if not parts else None
    if type(estimator).__name__ == "CalibratedClassifierCV":
        parts = [inner]
    return type(estimator), [_makeup(part) for part in parts]


def _content(path, most=_MOST_NAME_BYTES):
    try:
        if most is not None and path.stat().st_size > most:
            raise _damaged(path, "it is too large")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DomainError("artifact_missing", f"The model file {path.name} is missing.") from error


def _damaged(path, why):
    return DomainError("artifact_damaged", f"The model file {path.name} cannot be used: {why}.")
