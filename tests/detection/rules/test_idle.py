"""Empty frames that an idle engine need not be given: without them it is the same engine."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.rules.base import RULE_KINDS, RuleSpec
from detection.vision.types import Observation, TrackedFrame
from tests.detection.rules.scenes import HALL, VAULT, Visit, film, make_engine
from tests.detection.rules.test_engine import crowded_film, scenarios

EVERY_KIND = [RuleSpec(kind, kind) for kind in sorted(RULE_KINDS)]


def pass_by(engine, frames):
    """Give an engine empty frames, but of those it does not need only a few; count those given."""
    first_needed = frames[-1].at_seconds - engine.memory_seconds
    is_idle, given_frames = False, 0
    for frame in frames:
        is_idle = is_idle or engine.is_idle
        if not is_idle or frame.at_seconds >= first_needed:
            engine.update(frame)
            given_frames += 1
    return given_frames


def moved(frame, seconds):
    def later(seen):
        return Observation(seen.at_seconds + seconds, *_rest(seen))

    return TrackedFrame(
        frame.at_seconds + seconds,
        tuple(map(later, frame.observations)),
        tuple(map(later, frame.earlier)),
    )


def _rest(seen):
    return seen.track_id, seen.class_name, seen.score, seen.box_xyxy


@given(scenario=scenarios, seed=st.integers(0, 1000), silence=st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_an_engine_that_was_spared_empty_frames_is_the_same(scenario, seed, silence):
    frames = crowded_film(scenario, seed)
    whole, spared = make_engine(EVERY_KIND), make_engine(EVERY_KIND)
    for frame in frames:
        assert whole.update(frame) == spared.update(frame)
    end = frames[-1].at_seconds
    empty = [TrackedFrame(end + k / 5) for k in range(1, silence + 1)]
    for frame in empty:
        whole.update(frame)
    pass_by(spared, empty)
    for frame in frames[:60]:
        again = moved(frame, end + silence / 5 + 0.2)
        assert whole.update(again) == spared.update(again)
    assert json.dumps(whole.state()) == json.dumps(spared.state())


@pytest.mark.parametrize("kind", sorted(RULE_KINDS))
def test_every_kind_of_rule_comes_to_rest(kind):
    engine = make_engine([RuleSpec(kind, kind)], zones=(HALL, VAULT))
    for frame in film([Visit(1, 0, 20), Visit(2, 3, 9, x=0.6)], until=30):
        engine.update(frame)
    assert engine.is_idle
    assert pass_by(engine, [TrackedFrame(30 + k / 5) for k in range(600)]) < 100
