"""Train task classifiers on windows; ``detection.vision.task_predictor`` loads and asks them.

What is trained is at once the bytes of the file that serves, so that whatever is scored here is
what serves later: there is no second form of a model that could answer otherwise.
"""

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detection.vision import task_files
from detection.vision.task_files import TaskDescription
from detection.vision.task_predictor import TaskPredictor, scaled_rows, softmax
from detection.vision.windows import WindowSpec, aggregated
from hitlsite.errors import DomainError
from training.learning import task_parameters
from training.learning.task_figures import macro_f1

MOST_DIFFERENCE = 1e-4
_TREES_AT_ONCE = 20
_SILENT_EVERY = 10


@dataclass(frozen=True, slots=True)
class TaskModel:
    """A trained classifier: what it says of itself, and the content of its main file."""

    description: TaskDescription
    content: bytes

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write its files and return their names, the main one first."""
        (Path(folder) / self.description.main_file).write_bytes(self.content)
        task_files.write(self.description, folder)
        return self.description.files

    def predictor(self) -> TaskPredictor:
        """Return it as it will serve, from its files."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder))
            return TaskPredictor.load(Path(folder))


class Unheard:
    """A report that nobody reads."""

    def progress(self, done, total, message=""):
        """Say nothing."""

    def epoch(self, figures):
        """Say nothing."""

    def log(self, line):
        """Say nothing."""


def fit(
    windows: np.ndarray,
    labels: Sequence[str],
    algorithm: str,
    parameters: dict | None = None,
    seed: int = 0,
    *,
    columns: Sequence[str],
    spec: WindowSpec | None = None,
    detector_mode: str = "fusion",
    val: tuple[np.ndarray, Sequence[str]] | None = None,
    report=None,
    champion: TaskPredictor | None = None,
    is_new: np.ndarray | None = None,
    **told,
) -> TaskModel:
    """Train a classifier.

    Args:
        windows: (n, S, C) float32; NaN is missing. A column that is missing throughout is left out
            and named in ``description.left_out`` and in the report.
        labels: n of them.
        columns: C names.
        spec: how the windows were cut; the usual one where it is None.
        val: what is held back, by which networks choose their epoch and their temperature.
        report: told of epochs, see ``slot_work.Report``; what it raises ends the training.
        champion: what "online" goes on from where it is of the same kind.
        is_new: (n,) which windows such a champion has not learned from yet; all where it is None.
        told: more of the description: frames_per_second, sample_rate, sources.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid, windows_invalid, too_few_rows,
            one_class, no_columns, nothing_new, export_differs.
    """
    algorithm = task_parameters.algorithm_named(algorithm)
    parameters = task_parameters.clean(algorithm, parameters)
    report, spec = report or Unheard(), spec or WindowSpec()
    windows, labels = np.asarray(windows, dtype=np.float32), np.array(labels, dtype=str)
    columns = tuple(columns)
    _require_learnable(windows, labels, columns, spec)
    is_empty = np.isnan(windows).all(axis=(0, 1))
    left_out = _left_out(columns, is_empty, report)
    description = TaskDescription(
        algorithm=algorithm,
        columns=tuple(name for name in columns if name not in left_out),
        classes=tuple(str(name) for name in np.unique(labels)),
        spec=spec,
        detector_mode=detector_mode,
        agg=parameters.get("agg", ""),
        left_out=left_out,
        parameters=parameters,
        seed=seed,
        rows=len(windows),
        **told,
    )
    if val is not None:
        kept = np.asarray(val[0], dtype=np.float32)[:, :, ~is_empty]
        val = (kept, np.array(val[1], dtype=str)) if len(kept) else None
    material = _Material(windows[:, :, ~is_empty], labels, val, champion, is_new)
    return _MAKERS[algorithm](description, material, report)


def _left_out(columns, is_empty, report):
    """Return the names of the columns that are missing throughout, and tell of them."""
    found = tuple(name for name, gone in zip(columns, is_empty, strict=True) if gone)
    if len(found) == len(columns):
        raise DomainError("no_columns", "No column of the windows holds any value at all.")
    if found:
        report.log(f"Left out, missing throughout training: {', '.join(found)}.")
    return found


@dataclass(frozen=True, slots=True)
class _Material:
    windows: np.ndarray
    labels: np.ndarray
    val: tuple[np.ndarray, np.ndarray] | None
    champion: TaskPredictor | None
    is_new: np.ndarray | None


def _require_learnable(windows, labels, columns, spec):
    if windows.ndim != 3 or windows.shape[1:] != (spec.steps, len(columns)):
        raise DomainError(
            "windows_invalid",
            f"Windows of {spec.steps} steps and {len(columns)} columns are needed, not "
            f"{' x '.join(map(str, windows.shape[1:]))}.",
        )
    if len(windows) != len(labels):
        raise DomainError("windows_invalid", f"{len(windows)} windows have {len(labels)} labels.")
    endless = np.isinf(windows).any(axis=(0, 1))
    if endless.any():
        name = columns[int(endless.argmax())]
        raise DomainError("windows_invalid", f"The column {name} holds an infinite value.")
    if len(windows) < 2:
        raise DomainError("too_few_rows", f"Nothing can be learned from {len(windows)} window(s).")
    names = np.unique(labels)
    if len(names) < 2:
        told = f"All windows are labelled {names[0]}: nothing to tell apart."
        raise DomainError("one_class", told)


def _rows(description, windows):
    return aggregated(windows, description.agg, description.spec)


def _packed(estimator):
    import io

    import skops.io

    sink = io.BytesIO()
    skops.io.dump(estimator, sink, compression=zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _forest(description, material, report):
    from sklearn.ensemble import RandomForestClassifier

    wanted = description.parameters["n_estimators"]
    forest = RandomForestClassifier(
        max_depth=description.parameters["max_depth"],
        min_samples_leaf=2,
        random_state=description.seed,
        n_jobs=-1,
        warm_start=True,
    )
    rows = _rows(description, material.windows)
    for grown in range(_TREES_AT_ONCE, wanted + _TREES_AT_ONCE, _TREES_AT_ONCE):
        forest.set_params(n_estimators=min(grown, wanted))
        forest.fit(rows, material.labels)
        report.progress(min(grown, wanted), wanted, f"{min(grown, wanted)} trees")
    forest.set_params(warm_start=False, n_jobs=1)
    return _told(TaskModel(description, _packed(forest)), material, report)


def _boosted(description, material, report):
    import lightgbm

    places = np.searchsorted(description.classes, material.labels)
    asked = description.parameters
    settings = {
        "objective": "multiclass",
        "num_class": len(description.classes),
        "max_depth": asked["max_depth"] or -1,
        "learning_rate": asked["learning_rate"],
        # Twenty rows a leaf would let a small table grow no tree at all.
        "min_data_in_leaf": min(20, max(len(places) // 20, 1)),
        "seed": description.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    rows = _rows(description, material.windows)
    names = [f"column_{place}" for place in range(rows.shape[1])]
    known = lightgbm.Dataset(rows, label=places, feature_name=names)

    def listen(state):
        if (state.iteration + 1) % _SILENT_EVERY == 0:
            done, total = state.iteration + 1, state.end_iteration
            report.progress(done, total, f"{done} rounds")

    booster = lightgbm.train(
        settings, known, num_boost_round=asked["n_estimators"], callbacks=[listen]
    )
    content = booster.model_to_string().encode()
    return _told(TaskModel(description, content), material, report)


def _told(model, material, report):
    """Tell how a model of trees does on what is held back; nothing is chosen by it."""
    if material.val is not None:
        windows, labels = material.val
        answered = model.predictor().probabilities(windows).argmax(axis=1)
        score = macro_f1(places_of(labels, model.description.classes), answered)
        report.epoch({"epoch": 1, "val_macro_f1": round(score, 5)})
    return model


def places_of(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Return where each label stands among the classes, -1 of one that does not.

    >>> places_of(["b", "c"], ("a", "b"))
    array([ 1, -1])
    """
    place = {name: number for number, name in enumerate(classes)}
    return np.array([place.get(str(label), -1) for label in labels], dtype=int)


def _online(description, material, report):
    """Train pass by pass, from the champion on where that is of the same kind."""
    from sklearn.linear_model import SGDClassifier

    start = _start(description, material, report)
    chosen = np.ones(len(material.labels), dtype=bool)
    if start is not None:
        chosen = chosen if material.is_new is None else np.asarray(material.is_new, dtype=bool)
        if not chosen.any():
            told = "The champion has learned from every window of this dataset already."
            raise DomainError("nothing_new", told)
        before = start.description
        description = replace(
            description, classes=before.classes, means=before.means, scales=before.scales
        )
        estimator = start.trainable()
        report.log(f"It goes on from the champion with {int(chosen.sum())} new windows.")
    else:
        means, scales = _scaler(_rows(description, material.windows))
        description = replace(description, means=means, scales=scales)
        estimator = SGDClassifier(loss="log_loss", learning_rate="constant")
    estimator.set_params(
        eta0=description.parameters["learning_rate"], random_state=description.seed
    )
    description = replace(description, rows=int(chosen.sum()))
    _pass_by_pass(estimator, description, material, chosen, report)
    return TaskModel(description, _packed(estimator))


def _start(description, material, report):
    """Return the champion if it can be gone on from."""
    champion = material.champion
    if champion is None:
        return None
    same = ("algorithm", "columns", "agg", "spec")
    differs = [
        name for name in same if getattr(champion.description, name) != getattr(description, name)
    ]
    if set(description.classes) - set(champion.classes):
        differs.append("classes")
    if differs:
        report.log(f"It begins anew: the champion has another {' and another '.join(differs)}.")
        return None
    return champion


def _scaler(rows):
    """Return (means, scales) of rows (n, F), as plain numbers; 0 and 1 of what is never known."""
    known = ~np.isnan(rows)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, rows, 0.0).sum(axis=0) / counts
    away = np.where(known, rows - means, 0.0)
    scales = np.sqrt((away**2).sum(axis=0) / counts)
    scales = np.where(scales > 1e-9, scales, 1.0)
    return tuple(means.tolist()), tuple(scales.tolist())


def _pass_by_pass(estimator, description, material, chosen, report):
    scaler = np.array(description.means), np.array(description.scales)
    labels = material.labels[chosen]
    rows = scaled_rows(_rows(description, material.windows[chosen]), *scaler)
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = len(labels) / (len(counts) * counts[places])
    order = np.random.default_rng(description.seed)
    epochs = description.parameters["epochs"]
    for epoch in range(1, epochs + 1):
        drawn = order.permutation(len(rows))
        estimator.partial_fit(
            rows[drawn],
            labels[drawn],
            classes=np.array(description.classes, dtype=str),
            sample_weight=weights[drawn],
        )
        figures = {"epoch": epoch}
        if material.val is not None:
            windows, truths = material.val
            known = scaled_rows(_rows(description, windows), *scaler)
            answered = places_of(estimator.predict(known), description.classes)
            true = places_of(truths, description.classes)
            figures["val_macro_f1"] = round(macro_f1(true, answered), 5)
        report.progress(epoch, epochs, f"pass {epoch}")
        report.epoch(figures)


def _sequence(description, material, report):
    from detection.vision.task_networks import scaled
    from training.learning import sequence

    windows = material.windows
    means, scales = _scaler(windows.reshape(-1, windows.shape[2]).astype(float))
    description = replace(description, means=means, scales=scales)
    scaler = np.array(means), np.array(scales)
    train = scaled(windows, *scaler), places_of(material.labels, description.classes)
    held_back = material.val or (windows[:0], material.labels[:0])
    val = scaled(held_back[0], *scaler), places_of(held_back[1], description.classes)
    learned = sequence.learn(
        description.algorithm,
        train,
        val,
        len(description.classes),
        description.parameters,
        description.seed,
        report,
    )
    description = replace(description, temperature=learned.temperature)
    model = TaskModel(description, learned.content)
    asked = held_back[0] if len(held_back[0]) else windows[: len(learned.logits)]
    _require_same(model, asked, softmax(learned.logits / learned.temperature), report)
    return model


def _require_same(model, windows, wanted, report):
    """Ask what will serve for what the training's own network says."""
    far = float(np.abs(model.predictor().probabilities(windows) - wanted).max())
    report.log(f"The kept network differs from the trained one by at most {far:.1e}.")
    if not far <= MOST_DIFFERENCE:
        raise DomainError(
            "export_differs",
            f"The kept network answers otherwise than the trained one, by up to {far:.1e}.",
        )


_MAKERS = {
    "random_forest": _forest,
    "lightgbm": _boosted,
    "online": _online,
    "lstm": _sequence,
    "tcn": _sequence,
    "transformer": _sequence,
}
