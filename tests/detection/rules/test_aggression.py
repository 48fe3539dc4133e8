"""Persons who struggle within reach of each other are an incident; those who just meet are not."""

import random
from dataclasses import replace

import pytest

from detection.rules.config import parse_config
from hitlsite.errors import DomainError
from tests.detection.rules.scenes import OUTSIDE, closed, confirm_late, make_engine, play
from tests.detection.rules.walks import (
    BODY,
    box_at,
    brawl,
    film,
    going,
    incidents,
    still,
    struggling,
)

RATES = (25.0, 10.0, 5.0, 2.0)


def fight(*, since=2.0, until=10.0, x=0.8, first=1):
    """Return two who stand together and struggle between two times."""
    return {
        first: struggling(x, 1, since=since, until=until),
        first + 1: struggling(x + 0.15, 2, since=since, until=until),
    }


def shaky(place, seed, sigma=0.02):
    """Return a place whose box jitters as a detector's does."""
    noise = random.Random(seed)

    def shaken(at):
        box = place(at)
        return box and tuple(edge + noise.gauss(0, sigma * BODY) for edge in box)

    return shaken


@pytest.mark.parametrize("fps", RATES)
def test_a_struggle_fires_at_every_rate(fps):
    (incident,) = incidents([brawl()], film(fight(), fps=fps, until=16), fps=fps)
    assert 3.0 <= incident.opened_at_seconds <= 5.5 + 2 / fps
    assert 9.5 <= incident.closed_at_seconds <= 13.0
    assert (incident.category, incident.class_name) == ("aggression", "person")
    assert incident.track_ids == (1, 2)
    assert incident.key.startswith("brawl:pair:1-2:")
    numbers = incident.hits[0].numbers
    assert numbers["count"] == 2
    assert numbers["relative_speed"] >= numbers["threshold_motion"] == 0.25
    assert 0 < numbers["distance"] < 1
    assert numbers["limb_speed"] is None
    assert incident.hits[0].why.startswith("aggression between 2 persons in frame for ")


def test_however_many_struggle_the_key_is_short():
    crowd = {
        number: struggling(0.6 + 0.01 * (number % 20), number % 2, since=2.0, until=10.0)
        for number in range(1, 61)
    }
    (incident,) = incidents([brawl()], film(crowd, fps=5.0, until=16), fps=5.0)
    assert incident.hits[0].numbers["count"] > 40
    assert len(incident.key) < 40


def test_every_rate_opens_at_the_same_time():
    opened = {
        fps: incidents([brawl()], film(fight(), fps=fps, until=16), fps=fps)[0].opened_at_seconds
        for fps in RATES
    }
    for fps, at in opened.items():
        assert abs(at - opened[25.0]) <= 2 / fps + 0.01, opened


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(
    "places",
    [
        {1: still(0.8), 2: still(0.95)},  # talk
        {1: still(0.8), 2: still(0.84)},  # embrace
        {1: going(0.8), 2: going(0.8, start=0.35)},  # walk together
        {1: going(1.0), 2: going(-1.0, start=1.5)},  # pass each other
        {1: going(1.0), 2: still(0.8)},  # one passes the other
        {1: going(0.8, until=2.0), 2: going(-0.8, start=1.3, until=2.0)},  # meet and stop
        {1: going(3.0, start=0.1), 2: going(3.0, start=0.25)},  # run together
        {1: struggling(0.4, 1), 2: struggling(1.4, 2)},  # out of reach
        {1: struggling(0.8, 1), 2: still(0.95)},  # one works, the other stands by
    ],
    ids=["talk", "embrace", "together", "past", "one-passes", "meet", "run", "apart", "one"],
)
def test_what_is_no_aggression(places, fps):
    places = {track_id: shaky(place, track_id) for track_id, place in places.items()}
    assert incidents([brawl()], film(places, fps=fps, until=6), fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_scuffle_of_a_second_is_too_short(fps):
    frames = film(fight(since=3.0, until=3.8), fps=fps, until=9)
    assert incidents([brawl(min_duration_seconds=4)], frames, fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_jump_between_two_who_stand_together_is_silent(fps):
    """Tracks that swap once, or a box that hops, are the tracker's business."""
    places = {
        1: lambda at: box_at(0.8 if at < 3 else 0.95),
        2: lambda at: box_at(0.95 if at < 3 else 0.8),
    }
    assert incidents([brawl()], film(places, fps=fps, until=8), fps=fps) == []


@pytest.mark.parametrize("fps", [25.0, 5.0])
def test_tracks_that_break_off_do_not_end_it(fps):
    lost = {(1, number) for number in range(int(16 * fps)) if number % 7 == 3}
    frames = film(fight(), fps=fps, until=16, lost=lost)
    renamed = []
    for frame in frames:  # the second fighter goes on under a new id
        late = frame.at_seconds > 7
        seen = [
            replace(one, track_id=9) if late and one.track_id == 2 else one
            for one in frame.observations
        ]
        renamed.append(replace(frame, observations=tuple(seen)))
    assert len(incidents([brawl()], renamed, fps=fps)) == 1


def test_one_brawl_of_four_is_one_incident():
    places = {k: struggling(0.6 + 0.15 * k, k, since=2, until=12) for k in range(1, 5)}
    (incident,) = incidents([brawl()], film(places, fps=5.0, until=18), fps=5.0)
    assert set(incident.track_ids) == {1, 2, 3, 4}
    assert incident.hits[0].numbers["count"] == 4
    assert incident.hits[0].why.startswith("aggression between 4 persons in frame")


def test_those_who_join_belong_to_it_and_two_brawls_apart_are_two():
    joining = {**fight(until=14.0), 3: struggling(1.1, 3, since=6, until=14)}
    (incident,) = incidents([brawl()], film(joining, fps=5.0, until=18), fps=5.0)
    assert incident.hits[0].numbers["count"] == 3
    apart = {**fight(x=0.3), **fight(x=1.3, first=3)}
    found = incidents([brawl()], film(apart, fps=5.0, until=16), fps=5.0)
    assert sorted(one.track_ids for one in found) == [(1, 2), (3, 4)]


def test_a_pause_within_the_grace_is_bridged():
    def place(x, seed):
        wild, calm = struggling(x, seed, since=2), still(x)
        return lambda at: calm(at) if 7 <= at < 8.2 else wild(at)

    places = {1: place(0.8, 1), 2: place(0.95, 2)}
    assert len(incidents([brawl()], film(places, fps=5.0, until=14), fps=5.0)) == 1


def test_fast_limbs_of_two_who_stand_close_count():
    def striking(x, speed):
        return lambda at: (box_at(x), speed if at > 1 else None)

    fast = film({1: striking(0.8, 2.5), 2: striking(0.95, 2.0)}, fps=5.0, until=6)
    (incident,) = incidents([brawl()], fast, fps=5.0)
    assert incident.hits[0].numbers["limb_speed"] == 2.5
    for pair in (
        {1: striking(0.8, 1.1), 2: striking(0.95, 1.1)},  # as walking does
        {1: striking(0.8, 3.0), 2: striking(0.95, 0.3)},  # one alone
        {1: striking(0.3, 3.0), 2: striking(0.95, 3.0)},  # out of reach
    ):
        assert incidents([brawl()], film(pair, fps=5.0, until=6), fps=5.0) == []


def test_only_persons_in_the_zone_count():
    here = film(fight(), fps=5.0, until=14)
    (incident,) = incidents([replace(brawl(), zones=("hall",))], here, fps=5.0)
    assert incident.hits[0].zone == "hall"
    raised = [
        replace(
            frame,
            observations=tuple(
                replace(one, box_xyxy=(one.box_xyxy[0], 0.2, one.box_xyxy[2], OUTSIDE))
                for one in frame.observations
            ),
        )
        for frame in here
    ]
    assert incidents([replace(brawl(), zones=("hall",))], raised, fps=5.0) == []
    dogs = [
        replace(
            frame,
            observations=tuple(replace(one, class_name="dog") for one in frame.observations),
        )
        for frame in here
    ]
    assert incidents([brawl()], dogs, fps=5.0) == []
    (incident,) = incidents([replace(brawl(), classes=("dog",))], dogs, fps=5.0)
    assert "between 2 of class dog" in incident.hits[0].why


def test_held_frames_end_it_quietly():
    frames = film(fight(until=30.0), fps=5.0, until=16, held=range(40, 80))
    (incident,) = incidents([brawl()], frames, fps=5.0)
    assert 8.0 <= incident.closed_at_seconds <= 10.5


@pytest.mark.parametrize("fps", [25.0, 2.0])
def test_it_goes_on_after_a_restart_as_if_nothing_had_happened(fps):
    places = {**fight(until=6.0), 3: going(0.8)}
    frames = confirm_late(film(places, fps=fps, until=10, lost={(1, 9), (2, 11)}, held={13, 14}))
    make = lambda: make_engine([brawl()], fps=fps)  # noqa: E731
    whole = play(make(), frames)
    assert len(closed(whole)) == 1
    cuts = range(len(frames)) if fps < 5 else range(0, len(frames), 23)
    for cut in cuts:
        assert play(make(), frames, cuts=(cut,), fresh=make) == whole
    assert play(make(), frames, cuts=range(len(frames)), fresh=make) == whole


def test_the_order_of_tracks_in_a_frame_does_not_matter():
    frames = film({**fight(), 3: going(0.8)}, fps=5.0, until=14)
    turned = [replace(one, observations=one.observations[::-1]) for one in frames]
    assert incidents([brawl()], frames, fps=5.0) == incidents([brawl()], turned, fps=5.0)


def test_lost_subjects_leave_nothing_behind():
    engine = make_engine([brawl()], fps=5.0)
    for frame in film(fight(until=9.0), fps=5.0, until=9):
        engine.update(frame)
    assert engine.state()["memories"][0]["brawls"]["frame"]
    for frame in film({}, fps=5.0, until=20, phase=9.2):
        engine.update(frame)
    memory = engine.state()["memories"][0]
    assert all(scene[2:] == [[], [[], []]] for scene in memory["stretch"])
    assert memory["brawls"] == {"frame": []}
    assert all(moment[1] == [] for moment in memory["trails"])


@pytest.mark.parametrize(
    "given", [{"reach": 0}, {"min_duration_seconds": 0.1}, {"threshold_motion": -1}]
)
def test_parameters_out_of_bounds_are_refused(given):
    with pytest.raises(DomainError) as refusal:
        parse_config({"rules": [{"kind": "aggression", **given}]}, file_name="rules.yaml")
    assert list(refusal.value.fields) == [f"rules[0].{next(iter(given))}"]


def test_the_default_severity_is_high():
    config = parse_config({"rules": [{"kind": "aggression"}]}, file_name="rules.yaml")
    assert config.rules[0].severity == "high"
