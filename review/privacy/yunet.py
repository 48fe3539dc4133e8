"""The face model, computed by OpenVINO on the processor.

The library that ships a ready-made reader of this model takes three times the processor time, and
looking for faces is most of what making an item costs. What the network's outputs mean is
described by its authors: a score and a box for every cell of three grids.
"""

import math
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np

from review.privacy.regions import clipped, has_area

FILLING_PX, MIDDLE_PX = 160, 480
LEAST_FULL_PX, MOST_FULL_PX = 960, 1920
STRIDES_PX = (8, 16, 32)
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox") for stride in STRIDES_PX)
MOST_OVERLAP = 0.3
MOST_FACES = 5000
KEPT_NETS = 16

_nets = OrderedDict()
_turn = threading.Lock()


class YuNet:
    """The face model, run on several sizes and turns of the same picture.

    Measured on real footage: a face that fills the picture is found at 160 px in 98 of 100
    cases, at 480 px in 79; faces in a crowd need the picture's own size; a face that lies on
    its side or head down is found in 35 of 100 unless the picture is turned. The turned passes
    and the small ones together cost less than the one at full size.

    Raises:
        RuntimeError: the file is not the network.
    """

    def __init__(self, path: Path, score: float):
        self._path = Path(path)
        self._score = score
        _net(self._path, MIDDLE_PX, MIDDLE_PX)

    def faces(self, image: np.ndarray) -> list[tuple[tuple, float]]:
        """Return (box normalised, score) of every face in a BGR picture, duplicates included."""
        full_px = min(max(*image.shape[:2], LEAST_FULL_PX), MOST_FULL_PX)
        found = []
        for longest_px, turns in ((FILLING_PX, 1), (full_px, 1), (MIDDLE_PX, 4)):
            small = _resized(image, longest_px)
            for number in range(turns):
                found += self._turned(np.ascontiguousarray(np.rot90(small, number)), number)
        return found

    def _turned(self, image, turns):
        height, width = image.shape[:2]
        for (x1, y1, x2, y2), score in self._detect(image):
            box = (x1 / width, y1 / height, x2 / width, y2 / height)
            box = _turned_back(box, turns)
            if has_area(box):
                yield clipped(box), score

    def _detect(self, image):
        """Return (box in px, score) of a picture at the size that it is looked at."""
        height, width = image.shape[:2]
        to = [math.ceil(side / STRIDES_PX[-1]) * STRIDES_PX[-1] for side in (height, width)]
        padded = cv2.copyMakeBorder(
            image, 0, to[0] - height, 0, to[1] - width, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        boxes, scores = _decoded(_net(self._path, *to)(padded), *to, self._score)
        kept = cv2.dnn.NMSBoxes(
            boxes.tolist(), scores.tolist(), self._score, MOST_OVERLAP, top_k=MOST_FACES
        )
        corners = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
        return [(tuple(corners[one].tolist()), float(scores[one])) for one in kept]


def _resized(image, longest_px):
    scale = longest_px / max(image.shape[:2])
    size = [max(round(side * scale), 32) for side in image.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=method)


def _decoded(outputs, height, width, least):
    """Return boxes (N, 4) as x, y, width, height in px and their scores (N,).

    Args:
        outputs: name to array, as the network names them: cls_8, obj_8, bbox_8 and so on.
    """
    boxes, scores = [np.empty((0, 4))], [np.empty(0)]
    for stride in STRIDES_PX:
        classes, objects = (
            outputs[f"{kind}_{stride}"].reshape(-1).clip(0.0, 1.0) for kind in ("cls", "obj")
        )
        score = np.sqrt(classes * objects)
        cells = np.flatnonzero(~(score < least))
        row, column = np.divmod(cells, width // stride)
        offset = outputs[f"bbox_{stride}"].reshape(-1, 4)[cells].astype(float)
        size = np.exp(offset[:, 2:]) * stride
        centre = (np.stack((column, row), axis=1) + offset[:, :2]) * stride
        boxes.append(np.concatenate((centre - size / 2, size), axis=1))
        scores.append(score[cells])
    boxes, scores = np.concatenate(boxes), np.concatenate(scores)
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise RuntimeError("The face model answered something that is not a number.")
    return boxes, scores


def _turned_back(box, turns):
    """Undo quarter turns (counter-clockwise, as ``numpy.rot90`` makes them) of a box."""
    for _ in range(turns):
        x1, y1, x2, y2 = box
        box = (1 - y2, x1, 1 - y1, x2)
    return box


class _Net:
    """The network compiled for one size; threads take turns."""

    def __init__(self, path, height, width):
        # Left in, this package reports every use; see detection.vision.libraries.
        sys.modules.setdefault("openvino_telemetry", None)
        import openvino

        core = openvino.Core()
        model = core.read_model(str(path))
        model.reshape([1, 3, height, width])
        steps = openvino.preprocess.PrePostProcessor(model)
        layout = openvino.Layout
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(layout("NHWC"))
        steps.input().model().set_layout(layout("NCHW"))
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(steps.build(), "CPU", options)
        names = [output.get_names() for output in compiled.outputs]
        self._places = {
            name: next(place for place, known in enumerate(names) if name in known)
            for name in OUTPUTS
        }
        self._request = compiled.create_infer_request()
        self._turn = threading.Lock()

    def __call__(self, image):
        with self._turn:
            self._request.infer({0: image[None]})
            return {
                name: self._request.get_output_tensor(place).data.copy()
                for name, place in self._places.items()
            }


def _net(path, height, width):
    """Return the network for a size; compiling one costs more than running it many times."""
    stat = path.stat()
    key = str(path), stat.st_mtime_ns, stat.st_size, height, width
    with _turn:
        if key not in _nets:
            _nets[key] = _Net(path, height, width)
        _nets.move_to_end(key)
        while len(_nets) > KEPT_NETS:
            _nets.popitem(last=False)
        return _nets[key]
