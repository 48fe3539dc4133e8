"""What is worth a second look about boxes, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.annotation_checks import Seen, findings, iou, robust_z, shape

SIZE = (1000, 500)
NAMES = {0: "person", 1: "bag"}
PERSON = (0.4, 0.2, 0.5, 0.8)


def codes(boxes, **options):
    return [(one.code, one.field) for one in findings(boxes, size=SIZE, names=NAMES, **options)]


def test_plain_boxes_raise_nothing():
    assert codes([(0, PERSON), (1, (0.1, 0.5, 0.2, 0.7))]) == []


@pytest.mark.parametrize(
    ("box", "is_tiny"),
    [
        ((0.5, 0.5, 0.5039, 0.6), True),
        ((0.5, 0.5, 0.5041, 0.6), False),
        ((0.5, 0.5, 0.6, 0.5079), True),
        ((0.5, 0.5, 0.51, 0.5199), True),
        ((0.5, 0.5, 0.51, 0.5201), False),
    ],
)
def test_tiny_is_by_pixels_or_by_share(box, is_tiny):
    assert codes([(0, box)]) == ([("tiny", "boxes.0")] if is_tiny else [])


def test_a_duplicate_is_of_the_same_class_and_names_both():
    again = (0.401, 0.2, 0.5, 0.8)
    found = findings([(0, PERSON), (0, again)], size=SIZE, names=NAMES)
    assert [one.message for one in found] == ["Box 2 lies on box 1, both person."]
    assert codes([(0, PERSON), (1, again)]) == []
    assert codes([(0, PERSON), (0, (0.42, 0.2, 0.52, 0.8))]) == []


def history(count):
    boxes = [(0.1, 0.1, 0.2 + 0.001 * step, 0.7) for step in range(count)]
    return {0: [shape(box, SIZE) for box in boxes]}


@pytest.mark.parametrize(
    ("box", "found"),
    [
        (PERSON, []),
        ((0.1, 0.4, 0.9, 0.475), ["odd_shape"]),
        ((0.1, 0.1, 0.11, 0.16), ["odd_size"]),
        ((0.0, 0.0, 0.9, 0.1), ["odd_shape"]),
    ],
)
def test_a_box_unlike_all_others_of_its_class_is_odd(box, found):
    assert [code for code, _ in codes([(0, box)], history=history(30))] == found


def test_little_history_is_no_yardstick():
    assert codes([(0, (0.1, 0.4, 0.9, 0.475))], history=history(19)) == []


@pytest.mark.parametrize(
    ("label", "seen", "found"),
    [
        (1, Seen(0, "person", 0.9, PERSON), [("model_disagrees", "boxes.0")]),
        (1, Seen(0, "person", 0.7, PERSON), []),
        (0, Seen(0, "person", 0.9, PERSON), []),
        (1, Seen(None, "moving", 0.9, PERSON), []),
        (1, Seen(0, "person", 0.9, (0.45, 0.2, 0.55, 0.8)), []),
    ],
)
def test_the_detector_s_word_counts_where_it_is_sure(label, seen, found):
    assert codes([(label, PERSON)], detections=[seen]) == found


def test_what_an_exhaustive_class_leaves_unboxed_is_asked_about():
    seen = [Seen(0, "person", 0.6, (0.7, 0.2, 0.8, 0.8)), Seen(0, "person", 0.9, PERSON)]
    assert codes([], exhaustive=[0], detections=seen) == [("unboxed", "detections.1")]
    assert codes([], exhaustive=[1], detections=seen) == []
    assert codes([(0, PERSON)], exhaustive=[0], detections=seen) == []


EDGES = st.tuples(*[st.floats(0, 1) for _ in range(4)]).map(
    lambda v: (min(v[0], v[1]), min(v[2], v[3]), max(v[0], v[1]) + 0.01, max(v[2], v[3]) + 0.01)
)


@given(EDGES, EDGES)
def test_overlap_is_mutual_and_whole_with_itself(a, b):
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0 <= iou(a, b) <= 1 + 1e-9
    assert iou(a, a) == pytest.approx(1)


def test_one_wild_value_moves_the_yardstick_little():
    assert robust_z(5.0, [0.0] * 30 + [1000.0]) == pytest.approx(50)
