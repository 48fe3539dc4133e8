"""An incident is told if, and as soon as, its best score reaches the threshold of its class."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.rules.score_floor import ScoreFloor
from tests.detection.rules.scenes import (
    Visit,
    closed,
    crowd,
    entry,
    film,
    loitering,
    make_engine,
)

FPS = 5.0
RULES = [loitering(3.0), entry(), crowd(threshold_count=2, min_duration_seconds=1.0)]


def scored(visit, scores):
    """Return the frames of one visit whose scores go through a list, the last one staying."""
    frames = film([visit], fps=FPS)
    seen = 0
    for number, frame in enumerate(frames):
        if frame.observations:
            score = scores[min(seen, len(scores) - 1)]
            observations = tuple(replace(one, score=score) for one in frame.observations)
            frames[number] = replace(frame, observations=observations)
            seen += 1
    return frames


def play(frames, thresholds, *, rules=RULES, cuts=()):
    """Return what is told, as (frame or None for the end, kind, record)."""
    engine, floor = make_engine(rules, fps=FPS), ScoreFloor(thresholds)
    told = []
    for number, frame in enumerate(frames):
        if number in cuts:
            state = json.loads(json.dumps([engine.state(), floor.state()]))
            engine, floor = make_engine(rules, fps=FPS), ScoreFloor(thresholds)
            engine.restore(state[0])
            floor.restore(state[1])
        for one in floor.pass_on(engine.update(frame), engine.open_incidents):
            told.append((frame.at_seconds, one.kind, one.incident))
    end = frames[-1].at_seconds
    for one in floor.pass_on(engine.finish(end), engine.open_incidents):
        told.append((None, one.kind, one.incident))
    return told


def records(told):
    return closed([replace_kind(kind, record) for _, kind, record in told])


def replace_kind(kind, record):
    from detection.rules.incidents import Transition

    return Transition(kind, record)


visits = st.lists(
    st.builds(
        Visit,
        track_id=st.integers(1, 6),
        start=st.floats(0, 6),
        end=st.floats(6, 14),
        x=st.sampled_from([0.2, 0.5, 0.8]),
        class_name=st.sampled_from(["person", "car"]),
        score=st.sampled_from([0.2, 0.35, 0.5, 0.8]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda visit: visit.track_id,
)


@settings(max_examples=40, deadline=None)
@given(visits=visits)
def test_without_thresholds_nothing_changes(visits):
    frames = film(visits, fps=FPS)
    engine = make_engine(RULES, fps=FPS)
    plain = [one for frame in frames for one in engine.update(frame)]
    plain += engine.finish(frames[-1].at_seconds)

    told = play(frames, {})

    assert [replace_kind(kind, record) for _, kind, record in told] == plain


@settings(max_examples=60, deadline=None)
@given(visits=visits, low=st.floats(0, 1), high=st.floats(0, 1), cut=st.integers(0, 90))
def test_what_is_told_is_what_reaches_the_threshold(visits, low, high, cut):
    low, high = sorted((low, high))
    frames = film(visits, fps=FPS)
    every = records(play(frames, {}))

    of_low = records(play(frames, {"person": low}, cuts=(cut,)))
    of_high = records(play(frames, {"person": high}))

    for told, threshold in ((of_low, low), (of_high, high)):
        assert told == [
            one for one in every if one.class_name != "person" or one.peak_score >= threshold
        ]
    assert {one.key for one in of_high} <= {one.key for one in of_low}


@pytest.mark.parametrize("cuts", [(), (20, 30)])
def test_it_opens_in_the_frame_that_reaches_it_with_the_time_at_which_the_rule_held(cuts):
    visit = Visit(1, 1.0, 12.0)
    frames = scored(visit, [0.3] * 30 + [0.7] + [0.4])

    told = play(frames, {"person": 0.6}, rules=[loitering(3.0)], cuts=cuts)

    assert [kind for _, kind, _ in told] == ["opened", "closed"]
    (at, _, opened), (_, _, ended) = told
    assert at == pytest.approx(1.0 + 30 / FPS)
    assert opened.opened_at_seconds == pytest.approx(4.0)
    assert (opened.closed_at_seconds, opened.close_reason) == (None, None)
    assert ended.peak_score == 0.7


def test_a_high_score_from_before_the_rule_held_does_not_count():
    frames = scored(Visit(1, 1.0, 12.0), [0.9] * 5 + [0.3])

    assert play(frames, {"person": 0.6}, rules=[loitering(3.0)]) == []


def test_a_doubtful_member_still_makes_the_crowd():
    people = [Visit(1, 0.0, 9.0, x=0.3, score=0.9), Visit(2, 0.0, 9.0, x=0.6, score=0.2)]
    rules = [crowd(threshold_count=2, min_duration_seconds=1.0)]

    told = records(play(film(people, fps=FPS), {"person": 0.6}, rules=rules))

    assert [(one.category, one.peak_score) for one in told] == [("crowd_formation", 0.9)]


def test_what_ends_untold_is_named_once_for_its_pictures_to_be_dropped():
    engine, floor = make_engine([loitering(3.0)], fps=FPS), ScoreFloor({"person": 0.9})
    for frame in film([Visit(1, 0.0, 8.0)], fps=FPS):
        assert floor.pass_on(engine.update(frame), engine.open_incidents) == []
        held = [key for key, *_ in engine.live_incidents()]
        assert all(floor.holds(key) for key in held)

    (key,) = floor.take_dropped()
    assert key.startswith("loitering:1:")
    assert floor.take_dropped() == []


def test_what_was_told_stays_told_and_what_was_held_follows_a_lower_threshold():
    engine, floor = make_engine([loitering(3.0)], fps=FPS), ScoreFloor({"person": 0.9})
    people = [Visit(1, 0.0, 30.0, x=0.3), Visit(2, 0.0, 30.0, x=0.7, score=0.95)]
    frames, told = film(people, fps=FPS), []
    for number, frame in enumerate(frames):
        if number == 30:
            floor.heed({"person": 0.99})
        if number == 60:
            floor.heed({})
        passed = floor.pass_on(engine.update(frame), engine.open_incidents)
        told += [(number, one.kind, one.incident.track_ids) for one in passed]

    opened = [(number, ids) for number, kind, ids in told if kind == "opened"]
    assert opened == [(15, (2,)), (60, (1,))]
    assert [kind for _, kind, _ in told].count("closed") == 2


def test_a_state_from_before_there_were_thresholds_holds_nothing():
    floor = ScoreFloor({"person": 0.9})
    floor.restore(None)

    assert floor.state() == {"held": []}
