"""What pictures look like to a detector: the end of its backbone, as one direction a picture.

A network that finds boxes has learned what differs between the pictures of a place. The features
at the end of its backbone, before they are enlarged and mixed again for boxes, are averaged over
the picture; two pictures are alike where these averages point the same way.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from detection.vision import libraries
from detection.vision.checkpoints import load_network
from detection.vision.detectors import openvino_model_file, unreadable
from hitlsite.errors import DomainError

INPUT_SIZE, BATCH = 320, 8
_ENLARGES = "Interpolate"


def embeddings(
    weights,
    images: Iterable[np.ndarray],
    *,
    batch: int = BATCH,
    size: int = INPUT_SIZE,
    progress: Callable[[int], None] = lambda done: None,
) -> np.ndarray:
    """Return directions (pictures, features) of length 1, float32.

    Args:
        weights: path of a .pt file (computed by torch), of an .onnx file or of an OpenVINO folder
            (both by OpenVINO).
        images: (H, W, 3) uint8 BGR, of any sizes; taken ``batch`` at a time.
        size: the side of the square that every picture is brought to, px; networks that were
            exported for one size keep theirs.
        progress: called with the number of pictures done so far.

    Raises:
        DomainError: as ``checkpoints.load_network``; backend_unavailable, no_backbone.
    """
    path = Path(weights)
    pooled, size, most = (
        _torch_backbone(path, size) if path.suffix == ".pt" else _openvino(path, size)
    )
    found, done = [], 0
    for some in _batches(images, min(batch, most or batch)):
        pixels = np.stack([_pixels(image, size) for image in some])
        features = np.asarray(pooled(pixels), np.float32)
        found.append(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12))
        done += len(some)
        progress(done)
    return np.concatenate(found) if found else np.zeros((0, 0), np.float32)


def _batches(images, count) -> Iterator[list]:
    images = iter(images)
    while some := list(islice(images, count)):
        yield some


def _pixels(image, size):
    """Return a picture as (3, size, size) float32 RGB of 0..1; its shape is no part of its look."""
    shrunk = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return shrunk[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / 255.0


def _torch_backbone(path, size):
    """Return what pools a batch, the input's side, and the largest batch (None for any)."""
    import torch

    network, _ = load_network(path)
    layers = []
    for layer in network.model:
        if isinstance(layer, torch.nn.Upsample):
            break
        layers.append(layer)
    else:
        raise _no_backbone(path)

    def pooled(pixels):
        with torch.inference_mode():
            features, outputs = torch.from_numpy(pixels), []
            for layer in layers:
                # -1 is the layer before; anything else is an earlier one by its place.
                features = layer(features if layer.f == -1 else outputs[layer.f])
                outputs.append(features)
            return features.mean(dim=(2, 3)).numpy()

    return pooled, size, None


def _openvino(path, size):
    if not libraries.is_installed("openvino"):
        message = f"{path} asks for openvino, which is not installed."
        raise DomainError("backend_unavailable", message)
    import openvino

    try:
        model = openvino.Core().read_model(str(openvino_model_file(path)))
    except RuntimeError as error:
        raise unreadable(path, error) from error
    enlarging = next(
        (op for op in model.get_ordered_ops() if op.get_type_name() == _ENLARGES), None
    )
    if enlarging is None:
        raise _no_backbone(path)
    end = enlarging.input(0).get_source_output()
    backbone = openvino.Model([end], model.get_parameters(), "backbone")
    shape, most = backbone.input(0).partial_shape, None
    if shape.is_static:
        most, size = shape[0].get_length(), shape[2].get_length()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "THROUGHPUT"}
    compiled = openvino.Core().compile_model(backbone, "CPU", settings)

    def pooled(pixels):
        return compiled(pixels)[0].mean(axis=(2, 3))

    return pooled, size, most


def _no_backbone(path):
    message = f"{path} has no backbone whose end could be told."
    return DomainError("no_backbone", message)
