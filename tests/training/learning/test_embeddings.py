"""Looks of pictures: one direction each, whatever computes the network."""

import cv2
import numpy as np
import pytest

from detection.vision import libraries
from hitlsite.errors import DomainError
from training.learning.embeddings import embeddings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(material):
    paths = sorted((material / "images/coco128/images/train2017").glob("*.jpg"))[:5]
    return [cv2.imread(str(path)) for path in paths]


@pytest.fixture(scope="module", autouse=True)
def _libraries(tmp_path_factory):
    libraries.prepare(tmp_path_factory.mktemp("cache"))


def test_they_are_directions_and_a_batch_changes_nothing(model_dir, pictures):
    done = []
    looks = embeddings(model_dir / "yolo11n.pt", pictures, batch=2, progress=done.append)
    alone = embeddings(model_dir / "yolo11n.pt", pictures[3:4])

    assert looks.shape == (5, 256)
    assert np.linalg.norm(looks, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert alone[0] == pytest.approx(looks[3], abs=1e-4)
    assert done == [2, 4, 5]


def test_a_picture_is_most_like_itself_a_little_darker(model_dir, pictures):
    darker = [(image * 0.8).astype(np.uint8) for image in pictures]
    looks = embeddings(model_dir / "yolo11n.pt", [*pictures, *darker])

    likeness = looks[:5] @ looks[5:].T
    assert likeness.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_a_network_of_another_runtime_will_do(model_dir, pictures):
    pytest.importorskip("openvino")
    ours = embeddings(model_dir / "yolo11n.pt", pictures)
    theirs = embeddings(model_dir / "yolo11n_int8_openvino_model", pictures)

    assert ours.shape == theirs.shape
    assert (ours * theirs).sum(axis=1).min() > 0.8


def test_no_pictures_have_no_looks(model_dir):
    assert embeddings(model_dir / "yolo11n.pt", []).shape == (0, 0)


def test_what_is_no_network_is_refused(tmp_path):
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    pytest.importorskip("openvino")
    with pytest.raises(DomainError) as refusal:
        embeddings(damaged, [])
    assert refusal.value.code == "weights_unreadable"
