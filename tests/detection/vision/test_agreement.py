"""When a cheaper detector sees the same as the reference."""

import numpy as np
import pytest

from detection.vision.agreement import compare
from detection.vision.types import Detections

BOX = (0.1, 0.2, 0.3, 0.6)


def picture(*things):
    """Build Detections of (box, score, class)."""
    if not things:
        return Detections.empty()
    boxes, scores, names = zip(*things, strict=True)
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), names)


def person(score=0.9, shift=0.0, name="person"):
    return ((BOX[0] + shift, BOX[1], BOX[2] + shift, BOX[3]), score, name)


def test_the_same_detections_agree():
    pictures = [picture(person())] * 12

    found = compare(pictures, pictures)

    assert found["agrees"] and (found["found"], found["confirmed"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("reference", "candidate", "agrees"),
    [
        (person(0.9), person(0.21), True),
        (person(0.41), person(0.5, 0.02), True),
        (person(0.39), None, False),
        (person(0.9), person(0.19), False),
        (person(0.9), person(0.9, 0.1), False),
        (person(0.9), person(0.9, name="cat"), False),
        (person(0.9), None, False),
        (None, person(0.9), False),
    ],
)
def test_a_clear_box_must_be_seen_at_all(reference, candidate, agrees):
    pictures = [[picture(thing) if thing else picture()] * 20 for thing in (reference, candidate)]

    assert compare(*pictures)["agrees"] is agrees


@pytest.mark.parametrize(("missed", "agrees"), [(0, True), (1, True), (2, False)])
def test_one_in_twenty_may_be_missed(missed, agrees):
    reference = [picture(person())] * 20
    candidate = [picture()] * missed + [picture(person())] * (20 - missed)

    assert compare(reference, candidate)["agrees"] is agrees


def test_only_the_classes_asked_for_count():
    reference = [picture(person(), person(0.5, 0.4, "frisbee"))] * 12
    candidate = [picture(person())] * 12

    assert not compare(reference, candidate)["agrees"]
    assert compare(reference, candidate, ("person",))["agrees"]
    assert not compare(reference, candidate, ("car",))["agrees"]


@pytest.mark.parametrize(
    ("pictures", "sentence"),
    [
        ([], "0 sample pictures"),
        ([picture(person())] * 11, "11 sample pictures"),
        ([picture()] * 30, "0 clear boxes in 30 sample pictures"),
    ],
)
def test_what_cannot_be_shown_does_not_agree(pictures, sentence):
    found = compare(pictures, pictures)

    assert not found["agrees"]
    assert found["reference_sentence"].startswith(sentence)
