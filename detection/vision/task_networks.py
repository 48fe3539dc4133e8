"""Networks over windows, computed by ONNX Runtime; what is in a file is looked at before it runs.

A network file can name other files for its weights, call libraries, or loop for ever. Ours do none
of it: they hold their weights and a few kinds of arithmetic, and a file with anything else is
refused. Windows are computed one by one, because a product of matrices may round otherwise when
there are more rows in it: what serves one window then says exactly what was scored among many.
"""

from pathlib import Path

import numpy as np

from detection.vision.tabular import artifacts

INPUT, OUTPUT = "windows", "logits"
FARTHEST = 10.0
# The kinds of arithmetic that an exported network of ours is made of.
KNOWN_OPERATIONS = frozenset(
    (
        "Add",
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Conv",
        "Div",
        "Erf",
        "Expand",
        "Gather",
        "Gemm",
        "Identity",
        "LSTM",
        "LayerNormalization",
        "MatMul",
        "Mul",
        "Pad",
        "Pow",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Shape",
        "Slice",
        "Softmax",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    )
)


def scaled(windows: np.ndarray, means: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return what a network takes of windows (m, S, C): (m, S, 2 C) float32.

    The columns scaled, far outliers cut off, a missing value as 0, and behind them 1.0 where a
    value is known.
    """
    known = ~np.isnan(windows)
    values = (windows.astype(np.float32) - means.astype(np.float32)) / scales.astype(np.float32)
    values = np.clip(values, -FARTHEST, FARTHEST)
    return np.concatenate([np.where(known, values, np.float32(0)), known], axis=2, dtype=np.float32)


class Network:
    """A network that takes one window, (1, S, 2 C), and gives logits, (1, K)."""

    def __init__(self, path: Path, steps: int, width: int, classes: int):
        """Load a file.

        Raises:
            DomainError: artifact_missing, artifact_damaged, artifact_refused.
        """
        import onnxruntime

        content = artifacts.content_of(path)
        _require_harmless(path, content)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        onnxruntime.disable_telemetry_events()
        try:
            self._session = onnxruntime.InferenceSession(
                content, settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # whatever a reader of strangers' files may raise
            raise artifacts.damaged(path, "it is no network that could be computed") from error
        taken = [(one.name, one.shape) for one in self._session.get_inputs()]
        given = [(one.name, one.shape) for one in self._session.get_outputs()]
        if taken != [(INPUT, [1, steps, width])] or given != [(OUTPUT, [1, classes])]:
            raise artifacts.damaged(path, "its columns or classes are others than those beside it")

    def logits(self, prepared: np.ndarray) -> np.ndarray:
        """Return the logits (m, K) of prepared windows (m, S, 2 C)."""
        rows = [self._session.run([OUTPUT], {INPUT: one[None]})[0][0] for one in prepared]
        return np.stack(rows).astype(float)


def _require_harmless(path, content):
    import onnx

    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # whatever a reader of strangers' files may raise
        raise artifacts.damaged(path, "it is no network") from error
    if not model.graph.node:
        raise artifacts.damaged(path, "it holds no network")
    external = onnx.TensorProto.EXTERNAL
    if any(one.data_location == external for one in model.graph.initializer):
        raise artifacts.refused(path, "takes its weights from other files: it is not read")
    foreign = {one.op_type for one in model.graph.node} - KNOWN_OPERATIONS
    foreign |= {one.domain for one in model.graph.node} - {"", "ai.onnx"}
    if foreign or model.functions:
        names = ", ".join(sorted(foreign)[:3]) or "functions of its own"
        raise artifacts.refused(path, f"holds {names}: it is not run")
