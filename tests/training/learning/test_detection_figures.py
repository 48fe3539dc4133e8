"""A detector's figures are the library's; what is read at one score agrees with itself."""

import json

import numpy as np
import pytest

from tests.training.learning.test_boxes import by_the_library, pictures
from training.learning.boxes import BoxFigures
from training.learning.detection_figures import Picture, figures

BOX = np.array([[0.1, 0.1, 0.4, 0.4]])
ELSEWHERE = np.array([[0.6, 0.6, 0.9, 0.9]])
NOTHING = np.zeros((0, 4))


def drawn(seed, model=0):
    """Return imagined pictures of four cameras as Picture rows."""
    return [
        Picture(
            position=number * 3,
            group=f"day {number // 2}",
            camera=f"camera {number % 4}",
            truths=truths,
            found=models[model],
            is_negative=not any(len(boxes) for boxes in truths.values()),
        )
        for number, truths, models in pictures(seed)
    ]


def picture(truths, found, *, position=0, camera="gate"):
    scored = {name: (boxes, np.array(scores)) for name, (boxes, scores) in found.items()}
    is_negative = not any(len(boxes) for boxes in truths.values())
    return Picture(position, f"{camera} {position}", camera, truths, scored, is_negative)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("model", [0, 1])
def test_average_precisions_are_the_librarys_and_the_gates(seed, model):
    found = figures(drawn(seed, model))
    map50, map50_95 = by_the_library(seed, model)
    gated = BoxFigures(12)
    for row in pictures(seed):
        gated.add_picture(*row)
    weights = [None, None]
    weights[model] = np.ones((1, 12))

    assert found["map50"] == pytest.approx(map50, abs=1e-9)
    assert found["map50_95"] == pytest.approx(map50_95, abs=1e-9)
    assert found["figure"] == found["map50"] == gated.mean((0.5,)).values(*weights)[0]
    assert found["map50_95"] == gated.mean().values(*weights)[0]
    by_name = {row["name"]: row for row in found["classes"]}
    for name, one in gated.of_classes((0.5,)).items():
        assert by_name[name]["ap50"] == one.values(*weights)[0]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("seed", range(4))
def test_curves_hold_the_figures(seed):
    found = figures(drawn(seed))
    curves = found["curves"]
    for name, curve in curves["precision_recall"].items():
        mean = np.mean([precision for _, precision in curve])
        ap50 = {row["name"]: row["ap50"] for row in found["classes"]}
        expected = found["map50"] if name == "all" else ap50[name]
        assert (len(curve), mean) == (101, pytest.approx(expected, abs=1e-4))
    assert max(f1 for _, f1 in curves["f1"]) <= found["f1"] + 1e-5
    counted = sum(count for *_, count in curves["calibration"])
    assert counted == sum(curves["histogram"]["right"]) + sum(curves["histogram"]["wrong"])


@pytest.mark.parametrize("seed", range(4))
def test_the_confusion_matrix_counts_what_the_rates_count(seed):
    rows = drawn(seed)
    found = figures(rows)
    table = np.array(found["confusion"]["rows"])
    assert found["confusion"]["names"] == ["bus", "cat", "background"]
    assert table[:-1].sum() == found["truths"] == sum(row["truths"] for row in found["classes"])
    for place, row in enumerate(found["classes"]):
        said = table[:, place].sum()
        assert row["recall"] == pytest.approx(table[place, place] / row["truths"])
        assert row["precision"] == pytest.approx(table[place, place] / max(said, 1))
    heeded = sum(
        (scores >= found["score_threshold"]).sum()
        for row in rows
        for _, scores in row.found.values()
    )
    assert table[:, :-1].sum() == heeded


def test_one_camera_scores_as_if_it_were_alone():
    rows = drawn(3)
    for camera in figures(rows)["cameras"]:
        alone = figures([row for row in rows if row.camera == camera["name"]])
        assert camera["ap50"] == pytest.approx(alone["map50"])
        assert camera["truths"] == alone["truths"]


def test_figures_are_read_at_the_score_where_the_mean_f1_is_best():
    rows = [
        picture({"cat": BOX}, {"cat": (BOX, [0.9])}),
        picture({"cat": BOX}, {"cat": (BOX, [0.6])}, position=1),
        picture({"cat": NOTHING}, {"cat": (ELSEWHERE, [0.4])}, position=2),
        picture({"cat": NOTHING}, {}, position=3),
    ]
    found = figures(rows)
    assert 0.4 < found["score_threshold"] <= 0.6
    assert (found["precision"], found["recall"], found["f1"]) == (1.0, 1.0, 1.0)
    assert (found["false_positive_rate"], found["false_negative_rate"]) == (0.0, 0.0)
    assert (found["negatives"], found["items"], found["groups"]) == (2, 4, 4)

    surer = [*rows[:2], picture({"cat": NOTHING}, {"cat": (ELSEWHERE, [0.7])}, position=2), rows[3]]
    assert figures(surer)["false_positive_rate"] == 0.5


def test_a_box_of_another_class_is_one_confusion_and_one_mistake():
    rows = [
        picture({"bus": BOX, "cat": BOX[:0]}, {"cat": (BOX, [0.9])}, position=7),
        picture({"bus": ELSEWHERE, "cat": BOX}, {"bus": (ELSEWHERE, [0.9])}, position=8),
        picture({"bus": NOTHING, "cat": NOTHING}, {"bus": (BOX, [0.95])}, position=9),
    ]
    found = figures(rows)
    assert found["confusion"] == {
        "names": ["bus", "cat", "background"],
        "rows": [[1, 1, 0], [0, 0, 1], [1, 0, 0]],
    }
    box = BOX[0].tolist()
    assert found["mistakes"] == [
        {"entry": 9, "kind": "false", "class": "bus", "score": 0.95, "box": box},
        {"entry": 8, "kind": "missed", "class": "cat", "score": None, "box": box},
        {
            "entry": 7,
            "kind": "wrong_class",
            "class": "cat",
            "score": 0.9,
            "box": box,
            "truth": "bus",
        },
    ]


def test_what_nobody_labelled_in_full_is_neither_right_nor_wrong():
    found = figures([picture({"cat": BOX}, {"cat": (BOX, [0.9]), "bus": (ELSEWHERE, [0.99])})])
    assert found["map50"] == pytest.approx(1.0)
    assert [row["name"] for row in found["classes"]] == ["cat"]
    assert found["mistakes"] == []


def test_24_mistakes_are_kept_and_the_kinds_take_turns():
    rows = [
        picture({"cat": BOX * (1 + number / 100)}, {"cat": (ELSEWHERE, [0.5])}, position=number)
        for number in range(40)
    ] + [picture({"cat": BOX}, {"cat": (BOX, [0.5])}, position=number) for number in range(40, 80)]
    kinds = [one["kind"] for one in figures(rows)["mistakes"]]
    assert kinds == ["false", "missed"] * 12
    assert figures(rows)["mistakes"][1]["entry"] == 39


def test_a_class_without_a_true_box_has_no_figure_and_an_empty_split_has_none():
    found = figures([picture({"cat": NOTHING}, {"cat": (BOX, [0.9])})])
    assert (found["map50"], found["precision"], found["classes"][0]["ap50"]) == (None, None, None)
    assert found["false_positive_rate"] == 1.0
    empty = figures([])
    assert (empty["figure"], empty["false_positive_rate"], empty["mistakes"]) == (None, None, [])
    assert json.dumps(empty, allow_nan=False)
