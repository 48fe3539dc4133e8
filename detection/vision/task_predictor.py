"""What a trained task classifier says of windows, the same wherever and in whatever number.

The artifact tells which columns it takes, on which grid, and what it calls its answers, so that a
stream, a scoring and a benchmark ask it alike. torch is not needed to serve, and no pickle is read.
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np

from detection.vision import task_files
from detection.vision.tabular import artifacts
from detection.vision.tabular.forests import FlatForest
from detection.vision.task_networks import FARTHEST, Network, scaled
from detection.vision.windows import WindowSpec, aggregated, aggregated_names
from hitlsite.errors import DomainError

# So many windows are computed at once, which bounds the memory whatever is asked.
_AT_ONCE = 256
_FOREST_AT_ONCE = 64


class TaskPredictor:
    """A loaded task classifier.

    Attributes:
        description: all that its ``task.json`` says.
        columns: the columns of windows by name, in order.
        classes: what the probabilities are of, in order.
        spec: how its windows are cut.
        detector_mode: which measurements it needs: "fusion", "mediapipe" or "yolo".
        frames_per_second: the median of what it learned from, 0.0 where that is not known.
    """

    def __init__(self, description: task_files.TaskDescription, compute):
        self.description = description
        self.columns: tuple[str, ...] = description.columns
        self.classes: tuple[str, ...] = description.classes
        self.spec: WindowSpec = description.spec
        self.detector_mode: str = description.detector_mode
        self.algorithm: str = description.algorithm
        self.agg: str = description.agg
        self.frames_per_second: float = description.frames_per_second
        self.sample_rate: int = description.sample_rate
        self._compute = compute

    @classmethod
    def load(cls, folder: Path) -> "TaskPredictor":
        """Read a classifier from the folder of its files.

        Raises:
            DomainError: artifact_missing, artifact_damaged, or artifact_refused where a file holds
                what none of ours holds. Nothing in it is run.
        """
        description = task_files.read(Path(folder))
        path = Path(folder) / description.main_file
        kind = _Networked if description.is_sequence else _KINDS[description.algorithm]
        try:
            return cls(description, kind(description, path))
        except DomainError:
            raise
        except Exception as error:  # whatever an estimator that somebody altered may raise
            raise artifacts.damaged(path, "it does not hold what it should") from error

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Return the probability of each class, (m, K); what one window gets depends on it alone.

        Args:
            windows: (m, S, C) float32, C in the order of ``columns``, NaN where nothing is known.

        Raises:
            DomainError: windows_differ, windows_invalid.
        """
        windows = np.asarray(windows, dtype=np.float32)
        wanted = (self.spec.steps, len(self.columns))
        if windows.ndim != 3 or windows.shape[1:] != wanted:
            raise DomainError(
                "windows_differ",
                f"The classifier takes windows of {wanted[0]} steps and {wanted[1]} columns, "
                f"not {' x '.join(map(str, windows.shape[1:]))}.",
            )
        if np.isinf(windows).any():
            name = self.columns[int(np.isinf(windows).any(axis=(0, 1)).argmax())]
            raise DomainError("windows_invalid", f"The column {name} holds an infinite value.")
        parts = [
            self._compute(windows[first : first + _AT_ONCE])
            for first in range(0, len(windows), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)))

    def trainable(self):
        """Return a copy of the estimator of an "online" classifier, to be trained further."""
        return deepcopy(self._compute.estimator)

    def place_in(self, names: Sequence[str]) -> np.ndarray:
        """Return where each of its columns stands among ``names``, (C,) int.

        Raises:
            DomainError: features_differ, naming those that are not there and what would have them.
        """
        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.columns if name not in places]
        if missing:
            told = ", ".join(missing[:5])
            told += f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise DomainError(
                "features_differ",
                f"The classifier needs {told}, which these features do not have: it learned from "
                f"features of the mode {self.detector_mode}.",
            )
        return np.array([places[name] for name in self.columns], dtype=int)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the shares (m, K) of logits, row by row."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def linear_probabilities(rows, means, scales, weights, offsets) -> np.ndarray:
    """Return the probabilities (m, K) of one logistic model for each class, or of one for two.

    Args:
        rows: (m, F), NaN where nothing is known: the mean stands in.
        weights: (K, F), or (1, F) of two classes; offsets: (K,) or (1,).
    """
    prepared = scaled_rows(rows, means, scales)
    # A product of matrices may round otherwise when there are more rows in it.
    decided = np.stack([(prepared * row).sum(axis=1) for row in weights], axis=1) + offsets
    shares = 1.0 / (1.0 + np.exp(-np.clip(decided, -500.0, 500.0)))
    if shares.shape[1] == 1:
        return np.concatenate([1.0 - shares, shares], axis=1)
    return shares / shares.sum(axis=1, keepdims=True)


def scaled_rows(rows: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return rows (m, F) scaled, 0 where nothing is known; far outliers are cut off."""
    return np.nan_to_num(np.clip((rows - means) / scales, -FARTHEST, FARTHEST), nan=0.0)


class _Aggregated:
    """What turns windows into rows of numbers first."""

    def __init__(self, description, path):
        self._agg, self._spec = description.agg, description.spec
        names = aggregated_names(description.columns, self._agg, self._spec)
        self._load(description, path, len(names))

    def __call__(self, windows):
        return self._of_rows(aggregated(windows, self._agg, self._spec))


class _Forest(_Aggregated):
    def _load(self, description, path, width):
        from sklearn.ensemble import RandomForestClassifier

        estimator = artifacts.estimator_of(path, "random_forest", RandomForestClassifier())
        _require_same(estimator, description.classes, width, path)
        self._forest = FlatForest.of(estimator)

    def _of_rows(self, rows):
        parts = [
            self._forest.probabilities(rows[first : first + _FOREST_AT_ONCE])
            for first in range(0, len(rows), _FOREST_AT_ONCE)
        ]
        return np.concatenate(parts)


class _Boosted(_Aggregated):
    def _load(self, description, path, width):
        self._booster = artifacts.booster_of(path, len(description.classes), width)

    def _of_rows(self, rows):
        return self._booster.predict(rows, num_threads=1)


class _Linear(_Aggregated):
    def _load(self, description, path, width):
        from sklearn.linear_model import SGDClassifier

        estimator = artifacts.estimator_of(path, "online", SGDClassifier())
        _require_same(estimator, description.classes, width, path)
        if len(description.means) != width:
            raise artifacts.damaged(
                path.with_name(task_files.TOLD_FILE), "its scaler has another number of columns"
            )
        rows = len(description.classes) if len(description.classes) > 2 else 1
        weights, offsets = estimator.coef_, estimator.intercept_
        if weights.shape != (rows, width) or offsets.shape != (rows,):
            raise artifacts.damaged(path, "its weights are of another number of columns or classes")
        if not (np.isfinite(weights).all() and np.isfinite(offsets).all()):
            raise artifacts.damaged(path, "its weights are not all numbers")
        self.estimator = estimator
        self._scaler = np.array(description.means), np.array(description.scales)

    def _of_rows(self, rows):
        weights, offsets = self.estimator.coef_, self.estimator.intercept_
        return linear_probabilities(rows, *self._scaler, weights, offsets)


class _Networked:
    def __init__(self, description, path):
        width = len(description.columns)
        if len(description.means) != width:
            raise artifacts.damaged(
                path.with_name(task_files.TOLD_FILE), "its scaler has another number of columns"
            )
        self._scaler = np.array(description.means), np.array(description.scales)
        self._temperature = description.temperature
        steps, classes = description.spec.steps, len(description.classes)
        self._network = Network(path, steps, 2 * width, classes)

    def __call__(self, windows):
        logits = self._network.logits(scaled(windows, *self._scaler))
        return softmax(logits / self._temperature)


def _require_same(estimator, classes, width, path):
    if tuple(str(one) for one in estimator.classes_) != tuple(classes):
        raise artifacts.damaged(path, "its classes are others than those beside it")
    if estimator.n_features_in_ != width:
        raise artifacts.damaged(path, "it has another number of columns")


_KINDS = {"random_forest": _Forest, "lightgbm": _Boosted, "online": _Linear}
