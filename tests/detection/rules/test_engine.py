"""The promise of the rules: the same incidents however the film was sampled, cut or ordered."""

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detection.rules.base import RuleSpec, ZoneSpec
from detection.vision.types import Observation, TrackedFrame
from hitlsite.errors import DomainError
from tests.detection.rules.scenes import (
    HALL,
    OUTSIDE,
    VAULT,
    Visit,
    closed,
    confirm_late,
    crowd,
    entry,
    film,
    loitering,
    make_engine,
    play,
    run,
)

# In-zone stays of six people at a table, as read off a real film by eye.
TABLE_STAYS = [(6.3, 18.7), (23.1, 43.8), (50.7, 68.9), (75.1, 85.7), (92.6, 118.7), (123.9, 134.8)]
TABLE_VISITS = [Visit(number + 1, *stay) for number, stay in enumerate(TABLE_STAYS)]
LONG_STAYS = [stay for stay in TABLE_STAYS if stay[1] - stay[0] > 15]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("fps", [25, 10, 5, 2])
class TestSixVisits:
    def play(self, rules, fps, late):
        frames = film(TABLE_VISITS, fps=fps, until=139.4)
        frames = confirm_late(frames) if late else frames
        return closed(play(make_engine(rules, fps=fps), frames))

    def test_loitering_at_15_seconds_gives_three(self, fps, late):
        incidents = self.play([loitering(15)], fps, late)
        opened = [incident.opened_at_seconds for incident in incidents]
        reached = [start + 15 for start, _ in LONG_STAYS]
        assert opened == pytest.approx(reached, abs=max(1.0, 2 / fps))
        assert {incident.category for incident in incidents} == {"loitering"}

    def test_loitering_at_9_seconds_gives_six(self, fps, late):
        incidents = self.play([loitering(9)], fps, late)
        opened = [incident.opened_at_seconds for incident in incidents]
        reached = [start + 9 for start, _ in TABLE_STAYS]
        assert opened == pytest.approx(reached, abs=2 / fps)

    def test_entry_gives_six(self, fps, late):
        incidents = self.play([entry()], fps, late)
        ended = [incident.closed_at_seconds for incident in incidents]
        assert ended == pytest.approx([end for _, end in TABLE_STAYS], abs=1 / fps)

    def test_both_give_six_of_which_three_list_loitering_second(self, fps, late):
        incidents = self.play([loitering(15), entry()], fps, late)
        assert [incident.category for incident in incidents] == ["restricted_zone_entry"] * 6
        twofold = [incident.hits for incident in incidents if len(incident.hits) > 1]
        assert [[hit.kind for hit in hits] for hits in twofold] == [
            ["restricted_zone_entry", "loitering"]
        ] * 3
        assert [hits[1].opened_at_seconds for hits in twofold] == pytest.approx(
            [start + 15 for start, _ in LONG_STAYS], abs=max(1.0, 2 / fps)
        )
        for hits in twofold:
            assert "loitering in hall" in hits[1].why
            assert "restricted zone vault" in hits[0].why


# A life in the picture: (seconds, how) pieces; "gone" ends the track, the next has a new id.
short_gaps = st.tuples(st.floats(0.1, 1.4), st.sampled_from(["outside", "unseen", "gone"]))
long_gaps = st.tuples(st.floats(2.7, 6.0), st.sampled_from(["outside", "gone"]))
gaps = short_gaps | long_gaps
# Long enough to be sampled twice at 2 fps: a track seen once is never confirmed.
lives = st.lists(st.tuples(st.floats(1.1, 9.0), gaps), min_size=1, max_size=4)
starts = st.floats(0.0, 4.0)
scenarios = st.lists(st.tuples(starts, lives), min_size=1, max_size=3)


@dataclass
class Stay:
    """A true stay in the zone: pieces (start, end) with gaps of less than 2 s between them."""

    x: float
    pieces: list = field(default_factory=list)

    @property
    def length(self):
        return self.pieces[-1][1] - self.pieces[0][0]

    def may_open(self, threshold, period):
        """Return when it may open: at the threshold, or on coming back from a gap there."""
        reached = self.pieces[0][0] + threshold
        ends = [end - 2 * period for _, end in self.pieces]
        returns = [start for start, _ in self.pieces[1:]]
        gaps = zip(ends, returns, strict=False)
        return [reached, *(back for left, back in gaps if left < reached < back)]

    def is_of(self, incident, period):
        x = (incident.box_xyxy[0] + incident.box_xyxy[2]) / 2
        ends_with_it = abs(incident.closed_at_seconds - self.pieces[-1][1]) < period + 0.01
        return ends_with_it and abs(x - self.x) < 0.1


def live(scenario):
    """Return the visits of a scenario and its true stays."""
    visits, stays = [], []
    for lane, (start, life) in enumerate(scenario):
        at, x = start, 0.15 + 0.3 * lane
        track_id, is_bridged = 100 * lane + 1, False
        for seconds, (gap, how) in life:
            visits.append(Visit(track_id, at, at + seconds, x=x))
            if not is_bridged:
                stays.append(Stay(x))
            stays[-1].pieces.append((at, at + seconds))
            at += seconds
            if how == "outside":
                visits.append(Visit(track_id, at + 1e-6, at + gap - 1e-6, x=x, feet=OUTSIDE))
            track_id += how == "gone"
            is_bridged = gap < 2.0
            at += gap
    return visits, stays


@given(
    scenario=scenarios,
    threshold=st.floats(1.0, 6.0),
    fps=st.sampled_from([25, 10, 5, 3, 2]),
    offset=st.floats(0.0, 0.999),
    late=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_every_rate_finds_the_true_stays(scenario, threshold, fps, offset, late):
    visits, stays = live(scenario)
    period = 1 / fps
    assume(all(abs(stay.length - threshold) > period + 0.01 for stay in stays))
    expected = [stay for stay in stays if stay.length > threshold]
    frames = film(visits, fps=fps, phase=offset * period)
    frames = confirm_late(frames) if late else frames
    rules = [loitering(threshold, cooldown_seconds=0)]
    incidents = closed(play(make_engine(rules, fps=fps), frames))
    assert len(incidents) == len(expected)
    for stay in expected:
        (mine,) = [incident for incident in incidents if stay.is_of(incident, period)]
        may_open = stay.may_open(threshold, period)
        assert min(abs(mine.opened_at_seconds - then) for then in may_open) < 2 * period + 0.01


ALL_RULES = [
    loitering(2.5),
    entry(cooldown_seconds=3),
    crowd(threshold_count=2, min_duration_seconds=1),
    RuleSpec("presence", "presence", (), ("person", "car"), "info"),
]


def crowded_film(scenario, seed):
    """Return frames with scores that vary and lanes close enough for stitches to compete."""
    chance = random.Random(seed)
    visits, _ = live(scenario)
    visits = [replace(one, x=0.3 + one.x / 4) for one in visits]
    frames = []
    for frame in film(visits, fps=5):
        seen = [replace(one, score=chance.uniform(0.3, 0.9)) for one in frame.observations]
        frames.append(replace(frame, observations=tuple(seen)))
    return confirm_late(frames)


@given(scenario=scenarios, seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_order_of_simultaneous_tracks_does_not_matter(scenario, seed):
    frames = crowded_film(scenario, seed)
    chance = random.Random(seed)
    mixed = [
        replace(
            frame,
            observations=tuple(chance.sample(frame.observations, len(frame.observations))),
            earlier=tuple(chance.sample(frame.earlier, len(frame.earlier))),
        )
        for frame in frames
    ]
    assert play(make_engine(ALL_RULES), mixed) == play(make_engine(ALL_RULES), frames)


@given(scenario=scenarios, seed=st.integers(0, 1000), cuts=st.sets(st.integers(0, 150), max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_run_may_be_cut_anywhere(scenario, seed, cuts):
    frames = crowded_film(scenario, seed)
    whole = play(make_engine(ALL_RULES), frames)
    parts = play(make_engine(ALL_RULES), frames, cuts=cuts, fresh=lambda: make_engine(ALL_RULES))
    assert parts == whole


@given(scenario=scenarios, seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_held_frames_count_like_detected_ones(scenario, seed):
    """A still person gives the same incidents whether each frame was detected or held."""
    visits, _ = live(scenario)
    frames, chance = film(visits), random.Random(seed)
    held, last = [], None
    for frame in frames:
        boxes = [(one.track_id, one.box_xyxy) for one in frame.observations]
        held.append(replace(frame, is_held=boxes == last and chance.random() < 0.8))
        last = boxes
    assert play(make_engine(ALL_RULES), held) == play(make_engine(ALL_RULES), frames)


def test_a_held_observation_counts_at_its_frames_time():
    still = Visit(1, 0, 10).observe(0.0)
    frames = [TrackedFrame(k / 2, (still,), is_held=k > 0) for k in range(20)]
    (incident,) = closed(play(make_engine([loitering(5)], fps=2), frames))
    assert incident.opened_at_seconds == 5.0
    assert incident.closed_at_seconds == 9.5


def test_dwell_starts_at_observations_made_before_the_track_was_confirmed():
    person = Visit(1, 0, 10)
    late = TrackedFrame(1.0, (person.observe(1.0),), earlier=(person.observe(0.0),))
    rest = [TrackedFrame(float(k), (person.observe(float(k)),)) for k in range(2, 8)]
    incident = closed(play(make_engine([loitering(5)], fps=1), [late, *rest]))[0]
    assert incident.opened_at_seconds == 5.0
    assert incident.hits[0].numbers["since_seconds"] == 0.0


def test_a_frame_given_twice_changes_nothing():
    frames = film([Visit(1, 0, 10)])
    engine = make_engine([loitering(5)])
    once = [transition for frame in frames[:30] for transition in engine.update(frame)]
    again = [transition for frame in frames[:30] for transition in engine.update(frame)]
    assert [transition.kind for transition in once] == ["opened"]
    assert again == []


class TestAnchor:
    RIGHT = ZoneSpec("hall", "monitored", ((0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)))

    def is_inside(self, box):
        engine = make_engine([loitering(0)], zones=[self.RIGHT], fps=1)
        return bool(engine.update(TrackedFrame(0.0, (Observation(0.0, 1, "person", 0.9, box),))))

    @pytest.mark.parametrize(
        "box, expected",
        [
            ((0.6, 0.2, 0.8, 0.9), True),
            ((0.6, 0.6, 0.8, 1.0), True),  # feet on the picture's edge
            ((0.6, 0.6, 0.8, 1.02), True),  # a smoothed box a little past it
            ((0.6, 0.6, 0.8, 1.3), False),  # feet far below the picture
            ((0.9, 0.6, 1.3, 0.9), False),  # the anchor of the whole box is outside
            ((0.3, 0.6, 0.6, 0.9), False),  # clipped to the zone it would be inside
            ((0.6, 0.2, 0.8, 0.45), False),
        ],
    )
    def test_bottom_centre_of_the_unclipped_box(self, box, expected):
        assert self.is_inside(box) is expected


class TestRestore:
    def test_refuses_the_state_of_other_rules(self):
        state = make_engine([loitering()]).state()
        with pytest.raises(DomainError, match="loitering") as caught:
            make_engine([entry()]).restore(state)
        assert caught.value.code == "rules_changed"


@pytest.mark.parametrize(
    "rule, words",
    [
        (
            RuleSpec("odd", "juggling"),
            'unknown kind "juggling"; known: aggression, crowd_formation',
        ),
        (RuleSpec("odd", "loitering", ("cellar",)), 'unknown zone "cellar"'),
    ],
)
def test_a_rule_that_cannot_run_is_named(rule, words):
    with pytest.raises(DomainError, match=words):
        make_engine([rule])


def test_no_rules_and_no_tracks_give_nothing():
    assert run([], [Visit(1, 0, 5)]) == []
    assert play(make_engine([loitering()]), [TrackedFrame(0.0)]) == []


def test_rules_take_only_the_zones_they_name():
    elsewhere = replace(HALL, name="yard", polygon=((0, 0), (1, 0), (1, 0.2), (0, 0.2)))
    rule = replace(loitering(2), zones=("yard",))
    assert run([rule], [Visit(1, 0, 10)], zones=[HALL, elsewhere, VAULT]) == []
