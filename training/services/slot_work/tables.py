"""What the slots that learn from rows of numbers share; only where the rows come from differs.

Scores are {entry position: [[label, probability], ...]}, the labels of every entry in the order of
the model's classes.
"""

import hashlib
import json

from detection.slots import SLOTS
from hitlsite import storage
from hitlsite.errors import DomainError
from training.learning.gate import Slice
from training.learning.paired import ClassF1, MacroF1
from training.models import Dataset, DatasetEntry
from training.services.slot_work import Form, Trained

Split = DatasetEntry.Split
SYNTHETIC = "synthetic_cameras"


def digest(label):
    """Return the hash of an entry's content."""
    return hashlib.sha256(json.dumps(label, sort_keys=True).encode()).hexdigest()


def taxonomy(slot, names):
    """Return the classes of a dataset: those of the one before in their places, then new ones."""
    last = Dataset.objects.filter(slot=slot, state=Dataset.State.DONE).order_by("-pk").first()
    kept = last.class_names if last else []
    fresh = sorted(set(names) - set(kept))
    return [{"name": name, "former": [], "label_classes": []} for name in (*kept, *fresh)]


def clean_options(options, *known):
    """Return the options of a freeze; those of pictures are known too, and say nothing here.

    Raises:
        DomainError: option_unknown.
    """
    unknown = sorted(options.keys() - {*known, "camera_share", "frames_per_track"} - {SYNTHETIC})
    if unknown:
        told = ", ".join((*known, "camera_share"))
        raise DomainError(
            "option_unknown",
            f"There is no option {', '.join(unknown)[:100]}; there are: {told}.",
            fields={unknown[0][:60]: "There is no such option."},
        )
    return options


def table_of(labels, columns):
    """Return the features (n, columns) of entries' labels.

    Raises:
        DomainError: columns_differ, where a dataset was made of other columns.
    """
    import numpy as np

    try:
        rows = [[label["features"][name] for name in columns] for label in labels]
    except KeyError as error:
        raise DomainError(
            "columns_differ",
            f"The dataset has no column {error.args[0]}: freeze a new one.",
        ) from error
    return np.array(rows, dtype=float).reshape(len(rows), len(columns))


def labels_of(dataset, split):
    """Return the labels of a split in order; nothing else of its entries is read."""
    rows = dataset.entries.filter(split=split).order_by("position")
    return list(rows.values_list("label", flat=True))


def clean(slot, algorithm, parameters, **defaults):
    """Return the parameters of a run with defaults filled in.

    Raises:
        DomainError: algorithm_unknown, parameters_invalid.
    """
    from detection.vision.tabular import parameters as tabular_parameters

    known = SLOTS[slot].algorithms
    if algorithm not in known:
        raise DomainError(
            "algorithm_unknown",
            f"{slot} is not trained by {str(algorithm)[:40]}; it takes: {', '.join(known)}.",
        )
    return tabular_parameters.clean(algorithm, parameters, **defaults)


def train(run, columns, folder, report):
    """Train on a run's dataset and leave the files in ``folder``; return Trained."""
    from detection.vision.tabular import model as tabular_model
    from training.learning import tabular

    report.stage(run.Stage.TRAINING)
    labels = labels_of(run.dataset, Split.TRAIN)
    report.progress(0, 1, f"{run.algorithm} on {len(labels)} rows")
    model = tabular.fit(
        table_of(labels, columns),
        [label["label"] for label in labels],
        run.algorithm,
        run.parameters,
        run.seed,
        columns=columns,
    )
    report.log(f"{run.algorithm}: {model.rows} rows, classes {', '.join(model.classes)}")
    _validate(run, model, columns, report)
    files = tabular_model.save(model, folder)
    report.progress(1, 1)
    sha256 = storage.sha256_of(folder / files[0])
    form = Form(run.algorithm, model.backend, files, sha256)
    return Trained(files, (form,), model.classes)


def _validate(run, model, columns, report):
    """Tell how the model does on the validation split; nothing is chosen by it."""
    labels = labels_of(run.dataset, Split.VAL)
    if not labels:
        return
    answers = model.answers(model.probabilities(table_of(labels, columns)))
    right = sum(answer == label["label"] for answer, label in zip(answers, labels, strict=True))
    report.epoch({"epoch": 1, "val_accuracy": round(right / len(labels), 5)})


def score(subject, dataset, entries, report):
    """Return what a subject says of entries; None says what is most frequent in training."""
    from detection.vision.tabular import model as tabular_model

    if subject is None:
        answer = [[most_frequent(dataset), 1.0]]
        return {entry.position: answer for entry in entries}
    model = tabular_model.load(subject.folder)
    report.progress(0, len(entries), f"{subject.name} on {len(entries)} rows")
    found = model.probabilities(table_of([entry.label for entry in entries], model.columns))
    report.progress(len(entries), len(entries))
    return {
        entry.position: [list(pair) for pair in zip(model.classes, row, strict=True)]
        for entry, row in zip(entries, found.tolist(), strict=True)
    }


def most_frequent(dataset):
    """Return the label that most of the training split has: all there is to say without looking."""
    counts = {}
    for label in labels_of(dataset, Split.TRAIN):
        counts[label["label"]] = counts.get(label["label"], 0) + 1
    names = dataset.class_names
    return max(names, key=lambda name: counts.get(name, 0)) if names else ""


def classes_of(dataset, *scores):
    """Return the dataset's classes, and behind them those that only a model knows."""
    names = list(dataset.class_names)
    told = {label for one in scores for said in one.values() for label, _ in said}
    return [*names, *sorted(told - set(names))]


def matrix(entries, scores, classes):
    """Return the probabilities (n, classes) of scores; 0 of a class that the model lacks."""
    import numpy as np

    place = {name: number for number, name in enumerate(classes)}
    found = np.zeros((len(entries), len(classes)))
    for row, entry in enumerate(entries):
        for label, probability in scores[entry.position]:
            found[row, place[label]] = probability
    return found


def numbered_groups(entries):
    """Return (the number of each entry's group (n,), how many groups there are)."""
    import numpy as np

    names = [entry.group for entry in entries]
    _, number = np.unique(np.array(names, dtype=str), return_inverse=True)
    return number, len(set(names))


def figures(dataset, entries, scores, **options):
    """Return Evaluation.figures of scores."""
    from training.learning import classifier_figures

    classes = classes_of(dataset, scores)
    return classifier_figures.figures(
        [entry.label["label"] for entry in entries],
        matrix(entries, scores, classes),
        classes,
        [entry.group for entry in entries],
        [entry.position for entry in entries],
        **options,
    )


def paired(dataset, entries, champion, challenger, *, by_camera=False):
    """Return (macro F1, slices): the F1 of every class, and of cameras the macro F1 if asked."""
    import numpy as np

    classes = classes_of(dataset, champion, challenger)
    truths = [entry.label["label"] for entry in entries]
    classes += sorted(set(truths) - set(classes))
    place = {name: number for number, name in enumerate(classes)}
    true = np.array([place[name] for name in truths], dtype=int)
    answers = [matrix(entries, one, classes).argmax(axis=1) for one in (champion, challenger)]
    group, groups = numbered_groups(entries)

    def confusions(chosen=slice(None)):
        found = np.zeros((2, groups, len(classes), len(classes)))
        for model, answered in enumerate(answers):
            np.add.at(found[model], (group[chosen], true[chosen], answered[chosen]), 1.0)
        return found

    whole = confusions()
    of_classes = [(name, ClassF1(whole, place[name])) for name in classes]
    slices = [Slice("class", name, one.items, one) for name, one in of_classes if one.items]
    if by_camera:
        cameras = {entry.camera_id: str(entry.camera) for entry in entries if entry.camera_id}
        camera_ids = np.array([entry.camera_id or 0 for entry in entries], dtype=int)
        for pk, name in sorted(cameras.items()):
            one = MacroF1(confusions(camera_ids == pk))
            slices.append(Slice("camera", name, one.items, one))
    return MacroF1(whole), slices
