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


def test_a_blob_found_beside_an_open_incident_is_the_same_thing():
    """The detector's box grows over a blob that formed beside it, while the owner is back."""
    back = walker(1, *LEAVES.way[:4], (40, 0.95, 0.9), (44, 0.5, 0.9), (90, 0.5, 0.9))
    narrow = walker(4, (10, 0.45, 0.9), (45.9, 0.45, 0.9), class_name="suitcase", size=(0.06, 0.08))
    wide = replace(narrow, way=((46, 0.48, 0.9), (90, 0.48, 0.9)), size=(0.12, 0.08))
    beside = Blob(start=45.6, settles=0.2, box=(0.475, 0.82, 0.54, 0.9))

    (incident,) = run([back, narrow, wide], [beside], rule(grace_seconds=8.0), until=80)

    assert incident.close_reason == "rule_stopped"
    assert incident.hits[0].numbers["state"] == "reclaimed"
    assert set(incident.track_ids) == {4}


EARLY = walker(9, (0, 0.51, 0.9), (6, 0.51, 0.9), class_name="suitcase", size=(0.06, 0.08))


def visit(begin, *, gone=200):
    """Return somebody who puts a suitcase where one stood in the beginning, and leaves it."""
    steps = ((0, 0.0), (4, 0.5), (6, 0.5), (10, 0.95), (gone, 0.95))
    owner = walker(1, *((begin + after, x, 0.9) for after, x in steps))
    put = begin + 5
    return [owner, replace(SUITCASE, way=((put, 0.51, 0.9), (begin + gone, 0.51, 0.9)))]


@pytest.mark.parametrize(("begin", "count"), [(30, 0), (80, 1), (300, 1)])
def test_a_place_of_the_start_seen_empty_for_a_minute_is_like_any_other(begin, count):
    assert len(run([EARLY, *visit(begin)], until=begin + 60)) == count


def test_a_place_behind_people_is_not_seen_empty():
    before_it = walker(7, (7, 0.51, 0.95), (78, 0.51, 0.95))

    assert run([EARLY, before_it, *visit(80)], until=140) == []
    assert len(run([EARLY, before_it, *visit(150)], until=210)) == 1


def test_what_settles_anew_at_a_place_of_the_start_is_new():
    settled = Blob(start=35.0)

    assert len(run([EARLY, *visit(30)], [settled], until=90)) == 1


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
