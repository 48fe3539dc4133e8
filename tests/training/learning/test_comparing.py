"""Two detectors beside each other on the same pictures."""

import numpy as np

from training.learning.comparing import boxes_by_class, ranked, side, truths_of

BOX, ELSEWHERE = [0.1, 0.1, 0.4, 0.4], [0.6, 0.6, 0.9, 0.9]
LABEL = {"boxes": [["cat", *BOX], ["bird", *ELSEWHERE]], "exhaustive": ["cat", "dog"]}


def test_only_what_is_labelled_in_full_is_true():
    truths = truths_of(LABEL)
    assert {name: len(boxes) for name, boxes in truths.items()} == {"cat": 1, "dog": 0}
    assert truths["dog"].shape == (0, 4)
    assert truths_of({}) == {}


def test_a_side_tells_what_is_right_wrong_and_missed():
    said = {"cat": [[*ELSEWHERE, 0.9], [*BOX, 0.3]], "dog": [[*BOX, 0.8]]}
    found = side(truths_of(LABEL), said, 0.5)
    assert found.right == ()
    assert found.wrong == (
        ("cat", tuple(ELSEWHERE), 0.9, ""),
        ("dog", tuple(BOX), 0.8, "is cat"),
    )
    assert found.missed == (("cat", tuple(BOX), None, "called dog"),)
    assert found.errors == 3
    heeded = side(truths_of(LABEL), said, 0.2)
    assert heeded.right == (("cat", tuple(BOX), 0.3, ""),)
    assert heeded.missed == ()


def test_pictures_come_by_how_much_the_two_differ():
    labels = [(3, LABEL), (4, LABEL), (5, {"boxes": [], "exhaustive": ["cat"]})]
    right, false = {"cat": [[*BOX, 0.9]]}, {"cat": [[*BOX, 0.9], [*ELSEWHERE, 0.9]]}
    rows = ranked(labels, {3: right, 4: {}, 5: false}, {3: right, 4: right}, (0.5, 0.5))
    assert [(row.position, row.differing) for row in rows] == [(5, 2), (4, 1), (3, 0)]
    assert [row.champion.errors - row.challenger.errors for row in rows] == [2, 1, 0]


def test_without_a_champion_the_challengers_mistakes_come_first():
    rows = ranked([(1, LABEL), (2, LABEL)], None, {1: {"cat": [[*BOX, 0.9]]}}, (0.5, 0.5))
    assert [(row.position, row.differing, row.champion) for row in rows] == [
        (2, 1, None),
        (1, 0, None),
    ]


def test_boxes_come_apart_from_their_scores():
    boxes, scores = boxes_by_class({"cat": [[*BOX, 0.5]], "dog": []})["cat"]
    assert (boxes.tolist(), scores.tolist()) == ([BOX], [0.5])
    assert boxes_by_class({"dog": []})["dog"][0].shape == (0, 4)
    assert np.array_equal(boxes_by_class({}).get("cat", ()), ())
