"""Classifiers of tables: what they answer, what their files hold, and what is refused."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from detection.vision.tabular import model as tabular_model
from detection.vision.tabular import parameters as tabular_parameters
from detection.vision.tabular.forests import FlatForest
from hitlsite.errors import DomainError
from training.learning import tabular

ALGORITHMS = tabular_model.ALGORITHMS
COLUMNS = ("near", "far", "noise")
RNG = np.random.default_rng(4)
FEATURES = RNG.normal(size=(300, 3))
LABELS = np.where(FEATURES[:, 0] > 0.3, "7", np.where(FEATURES[:, 1] > 0, "30", "1"))
QUICK = {"random_forest": {"trees": 20}, "lightgbm": {"trees": 20}}


def fitted(algorithm, features=FEATURES, labels=LABELS, **options):
    return tabular.fit(
        features, labels, algorithm, QUICK.get(algorithm), 1, columns=COLUMNS, **options
    )


@pytest.fixture(scope="module", params=ALGORITHMS)
def model(request):
    return fitted(request.param)


def test_few_rows_are_answered_as_many_are(model):
    gaps = FEATURES.copy()
    gaps[::7, 1] = np.nan
    many = model.probabilities(gaps)
    few = np.concatenate([model.probabilities(gaps[row : row + 1]) for row in range(100)])
    assert few == pytest.approx(many[:100], abs=1e-9)
    assert model.probabilities(FEATURES[:0]).shape == (0, 3)


def test_another_process_answers_the_same(model, tmp_path):
    files = tabular_model.save(model, tmp_path)
    np.save(tmp_path / "asked.npy", FEATURES[:5])
    program = (
        "import sys, numpy as np; from pathlib import Path;"
        "from detection.vision.tabular import model;"
        "folder = Path(sys.argv[1]); model = model.load(folder);"
        "np.save(folder / 'said.npy', model.probabilities(np.load(folder / 'asked.npy')));"
        "print(model.classes, model.columns)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert told.stdout.strip() == f"{model.classes} {model.columns}"
    said = np.load(tmp_path / "said.npy")
    assert said == pytest.approx(model.probabilities(FEATURES[:5]), abs=1e-12)
    assert set(files) <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "columns", [("near", "far"), ("near", "far", "loud"), ("far", "near", "noise")]
)
def test_other_columns_are_refused(columns):
    with pytest.raises(DomainError) as refused:
        fitted("logistic").probabilities(FEATURES, columns)
    assert refused.value.code == "columns_differ"


@pytest.mark.parametrize(
    ("algorithm", "parameters", "field"),
    [
        ("random_forest", {"trees": 0}, "parameters.trees"),
        ("random_forest", {"trees": 2.5}, "parameters.trees"),
        ("random_forest", {"trees": True}, "parameters.trees"),
        ("random_forest", {"trees": "10"}, "parameters.trees"),
        ("random_forest", {"c": 1}, "parameters.c"),
        ("svm", {"c": float("nan")}, "parameters.c"),
        ("svm", {"c": float("inf")}, "parameters.c"),
        ("lightgbm", {"leaves": float("inf")}, "parameters.leaves"),
        ("lightgbm", {"leaves": 10**400}, "parameters.leaves"),
        ("logistic", {"balanced": 1}, "parameters.balanced"),
        ("logistic", [1], "parameters"),
        ("magic", {}, "algorithm"),
    ],
)
def test_wrong_parameters_are_named(algorithm, parameters, field):
    with pytest.raises(DomainError) as refused:
        tabular_parameters.clean(algorithm, parameters)
    assert list(refused.value.fields) == [field]


def test_parameters_are_filled_in():
    assert tabular_parameters.clean("svm", {"c": 2}, balanced=True) == {"c": 2.0, "balanced": True}


class Malicious:
    """Pickled, it makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def kept(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    tabular_model.save(fitted("logistic"), folder)
    return folder


def test_a_pickle_is_never_read(kept, tmp_path):
    mark = tmp_path / "ran"
    (kept / "model.skops").write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(DomainError) as refused:
        tabular_model.load(kept)
    assert refused.value.code == "artifact_damaged"
    assert not mark.exists()


def test_a_skops_file_that_would_run_something_is_refused(kept, tmp_path):
    mark = tmp_path / "ran"
    runs = FunctionTransformer(func=os.mkdir, kw_args={"mode": 0o700})
    with (kept / "model.skops").open("wb") as sink:
        skops.io.dump({"estimator": runs, "at": Malicious(mark)}, sink)
    with pytest.raises(DomainError, match=r"model\.skops holds .*mkdir") as refused:
        tabular_model.load(kept)
    assert refused.value.code == "artifact_refused"
    assert not mark.exists()


def test_a_harmless_estimator_of_another_kind_is_refused(kept):
    with (kept / "model.skops").open("wb") as sink:
        skops.io.dump(FunctionTransformer(np.sqrt).fit(FEATURES), sink)
    with pytest.raises(DomainError) as refused:
        tabular_model.load(kept)
    assert refused.value.code == "artifact_refused"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"classes": ["1", "7", "30"]}, "artifact_damaged"),
        ({"classes": []}, "artifact_damaged"),
        ({"columns": ["near", "far"]}, "artifact_damaged"),
        ({"format": 2}, "artifact_damaged"),
        ({"algorithm": "pickle"}, "artifact_damaged"),
        ({"algorithm": "random_forest", "parameters": {}}, "artifact_refused"),
        ({"parameters": {"depth": 3}}, "parameters_invalid"),
    ],
)
def test_names_that_do_not_fit_the_model_are_refused(kept, change, code):
    told = json.loads((kept / "model.json").read_text()) | change
    (kept / "model.json").write_text(json.dumps(told))
    with pytest.raises(DomainError) as refused:
        tabular_model.load(kept)
    assert refused.value.code == code


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{", b"[" * 100_000])
def test_names_that_cannot_be_read_are_refused(kept, content):
    (kept / "model.json").write_bytes(content)
    with pytest.raises(DomainError) as refused:
        tabular_model.load(kept)
    assert refused.value.code == "artifact_damaged"


@pytest.mark.parametrize("name", ["model.json", "model.skops"])
def test_a_missing_file_is_named(kept, name):
    (kept / name).unlink()
    with pytest.raises(DomainError, match=name) as refused:
        tabular_model.load(kept)
    assert refused.value.code == "artifact_missing"


@pytest.mark.parametrize("content", [b"", b"tree\nversion=v4\n", b"\xff\xfe", b"tree\n" * 50])
def test_a_damaged_lightgbm_text_is_refused(tmp_path, content):
    tabular_model.save(fitted("lightgbm"), tmp_path)
    (tmp_path / "model.txt").write_bytes(content)
    with pytest.raises(DomainError) as refused:
        tabular_model.load(tmp_path)
    assert refused.value.code == "artifact_damaged"


def test_a_flat_forest_is_the_forest():
    model = fitted("random_forest")
    flat = FlatForest.of(model.estimator)
    edges = np.unique(flat.threshold[flat.threshold != -2])[:200]
    asked = np.stack([edges, edges, edges], axis=1)  # right on the borders, where rounding shows
    assert flat.probabilities(asked) == pytest.approx(
        model.estimator.predict_proba(asked), abs=1e-12
    )
