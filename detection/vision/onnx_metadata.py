"""Reading what an ONNX file says about itself, whichever reader is installed."""

from detection.vision import libraries
from detection.vision.detectors import unreadable


def read_metadata(path):
    """Read an ONNX file's metadata properties.

    Returns:
        dict of strings.

    Raises:
        DomainError: weights_unreadable.
    """
    try:
        if libraries.is_installed("onnx"):
            return _with_onnx(path)
        return _with_onnxruntime(path)
    except Exception as error:
        raise unreadable(path, error) from error


def _with_onnx(path):
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    if not model.graph.node:
        raise ValueError("it holds no network")
    return {entry.key: entry.value for entry in model.metadata_props}


def _with_onnxruntime(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(session.get_modelmeta().custom_metadata_map)
