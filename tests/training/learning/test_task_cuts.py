"""Windows of one video with their labels, and what stands in their file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.vision import windows
from detection.vision.windows import WindowSpec
from training.learning import task_cuts
from training.learning.spans import label_at

SPEC = WindowSpec()
TIMES = np.arange(0.0, 30.0, 0.1)


def test_the_label_is_that_of_more_than_half_of_the_points():
    made = task_cuts.cut(TIMES, SPEC, spans=[[0.0, 10.0, "work"], [10.0, 30.0, "idle"]])

    by_end = dict(zip(made.ends.tolist(), made.labels, strict=True))
    assert by_end[10.5] == "work" and by_end[11.0] == "idle"
    assert not made.left_out


def test_half_and_half_is_ambiguous_and_hardly_labelled_is_unlabelled():
    made = task_cuts.cut(TIMES, SPEC, spans=[[0.0, 10.05, "work"], [10.05, 20.0, "idle"]])

    assert 11.0 not in made.ends
    assert made.left_out["ambiguous"] == 1
    # From 21 s on more than half lies behind the last span; at 20.5 s it is still the label.
    assert made.ends.max() == 20.5 and made.left_out["unlabelled"] == 18


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["a", "b", None])), min_size=1))
def test_a_label_is_there_where_and_only_where_most_points_have_it(stretches):
    spans, at = [], 0.0
    for tenths, label in stretches:
        end = at + tenths / 10
        if label:
            spans.append([at, end, label])
        at = end

    made = task_cuts.cut(TIMES, SPEC, spans=spans)

    found = dict(zip(made.ends.tolist(), made.labels, strict=True))
    for end in windows.ends(TIMES, SPEC).tolist():
        told = label_at(spans, end - SPEC.offsets)
        most = [name for name in ("a", "b") if told.count(name) > SPEC.steps / 2]
        assert ([found[end]] if end in found else []) == most
    many = len(windows.ends(TIMES, SPEC))
    assert len(made.ends) + sum(made.left_out.values()) == many


def test_labels_of_rows_do_as_well():
    labels = ["work" if at < 10 else None if at < 15 else "idle" for at in TIMES]

    made = task_cuts.cut(TIMES, SPEC, row_labels=labels)

    assert set(made.labels) == {"work", "idle"} and made.left_out["unlabelled"] > 0
    assert made.labels[0] == "work" and made.labels[-1] == "idle"


@pytest.mark.parametrize("labels", [None, [None] * len(TIMES), [""] * len(TIMES)])
def test_without_labels_nothing_is_left(labels):
    made = task_cuts.cut(TIMES, SPEC, row_labels=labels)

    assert len(made.ends) == 0 and made.left_out == {"unlabelled": 56}


def test_what_a_gap_swallows_is_counted():
    times = TIMES[(TIMES < 10) | (TIMES >= 13)]

    made = task_cuts.cut(times, SPEC, spans=[[0.0, 30.0, "work"]])

    assert made.left_out == {"gap": 10}
    assert len(made.ends) == 46


def test_more_windows_than_are_looked_at_together():
    times = np.arange(0.0, 4000.0, 0.5)
    spec = WindowSpec(step_seconds=0.5)
    spans = [[float(at), float(at + 3), "ab"[at % 2]] for at in range(0, 4000, 3)]

    made = task_cuts.cut(times, spec, spans=spans)

    assert len(made.ends) > 4096 and len(made.labels) == len(made.ends)
    assert (np.diff(made.ends) > 0).all()


class TestKept:
    def cut(self, tmp_path, *, values=None, about=None, name="w.npy", spec=SPEC):
        rng = np.random.default_rng(1)
        values = rng.normal(size=(len(TIMES), 3)).astype(np.float32) if values is None else values
        made = task_cuts.cut(TIMES, spec, spans=[[0.0, 15.0, "work"], [15.0, 30.0, "idle"]])
        hashes = task_cuts.kept(tmp_path / name, TIMES, values, made, spec, about or {})
        return made, values, hashes

    def test_the_file_has_the_windows_in_order(self, tmp_path):
        made, values, hashes = self.cut(tmp_path)

        stored = np.load(tmp_path / "w.npy", allow_pickle=False)

        assert stored.tobytes() == windows.gather(TIMES, values, made.ends, SPEC).tobytes()
        assert stored.dtype == np.float32 and len(set(hashes)) == len(stored)

    def test_a_hash_depends_on_content_label_columns_and_cut(self, tmp_path):
        flat = np.ones((len(TIMES), 2), dtype=np.float32)
        made, _, hashes = self.cut(tmp_path, values=flat)

        assert len(set(hashes)) == 2  # the two labels
        again = self.cut(tmp_path, values=flat)[2]
        other_columns = self.cut(tmp_path, values=flat, about={"columns": ["x"]})[2]
        other_step = self.cut(tmp_path, values=flat, spec=WindowSpec(gap_seconds=0.9))[2]
        assert again == hashes
        assert not set(hashes) & (set(other_columns) | set(other_step))

    def test_none_is_a_file_too(self, tmp_path):
        made = task_cuts.Cut(np.empty(0), [])
        values = np.ones((len(TIMES), 2), dtype=np.float32)

        assert task_cuts.kept(tmp_path / "w.npy", TIMES, values, made, SPEC, {}) == []
        assert np.load(tmp_path / "w.npy").shape == (0, 20, 2)
