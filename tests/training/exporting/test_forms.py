"""Boxes, labels, tables and lines in their files, apart from any database."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.exporting import coco, manifest, openai_jsonl, tables, yolo
from training.exporting.item_ids import ItemIds, encoded
from training.exporting.records import Box, Item, Picture, boxes_of, canonical

SHARES = st.floats(0, 1, allow_nan=False, width=32)
# What no file in UTF-8 can hold does not come out of a database either.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


def picture(width=640, height=480, **columns):
    return Picture("images/0.jpg", "0", 1, width, height, "frame_peak", 0.0, (), **columns)


def item(*, camera="Gate", description="person loitering", zones=("entrance",), boxes=()):
    told = {
        "confidence": 0.8,
        "description": description,
        "zones": list(zones),
        "duration_seconds": 31.0,
        "rules": [{"name": "rule", "kind": "loitering"}],
    }
    provenance = {
        "collection_method": "automatic",
        "decision": 5,
        "deployment": 2,
        "incident": "loitering:7",
        "code_version": "0.1.0",
        "footage": {"id": 3, "sha256": "f" * 64},
        "photo": None,
    }
    return Item(
        item_id=9,
        category="loitering",
        camera=camera,
        reviewer="ada",
        privacy="clear",
        pictures=(picture()._replace(boxes=tuple(boxes)),),
        happened_at="2026-03-02T09:00:00+00:00",
        answer=told,
        provenance=provenance,
    )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.0, 0.0, 1.0, 1.0), [0, 0, 640, 480]),
        ((0.1, 0.2, 0.3, 0.4), [64, 96, 128, 96]),
        ((1 / 3, 1 / 3, 2 / 3, 2 / 3), [213.33, 160, 213.34, 160]),
    ],
)
def test_boxes_become_pixels(box, expected):
    pixels = coco.pixel_box(Box("person", box), picture())
    row = json.loads(coco.annotation_text(1, 1, 1, pixels))

    assert row["bbox"] == expected
    assert row["area"] == pytest.approx(expected[2] * expected[3], abs=0.01)


def test_a_box_of_no_pixel_is_dropped():
    assert coco.pixel_box(Box("person", (0.5, 0.5, 0.500001, 0.9)), picture()) is None


@pytest.mark.parametrize(
    "box", [[-0.5, 0.1, -0.1, 0.2], [0.3, 0.3, 0.3, 0.4], [float("nan"), 0.1, 0.2, 0.3]]
)
def test_a_box_outside_the_picture_is_dropped(box):
    assert boxes_of([{"class_name": "person", "box_xyxy": box}]) == ()


def test_a_box_across_the_edge_is_cut_there():
    seen = [{"class_name": "person", "box_xyxy": [-0.5, 0.5, 0.5, 1.5]}]

    assert boxes_of(seen) == (Box("person", (0.0, 0.5, 0.5, 1.0)),)


@given(
    st.tuples(SHARES, SHARES, SHARES, SHARES),
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.integers(0, 999),
)
def test_every_box_that_is_left_passes_its_own_proof(sides, width, height, index):
    x1, y1, x2, y2 = sides
    seen = boxes_of([{"class_name": "x", "box_xyxy": [x1, y1, x2, y2]}])
    shown = picture(width, height)
    for box in seen:
        pixels = coco.pixel_box(box, shown)
        if pixels is None:
            continue
        ((label, shares),) = yolo.read_labels(yolo.label_line(index, pixels, shown), 1000)
        assert label == index
        for one, other in zip(shares, box.box_xyxy, strict=True):
            assert abs(one - other) <= 0.01 / min(width, height) + 2e-6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 1.0", "not a class and four numbers"),
        ("0 0.5 0.5 x 1.0", "not a class and four numbers"),
        ("person 0.5 0.5 1.0 1.0", "not a class and four numbers"),
        ("7 0.5 0.5 1.0 1.0", "names class 7"),
        ("0 0.5 0.5 1.2 1.0", "outside the picture"),
        ("0 0.5 0.5 0 1.0", "outside the picture"),
        ("0 nan 0.5 0.5 0.5", "outside the picture"),
    ],
)
def test_a_label_that_is_wrong_is_named(text, said):
    with pytest.raises(yolo.LabelError, match=said):
        yolo.read_labels(text, 7)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 30), TEXTS.filter(str.strip), max_size=6))
def test_a_data_file_is_read_as_it_was_meant(names):
    text = yolo.data_yaml("yolo_images_0.txt", names)
    train, classes = yolo.read_data(text)

    assert train == "yolo_images_0.txt"
    assert len(classes) == max(names, default=-1) + 1
    assert all(classes[index] == name for index, name in names.items())


@given(TEXTS)
def test_no_cell_runs_as_a_formula(text):
    cell = tables.cell(text)

    assert not cell.startswith(tables.FORMULA_STARTS)
    assert cell.removeprefix("'").endswith(text.removeprefix("'"))


@settings(deadline=None, max_examples=40)
@given(camera=TEXTS, description=TEXTS, zone=TEXTS)
def test_a_table_reads_as_it_was_written(tmp_path_factory, camera, description, zone):
    folder = tmp_path_factory.mktemp("table")
    given_item = item(camera=camera, description=description, zones=[zone])
    for kind, write in tables.WRITERS.items():
        table = write(folder / kind)
        table.add(1, given_item)
        table.close()
    (row,) = tables.read_csv(folder / "csv")
    (typed,) = tables.read_parquet(folder / "parquet")

    assert list(row) == list(tables.COLUMNS)
    assert (row["camera"], row["description"]) == (tables.cell(camera), tables.cell(description))
    assert (typed["camera"], typed["zones"]) == (camera, [zone])
    assert typed["happened_at"].isoformat() == "2026-03-02T09:00:00+00:00"


def test_a_table_is_written_in_pieces(tmp_path):
    import pyarrow.parquet as pq

    table = tables.ParquetTable(tmp_path / "items")
    for number in range(1, 2 * tables.ROWS_AT_ONCE + 2):
        table.add(number, item())
    table.close()

    read = pq.ParquetFile(tmp_path / "items")
    assert (read.metadata.num_rows, read.metadata.num_row_groups) == (1001, 3)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\xff", ",".join(tables.COLUMNS) + "\n1,2\n"])
def test_what_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "x").write_bytes(text.encode("latin-1"))

    for read in tables.READERS.values():
        with pytest.raises(tables.TableError):
            list(read(tmp_path / "x"))


def test_a_cell_that_would_run_is_found(tmp_path):
    cells = ["=HYPERLINK(1)", *["x"] * (len(tables.COLUMNS) - 1)]
    with (tmp_path / "x").open("w", newline="") as stream:
        csv.writer(stream).writerows([tables.COLUMNS, cells])

    with pytest.raises(tables.TableError, match="runs as a formula: line"):
        list(tables.read_csv(tmp_path / "x"))


@given(camera=TEXTS, description=TEXTS, zone=TEXTS, sides=st.tuples(SHARES, SHARES, SHARES, SHARES))
def test_what_is_spelled_by_hand_is_canonical(camera, description, zone, sides):
    given_item = item(
        camera=camera, description=description, zones=[zone], boxes=[Box(zone, sides)]
    )
    answer = openai_jsonl.answer(given_item)
    row = manifest.line_row(3, given_item)
    image = manifest.image_row(given_item.main, "boxes", ("a" * 64, 7))

    for text in (answer, row, image):
        assert canonical(json.loads(text)) == text
    url, told = openai_jsonl.read_line(openai_jsonl.line(given_item, "images/0.jpg"))
    assert (url, told["zones"], told["description"]) == ("images/0.jpg", [zone], description)


@settings(deadline=None)
@given(st.sets(st.integers(1, 400)))
def test_ids_are_found_in_the_text_of_an_export(ids):
    rising = sorted(ids)
    held = ItemIds(encoded(rising))

    assert len(held) == len(rising)
    for line, one in enumerate(rising, start=1):
        assert (held.line_of(one), held.item_of(line)) == (line, one)
    for other in {0, 401, *range(1, 401)} - ids:
        assert held.line_of(other) is None
    assert held.item_of(0) is held.item_of(len(rising) + 1) is None
