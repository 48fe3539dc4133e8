"""Choosing what computes a network on this machine, for this camera.

What is fastest depends on the processor, on what is installed and on the camera's shape, so it is
measured at start. The reference is full precision at 640 px. A cheaper candidate (a smaller
input, bfloat16) serves only where it finds on the camera's own pictures what the reference finds;
with no pictures, or none with anything in them, nothing can be shown and the reference serves.
"""

import ast
import json
import statistics
import time
from pathlib import Path

import numpy as np

from detection.vision import libraries
from detection.vision.agreement import compare
from detection.vision.checkpoints import exported, require_detection
from detection.vision.detectors import (
    OnnxDetector,
    OpenVinoDetector,
    TorchDetector,
    file_sha256,
    openvino_model_file,
)
from hitlsite.errors import DomainError

DEFAULT_WEIGHTS = ("yolo11n.pt", "yolov8n.pt")
REFERENCE_SIZE = 640
SMALLER_SIZES = (416,)
MEASURED_FRAMES = 24
TIMED_RUNS = 12


def load_detector(
    spec,
    *,
    model_dir,
    cache_dir,
    sample_frames=(),
    backend=None,
    input_size=None,
    precision=None,
):
    """Build the detector that a camera's `spec` asks for.

    Args:
        spec: "auto" (the default weights of model_dir, else motion), "motion", or the path of a
            .pt file, an .onnx file or an OpenVINO folder; a relative path is looked up in
            model_dir when it does not exist.
        model_dir: where weights lie; may be missing.
        cache_dir: a writable folder for exported networks and library settings.
        sample_frames: pictures of the camera, (H, W, 3) uint8 BGR, on which cheaper candidates
            are compared with the reference; two dozen spread over the day are good.
        backend, input_size, precision: pin what is given; with all three nothing is measured.
            The values stored in an earlier detector's `choice["served"]` bring it back.

    Raises:
        DomainError: weights_missing, weights_unreadable, weights_unsafe, weights_wrong_task,
            backend_unavailable.
    """
    if spec == "motion":
        return _motion("asked for")
    path = _default_weights(model_dir) if spec == "auto" else _find(spec, model_dir)
    if path is None:
        return _motion(f"no weights ({' or '.join(DEFAULT_WEIGHTS)}) in {model_dir}")
    libraries.prepare(cache_dir)
    network = Network(path, cache_dir)
    wanted = {"backend": backend, "input_size": input_size, "precision": precision}
    candidates = [c for c in network.candidates() if _matches(c, wanted)]
    if not candidates:
        candidates = [network.pinned(**wanted)]
    return choose(network, candidates, sample_frames)


class Network:
    """One set of weights and the forms in which this machine can compute it."""

    def __init__(self, path, cache_dir):
        self.path = Path(path)
        self.cache_dir = Path(cache_dir)
        self.sha256 = file_sha256(self.path)
        self._onnx = None

    def candidates(self):
        """List what may serve: dicts of backend, input_size (None: the file's), precision."""
        if self.path.is_dir():
            return [{"backend": "openvino", "input_size": None, "precision": "f32"}]
        found = []
        for backend in ("openvino", "onnxruntime"):
            if libraries.is_installed(backend):
                precisions = ["f32"]
                if backend == "openvino" and OpenVinoDetector.supports_bf16():
                    precisions.append("bf16")
                found += [
                    {"backend": backend, "input_size": size, "precision": precision}
                    for size in (REFERENCE_SIZE, *SMALLER_SIZES)
                    for precision in precisions
                ]
        if self.path.suffix == ".pt" and (not found or _has_gpu()):
            found.append({"backend": "torch", "input_size": REFERENCE_SIZE, "precision": "f32"})
        return found

    def pinned(self, *, backend, input_size, precision):
        """Fill in what a pin leaves open."""
        backend = backend or ("openvino" if self.path.is_dir() else "onnxruntime")
        if not libraries.is_installed(backend):
            raise DomainError(
                "backend_unavailable", f"{self.path} asks for {backend}, which is not installed."
            )
        return {
            "backend": backend,
            "input_size": input_size or REFERENCE_SIZE,
            "precision": precision or "f32",
        }

    def build(self, candidate):
        """Make the detector of one candidate."""
        options = {"weights_sha256": self.sha256}
        if candidate["input_size"]:
            options["input_size"] = candidate["input_size"]
        if candidate["backend"] == "torch":
            return TorchDetector(self.path, **options)
        path = self._portable_path()
        options["name"] = self.path.stem
        names = class_names_of(path)
        if candidate["backend"] == "onnxruntime":
            return OnnxDetector(path, names, **options)
        return OpenVinoDetector(path, names, precision=candidate["precision"], **options)

    def _portable_path(self):
        if self.path.suffix != ".pt":
            return self.path
        if self._onnx is None:
            self._onnx = exported(self.path, self.cache_dir)
        return self._onnx


def choose(network, candidates, sample_frames=()):
    """Serve the fastest candidate that agrees with the reference.

    Returns:
        the detector, its `choice` telling every candidate's milliseconds and agreement, what
        was served and why, as JSON values.
    """
    frames = _spread(sample_frames, MEASURED_FRAMES)
    if len(candidates) == 1:
        detector = network.build(candidates[0])
        detector.choice = {"candidates": [], "served": _served(detector), "why": "pinned"}
        return detector
    measured = [_measure(network.build(c), frames) for c in candidates]
    detectors, seen, rows = zip(*measured, strict=True)
    equals = [i for i, d in enumerate(detectors) if _is_reference(d)] or [0]
    reference = min(equals, key=lambda i: rows[i]["milliseconds"])
    for index, row in enumerate(rows):
        row["agreement"] = compare(seen[reference], seen[index])
        row["agrees"] = index in equals or row["agreement"]["agrees"]
    best = min(
        (i for i, r in enumerate(rows) if r["agrees"]), key=lambda i: rows[i]["milliseconds"]
    )
    detector = detectors[best]
    detector.choice = {
        "candidates": list(rows),
        "served": _served(detector),
        "frames": len(frames),
        "why": _why(rows, best, reference),
    }
    return detector


def class_names_of(path):
    """Read the class names that an exported network carries, in order.

    Raises:
        DomainError: weights_unreadable, weights_wrong_task.
    """
    task, names = _portable_metadata(Path(path))
    require_detection(path, task or "an unknown task", "detect")
    try:
        names = ast.literal_eval(names) if isinstance(names, str) else names
        return tuple(str(names[index]) for index in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise DomainError("weights_unreadable", f"{path} carries no class names.") from error


def _portable_metadata(path):
    if not path.exists():
        raise DomainError("weights_missing", f"The weights file {path} does not exist.")
    if path.is_dir():
        import yaml

        openvino_model_file(path)
        beside = path / "metadata.yaml"
        if not beside.is_file():
            raise DomainError("weights_unreadable", f"{path} has no metadata.yaml.")
        told = yaml.safe_load(beside.read_text()) or {}
        return told.get("task"), told.get("names")
    from detection.vision.onnx_metadata import read_metadata

    told = read_metadata(path)
    return told.get("task"), told.get("names")


def _default_weights(model_dir):
    paths = (Path(model_dir) / name for name in DEFAULT_WEIGHTS)
    return next((path for path in paths if path.is_file()), None)


def _find(spec, model_dir):
    path = Path(spec)
    if not path.exists() and not path.is_absolute():
        path = Path(model_dir) / path
    if not path.exists():
        raise DomainError("weights_missing", f"The weights {spec} do not exist.")
    if path.is_file() and path.suffix not in (".pt", ".onnx"):
        raise DomainError("weights_unreadable", f"{path} is neither a .pt nor an .onnx file.")
    return path


def _motion(why):
    from detection.vision.motion import MotionDetector

    detector = MotionDetector()
    detector.choice = {"candidates": [], "served": _served(detector), "why": why}
    return detector


def _served(detector):
    return {
        "backend": detector.backend,
        "input_size": detector.input_size,
        "precision": detector.precision,
    }


def _matches(candidate, wanted):
    return all(value is None or candidate[key] == value for key, value in wanted.items())


def _has_gpu():
    return Path("/dev/nvidia0").exists()


def _is_reference(detector):
    return detector.precision == "f32" and detector.input_size == REFERENCE_SIZE


def _spread(frames, count):
    frames = list(frames)
    if len(frames) <= count:
        return frames
    return [frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int)]


def _measure(detector, frames):
    timed = frames or [np.full((432, 768, 3), 128, np.uint8)]
    for _ in range(2):
        detector.detect(timed[0], 0.0)
    seen, spent = [], []
    for index in range(max(TIMED_RUNS, len(timed))):
        started = time.perf_counter()
        detections = detector.detect(timed[index % len(timed)], 0.0)
        spent.append(time.perf_counter() - started)
        if index < len(frames):
            seen.append(detections)
    row = {**_served(detector), "milliseconds": round(1e3 * statistics.median(spent), 2)}
    return detector, seen, row


def _why(rows, best, reference):
    agreement = rows[best]["agreement"]
    if best != reference:
        return f"fastest that agrees with the reference: {agreement['sentence']}"
    return f"the reference serves: {rows[reference]['agreement']['reference_sentence']}"


def choice_json(detector):
    """Write a detector's choice as one line of JSON, for a log."""
    return json.dumps(detector.choice, sort_keys=True)
