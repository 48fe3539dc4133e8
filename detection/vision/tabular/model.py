"""Classifiers of rows of numbers as they serve: files that run nothing, loaded and asked.

Labels are text. What a model answers is in the order of its own classes, which need not be those of
a dataset, nor numbers from 0 on. The files are LightGBM's text, or skops for scikit-learn, read
against a list of types that may be in it; neither can carry code, and no pickle is ever read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from detection.vision.tabular import artifacts, parameters
from detection.vision.tabular.estimators import untrained
from detection.vision.tabular.forests import FlatForest
from detection.vision.tabular.scaled import ScaledModel
from hitlsite.errors import DomainError

ALGORITHMS = tuple(parameters.KNOWN)
FORMAT = 1
NAMES_FILE, SKOPS_FILE, LIGHTGBM_FILE = "model.json", "model.skops", "model.txt"
FEW_ROWS = 64


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
        table = table_of(features, self.columns)
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


def table_of(features, columns: Sequence[str]) -> np.ndarray:
    """Return features as (n, columns) float, NaN where nothing is known.

    Raises:
        DomainError: columns_differ, features_invalid.
    """
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
        estimator = artifacts.booster_of(folder / LIGHTGBM_FILE, len(classes), len(told["columns"]))
    else:
        estimator = artifacts.estimator_of(
            folder / SKOPS_FILE, algorithm, untrained(algorithm, told["parameters"])
        )
        if tuple(str(one) for one in estimator.classes_) != classes:
            raise artifacts.damaged(
                folder / SKOPS_FILE, "its classes are others than those beside it"
            )
        if estimator.n_features_in_ != len(told["columns"]):
            raise artifacts.damaged(folder / SKOPS_FILE, "it has another number of columns")
    columns = tuple(told["columns"])
    return Model(algorithm, columns, classes, told["parameters"], told["rows"], estimator)


def _names(path):
    told = artifacts.told_of(path)
    if not isinstance(told, dict) or told.get("format") != FORMAT or not _are_names(told):
        raise artifacts.damaged(path, "it does not describe a model")
    told["parameters"] = parameters.clean(told["algorithm"], told["parameters"])
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
