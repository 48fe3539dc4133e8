"""Things keep their identity while something shows them, and are forgotten when nothing does."""

import json
from dataclasses import replace

import pytest

from detection.vision.types import TrackedFrame
from tests.detection.rules.scenes import closed
from tests.detection.rules.walkers import (
    LEAVES,
    SUITCASE,
    Blob,
    engine_of,
    film,
    rule,
    run,
    walker,
)


def test_two_things_are_two_incidents():
    incidents = run([LEAVES], [Blob(), Blob(2, start=10.4, box=(0.38, 0.82, 0.44, 0.9))])

    assert len({one.key for one in incidents}) == 2


def test_a_thing_whose_blob_is_found_anew_is_the_same_incident():
    incidents = run([LEAVES], [Blob(end=40), Blob(2, start=38, end=99, settles=3.6)])

    assert len(incidents) == 1


@pytest.mark.parametrize("cut", [0, 40, 51, 70, 71, 110, 172, 200, 231, 250])
def test_a_run_split_anywhere_is_the_unsplit_run(cut):
    thief = walker(7, (40, 0.0, 0.92), (44, 0.48, 0.92), (46, 0.48, 0.92), (50, 0.0, 0.92))
    frames = film([LEAVES, thief, replace(SUITCASE, way=SUITCASE.way)], [Blob(end=46.5)])
    whole = engine_of()
    expected = [one for frame in frames for one in whole.update(frame)]

    engine, found = engine_of(), []
    for position, frame in enumerate(frames):
        if position == cut:
            saved = json.loads(json.dumps(engine.state()))
            engine = engine_of()
            engine.restore(saved)
        found += engine.update(frame)

    assert found == expected
    assert engine.state() == whole.state()


def test_what_is_gone_is_forgotten():
    engine = engine_of()
    blobs = [
        Blob(number, start=10.0 * number, end=10.0 * number + 6, settles=1.0)
        for number in range(1, 30)
    ]
    people = [
        walker(number, (10.0 * number - 3, 0.5, 0.9), (10.0 * number + 5, 0.5, 0.9))
        for number in range(1, 30)
    ]
    longest = 0
    for frame in film(people, blobs, until=330):
        engine.update(frame)
        longest = max(longest, len(json.dumps(engine.state())))

    state = engine.state()
    assert state["memories"][0]["things"]["things"] == []
    assert state["memories"][0]["rest"] == []
    assert longest < 20_000


def test_cool_downs_of_things_long_gone_are_forgotten():
    engine = engine_of(rule(threshold=2.0, cooldown_seconds=5.0))
    blobs = [Blob(number, start=20.0 * number, end=20.0 * number + 12) for number in range(1, 12)]
    people = [
        walker(
            number,
            (20.0 * number - 4, 0.5, 0.9),
            (20.0 * number + 1, 0.5, 0.9),
            (20.0 * number + 4, 1.0, 0.9),
        )
        for number in range(1, 12)
    ]
    transitions = [one for frame in film(people, blobs, until=260) for one in engine.update(frame)]

    assert len(closed(transitions)) == 11
    assert len(engine.state()["lifecycle"]["cooldowns"]) <= 2


def test_an_empty_scene_costs_no_memory():
    engine = engine_of()
    engine.update(TrackedFrame(0.0))
    assert engine.is_idle
    before = engine.state()["memories"]

    for frame in film([], until=30):
        engine.update(frame)

    assert engine.state()["memories"] == before
