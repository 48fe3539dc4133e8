"""Running is rapid movement; walking, jitter, jumps and growing boxes are not."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.rules.config import parse_config
from hitlsite.errors import DomainError
from tests.detection.rules.scenes import HALL, OUTSIDE, closed, confirm_late, make_engine, play
from tests.detection.rules.walks import (
    BODY,
    box_at,
    film,
    going,
    incidents,
    rapid,
    still,
)

RATES = (25.0, 10.0, 5.0, 2.0)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("speed", [0.0, 0.8, 1.2])
def test_walking_is_silent(fps, speed):
    assert incidents([rapid()], film({1: going(speed)}, fps=fps, until=6), fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_running_fires_at_every_rate(fps):
    run = going(3.0, since=2.0, until=4.0)
    (incident,) = incidents([rapid()], film({1: run}, fps=fps, until=8), fps=fps)
    # Over a window of 0.6 s, 3 body heights/s average 2 of them 0.4 s after the start.
    assert abs(incident.opened_at_seconds - 2.4) <= 2 / fps + 0.01
    assert 4.0 - 0.01 <= incident.closed_at_seconds <= 4.5
    assert (incident.category, incident.severity) == ("rapid_movement", "medium")
    numbers = incident.hits[0].numbers
    assert numbers["speed"] == pytest.approx(3.0, abs=0.05)
    assert numbers["threshold_speed"] == 2.0
    assert numbers["window_seconds"] == 0.6
    assert numbers["distance"] == pytest.approx(6.0, abs=1.5)
    assert incident.hits[0].why == "person moving at 3.0 body heights/s in frame"


@given(
    speed=st.floats(2.6, 5.0),
    length=st.floats(0.2, 0.45),
    start=st.floats(1.0, 2.0),
    fps=st.sampled_from([25.0, 12.0, 5.0, 2.0]),
    offset=st.floats(0, 0.999),
    late=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_near_or_far_the_same_run_is_found(speed, length, start, fps, offset, late):
    """The picture's scale does not matter, nor where the samples fall."""

    def run(at):
        gone = min(max(at, start), start + 2.0) - start
        return box_at(0.1 + length * speed * gone, body=length)

    frames = film({1: run}, fps=fps, until=8, phase=offset / fps)
    frames = confirm_late(frames) if late else frames
    found = incidents([rapid()], frames, fps=fps)
    assert len(found) == 1
    onset = start + 0.6 * 2.0 / speed
    assert abs(found[0].opened_at_seconds - onset) <= 2 / fps + 0.01


@pytest.mark.parametrize("fps", RATES)
def test_jitter_is_silent(fps):
    noise = random.Random(5)

    def shaky(at):
        edges = zip(box_at(0.8), (1 / 1.78, 1, 1 / 1.78, 1), strict=True)
        return tuple(edge + noise.gauss(0, 0.04) * BODY * scale for edge, scale in edges)

    assert incidents([rapid()], film({1: shaky}, fps=fps, until=30), fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("gap", [0, 1])
def test_a_jump_to_somebody_else_is_silent(fps, gap):
    """A track, or a stitched subject, goes on at another person's place."""

    def switched(at):
        return box_at(0.5 if at < 3 else 0.95)

    lost = {(1, math.ceil(3 * fps) + number) for number in range(gap)}
    frames = film({1: switched}, fps=fps, until=6, lost=lost)
    assert incidents([rapid()], frames, fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_two_tracks_that_swap_are_silent(fps):
    def one(at):
        return box_at(0.5 if at < 3 else 1.0)

    def other(at):
        return box_at(1.0 if at < 3 else 0.5)

    assert incidents([rapid()], film({1: one, 2: other}, fps=fps, until=6), fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_box_that_grows_has_not_moved(fps):
    """The lower half of somebody behind a counter comes and goes, the box merges with another."""

    def behind_a_counter(at):
        return box_at(0.5, feet=0.7, body=0.15) if int(at) % 2 else box_at(0.5, feet=0.9, body=0.35)

    def merging(at):
        left, top, right, feet = box_at(1.0)
        return (left, top, right + (0.35 if 2 < at < 4 else 0.0), feet)

    places = {1: behind_a_counter, 2: merging}
    assert incidents([rapid()], film(places, fps=fps, until=8), fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_somebody_who_walks_in_over_the_lower_edge_is_silent(fps):
    def rising(at):
        top = 1.0 - 0.5 * min(0.8 * at, 1.0)
        return (0.45, top, 0.55, 1.0) if top < 0.98 else None

    assert incidents([rapid()], film({1: rising}, fps=fps, until=6), fps=fps) == []


@pytest.mark.parametrize("fps", [25.0, 5.0])
def test_a_walker_whom_the_gate_overlooks_is_silent(fps):
    held = {number for number in range(int(8 * fps)) if number % 3}
    frames = film({1: going(0.9)}, fps=fps, until=8, held=held)
    assert incidents([rapid()], frames, fps=fps) == []


@pytest.mark.parametrize("fps", RATES)
def test_a_run_after_a_long_hold_is_found(fps):
    run = going(3.0, since=4.0, until=6.0)
    frames = film({1: run}, fps=fps, until=9, held=range(1, int(4 * fps)))
    (incident,) = incidents([rapid()], frames, fps=fps)
    assert abs(incident.opened_at_seconds - 4.4) <= 2 / fps + 0.01


def test_missed_frames_do_not_hide_a_run():
    lost = {(1, number) for number in range(50) if number % 4 == 1}
    frames = film({1: going(3.0, since=2.0, until=5.0)}, fps=5.0, until=8, lost=lost)
    assert len(incidents([rapid()], frames, fps=5.0)) == 1


def test_short_pauses_are_bridged_and_speeds_about_the_threshold_are_one_incident():
    def surging(at):
        return box_at(0.05 + BODY * (2.0 * at + 0.15 * math.sin(3 * at)))

    assert len(incidents([rapid()], film({1: surging}, fps=5.0, until=4.5), fps=5.0)) == 1

    def pausing(at):
        gone = min(at, 1.5) + max(at - 2.5, 0.0)
        return box_at(0.05 + BODY * 3.0 * gone)

    assert len(incidents([rapid()], film({1: pausing}, fps=5.0, until=4.5), fps=5.0)) == 1
    strict = rapid(grace_seconds=0, cooldown_seconds=0)
    assert len(incidents([strict], film({1: pausing}, fps=5.0, until=4.5), fps=5.0)) == 2


def test_only_zones_and_classes_of_the_rule_count():
    run = film({1: going(3.0, feet=OUTSIDE)}, fps=5.0, until=4)
    assert incidents([replace(rapid(), zones=("hall",))], run, fps=5.0) == []
    assert incidents([replace(rapid(), classes=("dog",))], run, fps=5.0) == []
    inside = film({1: going(3.0)}, fps=5.0, until=4)
    (incident,) = incidents([replace(rapid(), zones=("hall",))], inside, fps=5.0)
    assert incident.hits[0].zone == HALL.name


@pytest.mark.parametrize("fps", [25.0, 2.0])
def test_it_goes_on_after_a_restart_as_if_nothing_had_happened(fps):
    places = {1: going(3.0, since=1.0, until=3.0), 2: going(0.8, start=0.6), 3: still(1.5)}
    lost = {(1, 12), (2, 13)}
    frames = confirm_late(film(places, fps=fps, until=6, lost=lost, held={7, 8}))
    make = lambda: make_engine([rapid()], fps=fps)  # noqa: E731
    whole = play(make(), frames)
    assert len(closed(whole)) == 1
    cuts = range(len(frames)) if fps < 5 else range(0, len(frames), 7)
    for cut in cuts:
        assert play(make(), frames, cuts=(cut,), fresh=make) == whole
    assert play(make(), frames, cuts=range(len(frames)), fresh=make) == whole


def test_the_order_of_tracks_in_a_frame_does_not_matter():
    places = {1: going(3.0, since=1.0), 2: going(2.5, feet=0.6), 3: still(1.5)}
    frames = film(places, fps=5.0, until=5)
    turned = [replace(one, observations=one.observations[::-1]) for one in frames]
    assert incidents([rapid()], frames, fps=5.0) == incidents([rapid()], turned, fps=5.0)


def test_lost_subjects_leave_nothing_behind():
    engine = make_engine([rapid()], fps=5.0)
    for number in range(600):
        at = number / 5
        box = box_at(0.1 + 3 * BODY * (at % 4))
        (frame,) = film({1 + number // 20: lambda _, box=box: box}, fps=5.0, until=0.1)
        engine.update(
            replace(
                frame,
                at_seconds=at,
                observations=tuple(replace(one, at_seconds=at) for one in frame.observations),
            )
        )
    memory = engine.state()["memories"][0]
    assert len(memory["trails"]) <= 5
    assert all(len(moment[1]) <= 2 for moment in memory["trails"])
    assert len(memory["runs"]["frame"]) <= 2


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"release_speed": 3.0}, "rules[0].release_speed"),
        ({"threshold_speed": 0}, "rules[0].threshold_speed"),
        ({"window_seconds": "long"}, "rules[0].window_seconds"),
    ],
)
def test_contradictions_are_refused(given, key):
    with pytest.raises(DomainError) as refusal:
        parse_config({"rules": [{"kind": "rapid_movement", **given}]}, file_name="rules.yaml")
    assert list(refusal.value.fields) == [key]
    assert "rules.yaml" in refusal.value.message
