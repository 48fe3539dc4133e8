"""The object detector: pictures with boxes in, weights and their forms out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from hitlsite import storage
from hitlsite.errors import DomainError
from training.learning import boxes, detector_parameters, gate, replay
from training.models import DatasetEntry, TrainingRun
from training.services import subjects
from training.services.annotated_pictures import gather
from training.services.entry_pictures import EntryPictures, image_of
from training.services.folder_evaluation import LEAST_SCORE, MAP50, by_class
from training.services.slot_work import Form, Trained, entries_of

__all__ = ["clean_parameters", "figures", "gather", "inputs", "paired", "score", "train"]
Split, Stage = DatasetEntry.Split, TrainingRun.Stage


@dataclass(frozen=True, slots=True)
class _Base:
    """What is trained on from; ``seen`` are the pictures that it was trained on already."""

    path: Path | None = None
    name: str = ""
    seen: frozenset = frozenset()


def clean_parameters(algorithm, parameters):
    """Return the parameters of a run with defaults filled in.

    Raises:
        DomainError: parameters_invalid; weights_missing where the model folder has no such file.
    """
    cleaned = detector_parameters.clean(parameters)
    if cleaned["base"] not in (detector_parameters.CHAMPION, detector_parameters.SCRATCH):
        _in_model_dir(cleaned["base"])
    return cleaned


def inputs(parameters):
    """Return what decides a run beside its parameters: the content of the weights that they name.

    Raises:
        DomainError: weights_missing.
    """
    told = parameters["base"]
    if "base_path" in parameters:
        path = Path(parameters["base_path"])
    elif told in (detector_parameters.CHAMPION, detector_parameters.SCRATCH):
        return {}
    else:
        path = _in_model_dir(told)
    if not path.is_file():
        raise DomainError("weights_missing", f"The weights file {path} does not exist.")
    return {"base_sha256": storage.sha256_of(path)}


def _in_model_dir(name):
    path = Path(settings.MODEL_DIR) / name
    if not path.is_file():
        raise DomainError(
            "weights_missing",
            f"There are no weights {name} in the model folder.",
            fields={"base": "There is no such file in the model folder."},
        )
    return path


def train(run, champion, folder, report):
    """Fine-tune in ``folder`` and return what it made.

    Raises:
        DomainError: picture_missing, picture_altered, base_path_refused; see
            ``learning.detector`` and ``learning.detector_forms``.
    """
    from detection.vision.detectors import file_sha256
    from training.learning.detector import FineTune, fine_tune

    told = run.parameters
    base = _base(run, champion)
    names, former = _classes(run.dataset)
    place = {name: number for number, name in enumerate(names)}
    pictures = EntryPictures(folder, place, report)
    training = pictures.labelled(_mixed(run, base, report))
    validation = pictures.labelled(list(entries_of(run.dataset, Split.VAL)))
    report.stage(Stage.TRAINING)
    best = fine_tune(
        FineTune(
            pictures=tuple(training),
            validation=tuple(validation),
            class_names=names,
            former_names=former,
            base=base.path,
            architecture=told["architecture"],
            epochs=told["epochs"],
            batch=told["batch"],
            image_size=told["image_size"],
            patience=told["patience"],
            learning_rate=told["learning_rate"],
            device=told["device"],
            seed=run.seed,
            cache_dir=Path(settings.CACHE_DIR),
        ),
        folder,
        report,
    )
    report.stage(Stage.EXPORTING)
    started = {"name": base.name, "sha256": file_sha256(base.path)} if base.path else {}
    return _trained(best, training, validation, started, report)


def _trained(best, training, validation, started, report):
    """Make the forms and return Trained."""
    from detection.vision.backends import describe
    from training.learning import detector_forms

    forms = detector_forms.make_forms(
        best,
        calibration=[picture.path for picture in training],
        pictures=[picture.path for picture in validation],
        cache_dir=Path(settings.CACHE_DIR),
        progress=report.progress,
    )
    for form in forms:
        agreement = form.agreement["sentence"]
        report.log(f"{form.name}: {form.milliseconds} ms; {agreement} as in {forms[0].name}")
    class_names, _ = describe(best.parent / detector_forms.ONNX_NAME)
    return Trained(
        files=(best.name, *dict.fromkeys(name for form in forms for name in form.files)),
        forms=tuple(
            Form(
                name=form.name,
                backend=form.backend,
                files=form.files,
                sha256=form.sha256,
                input_size=form.input_size,
                precision=form.precision,
                milliseconds=form.milliseconds,
            )
            for form in forms
        ),
        class_names=class_names,
        base=started,
    )


def _base(run, champion):
    """Return the _Base that a run's parameters name."""
    told = run.parameters
    if "base_path" in told:
        if run.trigger != TrainingRun.Trigger.COMMAND:
            raise DomainError("base_path_refused", "Only a command may name weights by their path.")
        return _Base(Path(told["base_path"]), Path(told["base_path"]).name)
    if told["base"] == detector_parameters.SCRATCH:
        return _Base()
    if told["base"] != detector_parameters.CHAMPION:
        return _Base(_in_model_dir(told["base"]), told["base"])
    version = subjects.version_of(champion)
    weights = subjects.weights_of(version) if version else None
    if weights:
        trained = version.dataset.entries.filter(split=Split.TRAIN)
        seen = frozenset(trained.values_list("sha256", flat=True))
        return _Base(weights, version.name, seen)
    if champion is not None and champion.folder.suffix == ".pt":
        return _Base(champion.folder, champion.folder.name)
    return _default_base()


def _default_base():
    from detection.vision.backends import DEFAULT_WEIGHTS

    paths = (Path(settings.MODEL_DIR) / name for name in DEFAULT_WEIGHTS)
    path = next((path for path in paths if path.is_file()), None)
    return _Base(path, path.name) if path else _Base()


def _classes(dataset):
    """Return the names of the classes that still stand, and the other names of each."""
    standing = [row for row in dataset.taxonomy if "merged_into" not in row]
    names = tuple(row["name"] for row in standing)
    return names, tuple(tuple(row.get("former", ())) for row in standing)


def _mixed(run, base, report):
    """Return the entries to train on: the new ones, and old ones as replay."""
    entries = list(entries_of(run.dataset, Split.TRAIN))
    old = [entry for entry in entries if entry.sha256 in base.seen]
    new = [entry for entry in entries if entry.sha256 not in base.seen]
    mixed = replay.mixed(old, new, run.parameters["replay"], run.seed)
    report.log(f"{len(new)} new pictures, {len(mixed) - len(new)} shown again of {len(old)} old")
    return mixed


def score(subject, dataset, entries, report):
    """Return {entry position: {class name: (boxes (n, 4), scores (n,))}} by the dataset's names.

    The detector is the one that would serve; its boxes count from a score of 0.001 on, at most 100
    a class and picture. None finds nothing.

    Raises:
        DomainError: weights_*, picture_missing, picture_altered, picture_unreadable.
    """
    if subject is None:
        return {entry.position: {} for entry in entries}
    detector = _serving(subject)
    names = _names_now(dataset)
    scores = {}
    # Cameras one after the other: a picture of another shape is computed by a network made anew.
    for number, entry in enumerate(sorted(entries, key=lambda one: one.camera_id or 0)):
        report.progress(number, len(entries), f"scoring {subject.name}")
        found = by_class(detector.detect(image_of(entry), 0.0))
        scores[entry.position] = _by_name_now(found, names)
    return dict(sorted(scores.items()))


def _serving(subject):
    from detection.services.model_store import main_path
    from detection.vision.backends import load_detector

    path = main_path(subject.folder, subject.files) if subject.files else subject.folder
    detector = load_detector(
        str(path),
        model_dir=Path(settings.MODEL_DIR),
        cache_dir=Path(settings.CACHE_DIR),
        backend=subject.backend,
        input_size=subject.input_size or None,
        precision=subject.precision,
    )
    detector.min_score = LEAST_SCORE
    return detector


def _names_now(dataset):
    """Return {a name, present or former, in small letters: the present name}."""
    standing = [row for row in dataset.taxonomy if "merged_into" not in row]
    now = {row["name"].casefold(): row["name"] for row in standing}
    for row in dataset.taxonomy:
        for name in (row["name"], *row.get("former", ())):
            now.setdefault(name.casefold(), row.get("merged_into", row["name"]))
    return now


def _by_name_now(found, names):
    """Return what was found by the names of the dataset, without classes that it does not have."""
    together = {}
    for name, said in found.items():
        if name.casefold() in names:
            together.setdefault(names[name.casefold()], []).append(said)
    kept = {}
    for name, parts in sorted(together.items()):
        edges, scores = (np.concatenate(values) for values in zip(*parts, strict=True))
        order = np.argsort(-scores, kind="stable")[: boxes.MOST_OF_A_CLASS]
        kept[name] = (edges[order].astype(float), scores[order].astype(float))
    return kept


def figures(dataset, entries, scores):
    """Return Evaluation.figures."""
    from training.learning import detection_figures
    from training.learning.comparing import truths_of

    return detection_figures.figures(
        detection_figures.Picture(
            position=entry.position,
            group=entry.group,
            camera=_camera(entry),
            truths=truths_of(entry.label),
            found=scores.get(entry.position, {}),
            is_negative=bool(entry.label["exhaustive"]) and not entry.label["boxes"],
        )
        for entry in entries
    )


def _camera(entry):
    return str(entry.camera) if entry.camera else ""


def paired(dataset, entries, champion, challenger):
    """Return mAP50 of the two on the same entries, and its slices by class and by camera."""
    groups = {group: number for number, group in enumerate(sorted({e.group for e in entries}))}
    whole = _box_figures(entries, groups, champion, challenger)
    slices = [
        gate.Slice("class", name, one.items, one) for name, one in whole.of_classes(MAP50).items()
    ]
    cameras = {}
    for entry in entries:
        cameras.setdefault(_camera(entry), []).append(entry)
    for name, of_camera in sorted(cameras.items()):
        one = _box_figures(of_camera, groups, champion, challenger).mean(MAP50)
        if name and one.items:
            slices.append(gate.Slice("camera", name, one.items, one))
    return whole.mean(MAP50), slices


def _box_figures(entries, groups, champion, challenger):
    from training.learning.comparing import truths_of

    made = boxes.BoxFigures(len(groups))
    for entry in entries:
        found = tuple(said.get(entry.position, {}) for said in (champion, challenger))
        made.add_picture(groups[entry.group], truths_of(entry.label), found)
    return made
