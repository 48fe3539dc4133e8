"""Our figures of tracking against the reference implementation of the same formulas."""

import importlib.util

import numpy as np
import pytest

from benchmarks import mot_metrics, rival_trackers
from detection.vision import mot
from detection.vision.tracking import make_tracker

SEQUENCES = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("trackeval") is None, reason="trackeval is not installed"
)


def reference(comparison):
    return rival_trackers.read_scores(rival_trackers.evaluate(comparison))


def ours(comparison):
    return mot_metrics.score(mot_metrics.count(comparison))


def make_rows(*tracks):
    """Make rows of (id, first frame, xs): boxes of 10 x 20 px, one a frame; None is a gap."""
    lines = [
        (first + step, number, x)
        for number, first, xs in tracks
        for step, x in enumerate(xs)
        if x is not None
    ]
    lines.sort()
    frames, ids, xs = (np.array(column) for column in zip(*lines, strict=True))
    boxes = np.stack((xs, np.zeros(len(xs)), np.full(len(xs), 10), np.full(len(xs), 20)), axis=1)
    return mot.Rows(frames, ids, boxes.astype(float), np.ones(len(xs)))


TRUTH = make_rows((1, 1, [0, 1, 2, 3, 4, 5]), (2, 1, [50, 50, 50, 50, 50, 50]))
CASES = {
    "the same": TRUTH,
    "one id changes": make_rows((7, 1, [0, 1, 2, 3, 4, 5]), (8, 1, [50] * 3), (9, 4, [50] * 3)),
    "an id comes back": make_rows((7, 1, [0, 1, None, None, 4, 5]), (8, 3, [2, 3])),
    "ids are exchanged": make_rows((1, 1, [0, 1, 2, 50, 50, 50]), (2, 1, [50, 50, 50, 3, 4, 5])),
    "a ghost": make_rows((1, 1, [0, 1, 2, 3, 4, 5]), (3, 2, [200, 200, 200])),
    "boxes half beside": make_rows((1, 1, [4, 5, 6, 7, 8, 9]), (2, 1, [52, 53, 54, 55, 56, 57])),
    "overlap of just a half": make_rows((1, 1, [0, 1, 2]), (2, 1, [50 + 10 / 3] * 6)),
    "two tracks on one person": make_rows((1, 1, [0, 1, 2, 3, 4, 5]), (2, 1, [1, 2, 3, 4, 5, 6])),
}


@pytest.mark.parametrize("name", CASES)
def test_the_reference_agrees_on_what_is_made_by_hand(name):
    comparison = mot_metrics.compare(TRUTH, CASES[name], range(1, 8))

    assert ours(comparison) == pytest.approx(reference(comparison), abs=1e-9)


def test_a_perfect_answer_scores_one():
    perfect = ours(mot_metrics.compare(TRUTH, TRUTH, range(1, 7)))

    ones = dict.fromkeys(("HOTA", "DetA", "AssA", "IDF1", "MOTA"), 1.0)
    assert perfect == pytest.approx(ones | {"IDSW": 0, "FP": 0, "FN": 0})


def test_an_exchange_of_ids_costs_two_switches_and_half_the_identity():
    exchanged = ours(mot_metrics.compare(TRUTH, CASES["ids are exchanged"], range(1, 7)))

    assert exchanged["IDSW"] == 2
    assert exchanged["IDF1"] == pytest.approx(0.5)
    assert exchanged["MOTA"] == pytest.approx(10 / 12)


def test_truth_marked_with_zero_does_not_count():
    flagged = mot.Rows(TRUTH.frames, TRUTH.ids, TRUTH.boxes, (TRUTH.ids == 1).astype(float))

    assert ours(mot_metrics.compare(flagged, TRUTH, range(1, 7)))["FP"] == 6


@pytest.mark.parametrize("frames", [[], range(20, 25)])
def test_nothing_on_either_side_is_no_error(frames):
    figures = ours(mot_metrics.compare(TRUTH, TRUTH, frames))

    assert figures["HOTA"] == figures["FP"] == figures["FN"] == 0


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_reference_agrees_on_real_sequences(material, name):
    folder = material / "tracks" / "mot15" / name
    info = mot.read_sequence_info(folder)
    rows = mot.read_rows(folder / "det" / "det.txt", length=info.length)
    scores, _ = mot.scale_scores(rows.scores, "auto")
    rows = mot.Rows(rows.frames, rows.ids, rows.boxes, scores)
    tracker = make_tracker("botsort", sampling_fps=info.fps, frame_size=info.frame_size)
    found = mot.track(rows, tracker, fps=info.fps, frame_size=info.frame_size)
    truth = mot.read_rows(folder / "gt" / "gt.txt")

    comparison = mot_metrics.compare(truth, found, range(1, info.length + 1))

    assert ours(comparison) == pytest.approx(reference(comparison), abs=1e-6)


def test_counts_of_sequences_add_up_as_the_reference_combines_them():
    comparisons = [mot_metrics.compare(TRUTH, found, range(1, 8)) for found in CASES.values()]
    answers = zip(*map(rival_trackers.evaluate, comparisons), strict=True)
    combined = [
        metric.combine_sequences(dict(enumerate(column)))
        for metric, column in zip(rival_trackers.trackeval_metrics(), answers, strict=True)
    ]

    total = mot_metrics.score(mot_metrics.add([mot_metrics.count(one) for one in comparisons]))

    assert total == pytest.approx(rival_trackers.read_scores(combined), abs=1e-9)
