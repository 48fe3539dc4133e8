"""Choosing what computes a network on this machine, for this camera.

What is fastest depends on the processor, on what is installed and on the camera's shape, so it is
measured at start. The reference is full precision at 640 px. A cheaper candidate (a smaller
input, bfloat16) serves only where it finds on the camera's own pictures what the reference finds;
with no pictures, or none with anything in them, nothing can be shown and the reference serves.
"""

import ast
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
    unreadable,
)
from detection.vision.onnx_metadata import read_metadata
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
    classes=(),
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
        sample_frames: BGR pictures of the camera, on which cheaper candidates are compared with
            the reference; two dozen spread over the day are good.
        classes: the class names that its rules ask for; only they are compared (empty: all).
        backend, input_size, precision: pin what is given; with all three nothing is measured.
            The values stored in an earlier detector's `choice["served"]` bring it back.

    Raises:
        DomainError: weights_missing, weights_unreadable, weights_unsafe, weights_wrong_task,
            backend_unavailable.
    """
    if spec == "motion":
        return _motion("asked for")
    path = find_weights(spec, model_dir=model_dir)
    if path is None:
        return _motion(f"no weights ({' or '.join(DEFAULT_WEIGHTS)}) in {model_dir}")
    libraries.prepare(cache_dir)
    network = Network(path, cache_dir)
    wanted = {"backend": backend, "input_size": input_size, "precision": precision}
    candidates = [c for c in network.candidates() if _matches(c, wanted)]
    candidates = candidates or [network.pinned(**wanted)]
    return choose(network, candidates, sample_frames, classes)


class Network:
    """One set of weights and the forms in which this machine can compute it.

    Attributes:
        reference_size: the input size that the weights were trained with, px.
    """

    def __init__(self, path, cache_dir):
        self.path = Path(path)
        self.sha256 = file_sha256(self.path)
        self.portable_path = None
        self.class_names = None
        self.reference_size = REFERENCE_SIZE
        if self.path.suffix != ".pt":
            self.portable_path = self.path
        elif libraries.is_installed("onnx") and _installed_backends():
            self.portable_path = exported(self.path, cache_dir)
        if self.portable_path:
            self.class_names, self.reference_size = describe(self.portable_path)

    def candidates(self):
        """List what may serve: dicts of backend, input_size, precision; the references first."""
        if self.path.is_dir():
            return [self._candidate("openvino")]
        sizes = [self.reference_size, *(s for s in SMALLER_SIZES if s < self.reference_size)]
        found = []
        for size in sizes if self.portable_path else ():
            for backend in _installed_backends():
                found.append(self._candidate(backend, size))
                if backend == "openvino" and OpenVinoDetector.supports_bf16():
                    found.append(self._candidate(backend, size, "bf16"))
        if self.path.suffix == ".pt" and (not found or _has_gpu()):
            found.append(self._candidate("torch"))
        return found

    def pinned(self, *, backend, input_size, precision):
        """Fill in what a pin leaves open."""
        if backend is None:
            backend = "openvino" if self.path.is_dir() else "onnxruntime"
        if not libraries.is_installed(backend) or (backend != "torch" and not self.portable_path):
            raise DomainError(
                "backend_unavailable", f"{self.path} asks for {backend}, which is not installed."
            )
        return self._candidate(backend, input_size, precision or "f32")

    def build(self, candidate):
        """Make the detector of one candidate."""
        options = {"weights_sha256": self.sha256, "input_size": candidate["input_size"]}
        if candidate["backend"] == "torch":
            return TorchDetector(self.path, **options)
        options["name"] = self.path.stem
        if candidate["backend"] == "onnxruntime":
            return OnnxDetector(self.portable_path, self.class_names, **options)
        options["precision"] = candidate["precision"]
        return OpenVinoDetector(self.portable_path, self.class_names, **options)

    def _candidate(self, backend, input_size=None, precision="f32"):
        return {
            "backend": backend,
            "input_size": input_size or self.reference_size,
            "precision": precision,
        }


def _installed_backends():
    return [name for name in ("openvino", "onnxruntime") if libraries.is_installed(name)]


def choose(network, candidates, sample_frames=(), classes=()):
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
    references = [i for i, d in enumerate(detectors) if _is_reference(d, network)] or [0]
    reference = min(references, key=lambda i: rows[i]["milliseconds"])
    for index, row in enumerate(rows):
        row["agreement"] = compare(seen[reference], seen[index], classes)
        row["serves"] = index in references or row["agreement"]["agrees"]
    best = min(
        (i for i, r in enumerate(rows) if r["serves"]), key=lambda i: rows[i]["milliseconds"]
    )
    detector = detectors[best]
    detector.timings = dict.fromkeys(detector.timings, 0.0)
    detector.choice = {
        "candidates": list(rows),
        "served": _served(detector),
        "frames": len(frames),
        "why": _why(rows, best, references),
    }
    return detector


def describe(path):
    """Read what an exported network says about itself.

    Returns:
        its class names in order, and the input size that it was made for, px.

    Raises:
        DomainError: weights_missing, weights_unreadable, weights_wrong_task.
    """
    told = _portable_metadata(Path(path))
    require_detection(path, told.get("task") or "an unknown task", "detect")
    try:
        names, size = (
            ast.literal_eval(value) if isinstance(value, str) else value
            for value in (told.get("names"), told.get("imgsz") or REFERENCE_SIZE)
        )
        size = max(size) if isinstance(size, (list, tuple)) else size
        return tuple(str(names[index]) for index in range(len(names))), int(size)
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise DomainError("weights_unreadable", f"{path} carries no class names.") from error


def _portable_metadata(path):
    if not path.exists():
        raise DomainError("weights_missing", f"The weights file {path} does not exist.")
    if not path.is_dir():
        return read_metadata(path)
    import yaml

    openvino_model_file(path)
    beside = path / "metadata.yaml"
    try:
        return yaml.safe_load(beside.read_text()) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise unreadable(beside, error) from error


def find_weights(spec, *, model_dir):
    """Return the path of the weights that a spec names, None where that is motion.

    Raises:
        DomainError: weights_missing, weights_unreadable.
    """
    if spec == "motion":
        return None
    return _default_weights(model_dir) if spec == "auto" else _find(spec, model_dir)


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


def _is_reference(detector, network):
    return detector.precision == "f32" and detector.input_size == network.reference_size


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


def _why(rows, best, references):
    agreement = rows[best]["agreement"]
    if best in references:
        return f"the fastest reference serves: {agreement['reference_sentence']}"
    return f"fastest that agrees with the reference: {agreement['sentence']}"
