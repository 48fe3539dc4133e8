"""Checkpoints are data: a crafted one is refused, and an honest one is exported once."""

import os
import pickle
import shutil
import threading

import pytest

from detection.vision import checkpoints, libraries
from detection.vision.backends import load_detector
from detection.vision.detectors import file_sha256
from hitlsite.errors import DomainError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _prepared(tmp_path_factory):
    libraries.prepare(tmp_path_factory.mktemp("cache"))


class Crafted:
    """Unpickles to a call that leaves a mark on the disk."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def _saved(tmp_path, content):
    import torch

    path = tmp_path / "crafted.pt"
    torch.save(content, path)
    return path


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"model": c}, lambda c: {"ema": [c]}])
def test_a_crafted_checkpoint_is_refused_and_does_nothing(tmp_path, wrap):
    mark = tmp_path / "mark"
    path = _saved(tmp_path, wrap(Crafted(mark)))

    with pytest.raises(DomainError, match=r"crafted\.pt") as caught:
        load_detector(str(path), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unsafe"
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_bare_pickle_under_the_name_is_refused(tmp_path, protocol):
    mark = tmp_path / "mark"
    path = tmp_path / "bare.pt"
    path.write_bytes(pickle.dumps({"model": Crafted(mark)}, protocol=protocol))

    with pytest.raises(DomainError, match=r"bare\.pt") as caught:
        load_detector(str(path), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code in {"weights_unsafe", "weights_unreadable"}
    assert not mark.exists()


def test_a_whole_module_of_a_known_kind_cannot_smuggle_a_call(tmp_path):
    import torch

    mark = tmp_path / "mark"
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    module.extra = Crafted(mark)
    path = _saved(tmp_path, {"model": module})

    with pytest.raises(DomainError) as caught:
        load_detector(str(path), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unsafe"
    assert not mark.exists()


@pytest.mark.parametrize(
    "content", [{}, {"model": None}, {"model": {"weight": 1}}, [1, 2]], ids=str
)
def test_a_checkpoint_without_a_network_is_unreadable(tmp_path, content):
    path = _saved(tmp_path, content)

    with pytest.raises(DomainError, match=r"crafted\.pt") as caught:
        load_detector(str(path), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unreadable"


@pytest.mark.parametrize("keep", [0, 100, 100_000, 5_000_000])
def test_a_truncated_file_is_unreadable(tmp_path, model_dir, keep):
    path = tmp_path / "cut.pt"
    path.write_bytes((model_dir / "yolo11n.pt").read_bytes()[:keep])

    with pytest.raises(DomainError, match=r"cut\.pt") as caught:
        load_detector(str(path), model_dir=tmp_path, cache_dir=tmp_path / "cache")

    assert caught.value.code == "weights_unreadable"


def test_weights_for_another_task_are_named(tmp_path, model_dir):
    with pytest.raises(DomainError, match="PoseModel") as caught:
        load_detector("yolov8n-pose.pt", model_dir=model_dir, cache_dir=tmp_path)

    assert caught.value.code == "weights_wrong_task"


def test_two_exports_at_once_leave_one_whole_file(tmp_path, model_dir):
    weights = tmp_path / "own.pt"
    shutil.copyfile(model_dir / "yolo11n.pt", weights)
    found, failures = [], []

    def export():
        try:
            found.append(checkpoints.exported(weights, tmp_path / "cache"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=export) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    folder = tmp_path / "cache" / file_sha256(weights)
    assert set(found) == {folder / "model.onnx"}
    assert [p.name for p in folder.iterdir()] == ["model.onnx"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "own.pt"]
