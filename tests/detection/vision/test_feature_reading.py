"""Reading tables of features: what another program wrote is taken in, or refused by name."""

import numpy as np
import polars
import pytest

from detection.vision import feature_reading
from detection.vision.feature_tables import read, schema
from hitlsite.errors import DomainError


def foreign(path, **changes):
    """Write a table as another program may have; a change of None leaves the column out."""
    columns = {
        "frame_index": [0, 1, 2],
        "t": [0.0, 0.1, 0.2],
        "right_hand_x": [0.1, None, float("nan")],
        "num_objects": [1, 2, 3],
    } | changes
    polars.DataFrame({k: v for k, v in columns.items() if v is not None}).write_parquet(path)
    return path


def test_what_is_needed_is_enough(tmp_path):
    table = read(foreign(tmp_path / "a.parquet"))
    assert (table.video_id, table.labels, table.ignored) == ("", None, ())
    assert table.names == ("right_hand_x", "num_objects")
    assert np.isnan(table.values[:, 0]).tolist() == [False, True, True]
    assert table.values[:, 1].tolist() == [1.0, 2.0, 3.0]
    assert table.mode == "fusion"


def test_columns_come_in_our_order_and_others_are_told(tmp_path):
    table = read(
        foreign(
            tmp_path / "a.parquet",
            right_elbow_angle=[1.0, 2.0, 3.0],
            mood=["a", "b", "c"],
            extra=[[1], [2], [3]],
            video_id=["film"] * 3,
            label=["work", None, "idle"],
            yolo_objects=[["cup"], [], []],
        )
    )
    assert table.names == ("right_elbow_angle", "right_hand_x", "num_objects")
    assert set(table.ignored) == {"mood", "extra"}
    assert (table.video_id, table.labels) == ("film", ["work", None, "idle"])


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"t": None}, "columns_missing", "a.parquet lacks t"),
        ({"frame_index": None, "t": None}, "columns_missing", "lacks frame_index and t"),
        (
            {"right_hand_x": None, "num_objects": None},
            "columns_missing",
            "lacks any of right_elbow_angle",
        ),
        ({"t": ["0", "1", "2"]}, "columns_invalid", "t holds String, not numbers"),
        ({"frame_index": [0.0, 1.0, 2.0]}, "columns_invalid", "frame_index holds Float64"),
        ({"right_hand_x": ["a"] * 3}, "columns_invalid", "right_hand_x holds String"),
        ({"right_hand_x": [[1.0]] * 3}, "columns_invalid", "right_hand_x holds List"),
        ({"right_hand_x": [True] * 3}, "columns_invalid", "right_hand_x holds Boolean"),
        ({"label": [1, 2, 3]}, "columns_invalid", "label holds Int64, not text"),
        (
            {"right_hand_x": [0.0, float("inf"), 1.0]},
            "columns_invalid",
            "right_hand_x is infinite in frame 1",
        ),
        ({"right_hand_x": [0.0, 0.0, 1e39]}, "columns_invalid", "infinite in frame 2"),
        ({"t": [0.0, None, 0.2]}, "columns_invalid", "t is missing in a row"),
        ({"t": [0.0, float("nan"), 0.2]}, "columns_invalid", "t is no time in a row"),
        # No arithmetic on windows takes it.
        ({"t": [0.0, 0.1, 1.5e308]}, "columns_invalid", "t is no time in a row"),
        ({"frame_index": [-1, 0, 1]}, "columns_invalid", "frame_index is below 0"),
        (
            {"frame_index": polars.Series([0, 1, 2**63], dtype=polars.UInt64)},
            "columns_invalid",
            "past all frames",
        ),
        ({"t": [0.0, 0.2, 0.1]}, "times_not_rising", r"t does not rise in row 3 \(0.2 and"),
        ({"t": [0.0, 0.0, 0.1]}, "times_not_rising", "in row 2"),
        ({"frame_index": [0, 1, 1]}, "times_not_rising", "frame_index does not rise"),
        ({"video_id": ["a", "b", "a"]}, "columns_invalid", "names 2 videos, a and b"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, code, words):
    path = foreign(tmp_path / "a.parquet", **changes)
    with pytest.raises(DomainError, match=words) as refused:
        read(path)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "dtype",
    [polars.Float64, polars.Int8, polars.UInt16, polars.Decimal(10, 2), polars.Null],
    ids=str,
)
def test_any_number_will_do(tmp_path, dtype):
    numbers = [None] * 3 if dtype == polars.Null else [1, 2, None]
    series = polars.Series(numbers).cast(dtype)
    table = read(foreign(tmp_path / "a.parquet", right_hand_x=series))
    expected = [np.nan] * 3 if dtype == polars.Null else [1.0, 2.0, np.nan]
    assert np.array_equal(table.values[:, 0], expected, equal_nan=True)


def test_labels_may_be_categories(tmp_path):
    series = polars.Series(["a", None, "b"], dtype=polars.Categorical)
    assert read(foreign(tmp_path / "a.parquet", label=series)).labels == ["a", None, "b"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"frame_index,t\n0,0.0\n", b"\0" * 500])
def test_what_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DomainError, match="a.parquet cannot be read") as refused:
        read(path)
    assert refused.value.code == "features_unreadable"


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_torn_file_is_refused(tmp_path, part):
    content = foreign(tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(content[: int(part * len(content))])
    with pytest.raises(DomainError, match="b.parquet cannot be read"):
        read(tmp_path / "b.parquet")


def test_damage_anywhere_is_a_refusal_or_a_table(tmp_path):
    whole = foreign(tmp_path / "a.parquet", label=["a", None, "b"], video_id=["v"] * 3).read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        # The end says what stands where: that is where damage is taken furthest.
        for place in len(whole) - 1 - draw.integers(0, len(whole) * 2 // 3, draw.integers(1, 6)):
            content[place] = draw.integers(0, 256)
        (tmp_path / "b.parquet").write_bytes(content)
        try:
            assert len(read(tmp_path / "b.parquet")) > 0
        except DomainError as error:
            assert "b.parquet" in error.message
            refused += 1
    assert refused > 100


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DomainError, match="nothing.parquet"):
        read(tmp_path / "nothing.parquet")


def test_no_rows_are_no_table(tmp_path):
    path = tmp_path / "a.parquet"
    polars.DataFrame(schema=schema()).write_parquet(path)
    with pytest.raises(DomainError) as refused:
        read(path)
    assert refused.value.code == "features_empty"


def test_too_many_rows_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_reading, "MOST_ROWS", 2)
    with pytest.raises(DomainError, match="3 rows; 2 are the most"):
        read(foreign(tmp_path / "a.parquet"))


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path):
    foreign(tmp_path / "other.parquet", num_objects=[7, 7, 7])
    table = read(foreign(tmp_path / "[ab]*.parquet"))
    assert table.values[:, 1].tolist() == [1.0, 2.0, 3.0]
