"""Who is who when a tracker changes its mind."""

from dataclasses import replace

import pytest

from detection.rules.subjects import SubjectBook
from tests.detection.rules.scenes import Visit, entry, loitering, run


def make_book():
    return SubjectBook(aspect_ratio=16 / 9, longest_gap=2.2)


def resolve(book, at_seconds, *visits, **options):
    return book.resolve([one.observe(at_seconds) for one in visits], at_seconds, **options)


FIRST = Visit(1, 0, 99)


@pytest.mark.parametrize(
    "change, is_same",
    [
        ({}, True),
        ({"x": 0.55}, True),
        ({"x": 0.9}, False),
        ({"class_name": "dog"}, False),
    ],
)
def test_a_new_track_is_the_lost_subject_when_it_fits(change, is_same):
    book = make_book()
    (before,) = resolve(book, 0.0, FIRST)
    (after,) = resolve(book, 1.0, replace(FIRST, track_id=2, **change))
    assert (after is before) is is_same
    assert after.track_ids == ([1, 2] if is_same else [2])


def test_a_much_larger_box_is_somebody_else():
    book = make_book()
    (before,) = resolve(book, 0.0, FIRST)
    giant = FIRST.observe(1.0)
    giant = replace(giant, track_id=2, box_xyxy=(0.3, 0.05, 0.7, 0.95))
    assert book.resolve([giant], 1.0)[0] is not before


@pytest.mark.parametrize("gap, is_same", [(0.2, True), (2.2, True), (2.3, False)])
def test_a_new_track_may_come_as_late_as_a_subject_is_lost(gap, is_same):
    book = make_book()
    (before,) = resolve(book, 10.0, FIRST)
    book.expire(10.0 + gap)
    (after,) = resolve(book, 10.0 + gap, replace(FIRST, track_id=2))
    assert (after is before) is is_same


def test_a_walker_is_looked_for_where_they_would_be():
    book = make_book()
    for step in range(10):
        (walker,) = resolve(book, step * 0.2, replace(FIRST, x=0.2 + 0.05 * step))
    assert walker.velocity[0] == pytest.approx(0.25, rel=0.3)
    (ahead,) = resolve(book, 2.4, replace(FIRST, track_id=2, x=0.79))
    assert ahead is walker


def walk(book, start_x, step_x, *, steps=6, width=0.1):
    """Walk along a row, five steps a second, cut off at the picture's edges; return the subject."""
    for step in range(steps):
        x = start_x + step_x * step
        box = (max(0.0, x - width / 2), 0.5, min(1.0, x + width / 2), 0.9)
        (walker,) = book.resolve([replace(FIRST.observe(0.2 * step), box_xyxy=box)], 0.2 * step)
    return walker


@pytest.mark.parametrize(
    "start, step, comes_back_at",
    [(0.84, 0.03, (0.94, 0.5, 1.0, 0.9)), (0.16, -0.03, (0.0, 0.5, 0.06, 0.9))],
    ids=["right", "left"],
)
def test_who_walks_out_of_the_picture_is_not_who_comes_in_there(start, step, comes_back_at):
    book = make_book()
    gone = walk(book, start, step)
    comer = replace(FIRST.observe(2.0), track_id=2, box_xyxy=comes_back_at)
    assert book.resolve([comer], 2.0)[0] is not gone


@pytest.mark.parametrize("x", [0.97, 0.02])
def test_who_stands_at_the_edge_half_in_the_picture_is_found_again(x):
    book = make_book()
    stander = walk(book, x, 0.0)
    again = replace(FIRST.observe(2.0), track_id=2, box_xyxy=stander.box)
    assert book.resolve([again], 2.0)[0] is stander


@pytest.mark.parametrize("is_held", [False, True])
def test_who_came_fast_and_stopped_at_the_edge_is_not_on_the_way_out(is_held):
    book = make_book()
    stander = walk(book, 0.67, 0.05)
    for step in range(6, 16):
        at = 0.2 * step
        book.resolve([replace(FIRST.observe(at), box_xyxy=stander.box)], at, is_held=is_held)
    assert stander.velocity == pytest.approx((0.0, 0.0), abs=0.01)
    again = replace(FIRST.observe(4.0), track_id=2, box_xyxy=stander.box)
    assert book.resolve([again], 4.0)[0] is stander


def test_held_frames_do_not_slow_down_who_sets_off():
    speeds = []
    for is_held in (False, True):
        book = make_book()
        walk(book, 0.5, 0.0)
        for step in range(6, 16):
            held = replace(FIRST.observe(0.2 * step), box_xyxy=(0.45, 0.5, 0.55, 0.9))
            book.resolve([held], 0.2 * step, is_held=is_held)
        moved = replace(FIRST.observe(3.2), box_xyxy=(0.50, 0.5, 0.60, 0.9))
        (walker,) = book.resolve([moved], 3.2)
        speeds.append(walker.velocity[0])
    assert speeds[1] == pytest.approx(speeds[0])


def test_somebody_near_does_not_take_over_from_somebody_far():
    book = make_book()
    far = replace(FIRST.observe(0.0), box_xyxy=(0.40, 0.40, 0.45, 0.55))
    (before,) = book.resolve([far], 0.0)
    near = replace(FIRST.observe(1.0), track_id=2, box_xyxy=(0.46, 0.40, 0.54, 0.65))
    assert book.resolve([near], 1.0)[0] is not before


def test_of_two_new_tracks_the_nearer_one_inherits():
    book = make_book()
    (before,) = resolve(book, 0.0, FIRST)
    far, near = resolve(
        book, 1.0, replace(FIRST, track_id=2, x=0.58), replace(FIRST, track_id=3, x=0.51)
    )
    assert near is before
    assert far is not before


def test_somebody_in_sight_is_never_taken_over():
    book = make_book()
    (before,) = resolve(book, 0.0, FIRST)
    both = resolve(book, 1.0, FIRST, replace(FIRST, track_id=2))
    assert both[0] is before
    assert both[1] is not before
    third = resolve(book, 2.0, replace(FIRST, track_id=3), reserved={1, 2})
    assert third[0].track_ids == [3]


def test_a_wrong_stitch_is_undone_when_both_are_seen():
    book = make_book()
    (before,) = resolve(book, 0.0, FIRST)
    (taken,) = resolve(book, 1.0, replace(FIRST, track_id=2))
    assert taken is before
    first, second = resolve(book, 2.0, FIRST, replace(FIRST, track_id=2, x=0.6))
    assert first is before
    assert first.track_ids == [1]
    assert second.track_ids == [2]


def see_as(book, sightings, *, period=0.2):
    for step, (class_name, score) in enumerate(sightings):
        observation = replace(FIRST.observe(0.0), class_name=class_name, score=score)
        (subject,) = book.resolve([observation], step * period)
    return subject


def test_the_class_is_the_one_seen_with_most_confidence():
    sightings = [("car", 0.5), ("truck", 0.6), ("car", 0.5), ("truck", 0.1)]
    assert see_as(make_book(), sightings).class_name == "car"


@pytest.mark.parametrize("fps", [10, 2])
def test_a_person_who_gets_a_chairs_track_is_soon_a_person(fps):
    sightings = [("chair", 0.3)] * 60 * fps + [("person", 0.9)] * 2 * fps
    assert see_as(make_book(), sightings, period=1 / fps).class_name == "person"


def test_dwell_of_a_class_begins_when_first_seen_as_that_class():
    person = replace(loitering(5), classes=("person",))
    visits = [Visit(1, 0, 4, class_name="chair"), Visit(1, 4.1, 20)]
    (incident,) = run([person], visits)
    assert incident.opened_at_seconds == pytest.approx(9.2)


def test_something_now_and_then_seen_as_a_person_is_none():
    person = replace(loitering(5), classes=("person",))
    visits = []
    for step in range(40):
        class_name = "person" if step % 5 == 0 else "chair"
        visits.append(Visit(1, step / 5, step / 5 + 0.1, class_name=class_name))
    assert run([person], visits) == []


def test_a_switch_of_ids_makes_no_second_incident():
    visits = [Visit(1, 0, 6), Visit(2, 6.8, 12), Visit(3, 13.5, 20, x=0.53)]
    (incident,) = run([loitering(10)], visits)
    assert incident.track_ids == (1, 2, 3)
    assert incident.opened_at_seconds == pytest.approx(10, abs=0.4)
    assert incident.hits[0].numbers["dwell_seconds"] == pytest.approx(20, abs=0.4)


def test_a_new_visitor_inherits_neither_dwell_nor_cool_down():
    visits = [Visit(1, 0, 6), Visit(2, 9, 15), Visit(3, 18, 21)]
    incidents = run([loitering(5), entry()], visits)
    assert [incident.track_ids for incident in incidents] == [(1,), (2,), (3,)]
    assert [len(incident.hits) for incident in incidents] == [2, 2, 1]


def test_an_id_used_again_long_after_is_a_new_subject():
    incidents = run([entry()], [Visit(1, 0, 6), Visit(1, 20, 26)])
    assert [incident.opened_at_seconds for incident in incidents] == [1.0, 21.0]
    assert len({incident.key for incident in incidents}) == 2
