"""Reading ultralytics checkpoints without trusting them, and exporting them once.

A .pt file is a pickle inside a zip. It is only ever opened by torch's restricted unpickler with
ultralytics' list of known classes, so that a crafted file is refused rather than run.
"""

import os
import shutil
import tempfile
import warnings
from pathlib import Path

from detection.vision import libraries
from detection.vision.detectors import file_sha256, unreadable
from hitlsite.errors import DomainError

EXPORTED_NAME = "model.onnx"


def load_network(path, *, architecture="DetectionModel"):
    """Load a network from a .pt file.

    Args:
        architecture: what it must be; "PoseModel" finds keypoints.

    Returns:
        the torch module in evaluation mode with fused layers, and its class names in order.

    Raises:
        DomainError: weights_missing, weights_unreadable, weights_unsafe (it names things that
            are not layers of a network), weights_wrong_task.
    """
    network = read_network(path, architecture=architecture)
    names = network.names
    network = network.fuse(verbose=False).eval()
    return network, tuple(names[index] for index in sorted(names))


def read_network(path, *, architecture="DetectionModel"):
    """Return the network of a .pt file as it was saved, its layers not fused: it can be trained.

    Raises:
        DomainError: as ``load_network``.
    """
    checkpoint = read_checkpoint(path)
    network = checkpoint.get("ema") or checkpoint.get("model")
    names = getattr(network, "names", None)
    if getattr(network, "task", None) is None and names is None:
        raise unreadable(path, ValueError("it holds no network"))
    require_detection(path, type(network).__name__, architecture)
    return network.float()


def read_checkpoint(path):
    """Read a .pt file with the restricted unpickler; libraries.prepare() must have run."""
    path = Path(path)
    if not path.is_file():
        raise DomainError("weights_missing", f"The weights file {path} does not exist.")
    tasks = _tasks()
    if not tasks._SafeLoad.SUPPORTED:
        raise DomainError(
            "weights_unsafe", f"This torch cannot load {path} safely; 2.6 or later is needed."
        )
    try:
        checkpoint, _ = tasks.torch_safe_load(str(path), safe_only=True)
    except Exception as error:
        raise _refusal(path, error) from error
    if not isinstance(checkpoint, dict):
        raise unreadable(path, ValueError("it is not a checkpoint"))
    return checkpoint


def _tasks():
    libraries.load_ultralytics()
    from ultralytics.nn import tasks

    return tasks


def _refusal(path, error):
    import pickle

    causes = [error, error.__cause__, error.__context__]
    blocked = [c for c in causes if isinstance(c, pickle.UnpicklingError)]
    if any("GLOBAL" in str(c) or "unsafe" in str(c).lower() for c in blocked):
        return DomainError(
            "weights_unsafe",
            f"{path} is refused: it names things that are not layers of a known network.",
        )
    return unreadable(path, error)


def require_detection(path, found, wanted):
    """Refuse weights made for another task."""
    if found != wanted:
        task = "finding keypoints" if wanted in ("PoseModel", "pose") else "finding boxes"
        raise DomainError(
            "weights_wrong_task", f"{path} is for {found}, not for {task} ({wanted})."
        )


def exported(weights_path, cache_dir, *, architecture="DetectionModel"):
    """Return the ONNX form of a .pt file, exporting it on the first call.

    It lies in cache_dir/<sha256 of the weights>/, takes any input size and carries the size that
    the weights were trained with. Two processes may export at once: each writes aside and renames.
    """
    weights_path = Path(weights_path)
    if not weights_path.is_file():
        raise DomainError("weights_missing", f"The weights file {weights_path} does not exist.")
    folder = Path(cache_dir) / file_sha256(weights_path)
    target = folder / EXPORTED_NAME
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _export(weights_path, target, architecture)
    return target


def _export(weights_path, target, architecture):
    network, _ = load_network(weights_path, architecture=architecture)
    from ultralytics import YOLO

    size = network.args.get("imgsz", 640) if isinstance(network.args, dict) else 640

    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".export-"))
    try:
        copy = scratch / "weights.pt"
        shutil.copyfile(weights_path, copy)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            written = YOLO(str(copy)).export(
                format="onnx", dynamic=True, simplify=False, imgsz=size, device="cpu"
            )
        os.replace(written, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
