"""Boxes are matched, and figures made of them, as the reference evaluation does it."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detection.vision.overlaps import overlaps
from training.learning.boxes import THRESHOLDS, BoxFigures, matched

SIDE = 10_000.0  # px of an imagined picture, so large that every box counts as one of size "all"


def boxes_like(rng, true, count):
    """Return boxes near the true ones, and some that are nowhere near."""
    near = true[rng.integers(0, len(true), count)] if len(true) else rng.random((count, 4)) * 0.4
    moved = near + rng.normal(0, 0.03, near.shape)
    low, high = np.minimum(moved[:, :2], moved[:, 2:]), np.maximum(moved[:, :2], moved[:, 2:])
    return np.concatenate([low, high + 0.01], axis=1)


def pictures(seed, names=("bus", "cat"), count=12):
    """Yield (group, true boxes by class, what two models found)."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        true = {}
        for name in names:
            low = rng.random((rng.integers(0, 4), 2)) * 0.6
            true[name] = np.concatenate([low, low + 0.1 + rng.random(low.shape) * 0.3], axis=1)
        found = tuple(
            {
                name: (boxes_like(rng, true[name], size), rng.random(size))
                for name in names
                for size in [int(rng.integers(0, 7))]
            }
            for _ in range(2)
        )
        yield number, true, found


def by_the_library(seed, model):
    """Return (mAP50, mAP50-95) by pycocotools."""
    true, found = [], []

    def row(number, name, box):
        x1, y1, x2, y2 = box * SIDE
        where = {"image_id": number + 1, "category_id": {"bus": 1, "cat": 2}[name]}
        return where | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}

    for number, truths, models in pictures(seed):
        for name, boxes in truths.items():
            true += [row(number, name, box) | {"iscrowd": 0} for box in boxes]
        for name, (boxes, scores) in models[model].items():
            pairs = zip(boxes, scores, strict=True)
            found += [row(number, name, box) | {"score": float(score)} for box, score in pairs]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number + 1} for number in range(12)],
            "annotations": [one | {"id": place + 1} for place, one in enumerate(true)],
            "categories": [{"id": 1, "name": "bus"}, {"id": 2, "name": "cat"}],
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[1], evaluation.stats[0]


@pytest.mark.parametrize("seed", range(6))
def test_average_precisions_are_the_librarys(seed):
    figures = BoxFigures(12)
    for picture in pictures(seed):
        figures.add_picture(*picture)
    ones = np.ones((1, 12))
    for model, weights in enumerate([(ones, None), (None, ones)]):
        map50, map50_95 = by_the_library(seed, model)
        assert figures.mean((0.5,)).values(*weights)[0] == pytest.approx(map50, abs=1e-9)
        assert figures.mean().values(*weights)[0] == pytest.approx(map50_95, abs=1e-9)


def test_each_true_box_is_found_once_and_the_better_fit_goes_first():
    true = np.array([[0.0, 0.0, 0.4, 0.4], [0.1, 0.0, 0.5, 0.4]])
    found = np.array([[0.08, 0.0, 0.48, 0.4], [0.1, 0.0, 0.5, 0.4], [0.1, 0.0, 0.5, 0.4]])
    right = matched(found, true, (0.5, 0.9))
    assert right.tolist() == [[True, True, False], [True, False, False]]
    assert matched(found[:0], true).shape == (len(THRESHOLDS), 0)
    assert not matched(found, true[:0]).any()


def test_boxes_that_do_not_touch_or_have_no_size_overlap_by_nothing():
    flat = np.array([[0.2, 0.2, 0.2, 0.2]])
    assert overlaps(flat, flat).tolist() == [[0.0]]
    assert overlaps(np.array([[0, 0, 1, 1]]), np.array([[1, 0, 2, 1]])).tolist() == [[0.0]]


def test_what_nobody_labelled_on_a_picture_is_no_mistake():
    box = np.array([[0.1, 0.1, 0.4, 0.4]])
    found = {"bus": (box, np.array([0.9])), "cat": (box, np.array([0.99]))}
    figures = BoxFigures(2)
    figures.add_picture(0, {"bus": box}, (found, {}))
    figures.add_picture(1, {"bus": box, "cat": box[:0]}, (found, found))
    ones = np.ones((1, 2))
    of_classes = figures.of_classes()
    assert list(of_classes) == ["bus"]
    assert of_classes["bus"].items == 2
    assert of_classes["bus"].values(ones, None)[0] == pytest.approx(1.0)
    assert of_classes["bus"].values(None, ones)[0] == pytest.approx(51 / 101)


def test_of_one_picture_and_class_a_hundred_boxes_count():
    box = np.array([[0.1, 0.1, 0.4, 0.4]])
    elsewhere = np.repeat([[0.6, 0.6, 0.9, 0.9]], 100, axis=0)
    crowd = {"bus": (np.concatenate([elsewhere, box]), np.linspace(1.0, 0.1, 101))}
    figures = BoxFigures(1)
    figures.add_picture(0, {"bus": box}, (crowd, {"bus": (box, np.array([0.1]))}))
    assert figures.mean().values(np.ones((1, 1)), None)[0] == 0.0
    assert figures.mean().values(None, np.ones((1, 1)))[0] == pytest.approx(1.0)


def test_without_a_true_box_there_is_no_figure():
    figures = BoxFigures(3)
    figures.add_picture(0, {"bus": np.zeros((0, 4))}, ({}, {}))
    assert figures.of_classes() == {}
    assert (figures.mean().groups, figures.mean().items) == (0, 0)
