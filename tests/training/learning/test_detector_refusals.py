"""What a detector's training refuses, each named by a code and the thing at fault."""

import os
import resource

import pytest
import torch

from hitlsite.errors import DomainError
from tests.training.learning.lessons import Heard, drawn, lesson
from training.learning.detector import LabelledPicture, fine_tune


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def refused(task, folder):
    with pytest.raises(DomainError) as caught:
        fine_tune(task, folder, Heard())
    return caught.value


def test_no_picture_is_refused(tmp_path, cache_dir):
    task = lesson(tmp_path, cache_dir, pictures=())

    assert refused(task, tmp_path / "run").code == "no_training_picture"


def test_pictures_without_a_box_to_learn_are_refused(tmp_path, cache_dir):
    # The square is bright or dark; labelled in full is neither.
    pictures = drawn(tmp_path / "pictures", 4, exhaustive=frozenset())

    assert refused(lesson(tmp_path, cache_dir, pictures=pictures), tmp_path / "run").code == (
        "no_training_box"
    )


def test_an_unreadable_picture_is_named(tmp_path, cache_dir):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    torn = LabelledPicture(tmp_path / "torn.jpg", ((0, (0.1, 0.1, 0.5, 0.5)),))
    task = lesson(tmp_path, cache_dir, pictures=(*drawn(tmp_path / "pictures", 4), torn))

    error = refused(task, tmp_path / "run")

    assert (error.code, "torn.jpg" in error.message) == ("picture_unreadable", True)


@pytest.mark.parametrize(
    "box",
    [(0.5, 0.5, 0.5, 0.9), (0.9, 0.1, 0.2, 0.4), (float("nan"), 0.1, 0.5, 0.5), (2, 2, 3, 3)],
)
def test_a_box_that_is_none_is_named(tmp_path, cache_dir, box):
    first, *rest = drawn(tmp_path / "pictures", 4)
    odd = LabelledPicture(first.path, ((0, box),), name="entry 5")

    error = refused(lesson(tmp_path, cache_dir, pictures=(odd, *rest)), tmp_path / "run")

    assert (error.code, error.message[:7]) == ("box_invalid", "entry 5")


@pytest.mark.parametrize("architecture", ["../yolo11n.yaml", "yolo99n.yaml", "resnet.yaml", ""])
def test_an_unknown_network_is_refused(tmp_path, cache_dir, architecture):
    task = lesson(tmp_path, cache_dir, architecture=architecture)

    assert refused(task, tmp_path / "run").code == "architecture_unknown"


@pytest.mark.parametrize("device", ["99", "0,99", "tpu"])
def test_a_device_that_is_not_there_is_refused(tmp_path, cache_dir, device):
    task = lesson(tmp_path, cache_dir, device=device)

    assert refused(task, tmp_path / "run").code == "device_unavailable"


class Crafted:
    """Unpickles to a call that leaves a mark on the disk."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_a_base_that_would_run_something_is_refused_and_does_nothing(tmp_path, cache_dir):
    base, mark = tmp_path / "crafted.pt", tmp_path / "mark"
    torch.save({"model": Crafted(mark)}, base)

    assert refused(lesson(tmp_path, cache_dir, base=base), tmp_path / "run").code == (
        "weights_unsafe"
    )
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", None])
def test_a_base_that_is_no_weights_is_refused(tmp_path, cache_dir, content):
    base = tmp_path / "base.pt"
    if content is not None:
        base.write_bytes(content)

    error = refused(lesson(tmp_path, cache_dir, base=base), tmp_path / "run")

    assert error.code == ("weights_missing" if content is None else "weights_unreadable")


def test_a_base_for_another_task_is_refused(tmp_path, cache_dir, model_dir):
    task = lesson(tmp_path, cache_dir, base=model_dir / "yolov8n-pose.pt")

    assert refused(task, tmp_path / "run").code == "weights_wrong_task"


def test_a_full_disk_is_named(tmp_path, cache_dir):
    task = lesson(tmp_path, cache_dir)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        error = refused(task, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (error.code, error.status) == ("disk_full", 507)
    assert not (tmp_path / "run/best.pt").exists()
