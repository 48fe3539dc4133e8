"""What no tracker should send: a defined answer, or one clear error, and never a growing memory."""

import json
import math

import pytest

from detection.rules.base import RULE_KINDS, RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.vision.types import Observation, TrackedFrame
from hitlsite.errors import DomainError

HALL = ZoneSpec("hall", "monitored", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)))
VAULT = ZoneSpec("vault", "restricted", HALL.polygon)
STANDING = (0.4, 0.6, 0.5, 0.9)


def every_kind():
    """Return a rule of every kind, on a place or on the whole frame, at its defaults."""
    return [
        RuleSpec(kind, kind, ("vault",) if rule.zone_kinds == ("restricted",) else ())
        for kind, rule in sorted(RULE_KINDS.items())
    ]


def make_engine(rules=None, fps=5.0):
    rules = every_kind() if rules is None else rules
    return RuleEngine([HALL, VAULT], rules, aspect_ratio=16 / 9, sampling_fps=fps)


def loitering(seconds=5.0):
    return RuleSpec("loitering", "loitering", ("hall",), parameters={"threshold_seconds": seconds})


def seen(at, track_id=1, box=STANDING, score=0.8, class_name="person"):
    return Observation(at, track_id, class_name, score, box)


def play(engine, frames):
    changes = [change for frame in frames for change in engine.update(frame)]
    return changes, [one.incident for one in changes if one.kind == "opened"]


def size_of(engine):
    return len(json.dumps(engine.state()))


class TestTime:
    def test_frames_from_the_past_change_nothing(self):
        engine = make_engine([loitering()])
        play(engine, [TrackedFrame(k / 5, (seen(k / 5),)) for k in range(40)])
        before = engine.state()
        past = [TrackedFrame(k / 5, (seen(k / 5, 7),)) for k in range(39, -10, -1)]
        assert play(engine, past) == ([], [])
        assert engine.state() == before

    def test_a_clock_that_stutters_gives_what_a_steady_one_gives(self):
        """Every frame twice, and now and then an old one in between."""
        steady = [TrackedFrame(k / 5, (seen(k / 5),)) for k in range(60)]
        stuttering = [
            frame
            for position, one in enumerate(steady)
            for frame in (one, one, steady[position // 2])
        ]
        assert play(make_engine(), stuttering) == play(make_engine(), steady)

    def test_a_leap_of_the_clock_ends_what_was_there(self):
        """A year later the same id is somebody else: nothing is bridged."""
        year = 31_536_000.0
        engine = make_engine([loitering()])
        frames = [TrackedFrame(k / 5, (seen(k / 5),)) for k in range(40)]
        late = [TrackedFrame(year + k / 5, (seen(year + k / 5),)) for k in range(40)]
        changes, opened = play(engine, [*frames, *late])
        assert [one.kind for one in changes] == ["opened", "closed", "opened"]
        assert [one.opened_at_seconds for one in opened] == [5.0, year + 5.0]
        assert changes[1].incident.close_reason == "track_lost"

    @pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf])
    def test_a_time_that_is_none_is_refused_by_name(self, at):
        engine = make_engine()
        before = engine.state()
        with pytest.raises(DomainError, match="at_seconds") as caught:
            engine.update(TrackedFrame(at, (seen(1.0),)))
        assert caught.value.code == "observation_invalid"
        assert engine.state() == before

    def test_an_earlier_sighting_of_no_time_is_refused(self):
        late = TrackedFrame(1.0, (seen(1.0),), earlier=(seen(math.nan),))
        with pytest.raises(DomainError, match="Track 1"):
            make_engine().update(late)


BAD = [math.nan, math.inf, -math.inf]


class TestBoxes:
    @pytest.mark.parametrize("value", BAD)
    @pytest.mark.parametrize("edge", range(4))
    @pytest.mark.parametrize("where", ["observations", "earlier", "foreground"])
    def test_a_box_that_is_none_is_refused_by_name(self, value, edge, where):
        box = tuple(value if place == edge else one for place, one in enumerate(STANDING))
        engine = make_engine()
        engine.update(TrackedFrame(0.0, (seen(0.0),)))
        before = engine.state()
        with pytest.raises(DomainError, match=r"Track 9 at 1\.0 s.*box_xyxy") as caught:
            engine.update(TrackedFrame(1.0, **{where: (seen(1.0, 9, box),)}))
        assert caught.value.code == "observation_invalid"
        assert engine.state() == before

    @pytest.mark.parametrize("score", BAD)
    def test_a_score_that_is_none_is_refused_by_name(self, score):
        with pytest.raises(DomainError, match="Track 3.*score"):
            make_engine().update(TrackedFrame(1.0, (seen(1.0, 3, score=score),)))

    @pytest.mark.parametrize(
        "box",
        [(0.5, 0.6, 0.4, 0.9), (0.4, 0.9, 0.5, 0.6), (0.5, 0.9, 0.4, 0.6)],
        ids=["x2 < x1", "y2 < y1", "both"],
    )
    def test_a_box_inside_out_is_refused_by_name(self, box):
        with pytest.raises(DomainError, match="Track 3.*box_xyxy"):
            make_engine().update(TrackedFrame(1.0, (seen(1.0, 3, box),)))

    @pytest.mark.parametrize(
        "box", [(0.4, 0.9, 0.4, 0.9), (-3.0, -3.0, 4.0, 4.0), (5.0, 5.0, 6.0, 6.0)]
    )
    def test_a_box_without_size_or_out_of_the_frame_is_borne(self, box):
        frames = [TrackedFrame(k / 5, (seen(k / 5, box=box),)) for k in range(60)]
        _, opened = play(make_engine(), frames)
        assert {one.category for one in opened} <= {
            "person_detected",
            "loitering",
            "restricted_zone_entry",
        }

    def test_one_id_for_two_boxes_is_refused_by_name(self):
        twice = (seen(1.0, 4), seen(1.0, 4, (0.7, 0.6, 0.8, 0.9)))
        engine = make_engine()
        with pytest.raises(DomainError, match="Track 4.*twice"):
            engine.update(TrackedFrame(1.0, twice))


class TestJumps:
    def jumping(self, seconds=60.0, fps=5.0):
        """A track that is now here, now at the other side of the picture."""
        places = (STANDING, (0.9, 0.6, 1.0, 0.9))
        times = [k / fps for k in range(int(seconds * fps))]
        return [
            TrackedFrame(at, (seen(at, box=places[number % 2]),)) for number, at in enumerate(times)
        ]

    def test_a_track_that_jumps_across_the_frame_is_one_subject(self):
        """It stays in its zone, so it dwells; jumping to and fro is neither running nor a fight."""
        _, opened = play(make_engine([loitering()]), self.jumping())
        assert [one.opened_at_seconds for one in opened] == [5.0]

    @pytest.mark.parametrize("fps", [25.0, 5.0, 2.0])
    def test_a_jump_is_no_run(self, fps):
        times = [k / fps for k in range(int(20 * fps))]
        frames = [
            TrackedFrame(at, (seen(at, box=STANDING if at < 10 else (0.9, 0.6, 1.0, 0.9)),))
            for at in times
        ]
        assert play(make_engine([RuleSpec("run", "rapid_movement")], fps), frames)[1] == []

    def test_a_jump_out_of_the_zone_is_leaving_it(self):
        frames = [
            TrackedFrame(k / 5, (seen(k / 5, box=STANDING if k < 15 else (0.4, 0.1, 0.5, 0.3)),))
            for k in range(100)
        ]
        assert play(make_engine([loitering()]), frames)[1] == []


class TestMemory:
    def test_thousands_of_tracks_leave_nothing_behind(self):
        """A new id in every frame, as a broken tracker gives."""
        engine = make_engine()
        play(engine, [TrackedFrame(k / 5, (seen(k / 5),)) for k in range(10)])
        sizes = []
        for number in range(3000):
            at = 10.0 + number / 5
            x = 0.05 + 0.8 * (number * 0.618 % 1.0)
            box = (x, 0.6, x + 0.1, 0.9)
            engine.update(TrackedFrame(at, (seen(at, 100 + number, box),)))
            if number % 500 == 499:
                sizes.append(size_of(engine))
        assert max(sizes[1:]) < 1.5 * sizes[0]

    def test_a_thousand_tracks_at_once_are_borne(self):
        crowd = [
            (0.0009 * number, 0.6, 0.0009 * number + 0.02, 0.7 + 0.0003 * number)
            for number in range(1000)
        ]
        frames = [
            TrackedFrame(float(at), tuple(seen(at, n + 1, box) for n, box in enumerate(crowd)))
            for at in range(4)
        ]
        rules = [loitering(2.0), RuleSpec("crowd", "crowd_formation", ("hall",))]
        _, opened = play(make_engine(rules, fps=1.0), frames)
        assert sum(one.category == "loitering" for one in opened) == 1000
        assert sum(one.category == "crowd_formation" for one in opened) == 1

    def test_empty_hours_cost_nothing(self):
        engine = make_engine(fps=1.0)
        engine.update(TrackedFrame(0.0))
        first = size_of(engine)
        play(engine, [TrackedFrame(float(at)) for at in range(1, 6 * 3600)])
        assert size_of(engine) < first + 2000

    def test_a_long_day_of_visitors_leaves_nothing_behind(self):
        """A visitor every minute, with a thing put down at every tenth visit, for a day."""
        engine = make_engine(fps=1.0)
        sizes = []
        for minute in range(24 * 60):
            for second in (*range(20), 25, 30, 40, 50):
                engine.update(visited(minute, 60.0 * minute + second, second))
            if minute % 120 == 119:
                sizes.append(size_of(engine))
        assert max(sizes[1:]) < 1.2 * sizes[0] + 2000
        assert engine.finish(24 * 3600.0) == []

    def test_a_subject_that_stays_all_day_stays_small(self):
        engine = make_engine(fps=1.0)
        sizes = []
        for second in range(6 * 3600):
            engine.update(TrackedFrame(float(second), (seen(float(second)),)))
            if second % 3600 == 3599:
                sizes.append(size_of(engine))
        assert max(sizes) < 1.1 * sizes[0]


def visited(minute, at, second):
    """Return a frame of a visit: 20 s in the zone, a thing left for the half of the minute."""
    people = (seen(at, 1000 + minute),) if second < 20 else ()
    things = ()
    if minute % 10 == 0 and 5 <= second <= 30:
        things = (seen(at, minute, (0.45, 0.85, 0.48, 0.9), class_name="unknown object"),)
    return TrackedFrame(at, people, foreground=things)
