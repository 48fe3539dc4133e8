"""Scenes in a rendered room, from pictures to incidents: every state of a thing left behind.

The detector of these scenes tells the truth about people and cars, and nothing about the bag
unless a scene says so: small detectors lose what stands still.
"""

import functools

import numpy as np
import pytest

from tests.detection.stage import (
    CAR,
    FLOOR,
    HEIGHT,
    WIDTH,
    Actor,
    Stage,
    bag,
    closed,
    person,
    play,
)

RATES = [10, 2]
COMES = ((4, -20, FLOOR), (9, 150, FLOOR))
LEAVES = person(*COMES, (11, 150, FLOOR), (16, 340, FLOOR))
STANDS_AFAR = person(*COMES, (11, 150, FLOOR), (14, 290, FLOOR), (99, 290, FLOOR))
BAG = bag(10.5, 99, 165)
ACROSS, DOWN = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
LAMP = np.exp(-(((ACROSS - 240) / 120) ** 2) - ((DOWN - 60) / 90) ** 2)


def returns(at_seconds):
    """Return an owner who leaves, stands afar, and comes back for good."""
    back = ((at_seconds, 290, FLOOR), (at_seconds + 3, 150, FLOOR), (99, 150, FLOOR))
    return person(*STANDS_AFAR.way[:-1], *back)


def thief(at_seconds):
    """Return somebody who comes, and is with the bag from 5 to 7 s later."""
    way = ((0, -20), (5, 150), (7, 150), (12, -20))
    return person(*((at_seconds + after, x, FLOOR + 2) for after, x in way), seed=7)


def flickering(share, seed, seconds):
    """Return a detector's luck: in ``share`` of the stretches of time it sees nothing."""
    missed = np.random.default_rng(seed).random(1000) < share
    return lambda at_seconds: not missed[int(at_seconds / seconds)]


def incidents(stage, fps, until=55, **options):
    return closed(play(stage, fps=fps, until=until, **options))


def state_of(incident):
    return incident.hits[0].numbers["state"]


@pytest.mark.parametrize("fps", RATES)
def test_put_down_and_stay(fps):
    stays = person(*COMES, (99, 150, FLOOR))

    assert incidents(Stage([BAG, stays]), fps) == []


@pytest.mark.parametrize("fps", [25, *RATES])
@pytest.mark.parametrize(
    "owner, left_at", [(STANDS_AFAR, 13.64), (LEAVES, 14.24)], ids=["afar", "out of sight"]
)
def test_walk_away(owner, left_at, fps):
    (incident,) = incidents(Stage([BAG, owner]), fps)

    assert incident.class_name == "unknown object"
    assert incident.opened_at_seconds == pytest.approx(left_at + 20, abs=2 / fps)
    assert (incident.close_reason, state_of(incident)) == ("source_ended", "abandoned")
    left, top, right, bottom = incident.box_xyxy
    assert (left + right) / 2 == pytest.approx(165 / WIDTH, abs=0.01)
    assert bottom == pytest.approx(FLOOR / HEIGHT, abs=0.02)


@pytest.mark.parametrize("fps", RATES)
def test_come_back_in_time(fps):
    assert incidents(Stage([BAG, returns(26)]), fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_come_back_too_late(fps):
    (incident,) = incidents(Stage([BAG, returns(42)]), fps)

    assert (incident.close_reason, state_of(incident)) == ("rule_stopped", "reclaimed")
    assert incident.closed_at_seconds == pytest.approx(43.4, abs=1.1)


@pytest.mark.parametrize("fps", RATES)
def test_somebody_else_takes_it_when_it_is_abandoned(fps):
    stage = Stage([bag(10.5, 44.5, 165), STANDS_AFAR, thief(38)])

    (incident,) = incidents(stage, fps)

    assert (incident.close_reason, state_of(incident)) == ("rule_stopped", "taken")
    assert incident.hits[0].numbers["taken_by_track_id"] == 2
    assert incident.closed_at_seconds == pytest.approx(45, abs=1.5)


@pytest.mark.parametrize("fps", RATES)
def test_somebody_else_takes_it_before_that(fps):
    assert incidents(Stage([bag(10.5, 22.5, 165), STANDS_AFAR, thief(16)]), fps) == []


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("share", [0.5 * np.ones(1), 0.8 * LAMP], ids=["everywhere", "lamp"])
def test_light_switched_on_and_off(share, fps):
    def light(at_seconds):
        return 1 + share if 9 <= at_seconds < 40 else 1.0

    switches = person((4, -20, FLOOR), (9, 200, FLOOR), (12, 200, FLOOR), (16, 340, FLOOR))

    assert incidents(Stage([switches], light=light), fps) == []
    assert len(incidents(Stage([BAG, LEAVES], light=light), fps)) == 1


@pytest.mark.parametrize("fps", RATES)
def test_slow_daylight(fps):
    walks = person((4, -20, FLOOR), (9, 200, FLOOR), (12, 200, FLOOR), (20, 340, FLOOR))
    stage = Stage([walks], light=lambda at_seconds: (1 - 0.4 * at_seconds / 100) * (1 + 0.2 * LAMP))

    assert incidents(stage, fps, until=100) == []


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_person_standing_still_for_two_minutes(share, fps):
    way = (*COMES, (130, 150, FLOOR), (135, 340, FLOOR))
    still = person(*way, is_detected=flickering(share, 1, 0.5))
    passer_by = person((15, -20, FLOOR + 5), (25, 340, FLOOR + 5), seed=5)

    assert incidents(Stage([still, passer_by]), fps, until=140) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_person_standing_still_whom_the_detector_loses(fps):
    way = (*COMES, (75, 150, FLOOR), (80, 340, FLOOR))
    still = person(*way, is_detected=lambda at_seconds: not 30 < at_seconds < 65)
    passer_by = person((28, -20, FLOOR + 5), (38, 340, FLOOR + 5), seed=5)

    assert incidents(Stage([still, passer_by]), fps, until=85) == []


CAR_ARRIVES = ((4, -70, FLOOR), (9, 200, FLOOR), (99, 200, FLOOR))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    "is_detected",
    [lambda at: True, flickering(0.3, 2, 3.0), lambda at: at < 20, lambda at: False],
    ids=["always", "now and then", "until it is parked", "never"],
)
def test_a_parked_car_arriving(is_detected, fps):
    car = Actor(CAR_ARRIVES, CAR, 61, "car", is_detected)
    driver = person((12, 200, FLOOR + 10), (20, -30, FLOOR + 10))

    assert incidents(Stage([car, driver]), fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_passers_by_before_an_abandoned_bag_are_one_incident(fps):
    passers_by = [
        person((at, -20, FLOOR + 6), (at + 4, 340, FLOOR + 6), seed=9 + at)
        for at in range(20, 50, 5)
    ]

    (incident,) = incidents(Stage([BAG, LEAVES, *passers_by]), fps)

    assert incident.opened_at_seconds == pytest.approx(34.24, abs=2 / fps)
    assert incident.close_reason == "source_ended"


@pytest.mark.parametrize("fps", RATES)
def test_two_bags(fps):
    way = ((14, -20, FLOOR), (18, 75, FLOOR), (21, 75, FLOOR), (25, -20, FLOOR))
    other = bag(20.5, 99, 90, seed=52)

    found = incidents(Stage([BAG, other, LEAVES, person(*way, seed=4)]), fps, until=60)

    assert [round(one.opened_at_seconds) for one in found] == [34, 44]
    assert found[0].box_xyxy[0] > 0.4 > found[1].box_xyxy[2]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("end", [99, 14], ids=["stays", "is taken"])
def test_a_bag_that_was_there_at_the_start(end, fps):
    assert incidents(Stage([bag(0, end, 165), LEAVES]), fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_what_people_called_a_fixture(fps):
    fixture = (150 / WIDTH, 130 / HEIGHT, 180 / WIDTH, 154 / HEIGHT)

    assert incidents(Stage([BAG, LEAVES]), fps, fixtures=[fixture]) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_bag_has_the_name_under_which_it_was_carried(fps):
    way = ((4, -8, FLOOR), (9, 162, FLOOR), (10.5, 165, FLOOR))
    carried = Actor(way, BAG.size, BAG.seed, "backpack")

    (incident,) = incidents(Stage([carried, BAG, LEAVES]), fps)

    assert incident.class_name == "backpack"
    assert incident.hits[0].why.startswith("backpack left unattended in hall for ")


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    "is_detected", [lambda at: True, flickering(0.5, 3, 3.0)], ids=["always", "now and then"]
)
def test_a_bag_that_the_detector_sees_is_one_incident(is_detected, fps):
    seen = bag(10.5, 99, 165, class_name="backpack", is_detected=is_detected)

    (incident,) = incidents(Stage([seen, LEAVES]), fps)

    assert incident.class_name == "backpack"
    assert incident.opened_at_seconds == pytest.approx(34.24, abs=2 / fps)


def test_the_motion_gate_changes_nothing():
    stage = Stage([BAG, LEAVES, thief(38)])

    gated, plain = (incidents(stage, 10, gate=gate) for gate in (True, False))

    assert [one.opened_at_seconds for one in gated] == [one.opened_at_seconds for one in plain]


@pytest.mark.parametrize("cut", [1, 33, 55, 64, 65, 81, 100, 171, 200, 223, 226])
def test_a_run_split_anywhere_is_the_unsplit_run(cut):
    stage = Stage([bag(10.5, 44.5, 165), STANDS_AFAR, thief(38)])

    assert play(stage, fps=5, until=50, cut=cut) == _unsplit()


@functools.cache
def _unsplit():
    return play(Stage([bag(10.5, 44.5, 165), STANDS_AFAR, thief(38)]), fps=5, until=50)
