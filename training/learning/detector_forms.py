"""The forms in which a trained detector can serve: made, read again, compared with the exact one.

The ONNX file serves under OpenVINO and under ONNX Runtime; the OpenVINO model in eight bits is
calibrated on pictures that it was trained on, so that validation and test stay unseen.
"""

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from detection.vision import checkpoints, libraries
from detection.vision.agreement import compare
from detection.vision.backends import describe, load_detector
from detection.vision.boxes import Letterbox
from detection.vision.detectors import file_sha256
from hitlsite.errors import DomainError

ONNX_NAME = "model.onnx"
# The weights lie in the .bin: its hash, not that of the .xml, tells two trainings apart.
INT8_NAMES = ("int8.bin", "int8.xml", "metadata.yaml")
PLANNED = (
    ("openvino", "openvino", "f32", (ONNX_NAME,)),
    ("onnxruntime", "onnxruntime", "f32", (ONNX_NAME,)),
    ("openvino-int8", "openvino", "int8", INT8_NAMES),
)
CALIBRATION_PICTURES = 128
COMPARED_PICTURES = 32
TIMED_RUNS = 24
_WARM_UP_RUNS = 3
# The last of each kind: scores from one, distances of the box's edges from the other.
_DECODING_BEGINS = {"Sigmoid", "Softmax"}


@dataclass(frozen=True, slots=True)
class DetectorForm:
    """One way to serve.

    Attributes:
        files: names in the folder, that with the weights first.
        milliseconds: median of one picture, from pixels to boxes.
        agreement: beside the first form, see ``detection.vision.agreement.compare``.
    """

    name: str
    backend: str
    precision: str
    input_size: int
    files: tuple[str, ...]
    sha256: str
    milliseconds: float
    agreement: dict


def make_forms(
    best: Path,
    *,
    calibration: Sequence[Path],
    pictures: Sequence[Path],
    cache_dir: Path,
    progress: Callable[[int, int, str], None],
) -> tuple[DetectorForm, ...]:
    """Make every form beside ``best`` and return them, the exact one first.

    Args:
        calibration: pictures that the network was trained on.
        pictures: on which the forms are timed and compared; not those.

    Raises:
        DomainError: weights_* where a form cannot be read again; picture_unreadable.
    """
    libraries.prepare(cache_dir)
    folder = best.parent
    steps = 2 + len(PLANNED)
    progress(0, steps, "exporting")
    _make_onnx(best, folder)
    _make_int8(folder, calibration, lambda: progress(1, steps, "calibrating eight bits"))
    frames = [_read(path) for path in _spread(pictures or calibration, COMPARED_PICTURES)]
    made, reference = [], None
    for number, (name, backend, precision, files) in enumerate(PLANNED, start=2):
        progress(number, steps, f"timing {name}")
        detector = load(folder, files, backend=backend, precision=precision, cache_dir=cache_dir)
        seen, milliseconds = _timed(detector, frames)
        reference = reference or seen
        made.append(
            DetectorForm(
                name=name,
                backend=detector.backend,
                precision=detector.precision,
                input_size=detector.input_size,
                files=files,
                sha256=file_sha256(folder / files[0]),
                milliseconds=milliseconds,
                agreement=compare(reference, seen),
            )
        )
    return tuple(made)


def load(folder, files, *, backend, precision, cache_dir, input_size=None):
    """Return the detector of one form, from a folder that may hold those of others as well.

    Raises:
        DomainError: weights_*; weights_wrong_form where it is not of the precision asked for.
    """
    is_openvino = any(name.endswith(".xml") for name in files)
    path = Path(folder) if is_openvino else Path(folder) / files[0]
    detector = load_detector(
        str(path),
        model_dir=folder,
        cache_dir=cache_dir,
        backend=backend,
        precision=precision,
        input_size=input_size,
    )
    if detector.precision != precision:
        raise DomainError(
            "weights_wrong_form", f"{path} computes in {detector.precision}, not in {precision}."
        )
    return detector


def _make_onnx(best, folder):
    if not (folder / ONNX_NAME).exists():
        exported = checkpoints.exported(best, folder)
        os.replace(exported, folder / ONNX_NAME)
        exported.parent.rmdir()


def _make_int8(folder, calibration, tell):
    """Write the eight-bit model, its description last: with it the model is whole.

    Args:
        tell: called before every picture; what it raises ends it.
    """
    weights, graph, description = (folder / name for name in INT8_NAMES)
    if description.exists():
        return
    import nncf
    import openvino

    class_names, size = describe(folder / ONNX_NAME)
    model = openvino.Core().read_model(str(folder / ONNX_NAME))
    chosen = _spread(calibration, CALIBRATION_PICTURES)

    def network_input(path):
        tell()
        return _network_input(path, size)

    quantised = nncf.quantize(
        model,
        nncf.Dataset(chosen, network_input),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(chosen),
        ignored_scope=_decoding(model, nncf),
    )
    openvino.save_model(quantised, str(graph), compress_to_fp16=False)
    told = {"task": "detect", "names": dict(enumerate(class_names)), "imgsz": [size, size]}
    partial = folder / f".{description.name}"
    partial.write_text(yaml.safe_dump(told, allow_unicode=True))
    os.replace(partial, description)


def _decoding(model, nncf):
    """Return what turns the last layers into boxes and scores: it stays exact.

    Eight bits cannot hold pixels, nor the mean of a distribution over sixteen distances.
    """
    operations = model.get_ordered_ops()
    ends = {op.get_type_name(): op for op in operations if op.get_type_name() in _DECODING_BEGINS}
    after, names = list(ends.values()), set()
    while after:
        operation = after.pop()
        if operation.get_friendly_name() in names or operation.get_type_name() == "Result":
            continue
        names.add(operation.get_friendly_name())
        for output in operation.outputs():
            after += [target.get_node() for target in output.get_target_inputs()]
    return nncf.IgnoredScope(names=sorted(names))


def _network_input(path, size):
    image = _read(path)
    # All of one shape: every other is compiled anew, several times over.
    letterbox = Letterbox.fit_into(*image.shape[:2], input_height=size, input_width=size)
    canvas = letterbox.canvas()
    letterbox.draw(image, canvas)
    return cv2.dnn.blobFromImage(canvas, 1 / 255.0, swapRB=True)


def _timed(detector, frames):
    """Return what is found in every picture, and the median milliseconds of one.

    Only the commonest shape is timed: a camera has one, and every other is compiled anew.
    """
    seen = [detector.detect(frame, 0.0) for frame in frames]
    ((shape, _),) = Counter(frame.shape for frame in frames).most_common(1)
    alike = [frame for frame in frames if frame.shape == shape]
    spent = []
    for number in range(_WARM_UP_RUNS + TIMED_RUNS):
        started = time.perf_counter()
        detector.detect(alike[number % len(alike)], 0.0)
        spent.append(time.perf_counter() - started)
    return seen, round(1e3 * statistics.median(spent[_WARM_UP_RUNS:]), 2)


def _spread(paths, count):
    """Return as many of the pictures as asked for, evenly over them all."""
    paths = list(dict.fromkeys(paths))
    if len(paths) <= count:
        return paths
    return [paths[place] for place in np.linspace(0, len(paths) - 1, count).round().astype(int)]


def _read(path):
    image = cv2.imread(str(path))
    if image is None:
        raise DomainError("picture_unreadable", f"{path} is no picture that can be read.")
    return image
