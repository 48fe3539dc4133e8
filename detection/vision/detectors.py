"""Detectors: one protocol, whatever computes the network.

A detector says honestly what it is (backend, input size, precision, digest of its weights), for
that is stored with every prediction. Nothing here chooses; `backends` does.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from detection.vision import libraries
from detection.vision.boxes import Letterbox, decode
from detection.vision.types import Detections
from hitlsite.errors import DomainError

MIN_SCORE = 0.1
MAX_OVERLAP = 0.7
KEPT_SHAPES = 4


class Detector(Protocol):
    """What sees objects in one picture."""

    name: str
    backend: str  # "torch" | "onnxruntime" | "openvino" | "motion"
    input_size: int
    precision: str  # "f32" | "bf16" | "int8" | "none"
    class_names: tuple[str, ...]
    weights_sha256: str | None

    def detect(self, image: np.ndarray, at_seconds: float) -> Detections:
        """Detect in a BGR picture, (H, W, 3) uint8."""

    def state(self) -> dict:
        """Return what a restart needs; {} where nothing is remembered."""

    def restore(self, state: dict) -> None:
        """Continue from a state."""


class NetworkDetector:
    """What the detectors with weights share: letterbox, inference, box decoding.

    A subclass answers `_compile(canvas)` with a callable that takes nothing and maps what is
    drawn on that canvas, (input_height, input_width, 3) uint8 BGR, to the raw output,
    (4 + classes, N) or (N, 6).
    Detections below the tracker's low threshold are dropped here; the rest is its business.

    Attributes:
        timings: seconds spent so far, by stage (letterbox, inference, boxes).
        choice: why this detector serves, filled in by whoever chose it.
    """

    backend = ""
    precision = "f32"

    def __init__(
        self,
        name,
        class_names,
        *,
        input_size=640,
        fixed_input=None,
        weights_sha256=None,
        min_score=MIN_SCORE,
        max_overlap=MAX_OVERLAP,
    ):
        self.name = name
        self.class_names = tuple(class_names)
        self.input_size = input_size
        self.weights_sha256 = weights_sha256
        self.min_score = min_score
        self.max_overlap = max_overlap
        self.choice = {}
        self.timings = {"letterbox": 0.0, "inference": 0.0, "boxes": 0.0}
        self._fixed_input = fixed_input
        self._prepared = OrderedDict()
        # One canvas and one request serve a shape, whoever asks.
        self._turn = threading.Lock()

    def detect(self, image, at_seconds=0.0):
        """Detect in a BGR picture; boxes come back normalised. Threads take turns."""
        with self._turn:
            started = time.perf_counter()
            letterbox, canvas, infer = self._for_shape(image.shape[0], image.shape[1])
            letterbox.draw(image, canvas)
            drawn = time.perf_counter()
            output = infer()
            inferred = time.perf_counter()
            detections = self._decoded(output, letterbox)
            self.timings["letterbox"] += drawn - started
            self.timings["inference"] += inferred - drawn
            self.timings["boxes"] += time.perf_counter() - inferred
            return detections

    def _decoded(self, output, letterbox):
        return decode(
            output,
            letterbox,
            self.class_names,
            min_score=self.min_score,
            max_overlap=self.max_overlap,
        )

    def state(self):
        return {}

    def restore(self, state):
        """Accept any state: a network remembers nothing between pictures."""

    def _for_shape(self, height, width):
        prepared = self._prepared.get((height, width))
        if prepared is None:
            letterbox = self._letterbox(height, width)
            canvas = letterbox.canvas()
            prepared = letterbox, canvas, self._compile(canvas)
            self._prepared[height, width] = prepared
            while len(self._prepared) > KEPT_SHAPES:
                self._prepared.popitem(last=False)
        return prepared

    def _letterbox(self, height, width):
        if self._fixed_input:
            rows, columns = self._fixed_input
            return Letterbox.fit_into(height, width, input_height=rows, input_width=columns)
        return Letterbox.fit(height, width, size=self.input_size)

    def _compile(self, canvas):
        raise TypeError(f"{type(self).__name__} infers nothing")


class TorchDetector(NetworkDetector):
    """Ultralytics weights computed by torch, on a GPU where there is one."""

    backend = "torch"

    def __init__(self, weights_path, *, input_size=640, **options):
        import torch

        network, class_names = self._load(weights_path)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network.to(self._device)
        options.setdefault("weights_sha256", file_sha256(weights_path))
        super().__init__(Path(weights_path).stem, class_names, input_size=input_size, **options)

    def _load(self, weights_path):
        from detection.vision.checkpoints import load_network

        return load_network(weights_path)

    def _compile(self, canvas):
        torch, network, device = self._torch, self._network, self._device

        def infer():
            with torch.inference_mode():
                pixels = torch.from_numpy(canvas).to(device).permute(2, 0, 1).flip(0)
                output = network(pixels[None].float() / 255.0)
                output = output[0] if isinstance(output, (list, tuple)) else output
                return output[0].cpu().numpy()

        return infer


class OnnxDetector(NetworkDetector):
    """An ONNX file computed by ONNX Runtime on the processor."""

    backend = "onnxruntime"

    def __init__(self, model_path, class_names, *, name, threads=None, **options):
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads or libraries.available_cores()
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(model_path), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise unreadable(model_path, error) from error
        entry = self._session.get_inputs()[0]
        self._input_name = entry.name
        rows, columns = entry.shape[2:4]
        if isinstance(rows, int) and isinstance(columns, int):
            options.update(fixed_input=(rows, columns), input_size=max(rows, columns))
        super().__init__(name, class_names, **options)

    def _compile(self, canvas):
        session, input_name = self._session, self._input_name

        def infer():
            pixels = cv2.dnn.blobFromImage(canvas, 1 / 255.0, swapRB=True)
            return session.run(None, {input_name: pixels})[0][0]

        return infer


class OpenVinoDetector(NetworkDetector):
    """An ONNX file or an OpenVINO folder computed by OpenVINO on the processor.

    Colour order, scale and layout are part of the compiled network, which takes the canvas as it
    is. The precision told is the one that the compiled network has, not the one asked for.
    """

    backend = "openvino"

    def __init__(self, model_path, class_names, *, name, precision="f32", threads=None, **options):
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        self._path = openvino_model_file(model_path)
        self._asked = precision if precision == "f32" or self.supports_bf16() else "f32"
        self._threads = threads or libraries.available_cores()
        model = self._read()
        shape = model.input(0).partial_shape
        if shape.is_static:
            rows, columns = (dimension.get_length() for dimension in list(shape)[2:4])
            options.update(fixed_input=(rows, columns), input_size=max(rows, columns))
        self._is_int8 = any(op.get_type_name() == "FakeQuantize" for op in model.get_ops())
        self.precision = "int8" if self._is_int8 else self._asked
        super().__init__(name, class_names, **options)

    @staticmethod
    def supports_bf16():
        """Tell whether this processor computes bfloat16 by itself."""
        import openvino

        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def _read(self):
        try:
            return self._core.read_model(str(self._path))
        except Exception as error:
            raise unreadable(self._path, error) from error

    def _compile(self, canvas):
        model = self._read()
        if not self._fixed_input:
            model.reshape([1, 3, *canvas.shape[:2]])
        compiled = self._core.compile_model(
            self._take_canvas(model),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                # int8 is in the weights; what is not quantised is computed in f32.
                "INFERENCE_PRECISION_HINT": "f32" if self._asked == "int8" else self._asked,
                "INFERENCE_NUM_THREADS": self._threads,
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._note_precision(compiled)
        request = compiled.create_infer_request()
        request.set_input_tensor(self._openvino.Tensor(canvas[None], shared_memory=True))

        def infer():
            request.infer()
            return request.get_output_tensor(0).data[0]

        return infer

    def _take_canvas(self, model):
        openvino = self._openvino
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(
            openvino.Layout("NHWC")
        ).set_color_format(openvino.preprocess.ColorFormat.BGR)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).convert_color(
            openvino.preprocess.ColorFormat.RGB
        ).scale(255.0)
        return steps.build()

    def _note_precision(self, compiled):
        if not self._is_int8:
            served = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
            self.precision = {"f32": "f32", "bf16": "bf16"}.get(served, served)


def openvino_model_file(path):
    """Find the .xml of an OpenVINO folder; any other path is returned as it is."""
    path = Path(path)
    if not path.is_dir():
        return path
    files = sorted(path.glob("*.xml"))
    if len(files) != 1:
        raise DomainError(
            "weights_unreadable", f"{path} holds {len(files)} OpenVINO .xml files, not one."
        )
    return files[0]


def file_sha256(path):
    """Digest a file; of a folder, the names and contents of its files in order."""
    path = Path(path)
    if path.is_file():
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    whole = hashlib.sha256()
    for part in sorted(p for p in path.rglob("*") if p.is_file()):
        whole.update(f"{part.relative_to(path)}\0{file_sha256(part)}\n".encode())
    return whole.hexdigest()


def unreadable(path, error):
    """Build the error for a file that is not weights, or is damaged."""
    reason = (
        str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    )
    return DomainError("weights_unreadable", f"{path} cannot be read as weights: {reason}")
