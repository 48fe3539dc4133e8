"""Compare two detectors on pictures that people labelled, and ask the gate about them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from hitlsite.errors import DomainError
from review.labels import yolo
from training.learning import gate
from training.learning.boxes import BoxFigures

# Precision at the last recalls comes from boxes of low score: far below what a camera reports.
LEAST_SCORE = 0.001
MAP50 = (0.5,)


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One detector on the split: which form of it ran, and what it scored."""

    name: str
    sha256: str
    backend: str
    input_size: int
    precision: str
    map50: float
    map50_95: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Two detectors on one split.

    Attributes:
        classes: (name, true boxes, champion's AP50, challenger's) by name.
        left_out: sentences about label files that could not be used.
        unlabelled: how many pictures have no labels.
    """

    champion: ModelScore
    challenger: ModelScore
    pictures: int
    boxes: int
    classes: tuple[tuple[str, int, float, float], ...]
    report: gate.GateReport
    left_out: tuple[str, ...]
    unlabelled: int


def evaluate(folder, *, champion, challenger, seed=0, progress=lambda done, total: None):
    """Return the Evaluation of two sets of weights on a YOLO folder.

    Every picture is its own group, and counts as labelled for the classes that the folder says it
    is exhaustive for, or for all of them where it says so of none.

    Args:
        champion, challenger: what ``load_detector`` takes.
        progress: called with (done, total) after every picture.

    Raises:
        DomainError: labels_unreadable, weights_* (see ``load_detector``), no_network,
            no_common_class, picture_unreadable.
    """
    labelled = yolo.read_folder(folder)
    if not labelled.pictures:
        raise DomainError("labels_unreadable", f"{folder} holds no labelled picture.")
    detectors = [_detector(spec) for spec in (champion, challenger)]
    for detector in detectors:
        _require_common_class(detector, labelled.class_names, folder)
    figures, boxes = BoxFigures(len(labelled.pictures)), 0
    for group, picture in enumerate(labelled.pictures):
        image = _read(picture.path)
        found = tuple(by_class(detector.detect(image, 0.0)) for detector in detectors)
        figures.add_picture(group, truths_of(picture, labelled.class_names), found)
        boxes += len(picture.boxes)
        progress(group + 1, len(labelled.pictures))
    at50 = figures.of_classes(MAP50)
    slices = [gate.Slice("class", name, one.items, one) for name, one in at50.items()]
    report = gate.decide(figures.mean(MAP50), slices, seed=seed)
    return Evaluation(
        *(_score(detector, figures, index) for index, detector in enumerate(detectors)),
        pictures=len(labelled.pictures),
        boxes=boxes,
        classes=tuple(
            (one.name, one.positives, one.champion, one.challenger) for one in report.slices
        ),
        report=report,
        left_out=tuple(str(problem) for problem in labelled.problems),
        unlabelled=len(labelled.unlabelled),
    )


def _detector(spec):
    """Return the most exact form of some weights, so that the machine's speed decides nothing."""
    from detection.vision.backends import load_detector

    detector = load_detector(
        spec,
        model_dir=Path(settings.MODEL_DIR),
        cache_dir=Path(settings.DATA_DIR) / "cache",
        precision="f32",
        backend="openvino",
    )
    if detector.weights_sha256 is None:
        raise DomainError("no_network", f"{spec}: this is no network that could be scored.")
    detector.min_score = LEAST_SCORE
    return detector


def _require_common_class(detector, class_names, folder):
    """Refuse a detector that would score nothing, only because its classes are called otherwise."""
    if set(detector.class_names).isdisjoint(class_names.values()):
        theirs, ours = (
            ", ".join(sorted(names)[:5]) for names in (detector.class_names, class_names.values())
        )
        raise DomainError(
            "no_common_class",
            f"{detector.name} knows none of the classes of {folder}:"
            f" it knows {theirs}; labelled are {ours}.",
        )


def _read(path):
    import cv2

    image = cv2.imread(str(path))
    if image is None:
        raise DomainError("picture_unreadable", f"{path} is no picture that can be read.")
    return image


def truths_of(picture, class_names):
    """Return {class name: boxes (n, 4)} of a labelled picture, of the classes that are whole."""
    labelled = picture.exhaustive or class_names
    boxes = {class_names[label]: [] for label in labelled}
    for box in picture.boxes:
        if class_names[box.label] in boxes:
            boxes[class_names[box.label]].append(box.box_xyxy)
    return {name: np.array(found, float).reshape(-1, 4) for name, found in boxes.items()}


def by_class(detections):
    """Return {class name: (boxes (n, 4), scores (n,))} of Detections."""
    names = np.array(detections.class_names, dtype=object)
    return {
        name: (detections.boxes_xyxy[names == name].astype(float), detections.scores[names == name])
        for name in set(detections.class_names)
    }


def _score(detector, figures, index):
    found = []
    for mean in (figures.mean(MAP50), figures.mean()):
        ones = np.ones((1, mean.groups))
        found.append(float(mean.values(*((ones, None), (None, ones))[index])[0]))
    return ModelScore(
        detector.name,
        detector.weights_sha256,
        detector.backend,
        detector.input_size,
        detector.precision,
        *found,
    )
