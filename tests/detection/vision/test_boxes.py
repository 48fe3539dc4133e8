"""Letterbox geometry, decoding of raw outputs, and suppression."""

import numpy as np
import pytest

from detection.vision.boxes import Letterbox, decode, suppress
from detection.vision.overlaps import overlaps

NAMES = ("person", "bag", "car")


@pytest.mark.parametrize(
    ("height", "width", "size", "input_shape", "scaled", "top_left"),
    [
        (432, 768, 416, (256, 416), (234, 416), (11, 0)),
        (432, 768, 640, (384, 640), (360, 640), (12, 0)),
        (1080, 1920, 640, (384, 640), (360, 640), (12, 0)),
        (640, 480, 640, (640, 480), (640, 480), (0, 0)),
        (640, 480, 416, (416, 320), (416, 312), (0, 4)),
        (100, 100, 416, (416, 416), (416, 416), (0, 0)),
        (427, 640, 640, (448, 640), (427, 640), (10, 0)),
    ],
)
def test_a_picture_is_fitted_to_the_smallest_rectangle(
    height, width, size, input_shape, scaled, top_left
):
    box = Letterbox.fit(height, width, size=size)

    assert (box.input_height, box.input_width) == input_shape
    assert (box.scaled_height, box.scaled_width) == scaled
    assert (box.top, box.left) == top_left


def test_a_fixed_input_is_padded_on_both_sides():
    box = Letterbox.fit_into(432, 768, input_height=640, input_width=640)

    assert (box.scaled_height, box.scaled_width, box.top, box.left) == (360, 640, 140, 0)


def test_only_the_inside_of_the_canvas_is_drawn_on():
    box = Letterbox.fit_into(10, 20, input_height=40, input_width=40)
    canvas = box.canvas()

    box.draw(np.full((10, 20, 3), 7, np.uint8), canvas)

    assert (canvas[10:30] == 7).all()
    assert (canvas[:10] == 114).all() and (canvas[30:] == 114).all()


def test_boxes_come_back_normalised_and_clipped():
    box = Letterbox.fit(432, 768, size=640)

    back = box.to_picture(np.array([[0, 12, 640, 372], [-50, 0, 320, 192]], np.float32))

    assert back.dtype == np.float32
    np.testing.assert_allclose(back, [[0, 0, 1, 1], [0, 0, 0.5, 0.5]])


def _anchors(*columns):
    """Build a raw output (4 + classes, N) of (centre x, y, width, height, class, score)."""
    output = np.zeros((7, len(columns)), np.float32)
    for index, (x, y, width, height, class_index, score) in enumerate(columns):
        output[:4, index] = x, y, width, height
        output[4 + class_index, index] = score
    return output


def test_anchors_become_detections_by_falling_score():
    output = _anchors((50, 50, 20, 20, 0, 0.5), (150, 50, 20, 40, 2, 0.9), (9, 9, 2, 2, 1, 0.09))

    found = decode(
        output, Letterbox.fit(200, 200, size=200, stride=8), NAMES, min_score=0.1, max_overlap=0.7
    )

    assert found.class_names == ("car", "person")
    np.testing.assert_allclose(found.scores, [0.9, 0.5])
    np.testing.assert_allclose(
        found.boxes_xyxy, [[0.7, 0.15, 0.8, 0.35], [0.2, 0.2, 0.3, 0.3]], atol=1e-6
    )


def test_rows_of_a_network_that_suppresses_by_itself_are_read():
    rows = np.array([[20, 20, 60, 60, 0.8, 1], [0, 0, 9, 9, 0.05, 0]], np.float32)

    found = decode(
        rows, Letterbox.fit(200, 200, size=200, stride=8), NAMES, min_score=0.1, max_overlap=0.7
    )

    assert found.class_names == ("bag",)
    np.testing.assert_allclose(found.boxes_xyxy, [[0.1, 0.1, 0.3, 0.3]])


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_above_the_threshold_is_no_detection(count):
    output = _anchors(*[(5, 5, 5, 5, 0, 0.01)] * count)

    found = decode(output, Letterbox.fit(64, 64, size=64), NAMES, min_score=0.1, max_overlap=0.7)

    assert len(found) == 0 and found.boxes_xyxy.shape == (0, 4)


def test_a_flood_of_candidates_is_bounded():
    rng = np.random.default_rng(3)
    output = np.zeros((7, 8400), np.float32)
    output[:2] = rng.uniform(0, 640, (2, 8400))
    output[2:4] = 4
    output[4] = rng.uniform(0.2, 0.9, 8400)

    found = decode(output, Letterbox.fit(640, 640, size=640), NAMES, min_score=0.1, max_overlap=0.7)

    assert len(found) == 300
    assert found.scores.min() > 0.8


def _suppress_slowly(boxes, scores, classes, max_overlap):
    kept = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        rivals = [k for k in kept if classes[k] == classes[index]]
        if not any(overlaps(boxes[[index]], boxes[[k]])[0, 0] > max_overlap for k in rivals):
            kept.append(index)
    return kept


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("max_overlap", [0.3, 0.7])
def test_suppression_is_the_greedy_one(seed, max_overlap):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (80, 2))
    boxes = np.concatenate((corners, corners + rng.uniform(10, 40, (80, 2))), axis=1)
    scores, classes = rng.uniform(0.1, 1, 80), rng.integers(0, 3, 80)

    assert suppress(boxes, scores, classes, max_overlap).tolist() == _suppress_slowly(
        boxes, scores, classes, max_overlap
    )


def test_boxes_without_area_overlap_nothing():
    flat = np.array([[1.0, 1, 1, 5]])

    assert overlaps(flat, flat)[0, 0] == 0
    assert overlaps(np.zeros((0, 4)), flat).shape == (0, 1)
