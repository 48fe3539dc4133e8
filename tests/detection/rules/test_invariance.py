"""The same truth gives the same incidents, however it was sampled, scaled, ordered or cut."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection import checkpoints
from detection.rules.base import RULE_KINDS
from detection.rules.engine import RuleEngine
from tests.detection.rules import truths
from tests.detection.rules.truths import MARGIN, Person, Scenario

RATES = (25.0, 5.0, 2.0)
# Two sample periods of the slower rate, and roundings.
SLACK = 0.01
# A struggle is judged on the average of two seconds, so its end is less sharp than its start.
AVERAGED_SECONDS = 1.0
modest = settings(max_examples=40, deadline=None, derandomize=True)


# -- scenarios


@st.composite
def stays(draw, threshold, shortest=0.7):
    """Draw (seconds inside, absence or None, whether it is longer than the threshold)."""
    is_long = draw(st.booleans()) or threshold - 2 * MARGIN < shortest
    if not is_long:
        return draw(st.floats(shortest, threshold - 2 * MARGIN)), None, False
    inside = threshold + draw(st.floats(2 * MARGIN, 5.0))
    absence = None
    latest = threshold - truths.LONGEST_BRIDGED - 2 * MARGIN
    if latest > shortest and draw(st.booleans()):
        seconds = draw(st.floats(0.2, truths.LONGEST_BRIDGED))
        how = draw(st.sampled_from(["outside", "blink"]))
        absence = (draw(st.floats(shortest, latest)), seconds, how)
    return inside, absence, True


@st.composite
def visits(draw, person, thresholds, expected):
    """Let a person make visits, and note in ``expected`` what the rules must find."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(sorted(thresholds)))
        rule, threshold = thresholds[place]
        inside, absence, is_long = draw(stays(threshold))
        if absence and absence[2] == "blink" and person.number > 1:
            absence = (*absence[:2], "outside")
        # People stand apart, so that who blinks is taken for nobody else.
        truths.visit(
            person, place, inside=inside, absence=absence, lane=0.02 * person.number - 0.05
        )
        person.wait(draw(st.floats(1.5, 4.0)))
        if is_long:
            expected.append((rule, place, (person.number,)))


@st.composite
def meetings(draw, people, minimum, expected):
    """Let some people meet on the plaza, for clearly long enough or not, enough of them or not."""
    guests = people[: draw(st.integers(2, len(people)))]
    start = max(person.now for person in people) + 8.0
    is_long = draw(st.booleans())
    margin = draw(st.floats(2 * MARGIN, 4.0)) if is_long else -2 * MARGIN - 0.8
    together = minimum + margin
    for position, person in enumerate(guests):
        x = truths.COLUMNS["plaza"] + 0.04 * position - 0.06
        person.go(x, truths.CORRIDOR)
        down = (truths.TOP - truths.CORRIDOR) / (person.pace * person.height)
        person.wait_until(start + draw(st.floats(0.0, 0.4)) - down)
        inside = start + 0.4 + together + draw(st.floats(0.0, 0.4)) - person.now - down
        truths.visit(person, "plaza", inside=inside, lane=0.04 * position - 0.06)
    if is_long and len(guests) >= 3:
        expected.append(("crowd_formation", "plaza", tuple(one.number for one in guests)))


@st.composite
def happenings(draw, people, rules, expected):
    """Let somebody run or walk, two struggle or stand, a thing be left or not; return things."""
    if draw(st.booleans()):
        speed = draw(st.floats(3.0, 4.5) | st.floats(0.7, 1.1))
        people.append(truths.run_across(5, at=draw(st.floats(3.0, 8.0)), speed=speed))
        rules.append(truths.watch("rapid_movement"))
        if speed > 2.0:
            expected.append(("rapid_movement", "frame", (5,)))
    if draw(st.booleans()):
        draw(struggles(people, rules, expected))
    if not draw(st.booleans()):
        return []
    threshold = draw(st.floats(10.0, 14.0))
    is_long = draw(st.booleans())
    # Who comes back is believed to be back after a second.
    away = threshold - 2 * MARGIN - 1.0
    if is_long:
        away = threshold + draw(st.floats(2 * MARGIN, 5.0))
    owner, thing = truths.put_down(8, at=draw(st.floats(7.0, 9.0)), away=away)
    people.append(owner)
    rules.append(truths.watch("object_left_unattended", threshold_seconds=threshold))
    if is_long:
        expected.append(("object_left_unattended", "frame", ()))
    return [thing]


@st.composite
def struggles(draw, people, rules, expected):
    """Let two persons struggle for some seconds or only stand together, poses known or not."""
    seconds = draw(st.sampled_from([0.0]) | st.floats(6.0, 9.0))
    at = draw(st.floats(4.0, 8.0))
    steps = draw(st.lists(st.floats(0.55, 0.75), min_size=5, max_size=9))
    pair = truths.scuffle((6, 7), at=at, seconds=seconds, steps=steps)
    if draw(st.booleans()):
        for person in pair:
            person.limb_speeds = [(at, at + seconds, 3.0), (0.0, 1000.0, 0.5)]
    people += pair
    rules.append(truths.watch("aggression", ("ring",)))
    if seconds:
        expected.append(("aggression", "ring", (6, 7)))


@st.composite
def days(draw):
    """Draw a scenario of people in and out of two to four places, with rules about dwell."""
    limit, minimum, gathering = (
        draw(st.floats(3.0, 6.0)),
        draw(st.floats(1.0, 2.5)),
        draw(st.floats(2.2, 4.0)),
    )
    cooldown = draw(st.sampled_from([0.0, 600.0]))
    names = ["hall", "vault", *draw(st.sampled_from([[], ["yard"]]))]
    thresholds = dict.fromkeys(names, ("loitering", limit))
    thresholds["vault"] = ("restricted_zone_entry", minimum)
    people, expected = [], []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        person = Person(number, height=draw(st.floats(0.18, 0.25)), pace=draw(st.floats(0.8, 1.1)))
        person.start(draw(st.floats(0.0, 2.0)), 0.02 + 0.05 * number)
        person.wait(3.0)
        draw(visits(person, thresholds, expected))
        people.append(person)
    rules = [
        truths.loitering(limit, cooldown, [name for name in names if name != "vault"]),
        truths.entry(minimum, cooldown),
    ]
    zones = [truths.make_zone(name, draw(st.floats(0.0, 0.04))) for name in names]
    zones.append(truths.RING)
    if len(people) > 1 and draw(st.booleans()):
        draw(meetings(people, gathering, expected))
        zones.append(truths.make_zone("plaza"))
        rules.append(truths.crowd(gathering))
    things = draw(happenings(people, rules, expected))
    if draw(st.booleans()):
        rules.append(truths.watch("presence"))
        expected += [("presence", "frame", (one.number,)) for one in people]
    _leave(people, things)
    if cooldown:
        # A rule does not open twice for one person, in whichever of its places.
        first = {(rule, who): place for rule, place, who in reversed(expected)}
        expected = [(rule, place, who) for (rule, who), place in first.items()]
    return Scenario(people, zones, rules, things=things, expected=expected)


def _leave(people, things):
    """Let everybody stay in the corridor until the last one is done, and go one by one."""
    last = max(person.now for person in people)
    for thing in things:
        thing.end = last + 5.0
    for person in people:
        person.wait_until(last + 1.0 + 0.3 * person.number)
        person.end()


# -- playing


def make_engine(scenario, fps):
    return RuleEngine(scenario.zones, scenario.rules, aspect_ratio=truths.ASPECT, sampling_fps=fps)


def play(scenario, frames, fps, *, cuts=()):
    """Return all transitions; before each frame in ``cuts`` a fresh engine takes over."""
    engine, transitions = make_engine(scenario, fps), []
    for position, frame in enumerate(frames):
        if position in cuts:
            state = checkpoints.decode(checkpoints.encode(engine.state()))
            engine = make_engine(scenario, fps)
            engine.restore(state)
        transitions += engine.update(frame)
    return transitions + engine.finish(frames[-1].at_seconds)


def closed(transitions):
    return [one.incident for one in transitions if one.kind == "closed"]


def found(scenario, fps, *, phase=0.0, pixels=None):
    """Return the closed incidents by what they are, in order of opening."""
    frames = truths.film(scenario, fps, phase=phase, pixels=pixels)
    return ordered(scenario, closed(play(scenario, frames, fps)))


def ordered(scenario, incidents):
    return sorted(incidents, key=lambda one: (identity(scenario, one), one.opened_at_seconds))


def identity(scenario, incident):
    """Return what must not change: category, people, rules with their places."""
    hits = Counter((hit.kind, hit.zone) for hit in incident.hits)
    return incident.category, scenario.whose(incident.track_ids), sorted(hits.items())


def told_hits(scenario, incidents):
    """Return how often each (rule kind, place, people) was found."""
    return Counter(
        (hit.kind, hit.zone, scenario.whose(incident.track_ids))
        for incident in incidents
        for hit in incident.hits
    )


def assert_same(scenario, ours, others, slack):
    assert [identity(scenario, one) for one in ours] == [identity(scenario, one) for one in others]
    for mine, other in zip(ours, others, strict=True):
        assert mine.opened_at_seconds == pytest.approx(other.opened_at_seconds, abs=slack)
        vague = AVERAGED_SECONDS if mine.category == "aggression" else 0.0
        assert mine.closed_at_seconds == pytest.approx(other.closed_at_seconds, abs=slack + vague)


# -- properties


@given(scenario=days(), phase=st.floats(0.0, 0.99))
@modest
def test_the_sampling_rate_does_not_matter(scenario, phase):
    by_rate = {fps: found(scenario, fps, phase=phase) for fps in RATES}
    for fps, incidents in by_rate.items():
        assert told_hits(scenario, incidents) == Counter(scenario.expected), fps
    for fps in RATES[1:]:
        assert_same(scenario, by_rate[RATES[0]], by_rate[fps], 2 / fps + SLACK)
    assert_same(scenario, by_rate[5.0], by_rate[2.0], 2 / 2.0 + SLACK)


@given(scenario=days(), fps=st.sampled_from(RATES[1:]))
@modest
def test_the_resolution_does_not_matter(scenario, fps):
    fine = found(scenario, fps, pixels=(1920, 1080))
    coarse = found(scenario, fps, pixels=(320, 180))
    assert told_hits(scenario, coarse) == Counter(scenario.expected)
    assert_same(scenario, fine, coarse, 1 / fps + SLACK)


@given(scenario=days(), seed=st.integers(0, 1000))
@modest
def test_the_order_of_simultaneous_tracks_does_not_matter(scenario, seed):
    chance = random.Random(seed)
    frames = truths.film(scenario, 5.0)
    mixed = [
        replace(
            frame,
            observations=tuple(chance.sample(frame.observations, len(frame.observations))),
            foreground=tuple(chance.sample(frame.foreground, len(frame.foreground))),
        )
        for frame in frames
    ]
    assert play(scenario, mixed, 5.0) == play(scenario, frames, 5.0)


@given(scenario=days(), seed=st.integers(0, 1000))
@modest
def test_the_names_of_tracks_do_not_matter(scenario, seed):
    """Other ids, in another order: the same incidents at the same times."""
    frames = truths.film(scenario, 5.0)
    ids = sorted({one.track_id for frame in frames for one in frame.observations})
    names = dict(zip(ids, random.Random(seed).sample(range(1, 10_000), len(ids)), strict=True))
    back = {name: track_id for track_id, name in names.items()}
    renamed = [
        replace(
            frame,
            observations=tuple(
                replace(one, track_id=names[one.track_id]) for one in frame.observations
            ),
        )
        for frame in frames
    ]
    theirs = [_renamed(one, back) for one in closed(play(scenario, renamed, 5.0))]
    ours = closed(play(scenario, frames, 5.0))
    assert [_nameless(one) for one in ordered(scenario, theirs)] == [
        _nameless(one) for one in ordered(scenario, ours)
    ]


def _renamed(incident, names):
    """Return an incident with other ids for its tracks, and for those that its figures name."""
    hits = []
    for hit in incident.hits:
        changed = {
            name: names.get(number, number)
            for name, number in hit.numbers.items()
            if name.endswith("track_id") and number is not None
        }
        hits.append(replace(hit, numbers=hit.numbers | changed))
    ids = tuple(names.get(track_id, track_id) for track_id in incident.track_ids)
    return replace(incident, hits=tuple(hits), track_ids=ids)


def _nameless(incident):
    """Return an incident without what spells an id or lists tracks in order of their ids."""
    return replace(incident, key="", track_ids=tuple(sorted(incident.track_ids)))


@given(scenario=days(), cuts=st.sets(st.integers(0, 200), max_size=8))
@modest
def test_segments_do_not_matter(scenario, cuts):
    frames = truths.film(scenario, 5.0)
    assert play(scenario, frames, 5.0, cuts=cuts) == play(scenario, frames, 5.0)


def test_every_kind_of_rule_has_scenarios():
    """A new kind has to be added to the scenarios of this file."""
    kinds = {
        *("loitering", "restricted_zone_entry", "crowd_formation", "presence"),
        *("rapid_movement", "aggression", "object_left_unattended"),
    }
    assert set(RULE_KINDS) == kinds


def test_every_frame_may_be_a_segment():
    person = Person(1)
    person.start(0.0, 0.1)
    truths.visit(person, "hall", inside=8.0, absence=(2.0, 0.8, "blink"))
    person.end()
    scenario = Scenario(
        [person], [truths.make_zone("hall")], [truths.loitering(5.0, 0.0, ["hall"])]
    )
    frames = truths.film(scenario, 5.0)
    whole = play(scenario, frames, 5.0)
    assert [one.kind for one in whole] == ["opened", "closed"]
    assert play(scenario, frames, 5.0, cuts=range(len(frames))) == whole
