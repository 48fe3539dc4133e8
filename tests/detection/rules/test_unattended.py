"""Whose a thing is, how long they have been away, and what ends it: from tracks and blobs alone."""

import json
from dataclasses import replace

import pytest

from detection.rules.base import ZoneSpec
from tests.detection.rules.walkers import (
    ASPECT,
    GOES_OUT,
    HALL,
    LEAVES,
    SUITCASE,
    TALL,
    Blob,
    engine_of,
    film,
    rule,
    run,
    walker,
)

STAYS = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (90, 0.55, 0.9))


@pytest.mark.parametrize("fps", [25, 5, 2])
@pytest.mark.parametrize(
    "owner, left_at", [(LEAVES, 14.09), (GOES_OUT, 13.78)], ids=["stands afar", "out of sight"]
)
def test_what_its_owner_left_is_abandoned_after_the_threshold(owner, left_at, fps):
    (incident,) = run([owner], [Blob()], fps=fps)

    assert incident.category == "object_left_unattended"
    assert incident.severity == "high"
    assert incident.class_name == "unknown object"
    assert incident.opened_at_seconds == pytest.approx(left_at + 20, abs=2 / fps)
    assert incident.close_reason == "source_ended"
    assert incident.track_ids == (-1,)
    assert incident.box_xyxy == Blob().box


def test_the_numbers_say_what_happened():
    (incident,) = run([LEAVES], [Blob()])

    (hit,) = incident.hits
    numbers = hit.numbers
    assert numbers["state"] == "abandoned"
    assert numbers["unattended_seconds"] == pytest.approx(46, abs=0.5)
    assert numbers["since_seconds"] == pytest.approx(14.09, abs=0.02)
    assert numbers["settled_seconds"] == pytest.approx(10.0)
    assert numbers["owner_distance"] == pytest.approx(0.44 * ASPECT / TALL, abs=0.02)
    assert numbers["owner_track_id"] == 1
    assert (numbers["threshold_seconds"], numbers["owner_radius"]) == (20.0, 1.5)
    assert numbers["box_xyxy"] == [0.48, 0.82, 0.54, 0.9]
    assert hit.why == "unknown object left unattended in hall for 46 s"
    json.dumps(numbers)


def test_an_owner_out_of_sight_has_no_distance():
    (incident,) = run([GOES_OUT], [Blob()])

    assert incident.hits[0].numbers["owner_distance"] is None


def test_who_stays_with_it_has_left_nothing():
    assert run([STAYS], [Blob()]) == []


@pytest.mark.parametrize("radius, count", [(0.5, 1), (3.0, 0)])
def test_the_radius_is_counted_in_the_owners_heights(radius, count):
    away = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (11, 0.5, 0.9), (12, 0.7, 0.9), (90, 0.7, 0.9))

    assert len(run([away], [Blob()], rule(owner_radius=radius))) == count


def test_an_owner_who_comes_back_in_time_starts_the_clock_anew():
    returns = walker(
        1,
        *LEAVES.way[:4],
        (28, 0.95, 0.9),
        (31, 0.5, 0.9),
        (33, 0.5, 0.9),
        (36, 0.95, 0.9),
        (90, 0.95, 0.9),
    )

    (incident,) = run([returns], [Blob()], until=80)

    assert incident.opened_at_seconds == pytest.approx(55, abs=1)


def test_an_owner_who_comes_back_later_reclaims_it():
    returns = walker(1, *LEAVES.way[:4], (45, 0.95, 0.9), (49, 0.5, 0.9), (90, 0.5, 0.9))

    (incident,) = run([returns], [Blob()], until=80)

    assert incident.close_reason == "rule_stopped"
    assert 46 < incident.closed_at_seconds < 49
    assert incident.hits[0].numbers["state"] == "reclaimed"
    assert incident.hits[0].why.endswith(", then reclaimed by its owner")


def test_an_owner_who_only_flits_by_has_not_come_back():
    flits = walker(
        1, *LEAVES.way[:4], (40, 0.95, 0.9), (40.4, 0.78, 0.9), (40.8, 0.95, 0.9), (90, 0.95, 0.9)
    )

    (incident,) = run([flits], [Blob()])

    assert incident.close_reason == "source_ended"


def test_who_takes_it_is_named():
    thief = walker(7, (40, 0.0, 0.92), (44, 0.48, 0.92), (46, 0.48, 0.92), (50, 0.0, 0.92))

    (incident,) = run([LEAVES, thief], [Blob(end=46.5)])

    assert incident.closed_at_seconds == pytest.approx(46.4, abs=0.3)
    assert incident.hits[0].numbers["state"] == "taken"
    assert incident.hits[0].numbers["taken_by_track_id"] == 7
    assert incident.hits[0].why.endswith(", then taken away by track 7")


def test_what_vanishes_with_nobody_near_is_gone():
    (incident,) = run([LEAVES], [Blob(end=46.5)])

    assert incident.hits[0].numbers["state"] == "gone"


def test_an_owner_who_takes_it_at_once_has_reclaimed_it():
    returns = walker(
        1, *LEAVES.way[:4], (45, 0.95, 0.9), (46, 0.5, 0.9), (47, 0.1, 0.9), (60, 0.1, 0.9)
    )

    (incident,) = run([returns], [Blob(end=46.2)])

    assert incident.hits[0].numbers["state"] == "reclaimed"


def test_what_is_taken_before_the_threshold_was_never_an_incident():
    assert run([LEAVES], [Blob(end=25)]) == []


def test_an_owner_whose_track_goes_on_under_another_id_is_still_there():
    first = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (20, 0.5, 0.9))
    second = walker(2, (22.6, 0.53, 0.9), (90, 0.53, 0.9))

    assert run([first, second], [Blob()], until=70) == []


def test_who_comes_in_when_the_owner_went_out_is_somebody_else():
    comes_in = walker(2, (17, 0.98, 0.9), (20, 0.6, 0.9), (90, 0.6, 0.9))

    assert len(run([GOES_OUT, comes_in], [Blob()])) == 1


def test_a_stranger_beside_it_is_not_its_owner():
    stranger = walker(2, (20, 0.0, 0.9), (24, 0.45, 0.9), (90, 0.45, 0.9))

    (incident,) = run([LEAVES, stranger], [Blob()])

    assert incident.opened_at_seconds == pytest.approx(34.09, abs=0.4)


def test_the_nearest_person_owns_it():
    friend = walker(2, (5, 0.1, 0.9), (9, 0.66, 0.9), (90, 0.66, 0.9))

    (incident,) = run([LEAVES, friend], [Blob()])

    assert incident.hits[0].numbers["owner_track_id"] == 1


@pytest.mark.parametrize("class_name", ["person", "moving", "dog"])
def test_what_came_to_rest_with_no_person_near_is_nobodys(class_name):
    far = walker(1, (5, 0.0, 0.9), (9, 0.05, 0.9), (90, 0.0, 0.9), class_name=class_name)
    near = replace(LEAVES, class_name=class_name)

    assert run([far] if class_name == "person" else [near], [Blob()]) == []


def test_what_was_there_in_the_first_seconds_belongs_there():
    nearby = walker(1, (0, 0.5, 0.9), (5, 0.5, 0.9), (9, 0.95, 0.9), (90, 0.95, 0.9))
    blob = Blob(start=0.5)
    suitcase = walker(4, (0, 0.51, 0.9), (90, 0.51, 0.9), class_name="suitcase", size=(0.06, 0.08))

    assert run([nearby], [blob]) == []
    assert run([nearby, suitcase]) == []


def test_a_thing_that_was_there_all_along_and_is_detected_again_belongs_there():
    way = ((0, 0.51, 0.9), (20, 0.51, 0.9))
    early = walker(4, *way, class_name="suitcase", size=(0.06, 0.08))
    again = walker(5, (40, 0.51, 0.9), (90, 0.51, 0.9), class_name="suitcase", size=(0.06, 0.08))
    leaves = walker(1, (36, 0.0, 0.9), (39, 0.5, 0.9), (44, 0.5, 0.9), (48, 0.95, 0.9))

    assert run([early, again, leaves], until=90) == []
    assert len(run([again, leaves], until=90)) == 1


@pytest.mark.parametrize("fps", [25, 5, 2])
def test_a_detected_thing_needs_no_blob(fps):
    (incident,) = run([LEAVES, SUITCASE], fps=fps)

    assert incident.class_name == "suitcase"
    assert incident.track_ids == (4,)
    assert incident.opened_at_seconds == pytest.approx(34.09, abs=2 / fps)
    assert incident.hits[0].why.startswith("suitcase left unattended in hall for 4")


def test_a_thing_that_is_carried_about_is_not_at_rest():
    way = ((10, 0.2, 0.9), (30, 0.8, 0.9), (50, 0.2, 0.9), (70, 0.8, 0.9))
    carried = walker(4, *way, class_name="suitcase", size=(0.06, 0.08))

    assert run([LEAVES, carried], until=70) == []


def test_a_thing_seen_both_ways_is_one_and_has_its_name():
    (incident,) = run([LEAVES, SUITCASE], [Blob()])

    assert incident.class_name == "suitcase"


def test_a_blob_carries_on_what_the_detector_lost():
    lost = replace(SUITCASE, way=((9.2, 0.5, 0.9), (12.8, 0.5, 0.9)))

    (incident,) = run([LEAVES, lost], [Blob(settles=6.0)])

    assert incident.class_name == "suitcase"
    assert incident.opened_at_seconds == pytest.approx(34.09, abs=0.4)


def test_a_blob_is_named_for_what_was_carried_there():
    way = ((5, 0.02, 0.8), (9, 0.5, 0.8), (9.8, 0.5, 0.88))
    carried = walker(4, *way, class_name="backpack", size=(0.05, 0.08))

    (incident,) = run([LEAVES, carried], [Blob()])

    assert incident.class_name == "backpack"
    assert incident.track_ids == (-1, 4)


def test_only_the_classes_of_the_rule_are_things():
    assert run([LEAVES, SUITCASE], spec=rule(classes=("backpack",))) == []
    assert len(run([LEAVES, SUITCASE], spec=rule(classes=("suitcase",)))) == 1


def test_things_without_a_name_can_be_left_out():
    spec = rule(unknown_objects=0)

    assert run([LEAVES], [Blob()], spec) == []
    assert len(run([LEAVES, SUITCASE], [Blob()], spec)) == 1


CAR = walker(9, (8, 0.4, 0.95), (90, 0.4, 0.95), class_name="car", size=(0.4, 0.3))


@pytest.mark.parametrize(
    "lost", [(8.0, 9.6), (8.0, 10.4), (8.0, 90.0)], ids=["before", "as it settled", "never"]
)
def test_a_blob_where_a_car_stands_is_the_car(lost):
    start, end = lost
    car = replace(CAR, way=((start, 0.4, 0.95), (end, 0.4, 0.95)))
    piece = Blob(box=(0.45, 0.82, 0.51, 0.9))
    whole = Blob(box=(0.22, 0.66, 0.6, 0.95))

    assert run([LEAVES, car], [whole]) == []
    assert run([LEAVES, car], [piece]) == []


def test_a_car_that_passes_hides_a_bag_and_does_not_explain_it():
    passing = replace(CAR, way=((16, -0.2, 0.95), (24, 1.2, 0.95)))

    assert len(run([LEAVES, passing], [Blob()])) == 1


@pytest.mark.parametrize("class_name", ["chair", "person"])
def test_a_blob_that_something_else_explains_is_no_bag(class_name):
    same = walker(9, (20, 0.51, 0.9), (90, 0.51, 0.9), class_name=class_name, size=(0.07, 0.09))

    assert run([LEAVES, same], [Blob()]) == []


def test_somebody_whose_detection_is_lost_is_no_bag():
    still = walker(1, (5, 0.0, 0.9), (9, 0.5, 0.9), (20, 0.5, 0.9))
    passer_by = walker(2, (19, 0.0, 0.9), (24, 0.55, 0.9), (30, 1.0, 0.9))
    torso = Blob(start=20.2, box=(0.46, 0.55, 0.54, 0.9))

    assert run([still, passer_by], [torso]) == []


def test_what_nobody_could_carry_is_no_bag():
    assert run([LEAVES], [Blob(box=(0.4, 0.5, 0.6, 0.9))]) == []


@pytest.mark.parametrize(
    "fixture, count",
    [((0.47, 0.81, 0.55, 0.91), 0), ((0.4, 0.7, 0.6, 0.95), 0), ((0.6, 0.7, 0.8, 0.95), 1)],
)
def test_what_people_called_a_fixture_stays_silent(fixture, count):
    assert len(run([LEAVES], [Blob()], fixtures=[fixture])) == count


def test_a_fixture_named_meanwhile_ends_the_incident():
    engine, frames = engine_of(), film([LEAVES], [Blob()])
    transitions = []
    for frame in frames:
        if frame.at_seconds == 45.0:
            engine.heed_fixtures([Blob().box])
        transitions += engine.update(frame)

    assert [one.kind for one in transitions] == ["opened", "closed"]


@pytest.mark.parametrize(
    "zones, count", [(("hall",), 1), ((), 1), (("vault",), 0), (("hall", "vault"), 1)]
)
def test_only_what_stands_in_the_rules_zones_counts(zones, count):
    assert len(run([LEAVES], [Blob()], rule(zones=zones))) == count


def test_what_stands_in_a_private_zone_is_nobodys_business():
    private = ZoneSpec("flat", "private", HALL.polygon)

    assert run([LEAVES], [Blob()], zones=(HALL, private)) == []


@pytest.mark.parametrize("after", [10.0, 15.0])
def test_rare_frames_still_know_the_owner(after):
    """At a frame in five seconds who put it down is last seen beside it, or on the way, before."""
    blob = Blob(start=15.0, settles=after)

    (incident,) = run([LEAVES], [blob], fps=0.2, until=120)

    assert incident.hits[0].numbers["owner_track_id"] == 1
    assert incident.opened_at_seconds == pytest.approx(34.09, abs=10)
