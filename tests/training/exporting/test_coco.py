"""Ids and boxes of COCO, apart from any database."""

import json

import pytest

from training.exporting import coco
from training.exporting.records import Box, Picture, boxes_of


def picture(width=640, height=480):
    return Picture("images/0.jpg", "0", 1, width, height, "frame_peak", 0.0, ())


@pytest.mark.parametrize(
    ("name", "number"), [("person", 1), ("suitcase", 33), ("toothbrush", 90), ("moving", 101)]
)
def test_a_known_class_has_a_known_id(name, number):
    assert coco.category_id(name) == number


def test_another_class_keeps_its_id_wherever_it_occurs():
    assert coco.category_id("forklift") == coco.category_id("forklift") >= coco.FIRST_OTHER_ID
    assert coco.category_id("forklift") != coco.category_id("pallet")


def test_the_eighty_classes_have_ids_of_their_own():
    assert len(set(coco.KNOWN_IDS.values())) == len(coco.KNOWN_IDS) == 81


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.0, 0.0, 1.0, 1.0), [0, 0, 640, 480]),
        ((0.1, 0.2, 0.3, 0.4), [64, 96, 128, 96]),
        ((1 / 3, 1 / 3, 2 / 3, 2 / 3), [213.33, 160, 213.34, 160]),
    ],
)
def test_boxes_become_pixels(box, expected):
    row = json.loads(coco.annotation_text(1, 1, 1, Box("person", box), picture()))

    assert row["bbox"] == expected
    assert row["area"] == pytest.approx(expected[2] * expected[3], abs=0.01)


def test_a_box_of_no_pixel_is_dropped():
    box = Box("person", (0.5, 0.5, 0.500001, 0.9))

    assert coco.annotation_text(1, 1, 1, box, picture()) is None


@pytest.mark.parametrize(
    "box", [[-0.5, 0.1, -0.1, 0.2], [0.3, 0.3, 0.3, 0.4], [float("nan"), 0.1, 0.2, 0.3]]
)
def test_a_box_outside_the_picture_is_dropped(box):
    assert boxes_of([{"class_name": "person", "box_xyxy": box}]) == ()


def test_a_box_across_the_edge_is_cut_there():
    seen = [{"class_name": "person", "box_xyxy": [-0.5, 0.5, 0.5, 1.5]}]

    assert boxes_of(seen) == (Box("person", (0.0, 0.5, 0.5, 1.0)),)
