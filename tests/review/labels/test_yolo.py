"""YOLO folders: what is written reads the same, and what is wrong names its file and line."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitlsite.errors import DomainError
from review.labels import yolo
from review.labels.pictures import LabelledBox, LabelledPicture

NAMES = {0: "person", 1: "ключ: и замок", 2: "bag"}


@st.composite
def share_boxes(draw):
    x1, x2 = sorted(draw(st.lists(st.integers(0, 10**7), min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(st.integers(0, 10**7), min_size=2, max_size=2, unique=True)))
    return LabelledBox(draw(st.integers(0, 2)), tuple(v / 10**7 for v in (x1, y1, x2, y2)))


def picture(name, boxes=(), **columns):
    return LabelledPicture(name, Path(f"images/{name}.jpg"), 640, 480, tuple(boxes), **columns)


def write(folder, *pictures, names=NAMES):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for one in pictures:
        (folder / "images" / f"{one.name}.jpg").write_bytes(b"a picture")
    yolo.write_text(folder, names, pictures)
    return folder


@given(share_boxes())
def test_a_line_says_the_box_to_six_decimals_and_stays_inside(box):
    line = yolo.line_of(box)
    read = yolo.read_line(line)

    assert all(len(part.partition(".")[2]) == 6 for part in line.split()[1:])
    assert read.label == box.label
    assert read.box_xyxy == pytest.approx(box.box_xyxy, abs=2e-6)
    assert yolo.line_of(read) == line
    _, centre_x, _, width, _ = line.split()
    assert float(centre_x) + float(width) / 2 <= 1 + 1e-12
    assert float(centre_x) - float(width) / 2 >= -1e-12


@given(st.lists(share_boxes(), min_size=1, max_size=5))
def test_files_read_and_written_again_are_the_same_bytes(tmp_path_factory, boxes):
    first = write(
        tmp_path_factory.mktemp("first"),
        picture("a", boxes, exhaustive=(0, 2)),
        picture("b", is_negative=True, exhaustive=(1,)),
    )
    found = yolo.read_folder(first)
    second = write(tmp_path_factory.mktemp("second"), *found.pictures, names=found.class_names)

    assert found.problems == []
    for name in ("labels/a.txt", "labels/b.txt", "data.yaml", "labels.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_an_empty_file_is_a_negative_only_if_it_was_reviewed(tmp_path):
    write(tmp_path, picture("a", is_negative=True), picture("b", is_negative=True), picture("c"))
    side = json.loads((tmp_path / "labels.json").read_text())
    assert not (tmp_path / "labels/c.txt").exists()
    del side["b"]
    (tmp_path / "labels.json").write_text(json.dumps(side))
    found = yolo.read_folder(tmp_path)

    assert [one.name for one in found.pictures] == ["a"]
    assert found.unlabelled == ["b.jpg", "c.jpg"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.2", "five numbers.*has 4"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "five numbers.*has 7"),
        ("person 0.5 0.5 0.2 0.2", "no number of a class"),
        ("-1 0.5 0.5 0.2 0.2", "no number of a class"),
        ("1.0 0.5 0.5 0.2 0.2", "no number of a class"),
        ("9 0.5 0.5 0.2 0.2", "no class 9"),
        ("99999999999999999999 0.5 0.5 0.2 0.2", "no number of a class"),
        ("0 0.5 0.5 wide 0.2", "not all numbers"),
        ("0 nan 0.5 0.2 0.2", "not all finite"),
        ("0 0.5 0.5 inf 0.2", "not all finite"),
        ("0 0.95 0.5 0.2 0.2", "out of the picture"),
        ("0 320 240 64 48", "out of the picture"),
        ("0 0.5 0.5 0 0.2", "no area"),
        ("0 0.5 0.5 0.2 -0.2", "no area"),
    ],
)
def test_a_bad_line_names_its_file_and_leaves_the_picture_out(tmp_path, line, said):
    write(tmp_path, picture("good", [LabelledBox(0, (0, 0, 0.5, 0.5))]), picture("bad"))
    (tmp_path / "labels/bad.txt").write_text(f"0 0.5 0.5 0.2 0.2\n\n{line}\n")
    found = yolo.read_folder(tmp_path)

    assert [one.name for one in found.pictures] == ["good"]
    [problem] = found.problems
    assert str(problem).startswith("labels/bad.txt, line 3: ")
    assert re.search(said, str(problem))


def test_folders_of_other_programs_are_read(tmp_path):
    for part in ("train", "val"):
        (tmp_path / "images" / part).mkdir(parents=True)
        (tmp_path / "labels" / part).mkdir(parents=True)
        (tmp_path / "images" / part / f"{part}.PNG").write_bytes(b"picture")
        (tmp_path / "labels" / part / f"{part}.txt").write_text("1 0.5 0.5 0.2 0.2\r\n")
    (tmp_path / "data.yaml").write_text("nc: 2\nnames: [cat, 7]\ntrain: images/train\n")
    found = yolo.read_folder(tmp_path)

    assert found.class_names == {0: "cat", 1: "7"}
    assert [one.name for one in found.pictures] == ["train", "val"]
    assert found.pictures[0].exhaustive == ()


def test_two_pictures_of_one_name_are_not_mixed_up(tmp_path):
    write(tmp_path, picture("a", [LabelledBox(0, (0, 0, 0.5, 0.5))]))
    (tmp_path / "images/other").mkdir()
    (tmp_path / "images/other/a.jpg").write_bytes(b"another")
    assert "has the same name" in str(yolo.read_folder(tmp_path).problems[0])


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    folder = write(tmp_path / "set", picture("a", [LabelledBox(0, (0, 0, 0.5, 0.5))]))
    (tmp_path / "secret.jpg").write_bytes(b"elsewhere")
    (folder / "images/b.jpg").symlink_to(tmp_path / "secret.jpg")
    assert [one.name for one in yolo.read_folder(folder).pictures] == ["a"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("data.yaml", None, "no such file"),
        ("data.yaml", "names: [", "no YAML"),
        ("data.yaml", "nc: 2", "must be a list"),
        ("data.yaml", "names: {a: b}", "must be a list"),
        ("data.yaml", "names: []", "must be a list"),
        ("data.yaml", "!!python/object/apply:os.system ['true']", "no YAML"),
        ("labels.json", "{", "no JSON"),
        ("labels.json", "[]", "mapping"),
    ],
)
def test_a_folder_that_cannot_be_read_says_which_file(tmp_path, name, text, said):
    write(tmp_path, picture("a", [LabelledBox(0, (0, 0, 0.5, 0.5))]))
    (tmp_path / name).unlink()
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DomainError, match=f"{name}: .*{said}"):
        yolo.read_folder(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "data.yaml").write_text("names: [a]")
    with pytest.raises(DomainError, match="no such folder"):
        yolo.read_folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DomainError, match="no picture"):
        yolo.read_folder(tmp_path)
