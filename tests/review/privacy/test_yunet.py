"""The face model answers what OpenCV's own reader of the same file answers."""

import cv2
import numpy as np
import pytest

from review.privacy.yunet import YuNet, _decoded
from tests.review.privacy.drawing import read_clip

SCORE = 0.4


def outputs(height, width, **cells):
    """Return what the network answers where it sees nothing, but for cells of the first grid."""
    found = {}
    for stride in (8, 16, 32):
        count = (height // stride) * (width // stride)
        for kind, values in (("cls", 1), ("obj", 1), ("bbox", 4)):
            found[f"{kind}_{stride}"] = np.zeros((1, count, values), np.float32)
    for name, (cell, value) in cells.items():
        found[name][0, cell] = value
    return found


def test_a_cell_is_decoded_to_a_box_in_pixels():
    answer = outputs(64, 96, cls_8=(13, 0.81), obj_8=(13, 1.0), bbox_8=(13, (0.5, 0.5, 0.0, 0.0)))
    boxes, scores = _decoded(answer, 64, 96, SCORE)
    # Cell 13 of 12 columns: row 1, column 1; the centre is half a cell further, the size one cell.
    assert boxes.tolist() == [[8.0, 8.0, 8.0, 8.0]]
    assert scores.tolist() == pytest.approx([0.9])


def test_below_the_score_nothing_is_a_face():
    answer = outputs(64, 96, cls_8=(13, 0.3), obj_8=(13, 0.3))
    assert len(_decoded(answer, 64, 96, SCORE)[0]) == 0


@pytest.mark.parametrize("name", ["cls_8", "bbox_8"])
def test_what_is_not_a_number_is_no_answer(name):
    value = (np.nan,) * 4 if name == "bbox_8" else np.nan
    answer = outputs(64, 96, **{"cls_8": (13, 1.0), "obj_8": (13, 1.0), name: (13, value)})
    with pytest.raises(RuntimeError, match="not a number"):
        _decoded(answer, 64, 96, SCORE)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(480, 270), (960, 540), (700, 500)])
def test_real_faces_are_those_of_the_other_reader(size, model_dir, footage):
    path = model_dir / "face_detection_yunet_2023mar.onnx"
    film = footage / "face-demographics-walking-and-pause-preview.mp4"
    image = cv2.resize(read_clip(film)[1][5], size)
    other = cv2.FaceDetectorYN.create(str(path), "", size, SCORE, 0.3, 5000).detect(image)[1]
    expected = sorted(
        (*row[:2], row[0] + row[2], row[1] + row[3], row[-1]) for row in other.tolist()
    )
    found = sorted((*box, score) for box, score in YuNet(path, SCORE)._detect(image))
    assert np.array(found) == pytest.approx(np.array(expected), abs=0.6)
