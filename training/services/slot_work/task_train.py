"""How task classification learns and is scored: windows in, the labels of their stretches out.

Scores are those of ``tables``: {entry position: [[label, probability], ...]}.
"""

import json
import shutil
from time import perf_counter

from django.conf import settings

from detection.services import task_serving
from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import DatasetEntry
from training.services import slot_work
from training.services.slot_work import Form, Trained, tables, task_champions, task_windows

Split = DatasetEntry.Split
IMPORTANCE_FILE, ABLATIONS_FILE = "importance.json", "ablations.json"
MOST_PERMUTED = 1500
TIMED = 50


def clean_parameters(algorithm, parameters):
    """Return the parameters of a run with defaults filled in.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid, naming each.
    """
    from training.learning import task_parameters

    return task_parameters.clean(algorithm, parameters)


def train(run, champion, folder, report):
    """Train on a run's dataset and leave the files in ``folder``; return Trained."""
    from detection.vision import libraries
    from training.services.slot_work import task_ablations

    libraries.prepare(settings.CACHE_DIR)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report.stage(run.Stage.TRAINING)
    material = Material(run.dataset, run.seed)
    model = _fitted(run, champion, material, report)
    files = [*model.save(folder)]
    predictor = model.predictor()
    classes = model.description.classes
    report.log(f"{run.algorithm}: {model.description.rows} windows of {', '.join(classes)}")
    _write(folder / IMPORTANCE_FILE, _importance(predictor, material, run.seed, report))
    files.append(IMPORTANCE_FILE)
    if run.parameters["ablations"]:
        found = task_ablations.ablations(run, predictor, material, report)
        _write(folder / ABLATIONS_FILE, found)
        files.append(ABLATIONS_FILE)
    serving = model.description.files
    form = Form(
        run.algorithm,
        model.description.backend,
        serving,
        storage.sha256_of(folder / serving[0]),
        milliseconds=_milliseconds(predictor),
    )
    return Trained(tuple(files), (form,), classes)


def _write(path, told):
    path.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _fitted(run, champion, material, report):
    before = None
    if champion is not None:
        before = predictor_of(champion)
        # Better known now than after all the training.
        task_champions.windows_for(before, champion.name, material.some)
    is_online = run.algorithm == "online" and before is not None
    is_new = material.is_new_to(_dataset_of(champion)) if is_online else None
    report.progress(0, 1, f"{run.algorithm} on {len(material.labels)} windows")
    return material.fit(
        run.algorithm, run.parameters, report, champion=before if is_online else None, is_new=is_new
    )


def _dataset_of(champion):
    from training.services import subjects

    version = subjects.version_of(champion)
    return version.dataset if version else None


class Material:
    """What trains and what validates, read once, with the columns that a set of them takes."""

    def __init__(self, dataset, seed):
        self.dataset, self.seed = dataset, seed
        self.meta = task_windows.meta_of(dataset)
        self.columns = tuple(self.meta["columns"])
        train = list(slot_work.entries_of(dataset, Split.TRAIN))
        self.val = list(slot_work.entries_of(dataset, Split.VAL))
        if not train:
            raise DomainError("nothing_to_train", f"{dataset} has no window that trains.")
        self.some = train[:1]
        self.windows = task_windows.windows_of(train)
        self.labels = [entry.label["label"] for entry in train]
        self.sha256s = [entry.sha256 for entry in train]
        self.val_labels = [entry.label["label"] for entry in self.val]
        self.val_windows = task_windows.windows_of(self.val) if self.val else None

    def is_new_to(self, dataset):
        """Return which training windows another dataset did not train, (n,) bool."""
        import numpy as np

        known = set()
        if dataset is not None:
            trained = dataset.entries.filter(split=Split.TRAIN)
            known = set(trained.values_list("sha256", flat=True))
        return np.array([sha256 not in known for sha256 in self.sha256s], dtype=bool)

    def places_of(self, wanted):
        """Return (places of the columns of a set, the mode that measures them).

        Args:
            wanted: "fused" for all there are, "mediapipe" or "yolo".

        Raises:
            DomainError: columns_missing.
        """
        from detection.vision import task_columns
        from training.learning.task_parameters import FUSED

        if wanted == FUSED:
            return list(range(len(self.columns))), self.meta["mode"]
        names = set(task_columns.names_of(wanted))
        places = [place for place, name in enumerate(self.columns) if name in names]
        if not places:
            told = f"{self.dataset} has no column of {wanted}."
            raise DomainError("columns_missing", told, fields={"parameters.columns": told})
        return places, wanted

    def fit(self, algorithm, parameters, report, *, champion=None, is_new=None):
        """Return the TaskModel of an algorithm on the columns that its parameters name."""
        from detection.vision.windows import WindowSpec
        from training.learning import task_models

        places, mode = self.places_of(parameters["columns"])
        val = (self.val_windows[:, :, places], self.val_labels) if self.val else None
        return task_models.fit(
            self.windows[:, :, places],
            self.labels,
            algorithm,
            parameters,
            self.seed,
            columns=[self.columns[place] for place in places],
            spec=WindowSpec.from_dict(self.meta["spec"]),
            detector_mode=mode,
            val=val,
            report=report,
            champion=champion,
            is_new=is_new,
            frames_per_second=float(self.meta["frames_per_second"]),
            sample_rate=int(self.meta["sample_rate"]),
            sources={
                "dataset": self.dataset.manifest_sha256,
                "features": {row["name"]: row["sha256"] for row in self.meta["inputs"]},
            },
        )


def _importance(predictor, material, seed, report):
    """Return {"split", "windows", "figure", "columns"}: what each column is worth."""
    import numpy as np

    from training.learning import task_figures
    from training.learning.task_models import places_of

    told = {"split": "val", "figure": "macro F1", "repeats": task_figures.REPEATS, "seed": seed}
    if not material.val:
        return {**told, "windows": 0, "columns": []}
    order = np.random.default_rng(seed).permutation(len(material.val))[:MOST_PERMUTED]
    windows = material.val_windows[:, :, predictor.place_in(material.columns)][order]
    rows = task_figures.importance(
        predictor.probabilities,
        windows,
        places_of(material.val_labels, predictor.classes)[order],
        predictor.columns,
        seed=seed,
        told=lambda done, total: report.progress(done, total, "what each column is worth"),
    )
    return {**told, "windows": len(order), "columns": rows}


def _milliseconds(predictor):
    """Return what the usual prediction of one window takes here."""
    import numpy as np

    window = np.zeros((1, predictor.spec.steps, len(predictor.columns)), dtype=np.float32)
    spent = []
    for _ in range(TIMED):
        begun = perf_counter()
        predictor.probabilities(window)
        spent.append(perf_counter() - begun)
    return 1000 * float(np.median(spent))


def predictor_of(subject):
    """Return the TaskPredictor of a Subject.

    Raises:
        DomainError: artifact_missing, artifact_damaged, artifact_refused.
    """
    return task_serving.load(subject.folder)


def score(subject, dataset, entries, report):
    """Return what a subject says of entries; None says what is most frequent in training."""
    if subject is None:
        answer = [[tables.most_frequent(dataset), 1.0]]
        return {entry.position: answer for entry in entries}
    predictor = predictor_of(subject)
    report.progress(0, len(entries), f"{subject.name} on {len(entries)} windows")
    return scores_of(predictor, subject.name, entries, report)


def scores_of(predictor, name, entries, report):
    """Return what a predictor says of entries of one dataset."""
    found = {}
    for first in range(0, len(entries), 1024):
        part = entries[first : first + 1024]
        windows = task_champions.windows_for(predictor, name, part)
        told = predictor.probabilities(windows).tolist()
        for entry, row in zip(part, told, strict=True):
            found[entry.position] = [list(one) for one in zip(predictor.classes, row, strict=True)]
        report.progress(len(found), len(entries))
    return found


def figures(dataset, entries, scores):
    """Return Evaluation.figures."""
    return tables.figures(dataset, entries, scores, figure="macro_f1")


def paired(dataset, entries, champion, challenger):
    """Return (macro F1, the F1 of every class and the macro F1 of every camera)."""
    return tables.paired(dataset, entries, champion, challenger, by_camera=True)
