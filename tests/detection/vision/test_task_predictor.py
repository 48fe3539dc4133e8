"""Task classifiers as they serve: the same for one window and for many, and only our own files."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import FunctionTransformer

from detection.vision.task_files import MAIN_FILES, TOLD_FILE
from detection.vision.task_predictor import TaskPredictor
from hitlsite.errors import DomainError
from tests.training.learning.windows_made import CLASSES, COLUMNS, QUICK, SPEC, TEST, TRAIN, VAL
from training.learning import task_models

KNOWN = COLUMNS[:3]
ASKED = TEST[0][:, :, :3]


def trained(algorithm, **parameters):
    return task_models.fit(
        *TRAIN,
        algorithm,
        QUICK[algorithm] | parameters,
        1,
        columns=COLUMNS,
        spec=SPEC,
        val=VAL,
        frames_per_second=12.5,
        sample_rate=2,
    )


WITHOUT_TORCH = """
import sys
from pathlib import Path


class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ImportError(name)


sys.meta_path.insert(0, Blocked())
import numpy as np
from detection.vision.task_predictor import TaskPredictor

folder = Path(sys.argv[1])
said = TaskPredictor.load(folder).probabilities(np.load(folder / "asked.npy"))
np.save(folder / "said.npy", said)
"""
_models = {}


def kept(algorithm, folder):
    if algorithm not in _models:
        _models[algorithm] = trained(algorithm)
    _models[algorithm].save(folder)
    return folder


def refused(folder):
    with pytest.raises(DomainError) as error:
        TaskPredictor.load(folder)
    return error.value


def replace(folder, name, content):
    """Put another main file there, with its hash in ``task.json`` as if somebody meant it."""
    (folder / name).write_bytes(content)
    tell(folder, model_sha256=hashlib.sha256(content).hexdigest())


def tell(folder, **change):
    path = folder / TOLD_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize("algorithm", MAIN_FILES)
def test_a_window_gets_the_same_alone_and_among_many(algorithm, tmp_path):
    predictor = TaskPredictor.load(kept(algorithm, tmp_path))
    many = predictor.probabilities(ASKED)
    alone = [predictor.probabilities(window[None]) for window in ASKED]
    others = predictor.probabilities(ASKED[::-1])[::-1]
    assert np.array_equal(many, np.concatenate(alone))
    assert np.array_equal(many, others)
    assert many.sum(axis=1) == pytest.approx(1.0)
    assert (many >= 0).all()
    assert predictor.probabilities(ASKED[:0]).shape == (0, 3)


@pytest.mark.parametrize("agg", ["stats", "flatten"])
@pytest.mark.parametrize("algorithm", ["random_forest", "lightgbm", "online"])
def test_rows_of_numbers_are_computed_alike_either_way(algorithm, agg):
    predictor = trained(algorithm, agg=agg).predictor()
    many = predictor.probabilities(ASKED)
    alone = [predictor.probabilities(window[None]) for window in ASKED[:40]]
    assert predictor.agg == agg
    assert np.array_equal(many[:40], np.concatenate(alone))


@pytest.mark.parametrize("algorithm", MAIN_FILES)
def test_what_it_takes_and_answers_is_told_by_its_files(algorithm, tmp_path):
    predictor = TaskPredictor.load(kept(algorithm, tmp_path))
    assert predictor.columns == KNOWN
    assert predictor.classes == CLASSES
    assert predictor.spec == SPEC
    assert predictor.algorithm == algorithm
    assert predictor.detector_mode == "fusion"
    assert (predictor.frames_per_second, predictor.sample_rate) == (12.5, 2)
    assert predictor.description.left_out == ("never",)


@pytest.mark.parametrize("algorithm", MAIN_FILES)
def test_another_process_without_torch_answers_the_same(algorithm, tmp_path):
    kept(algorithm, tmp_path)
    np.save(tmp_path / "asked.npy", ASKED[:5])
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)],
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    said = np.load(tmp_path / "said.npy")
    assert np.array_equal(said, TaskPredictor.load(tmp_path).probabilities(ASKED[:5]))


def test_columns_are_found_by_name(tmp_path):
    predictor = TaskPredictor.load(kept("online", tmp_path))
    places = predictor.place_in(("noise", "else", "course", "level"))
    assert places.tolist() == [3, 2, 0]


def test_columns_that_are_not_there_are_named_with_the_mode(tmp_path):
    predictor = TaskPredictor.load(kept("online", tmp_path))
    with pytest.raises(DomainError, match="level, noise.* mode fusion") as error:
        predictor.place_in(("course",))
    assert error.value.code == "features_differ"


@pytest.mark.parametrize(
    ("windows", "code"),
    [
        (ASKED[:, :-1], "windows_differ"),
        (ASKED[:, :, :2], "windows_differ"),
        (ASKED[0], "windows_differ"),
        (np.where(np.isnan(ASKED), np.inf, ASKED), "windows_invalid"),
    ],
)
def test_other_windows_are_refused(tmp_path, windows, code):
    with pytest.raises(DomainError) as error:
        TaskPredictor.load(kept("online", tmp_path)).probabilities(windows)
    assert error.value.code == code


def test_a_window_of_nothing_is_answered(tmp_path):
    nothing = np.full_like(ASKED[:1], np.nan)
    for algorithm in MAIN_FILES:
        predictor = TaskPredictor.load(kept(algorithm, tmp_path))
        assert predictor.probabilities(nothing).sum() == pytest.approx(1.0)


class Malicious:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("algorithm", MAIN_FILES)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"tree\n" * 50, "pickle"])
def test_a_damaged_file_is_named(algorithm, content, tmp_path):
    kept(algorithm, tmp_path)
    mark = tmp_path / "ran"
    name = MAIN_FILES[algorithm]
    replace(tmp_path, name, pickle.dumps(Malicious(mark)) if content == "pickle" else content)
    error = refused(tmp_path)
    assert error.code == "artifact_damaged"
    assert name in error.message
    assert not mark.exists()


@pytest.mark.parametrize("algorithm", MAIN_FILES)
def test_a_file_cut_short_is_named(algorithm, tmp_path):
    name = MAIN_FILES[algorithm]
    content = (kept(algorithm, tmp_path) / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-7])
    error = refused(tmp_path)
    assert (error.code, name in error.message) == ("artifact_damaged", True)


@pytest.mark.parametrize("name", [TOLD_FILE, "model.onnx"])
def test_a_missing_file_is_named(name, tmp_path):
    (kept("tcn", tmp_path) / name).unlink()
    error = refused(tmp_path)
    assert (error.code, name in error.message) == ("artifact_missing", True)


def test_a_skops_file_that_would_run_something_is_refused(tmp_path):
    kept("online", tmp_path)
    mark = tmp_path / "ran"
    runs = FunctionTransformer(func=os.mkdir, kw_args={"mode": 0o700})
    replace(tmp_path, "model.skops", skops.io.dumps({"estimator": runs, "at": Malicious(mark)}))
    error = refused(tmp_path)
    assert error.code == "artifact_refused"
    assert "mkdir" in error.message
    assert not mark.exists()


@pytest.mark.parametrize("algorithm", ["online", "random_forest"])
def test_a_harmless_estimator_of_another_kind_is_refused(algorithm, tmp_path):
    kept(algorithm, tmp_path)
    replace(tmp_path, "model.skops", skops.io.dumps(FunctionTransformer(np.sqrt).fit(ASKED[0])))
    assert refused(tmp_path).code == "artifact_refused"


@pytest.mark.parametrize("spoil", ["coef_", "classes_", "untrained"])
def test_an_estimator_that_cannot_answer_is_damaged(spoil, tmp_path):
    kept("online", tmp_path)
    estimator = TaskPredictor.load(tmp_path).trainable()
    if spoil == "untrained":
        estimator = SGDClassifier()
    else:
        setattr(estimator, spoil, np.array(["x", "y"]))
    replace(tmp_path, "model.skops", skops.io.dumps(estimator))
    assert refused(tmp_path).code == "artifact_damaged"


def network(nodes, initializers=(), steps=8, width=6, classes=3, domain=""):
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, [1, steps, width])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])],
        initializer=list(initializers),
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(domain or "own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def external():
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/hostname")
    node = helper.make_node("Add", ["w", "w"], ["logits"])
    return network([node], [tensor])


@pytest.mark.parametrize(
    ("model", "code"),
    [
        (network([helper.make_node("Loop", ["windows"], ["logits"])]), "artifact_refused"),
        (
            network([helper.make_node("Add", ["windows"], ["logits"], domain="own")]),
            "artifact_refused",
        ),
        (external(), "artifact_refused"),
        (network([]), "artifact_damaged"),
        (network([helper.make_node("Relu", ["windows"], ["other"])]), "artifact_damaged"),
    ],
)
def test_a_network_of_somebody_else_is_refused(model, code, tmp_path):
    kept("tcn", tmp_path)
    replace(tmp_path, "model.onnx", model.SerializeToString())
    error = refused(tmp_path)
    assert (error.code, "model.onnx" in error.message) == (code, True)


def test_a_network_over_other_columns_is_damaged(tmp_path):
    kept("tcn", tmp_path)
    model = onnx.load(str(tmp_path / "model.onnx"))
    tell(tmp_path, columns=["a", "b"], means=[0.0, 0.0], scales=[1.0, 1.0])
    assert model.graph.input[0].type.tensor_type.shape.dim[2].dim_value == 6
    assert refused(tmp_path).code == "artifact_damaged"


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"algorithm": "pickle"},
        {"algorithm": "lstm"},
        {"classes": ["carry"]},
        {"classes": ["carry", "sweep", "rest"]},
        {"classes": ["carry", "carry", "rest"]},
        {"columns": []},
        {"columns": ["level"]},
        {"columns": "level"},
        {"agg": "median"},
        {"spec": {"window_seconds": -1}},
        {"spec": []},
        {"detector_mode": "magic"},
        {"means": [0.0]},
        {"scales": [0.0] * 15},
        {"temperature": 0},
        {"temperature": "warm"},
        {"sources": None},
        {"more": 1},
    ],
)
def test_what_does_not_fit_the_model_is_refused(change, tmp_path):
    kept("online", tmp_path)
    tell(tmp_path, **change)
    error = refused(tmp_path)
    assert error.code == "artifact_damaged"
    assert "task.json" in error.message or "model." in error.message


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{", b"[" * 100_000, b" " * 2_000_000])
def test_what_cannot_be_read_is_refused(content, tmp_path):
    (kept("online", tmp_path) / TOLD_FILE).write_bytes(content)
    assert refused(tmp_path).code == "artifact_damaged"


def test_its_files_hold_no_pickle(tmp_path):
    for algorithm in ("online", "random_forest"):
        folder = kept(algorithm, tmp_path)
        with zipfile.ZipFile(folder / "model.skops") as packed:
            assert all(name.endswith((".npy", "schema.json")) for name in packed.namelist())
