"""What a task classifier says of itself beside its weights: ``task.json``, written and read here.

The weights alone are numbers in some order. Which columns they take, on which grid in time, scaled
by what, and what their answers are called stands here, with the hash of the weights it belongs to.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from detection.vision.tabular import artifacts
from detection.vision.windows import AGGREGATIONS, WindowSpec
from hitlsite.errors import DomainError

FORMAT = 1
TOLD_FILE = "task.json"
SKOPS_FILE, LIGHTGBM_FILE, ONNX_FILE = "model.skops", "model.txt", "model.onnx"
MAIN_FILES = {
    "random_forest": SKOPS_FILE,
    "lightgbm": LIGHTGBM_FILE,
    "online": SKOPS_FILE,
    "lstm": ONNX_FILE,
    "tcn": ONNX_FILE,
    "transformer": ONNX_FILE,
}
BACKENDS = {SKOPS_FILE: "skops", LIGHTGBM_FILE: "lightgbm", ONNX_FILE: "onnx"}
SEQUENCE_ALGORITHMS = tuple(name for name, file in MAIN_FILES.items() if file == ONNX_FILE)
DETECTOR_MODES = ("fusion", "mediapipe", "yolo")


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """What ``task.json`` holds.

    Attributes:
        columns: the input columns by name, in the order in which windows have them.
        left_out: columns that were missing throughout training.
        agg: how a window becomes a row of numbers; "" where it is taken as a sequence.
        means, scales: what the numbers are scaled by; empty for trees. Of the columns for
            sequences, of the aggregated numbers else.
        temperature: what the logits are divided by.
        frames_per_second: the median of what was trained on; 0 where it is not known.
        sources: hashes of what measured the features, as they came.
        rows: how many windows were trained on.
        model_sha256: of the main file.
    """

    algorithm: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    spec: WindowSpec
    detector_mode: str
    agg: str = ""
    left_out: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    temperature: float = 1.0
    frames_per_second: float = 0.0
    sample_rate: int = 1
    sources: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    seed: int = 0
    rows: int = 0
    model_sha256: str = ""

    @property
    def is_sequence(self) -> bool:
        return self.algorithm in SEQUENCE_ALGORITHMS

    @property
    def main_file(self) -> str:
        return MAIN_FILES[self.algorithm]

    @property
    def backend(self) -> str:
        return BACKENDS[self.main_file]

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, the main one first."""
        return self.main_file, TOLD_FILE


def write(description: TaskDescription, folder: Path) -> None:
    """Write ``task.json``; the hash in it is that of the main file."""
    told = {"format": FORMAT, **asdict(description), "spec": description.spec.as_dict()}
    told["model_sha256"] = _sha256(Path(folder) / description.main_file)
    content = json.dumps(told, indent=1, allow_nan=False) + "\n"
    (Path(folder) / TOLD_FILE).write_text(content, encoding="utf-8")


def read(folder: Path) -> TaskDescription:
    """Read what ``write`` wrote, here or elsewhere.

    Raises:
        DomainError: artifact_missing; artifact_damaged, where it describes no classifier or one
            with other weights than those beside it.
    """
    path = Path(folder) / TOLD_FILE
    told = artifacts.told_of(path)
    if not isinstance(told, dict) or told.pop("format", None) != FORMAT or not _is_whole(told):
        raise artifacts.damaged(path, "it does not describe a task classifier")
    try:
        told["spec"] = WindowSpec.from_dict(told["spec"])
    except DomainError as error:
        raise artifacts.damaged(path, error.message) from error
    lists = ("columns", "classes", "left_out", "means", "scales")
    description = TaskDescription(**told | {name: tuple(told[name]) for name in lists})
    main = path.with_name(description.main_file)
    if _sha256(main) != description.model_sha256:
        raise artifacts.damaged(main, "it is not the one that task.json belongs to")
    return description


def _sha256(path):
    return hashlib.sha256(artifacts.content_of(path)).hexdigest()


def _is_whole(told):
    known = TaskDescription.__dataclass_fields__.keys()
    return (
        told.keys() == known
        and told["algorithm"] in MAIN_FILES
        and told["detector_mode"] in DETECTOR_MODES
        and _are_names(told["columns"], 1)
        and _are_names(told["classes"], 2)
        and _are_names(told["left_out"], 0)
        and isinstance(told["spec"], dict)
        and (told["agg"] == "" or told["agg"] in AGGREGATIONS)
        and (told["agg"] == "") == (told["algorithm"] in SEQUENCE_ALGORITHMS)
        and all(_are_numbers(told[name]) for name in ("means", "scales"))
        and len(told["means"]) == len(told["scales"])
        and 0 not in told["scales"]
        and _are_numbers([told["temperature"], told["frames_per_second"], told["sample_rate"]])
        and told["temperature"] > 0
        and all(isinstance(told[name], dict) for name in ("sources", "parameters"))
        and all(isinstance(told[name], int) for name in ("seed", "rows"))
        and isinstance(told["model_sha256"], str)
    )


def _are_names(value, least):
    return (
        isinstance(value, list)
        and len(value) >= least
        and all(isinstance(name, str) and name for name in value)
        and len(set(value)) == len(value)
    )


def _are_numbers(value):
    return isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
        for one in value
    )
