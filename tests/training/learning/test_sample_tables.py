"""CSV tables of both forms, and every way in which one can be wrong."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitlsite.errors import DomainError
from training.learning import sample_tables
from training.learning.sample_tables import ADDED, NUMBERS, OLD_FORM, STRETCH_ROWS, read
from training.learning.trajectory import MEASURES

NEW_FORM = (*OLD_FORM, *ADDED)
START = 1_772_442_000


def table(columns=OLD_FORM, rows=3, **cells):
    """Return a CSV text; ``cells`` are texts by column, or lists of them."""
    lines = [",".join(columns)]
    for number in range(rows):
        line = []
        for name in columns:
            given = cells.get(name, START + number if name == "timestamp" else number)
            line.append(str(given[number] if isinstance(given, list) else given))
        lines.append(",".join(line))
    return "\n".join(lines) + "\n"


def refusal(text):
    with pytest.raises(DomainError) as refused:
        read(text)
    return refused.value


def test_both_forms_are_read():
    assert (len(OLD_FORM), len(NEW_FORM)) == (14, 24)
    old, new = read(table()), read(table(NEW_FORM))
    assert set(new.numbers) - set(old.numbers) == set(ADDED)
    assert old.numbers["deviceFPS"].tolist() == [0, 1, 2]
    assert old.times.tolist() == [START, START + 1, START + 2]
    assert np.isnan(old.columns(["deviceGPULoad"])).all()
    assert old.features().shape == (3, 35)


def test_columns_stand_in_any_order_and_strange_ones_are_reported():
    text = table((*reversed(OLD_FORM), "firmware"), firmware="1.2b")
    found = read("\ufeff" + text.replace("\n", "\r\n"))
    assert found.ignored == ["firmware"]
    assert found.numbers["deviceFPS"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", sample_tables.REQUIRED)
def test_what_is_required_is_missed_by_name(name):
    error = refusal(table(tuple(one for one in OLD_FORM if one != name)))
    assert error.code == "columns_missing"
    assert list(error.fields) == [name]
    assert error.message.startswith("Line 1: ")


def test_only_what_is_required_is_enough():
    found = read(table(sample_tables.REQUIRED))
    assert np.isnan(found.times).all()
    assert found.features()[:, 5:].any() == np.False_


def test_minus_one_and_nothing_are_no_decision():
    found = read(table(decisionLOD=["-1", "2", ""], decisionTiles=["", "3", "4"]))
    assert found.numbers["decisionLOD"].tolist() == [-1, 2, -1]
    assert np.isnan(found.numbers["decisionTiles"]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("deviceFPS", "fast", "Line 3, column deviceFPS: 'fast' is no number"),
        ("deviceFPS", "", "Line 3, column deviceFPS: this is needed and empty"),
        ("deviceFPS", "nan", "Line 3, column deviceFPS: 'nan' is no number"),
        ("latencyMs", "inf", "Line 3, column latencyMs: 'inf' is no number"),
        ("latencyMs", "1e30", "Line 3, column latencyMs"),
        ("decisionLOD", "1.5", "Line 3, column decisionLOD: 1.5 is no level"),
        ("decisionLOD", "-2", "Line 3, column decisionLOD: -2 is no level"),
        ("timestamp", "yesterday", "Line 3, column timestamp: 'yesterday' is no time"),
        ("timestamp", "", "Line 3, column timestamp"),
        ("timestamp", "9999-01-01", "Line 3, column timestamp"),
        ("timestamp", "nan", "Line 3, column timestamp"),
    ],
)
def test_a_wrong_cell_is_named_with_line_and_column(name, cell, said):
    usual = [START, START + 1, START + 2] if name == "timestamp" else [0, 1, 2]
    error = refusal(table(**{name: [usual[0], cell, usual[2]]}))
    assert error.code == "samples_invalid"
    assert error.message.startswith(said)
    assert list(error.fields) == [name]


def test_lines_are_counted_as_an_editor_counts_them():
    columns = (*OLD_FORM, "note")
    text = table(columns, note=['"two\nlines"', "one", "one"], deviceFPS=[1, 2, "x"])
    text = text.replace("\n1,", "\n\n1,", 1)
    assert refusal(text).message.startswith(f"Line {text[: text.index('x')].count(chr(10)) + 1},")


@pytest.mark.parametrize(
    ("name", "cell"),
    [("label", "x" * 61), ("label", "a\x00b"), ("sequence", "x" * 101), ("label_source", "rumour")],
)
def test_a_wrong_text_is_named_with_line_and_column(name, cell):
    text = table((*OLD_FORM, name), **{name: ["", cell, ""]})
    assert refusal(text).message.startswith(f"Line 3, column {name}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Line 1: the column frustumCoverage is missing"),
        (table(rows=0), "no rows"),
        (table() + "1,2\n", "Line 5: it has 2 cells and the head has 14"),
        (table((*OLD_FORM, "latencyMs")), "Line 1, column latencyMs: this column is there twice"),
        (table() + '"open', "this is no CSV"),
    ],
)
def test_a_text_that_is_no_table_is_refused(text, said):
    assert said in refusal(text).message


@pytest.mark.parametrize(
    ("cell", "zone", "seconds"),
    [
        ("1772442000", "UTC", START),
        ("1772442000000", "UTC", START),
        ("2026-03-02T09:00:00Z", "Asia/Tokyo", START),
        ("2026-03-02 09:00:00", "UTC", START),
        ("2026-03-02T18:00:00", "Asia/Tokyo", START),
    ],
)
def test_times_are_read_in_several_spellings(cell, zone, seconds):
    found = read(table(rows=1, timestamp=cell), zone=ZoneInfo(zone))
    assert found.times.tolist() == [seconds]


def test_truth_is_a_number():
    found = read(table(NEW_FORM, inAcceptableRange=["true", "False", ""]))
    assert found.numbers["inAcceptableRange"].tolist()[:2] == [1, 0]
    assert np.isnan(found.numbers["inAcceptableRange"][2])


def test_a_pause_or_many_rows_begin_another_sequence():
    rows = STRETCH_ROWS + 20
    times = [START + number + (1000 if number >= 10 else 0) for number in range(rows)]
    found = read(table(rows=rows, timestamp=times), name="walk")
    sizes = [found.sequences.count(f"walk {number}") for number in range(3)]
    assert sizes == [10, STRETCH_ROWS, 10]


def test_named_sequences_and_labels_are_kept():
    columns = (*OLD_FORM, "sequence", "label", "label_source")
    found = read(table(columns, sequence=["a", "b", "a"], label="2", label_source="outcome"))
    assert found.sequences == ["a", "b", "a"]
    assert found.texts["label"] == ["2"] * 3


def test_rows_out_of_order_have_the_past_of_their_time():
    times = [START + 2, START, START + 1]
    found = read(table(timestamp=times, viewportVelocity=[30, 10, 20]))
    assert found.features()[:, 5].tolist() == [20, 0, 10]


def test_equal_rows_of_a_file_are_told_apart_and_others_stay_the_same():
    text = table(rows=1)
    row = text.splitlines()[1]
    first, longer = read(text).digests(), read(f"{text}{row}\n").digests()
    assert longer[0] == first[0] != longer[1]
    assert longer[1] == f"{first[0]}-1"


def test_every_column_of_the_form_is_a_number_but_the_time():
    assert set(NEW_FORM) == {"timestamp", *NUMBERS}
    assert set(MEASURES) < set(NUMBERS)


@pytest.mark.parametrize("seed", range(3))
def test_the_quick_way_reads_what_the_careful_one_does(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    columns = (*NEW_FORM, "label", "sequence", "note")
    cells = {name: [f"{one:.9g}" for one in rng.normal(size=40)] for name in NUMBERS}
    cells |= {"decisionLOD": list(rng.integers(-1, 4, 40)), "label": "2", "sequence": "a b"}
    text = table(columns, 40, note="", **cells).replace("\n", "\r\n")
    quick = read(text)
    monkeypatch.setattr(sample_tables, "_quickly", lambda text, head: None)
    careful = read(text)
    assert np.array_equal(quick.features(), careful.features())
    for name in NUMBERS:
        assert np.array_equal(quick.numbers[name], careful.numbers[name])
    assert (quick.texts, quick.sequences) == (careful.texts, careful.sequences)
    assert np.array_equal(quick.times, careful.times)
    assert quick.digests() == careful.digests()


@given(st.text(alphabet='01.,-+e"\n\r #_xn', max_size=60))
def test_no_text_below_a_head_is_read_in_two_ways(body):
    text = f"{','.join(sample_tables.REQUIRED)}\n1,2,3,4,5,-1\n{body}"
    head = list(sample_tables.REQUIRED)
    quick = sample_tables._quickly(text, head)
    if quick is None:
        return
    careful, _ = sample_tables._carefully(text, head)
    assert all(np.array_equal(quick[0][name], careful[name]) for name in head)
