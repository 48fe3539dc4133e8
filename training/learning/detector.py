"""Fine-tuning a detector, in a folder from which a killed training goes on."""

import errno
import hashlib
import json
import multiprocessing
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

from detection.vision import libraries
from detection.vision.detectors import file_sha256
from hitlsite.errors import DomainError

BEST_NAME = "best.pt"
SCRATCH_NETWORK = "yolo11n.yaml"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LEAST_EDGE = 1e-4  # of a picture; a thinner box has no pixel
_LOADING_PROCESSES = 4
# What does not decide the outcome, or is told by its content.
_APART = {"pictures", "validation", "cache_dir", "base", "device"}
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture with its boxes.

    Attributes:
        boxes: (index in the class names, (x1, y1, x2, y2) as shares of width and height).
        exhaustive: indices of the classes of which every object has its box; None for all.
        name: what messages call it, its path without.
    """

    path: Path
    boxes: tuple[tuple[int, Box], ...] = ()
    exhaustive: frozenset[int] | None = None
    name: str = ""

    def __str__(self):
        return self.name or str(self.path)


@dataclass(frozen=True, slots=True)
class FineTune:
    """What to train from what.

    Attributes:
        pictures: to train on; one that comes twice counts twice.
        validation: to choose the best epoch by; with none, the last epoch is the best.
        class_names: what the indices in the pictures mean.
        former_names: other names of each class that the base may know it by.
        base: weights to begin with; None begins with nothing.
        architecture: of what begins with nothing, such as yolo11n.yaml.
        device: "cpu", "auto" (a GPU where there is one), or numbers of GPUs such as "0" or "0,1".
        learning_rate: None chooses by the number of classes.
        optimizer: "auto", "AdamW" or "SGD".
        cache_dir: for what the libraries keep.
    """

    pictures: tuple[LabelledPicture, ...]
    validation: tuple[LabelledPicture, ...]
    class_names: tuple[str, ...]
    cache_dir: Path
    base: Path | None = None
    former_names: tuple[tuple[str, ...], ...] = ()
    architecture: str = SCRATCH_NETWORK
    epochs: int = 50
    batch: int = 16
    image_size: int = 640
    patience: int = 20
    seed: int = 0
    device: str = "auto"
    learning_rate: float | None = None
    optimizer: str = "auto"


def fine_tune(task: FineTune, folder: Path, report) -> Path:
    """Train and return the path of the best weights, ``folder``/best.pt.

    What an earlier call with the same task left in the folder is gone on from.

    Args:
        report: ``progress(done, total, message)`` after every batch and ``epoch(figures)``; what
            they raise stops the training at once.

    Raises:
        DomainError: no_training_picture, no_training_box, box_invalid, picture_unreadable,
            device_unavailable, architecture_unknown, disk_full, weights_* of the base.
    """
    folder = Path(folder)
    libraries.prepare(task.cache_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _fine_tuned(task, folder, report)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DomainError(
                "disk_full", f"No space left on the disk of {folder}.", status=507
            ) from error
        raise


def _fine_tuned(task, folder, report):
    device = _device(task.device)
    network, names, outputs = _beginning(task)
    job = _job(task, names, outputs)
    is_same = _settle(folder, job)
    best = folder / BEST_NAME
    if is_same and best.exists():
        return best
    weights = folder / "training" / "weights"
    resume = weights / "last.pt" if is_same and _is_whole(weights) else None
    if resume and _epochs_done(resume) >= task.epochs:
        return _stripped(weights / BEST_NAME, best, task)
    _save({"model": network, "train_args": {}}, folder / "start.pt")
    settings = _settings(task, folder, device) | {"resume": str(resume) if resume else False}
    if "," in device:
        from training.learning.detector_workers import train_on_several

        train_on_several(settings, task.cache_dir, folder, report)
    else:
        from training.learning.detector_training import LearningTrainer

        LearningTrainer(settings, report).train()
    return _stripped(weights / BEST_NAME, best, task)


def _device(asked):
    import torch

    if asked == "cpu" or (asked == "auto" and not torch.cuda.is_available()):
        return "cpu"
    numbers = ["0"] if asked == "auto" else asked.split(",")
    if not all(one.isdigit() and int(one) < torch.cuda.device_count() for one in numbers):
        raise DomainError(
            "device_unavailable",
            f"There is no device {asked}; this machine has {torch.cuda.device_count()} GPUs.",
        )
    return ",".join(numbers)


def _beginning(task):
    """Return the network to begin with, its names, and the output of each class of the task."""
    from training.learning.growing_head import grow, placed

    if task.base is None:
        return _from_scratch(task), tuple(task.class_names), tuple(range(len(task.class_names)))
    from detection.vision import checkpoints

    network = checkpoints.read_network(task.base)
    known = [network.names[index] for index in sorted(network.names)]
    names, outputs = placed(known, task.class_names, task.former_names)
    grow(network, names, task.seed)
    return network, names, outputs


def _from_scratch(task):
    import torch

    if not re.fullmatch(r"yolo[\w-]+\.yaml", task.architecture):
        raise DomainError("architecture_unknown", f"There is no network {task.architecture!r}.")
    libraries.load_ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(task.seed)
    try:
        network = DetectionModel(task.architecture, nc=len(task.class_names), verbose=False)
    except FileNotFoundError as error:
        message = f"There is no network {task.architecture!r}."
        raise DomainError("architecture_unknown", message) from error
    network.names = dict(enumerate(task.class_names))
    network.task = "detect"
    return network


def _job(task, names, outputs):
    """Return what the training loop reads: plain values, with everything that decides."""
    train = [_row(picture, outputs) for picture in task.pictures]
    if not train:
        raise DomainError("no_training_picture", "There is no picture to train on.")
    if not any(row["boxes"] for row in train):
        raise DomainError(
            "no_training_box",
            f"None of the {len(train)} training pictures has a box of a class that is labelled"
            " exhaustively on it.",
        )
    validation = [_row(picture, outputs) for picture in task.validation]
    shapes = {}
    pictures = (*task.pictures, *task.validation)
    for row, picture in zip((*train, *validation), pictures, strict=True):
        if row["path"] not in shapes:
            shapes[row["path"]] = _shape(picture)
        row["shape"] = shapes[row["path"]]
    told = {one.name: getattr(task, one.name) for one in fields(task) if one.name not in _APART}
    base = file_sha256(task.base) if task.base else ""
    return {"names": list(names), "train": train, "val": validation, "task": told, "base": base}


def _row(picture, outputs):
    """Return a picture as the loop takes it, with nothing of classes that are not labelled."""
    exhaustive = range(len(outputs)) if picture.exhaustive is None else picture.exhaustive
    unknown = {outputs[label] for label in range(len(outputs)) if label not in exhaustive}
    known = {outputs[label] for label in exhaustive} - unknown
    boxes = [[outputs[label], *_edges(picture, box)] for label, box in picture.boxes]
    return {
        "path": str(picture.path),
        "boxes": [box for box in boxes if box[0] in known],
        "known": sorted(known),
    }


def _edges(picture, box):
    x1, y1, x2, y2 = (min(max(float(edge), 0.0), 1.0) for edge in box)
    # A comparison with what is no number is false.
    if not (x2 - x1 >= _LEAST_EDGE and y2 - y1 >= _LEAST_EDGE):
        raise DomainError("box_invalid", f"{picture} has a box that is none: {list(box)}.")
    return x1, y1, x2, y2


def _shape(picture):
    import cv2

    image = cv2.imread(str(picture.path))
    if image is None:
        raise DomainError("picture_unreadable", f"{picture} is no picture that can be read.")
    return image.shape[:2]


def _settle(folder, job):
    """Write the job file; return whether what lies in the folder comes from this very job.

    Pictures are told by their boxes alone: their paths are the machine's.
    """
    pathless = [
        {name: row[name] for name in ("boxes", "known", "shape")}
        for row in (*job["train"], *job["val"])
    ]
    text = json.dumps([job["names"], job["task"], job["base"], pathless], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    mark = folder / "job.sha256"
    is_same = mark.exists() and mark.read_text() == digest
    if not is_same:
        for left in (BEST_NAME, "training/weights/last.pt", f"training/weights/{BEST_NAME}"):
            (folder / left).unlink(missing_ok=True)
    partial = folder / ".job.json"
    partial.write_text(json.dumps(job))
    os.replace(partial, folder / "job.json")
    mark.write_text(digest)
    return is_same


def _is_whole(weights):
    """Whether both checkpoints are there and can be read."""
    from detection.vision import checkpoints

    try:
        for name in ("last.pt", BEST_NAME):
            checkpoints.read_checkpoint(weights / name)
    except DomainError:
        return False
    return True


def _epochs_done(checkpoint):
    from detection.vision import checkpoints

    return checkpoints.read_checkpoint(checkpoint)["epoch"] + 1


def _settings(task, folder, device):
    """Return the library's settings."""
    is_daemon = multiprocessing.current_process().daemon  # which may start no processes
    optimizer, rate = task.optimizer, task.learning_rate
    if rate is not None:
        optimizer = "AdamW" if optimizer == "auto" else optimizer
    return {
        "data": str(folder / "job.json"),
        "model": str(folder / "start.pt"),
        "project": str(folder),
        "name": "training",
        "exist_ok": True,
        "epochs": task.epochs,
        "batch": task.batch,
        "imgsz": task.image_size,
        "patience": task.patience,
        "seed": task.seed,
        "device": device,
        "workers": 0 if is_daemon else _LOADING_PROCESSES,
        "amp": "bf16" if device != "cpu" and _has_bf16() else False,
        "optimizer": optimizer,
        **({"lr0": rate} if rate is not None else {}),
        # A network that is trained already must not be thrown about by its biases at the start.
        "warmup_bias_lr": 0.0,
        # A step for every batch: a small dataset has few enough.
        "nbs": task.batch,
        # Boxes of two pictures in one place would mix what is labelled on each.
        "mixup": 0.0,
        "cutmix": 0.0,
        "copy_paste": 0.0,
        "deterministic": True,
        "plots": False,
        "verbose": False,
    }


def _has_bf16():
    import torch

    return torch.cuda.is_bf16_supported()


def _stripped(source, target, task):
    """Write the best weights without optimizer, paths and dates; return the target."""
    from detection.vision import checkpoints

    network = checkpoints.read_network(source)
    network.criterion = None
    network.requires_grad_(False)
    told = {"task": "detect", "imgsz": task.image_size}
    network.args = dict(told)
    _save({"model": network.half(), "train_args": told}, target)
    return target


def _save(checkpoint, target):
    """Write a checkpoint aside and rename it."""
    import io

    import torch

    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    partial = target.with_name(f".{target.name}")
    try:
        partial.write_bytes(buffer.getvalue())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
