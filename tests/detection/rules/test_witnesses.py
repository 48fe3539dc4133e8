"""A short memory of who was where, and the geometry of who was near."""

import json

import pytest

from detection.rules.subjects import Subject
from detection.rules.witnesses import (
    HISTORY_SECONDS,
    Witnesses,
    cover_of,
    find_crossing,
    is_at_fixture,
    is_same_place,
    measure_heights,
    overlap_of,
)


def subject(number, x, class_name="person", height=0.4):
    one = Subject(number)
    one.class_name, one.track_id = class_name, 10 + number
    one.box = (x - 0.05, 0.9 - height, x + 0.05, 0.9)
    return one


def watched(*moments):
    """Return the memory of moments (time, subjects)."""
    witnesses = Witnesses(aspect_ratio=2.0)
    for at_seconds, subjects in moments:
        witnesses.note(at_seconds, subjects)
    return witnesses


def test_the_nearest_person_of_a_time_is_found_and_things_are_no_persons():
    witnesses = watched(
        (1.0, [subject(1, 0.2), subject(2, 0.6), subject(3, 0.5, "chair")]),
        (9.0, [subject(1, 0.5)]),
    )

    distance, nearest = witnesses.nearest_person((0.48, 0.8, 0.52, 0.9), 0.0, 2.0)

    assert nearest.number == 2 and nearest.track_id == 12
    assert distance == pytest.approx(0.1 * 2.0 / 0.4)
    assert witnesses.nearest_person((0.4, 0.8, 0.5, 0.9), 3.0, 5.0) is None


def test_scenes_are_noted_twice_a_second_and_for_some_seconds():
    witnesses = Witnesses(aspect_ratio=1.0)
    noted = [witnesses.note(step / 25, [subject(1, 0.5)]) for step in range(25 * 60)]

    assert sum(noted) == 120
    assert len(witnesses.state()) <= 2 * HISTORY_SECONDS + 2


def test_a_scene_with_nobody_in_it_is_not_noted():
    assert not watched().note(1.0, [])


def test_a_height_is_the_largest_that_was_seen():
    witnesses = watched((1.0, [subject(1, 0.2, height=0.5)]), (2.0, [subject(1, 0.2, height=0.3)]))

    assert witnesses.height_of(1) == pytest.approx(0.5)
    assert witnesses.height_of(9) == 0.0


def test_what_is_remembered_survives_json():
    witnesses = watched((1.0, [subject(1, 0.2)]), (2.0, [subject(2, 0.3)]))
    other = Witnesses(aspect_ratio=2.0)
    other.restore(json.loads(json.dumps(witnesses.state())))

    assert other.state() == witnesses.state()
    assert other.last_sightings(0, 9) == witnesses.last_sightings(0, 9)


def test_distance_is_in_heights_and_of_the_pictures_shape():
    person, thing = (0.1, 0.5, 0.2, 0.9), (0.5, 0.8, 0.6, 0.9)

    assert measure_heights(person, thing, 2.0) == pytest.approx(2.0)
    assert measure_heights(person, thing, 1.0) == pytest.approx(1.0)
    assert measure_heights(person, thing, 1.0, height=0.8) == pytest.approx(0.5)


def test_a_radius_is_passed_between_two_moments():
    assert find_crossing((10.0, 1.0), (12.0, 2.0), 1.5) == pytest.approx(11.0)
    assert find_crossing((10.0, 1.5), (12.0, 1.5), 1.5) == pytest.approx(10.0)


def test_boxes_without_area_overlap_nothing():
    empty = (0.5, 0.5, 0.5, 0.5)

    assert overlap_of(empty, empty) == cover_of(empty, empty) == 0.0
    assert not is_same_place(empty, empty)
    assert not is_at_fixture(empty, [empty])
