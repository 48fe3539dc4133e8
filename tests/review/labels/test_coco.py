"""COCO files: what is written reads the same, and what is wrong names its entry."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitlsite.errors import DomainError
from review.labels import coco
from review.labels.pictures import LabelledBox, LabelledPicture
from tests.review.labels.test_yolo import share_boxes

NAMES = {0: "person", 1: "key", 2: "bag"}


def write(folder, *pictures, names=NAMES):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for one in pictures:
        (folder / "images" / f"{one.name}.jpg").write_bytes(b"a picture")
    coco.write_text(folder, names, pictures)
    return folder / coco.FILE


def picture(name, boxes=(), **columns):
    return LabelledPicture(name, Path(f"images/{name}.jpg"), 640, 480, tuple(boxes), **columns)


@given(st.lists(share_boxes(), min_size=1, max_size=5))
def test_a_file_read_and_written_again_is_the_same(tmp_path_factory, boxes):
    sized = [box for box in boxes if min(_size(box)) > 1e-5]
    first = write(
        tmp_path_factory.mktemp("first"),
        picture("a", sized or [LabelledBox(0, (0.0, 0.0, 1.0, 1.0))], exhaustive=(0, 2)),
        picture("b", is_negative=True, exhaustive=(1,)),
    )
    found = coco.read_file(first)
    names = {index - 1: name for index, name in found.class_names.items()}
    again = [_shifted(one) for one in found.pictures]
    second = write(tmp_path_factory.mktemp("second"), *again, names=names)

    assert found.problems == []
    assert first.read_bytes() == second.read_bytes()


def _size(box):
    x1, y1, x2, y2 = box.box_xyxy
    return x2 - x1, y2 - y1


def _shifted(one):
    """COCO counts classes from 1."""
    boxes = tuple(LabelledBox(box.label - 1, box.box_xyxy) for box in one.boxes)
    exhaustive = tuple(label - 1 for label in one.exhaustive)
    return LabelledPicture(
        one.name, one.path, one.width, one.height, boxes, exhaustive, one.is_negative
    )


def changed(tmp_path, alter):
    path = write(tmp_path, picture("a", [LabelledBox(0, (0.1, 0.1, 0.5, 0.5))]))
    document = json.loads(path.read_text())
    alter(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 1: bbox is four numbers"),
        ({"bbox": [1, 2, "3", 4]}, "annotation 1: bbox is four numbers"),
        ({"bbox": [1, 2, True, 4]}, "annotation 1: bbox is four numbers"),
        ({"bbox": [600, 2, 100, 4]}, "annotation 1: the box reaches out"),
        ({"bbox": [1, 2, 0, 4]}, "annotation 1: the box has no area"),
        ({"category_id": 77}, "annotation 1: there is no category 77"),
        ({"category_id": "1"}, "annotation 1: there is no category 1"),
    ],
)
def test_a_bad_annotation_leaves_its_picture_out(tmp_path, entry, said):
    path = changed(tmp_path, lambda document: document["annotations"][0].update(entry))
    found = coco.read_file(path)
    assert found.pictures == []
    assert said in str(found.problems[0])
    assert str(found.problems[0]).startswith("annotations.json, ")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"file_name": "images/missing.jpg"}, "there is no picture"),
        ({"file_name": "../../etc/passwd"}, "there is no picture"),
        ({"file_name": "/etc/hostname"}, "there is no picture"),
        ({"file_name": 7}, "it has no file_name"),
        ({"width": 0}, "width and height"),
        ({"height": "480"}, "width and height"),
    ],
)
def test_a_bad_image_is_named(tmp_path, entry, said):
    path = changed(tmp_path, lambda document: document["images"][0].update(entry))
    found = coco.read_file(path)
    assert found.pictures == []
    assert f"image 1: {said}" in str(found.problems[0])


def test_an_image_without_boxes_is_no_negative(tmp_path):
    path = changed(tmp_path, lambda document: document["annotations"].clear())
    assert coco.read_file(path).unlabelled == ["a.jpg"]


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}', '{"images": 1}', "[" * 100_000])
def test_what_is_no_coco_file_is_refused(tmp_path, text):
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(DomainError, match="some.json"):
        coco.read_file(path)


@pytest.mark.parametrize(
    "categories", [[], [{"id": "1", "name": "a"}], [{"id": -1, "name": "a"}], [{"id": 1}], [7]]
)
def test_categories_have_a_number_and_a_name(tmp_path, categories):
    path = changed(tmp_path, lambda document: document.update(categories=categories))
    with pytest.raises(DomainError, match="category"):
        coco.read_file(path)
