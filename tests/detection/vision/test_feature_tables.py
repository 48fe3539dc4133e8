"""Tables of features: typed, whole or not there, the same wherever they were cut, and checked."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.vision import feature_tables
from detection.vision.feature_tables import FeatureWriter, merge, parts_of, read, schema
from detection.vision.landmarks import Landmarks
from detection.vision.task_columns import MODES, OTHERS, VALUES, names_of
from detection.vision.task_features import FrameFeatures
from hitlsite.errors import DomainError
from tests.architecture.tree import ROOT


def features(index, *, mode="fusion", at_seconds=None, seed=None):
    """Return what was measured in a frame: drawn from its number, a third of it missing."""
    draw = np.random.default_rng(index if seed is None else seed)

    def points(count):
        found = draw.random((count, 3), np.float32)
        found[draw.random(count) < 0.3] = np.nan
        return found if draw.random() < 0.7 else None

    values = draw.random(len(names_of(mode)), np.float32)
    values[draw.random(len(values)) < 0.3] = np.nan
    count = int(draw.integers(0, 4)) if mode != "mediapipe" else 0
    return FrameFeatures(
        index=index,
        at_seconds=index / 10 if at_seconds is None else at_seconds,
        landmarks=None if mode == "yolo" else Landmarks(points(33), points(21), points(21)),
        objects=("person", "cup", "chair")[:count],
        boxes_xyxy=draw.random((count, 4), np.float32),
        scores=draw.random(count, np.float32),
        values=values,
    )


def write(folder, rows, *, mode="fusion", part_rows=4, **options):
    writer = FeatureWriter(folder, "film", mode, part_rows=part_rows, **options)
    for row in rows:
        writer.add(row)
    writer.flush()
    return writer


def merged(folder, rows, **options):
    write(folder / "parts", rows, **options)
    merge(folder / "parts", folder / "film.parquet")
    return folder / "film.parquet"


def listed(points):
    return None if points is None else [[None if x != x else x for x in p] for p in points.tolist()]


class TestWriting:
    @pytest.mark.parametrize("mode", MODES)
    def test_everything_comes_back_as_it_was(self, tmp_path, mode):
        rows = [features(index, mode=mode) for index in range(11)]
        path = merged(tmp_path, rows, mode=mode)
        table = read(path)
        assert (table.video_id, table.names, len(table)) == ("film", names_of(mode), 11)
        assert table.frame_index.tolist() == list(range(11))
        assert table.times.tolist() == [row.at_seconds for row in rows]
        expected = np.stack([row.values for row in rows])
        assert np.array_equal(table.values, expected, equal_nan=True)
        assert table.values.dtype == np.float32
        assert (table.labels, table.ignored, table.mode) == ([None] * 11, (), mode)
        whole = polars.read_parquet(path)
        assert dict(whole.schema) == schema(mode)
        if mode != "yolo":
            assert whole["mp_pose_landmarks"].to_list() == [listed(r.landmarks.pose) for r in rows]
            assert whole["mp_left_hand_landmarks"].to_list() == [
                listed(row.landmarks.left_hand) for row in rows
            ]
        if mode != "mediapipe":
            assert whole["yolo_objects"].to_list() == [list(row.objects) for row in rows]
            assert whole["yolo_boxes"].to_list() == [row.boxes_xyxy.tolist() for row in rows]
            assert whole["yolo_confidences"].to_list() == [row.scores.tolist() for row in rows]

    def test_types_are_fixed_where_nothing_was_seen(self, tmp_path):
        nothing = [
            FrameFeatures(
                index=index,
                at_seconds=index / 10,
                landmarks=Landmarks(),
                objects=(),
                boxes_xyxy=np.zeros((0, 4), np.float32),
                scores=np.zeros(0, np.float32),
                values=np.full(len(names_of("fusion")), np.nan, np.float32),
            )
            for index in range(3)
        ]
        path = merged(tmp_path, nothing)
        whole = polars.read_parquet(path)
        assert dict(whole.schema) == schema()
        for name in (*names_of("fusion"), "mp_pose_landmarks", "label"):
            assert whole[name].null_count() == 3
        assert whole["yolo_objects"].to_list() == [[], [], []]
        assert np.isnan(read(path).values).all()

    def test_missing_is_null_and_never_nan_or_zero_in_the_file(self, tmp_path):
        rows = [features(index) for index in range(30)]
        whole = polars.read_parquet(merged(tmp_path, rows))
        missing = np.isnan([row.values for row in rows])
        for place, name in enumerate(names_of("fusion")):
            assert whole[name].is_null().to_list() == missing[:, place].tolist()
            assert not whole[name].is_nan().any()
        flat = whole["mp_pose_landmarks"].drop_nulls().explode().explode()
        assert flat.null_count() > 0
        assert not (flat.is_nan().any() or (flat == 0.0).any())

    def test_every_column_is_described(self):
        assert set(schema()) == {column.name for column in (*VALUES, *OTHERS)}

    def test_other_programs_read_it(self, tmp_path):
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(
            merged(tmp_path, [features(index) for index in range(5)])
        )
        assert table.num_rows == 5
        assert table.schema.metadata[b"second_look.mode"] == b"fusion"
        assert not any(key.endswith(b"state") for key in table.schema.metadata)

    def test_labels_join_by_time_and_number(self, tmp_path):
        write(tmp_path / "parts", [features(index) for index in range(9)])
        asked = []

        def labels(times, indices):
            asked.extend(zip(times.tolist(), indices.tolist(), strict=True))
            return ["work" if at > 0.45 else None for at in times]

        merge(tmp_path / "parts", tmp_path / "film.parquet", labels)
        assert read(tmp_path / "film.parquet").labels == [None] * 5 + ["work"] * 4
        assert asked == [(index / 10, index) for index in range(9)]

    @pytest.mark.parametrize(("index", "at_seconds"), [(2, 9.0), (3, 0.2), (1, 0.1)])
    def test_frames_rise(self, tmp_path, index, at_seconds):
        writer = write(tmp_path, [features(index) for index in range(3)])
        with pytest.raises(DomainError, match=rf"Frame {index} .* film comes after frame 2"):
            writer.add(features(index, at_seconds=at_seconds))

    def test_no_frame_makes_no_table(self, tmp_path):
        writer = FeatureWriter(tmp_path / "parts", "film", "fusion")
        writer.flush()
        for folder in ("parts", "nowhere"):
            with pytest.raises(DomainError) as refused:
                merge(tmp_path / folder, tmp_path / "film.parquet")
            assert refused.value.code == "features_empty"
        assert not (tmp_path / "film.parquet").exists()

    def test_a_full_disk_is_named_and_leaves_the_old_file(self, tmp_path, monkeypatch):
        path = merged(tmp_path, [features(0)])
        before = path.read_bytes()

        def full(self, table):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)
        with pytest.raises(DomainError) as refused:
            merge(tmp_path / "parts", path)
        assert (refused.value.code, refused.value.status) == ("disk_full", 507)
        assert path.read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["film.parquet", "parts"]

    def test_a_disk_that_fills_for_real_is_named(self, tmp_path):
        script = (
            "import resource, sys\n"
            "from tests.detection.vision.test_feature_tables import features, write\n"
            "import polars, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
            "from hitlsite.errors import DomainError\n"
            "try:\n"
            "    write(sys.argv[1], [features(index) for index in range(4)])\n"
            "except DomainError as error:\n"
            "    print(error.code)\n"
        )
        answer = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "parts")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.stdout.split() == ["disk_full"], answer.stderr
        assert list((tmp_path / "parts").iterdir()) == []


class TestGoingOn:
    def test_a_new_folder_begins_at_the_start(self, tmp_path):
        writer = FeatureWriter(tmp_path / "parts", "film", "fusion")
        assert writer.resume_from() == (0, None)
        assert (writer.frames, writer.last_seconds) == (0, None)

    def test_it_goes_on_after_the_last_part_with_its_state(self, tmp_path):
        states = iter([{"last": 1}, {"last": np.arange(3)}])
        write(tmp_path, [features(2 * k) for k in range(8)], state_of=lambda: next(states))
        again = FeatureWriter(tmp_path, "film", "fusion")
        index, state = again.resume_from()
        assert index == 15
        assert state["last"].tolist() == [0, 1, 2]
        assert (again.frames, again.last_seconds) == (8, 1.4)

    def test_frames_after_the_last_part_are_to_be_done_again(self, tmp_path):
        writer = FeatureWriter(tmp_path, "film", "fusion", part_rows=4)
        for index in range(6):
            writer.add(features(index))
        again = FeatureWriter(tmp_path, "film", "fusion", part_rows=4)
        assert again.resume_from()[0] == 4

    @pytest.mark.parametrize("damage", ["torn", "empty", "not there"])
    def test_a_damaged_part_and_all_after_it_are_done_again(self, tmp_path, damage):
        rows = [features(index) for index in range(16)]
        expected = hashlib.sha256(merged(tmp_path / "whole", rows).read_bytes()).hexdigest()
        write(tmp_path / "parts", rows, state_of=lambda: {"at": 1})
        path = tmp_path / "parts/part-000001.parquet"
        if damage == "torn":
            path.write_bytes(path.read_bytes()[:-200])
        elif damage == "empty":
            path.write_bytes(b"")
        else:
            path.unlink()
        writer = FeatureWriter(tmp_path / "parts", "film", "fusion", part_rows=4)
        assert writer.resume_from()[0] == 4
        assert [p.name for p in parts_of(tmp_path / "parts")] == ["part-000000.parquet"]
        for row in rows[4:]:
            writer.add(row)
        merge(tmp_path / "parts", tmp_path / "film.parquet")
        found = hashlib.sha256((tmp_path / "film.parquet").read_bytes()).hexdigest()
        assert found == expected

    def test_what_a_killed_process_left_half_written_is_no_part(self, tmp_path):
        write(tmp_path, [features(0)])
        (tmp_path / ".part-000001.parquet.77.partial").write_bytes(b"half")
        assert FeatureWriter(tmp_path, "film", "fusion").resume_from()[0] == 1
        assert merge(tmp_path, tmp_path / "film.parquet") == 1

    @pytest.mark.parametrize(("video", "mode"), [("other", "fusion"), ("film", "yolo")])
    def test_parts_of_something_else_are_not_gone_on_from(self, tmp_path, video, mode):
        write(tmp_path, [features(0)])
        with pytest.raises(DomainError) as refused:
            FeatureWriter(tmp_path, video, mode)
        assert refused.value.code == "parts_differ"
        assert len(parts_of(tmp_path)) == 1

    def test_a_part_damaged_after_the_fact_is_named_by_the_merge(self, tmp_path):
        write(tmp_path, [features(index) for index in range(8)])
        path = tmp_path / "part-000001.parquet"
        content = bytearray(path.read_bytes())
        content[4:2000] = b"\xff" * 1996
        path.write_bytes(content)
        with pytest.raises(DomainError, match="part-000001.parquet") as refused:
            merge(tmp_path, tmp_path / "film.parquet")
        assert refused.value.code == "features_unreadable"
        assert not (tmp_path / "film.parquet").exists()


@given(
    count=st.integers(1, 20),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    group=st.integers(1, 12),
)
@settings(max_examples=25, deadline=None)
def test_the_file_is_the_same_wherever_it_was_cut(count, cuts, group):
    rows = [features(index) for index in range(count)]

    def digest(folder):
        merge(folder, folder / "film.parquet", lambda times, _: [f"{at:.0f}" for at in times])
        return hashlib.sha256((folder / "film.parquet").read_bytes()).hexdigest()

    with (
        tempfile.TemporaryDirectory() as whole,
        tempfile.TemporaryDirectory() as cut,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(feature_tables, "GROUP_ROWS", group)
        write(whole, rows, part_rows=1000)
        done = 0
        for part_rows in cuts:
            # A process that is killed one frame after it has written a part.
            writer = FeatureWriter(cut, "film", "fusion", part_rows=part_rows)
            assert writer.resume_from()[0] == done
            waiting = rows[done : done + part_rows + 1]
            for row in waiting:
                writer.add(row)
            done += len(waiting) // part_rows * part_rows
        write(cut, rows[done:], part_rows=1000)
        assert digest(Path(whole)) == digest(Path(cut))


_MEASURED = """
import json, resource, sys
import pyarrow.parquet
from detection.vision.feature_tables import FeatureWriter, merge, read
from tests.detection.vision.test_feature_tables import features
import dataclasses

def most_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

folder, count = sys.argv[1], int(sys.argv[2])
drawn = [features(seed, at_seconds=0.0) for seed in range(200)]
before = most_mib()
writer = FeatureWriter(folder, "film", "fusion")
for index in range(count):
    row = drawn[index % len(drawn)]
    writer.add(dataclasses.replace(row, index=index, at_seconds=index / 10))
writer.flush()
rows = merge(folder, folder + ".parquet", lambda times, _: ["work"] * len(times))
merged = most_mib()
table = read(folder + ".parquet")
print(json.dumps({"rows": rows, "read": len(table), "merged": merged - before,
                  "all": most_mib() - before}))
"""


@pytest.mark.slow
def test_an_hour_of_ten_frames_a_second_needs_little_more_memory_than_minutes(tmp_path):
    def measured(count):
        answer = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(tmp_path / f"parts-{count}"), str(count)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"POLARS_MAX_THREADS": "2"},
        )
        return json.loads(answer.stdout)

    minutes, hour = measured(4_000), measured(36_000)
    assert (hour["rows"], hour["read"]) == (36_000, 36_000)
    # Nine times the rows; with all rows in memory the lists alone are some 400 MiB more.
    assert hour["merged"] - minutes["merged"] < 60
    assert hour["all"] < 300
