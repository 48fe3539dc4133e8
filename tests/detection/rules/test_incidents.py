"""How an incident opens, grows and ends."""

from dataclasses import replace

import pytest

from detection.rules.base import RuleSpec
from detection.rules.incidents import most_common_class, span_boxes
from detection.rules.subjects import Subject
from detection.vision.types import TrackedFrame
from tests.detection.rules.scenes import (
    OUTSIDE,
    Visit,
    closed,
    crowd,
    entry,
    film,
    loitering,
    make_engine,
    play,
    run,
)

PRESENCE = RuleSpec("presence", "presence", severity="info")


def kinds(transitions):
    return [transition.kind for transition in transitions]


class TestEnd:
    """The close reason, and the time: when the rule last held, not when that was noticed."""

    @pytest.mark.parametrize(
        "visits, reason, until",
        [
            ([Visit(1, 0, 10)], "track_lost", None),
            ([Visit(1, 0, 10), Visit(1, 10.1, 20, feet=OUTSIDE)], "rule_stopped", None),
            ([Visit(1, 0, 10)], "source_ended", 11.0),
            ([Visit(1, 0, 10), Visit(1, 10.1, 11, feet=OUTSIDE)], "source_ended", 11.0),
            ([Visit(1, 0, 10), Visit(1, 10.1, 11, feet=OUTSIDE)], "rule_stopped", None),
        ],
    )
    def test_reason_and_time(self, visits, reason, until):
        (incident,) = run([loitering()], visits, until=until)
        assert incident.close_reason == reason
        assert incident.closed_at_seconds == 10.0
        assert incident.hits[0].closed_at_seconds == 10.0

    def test_a_rule_that_stopped_before_the_source_ended_is_not_cut_short(self):
        engine = make_engine([loitering()])
        for frame in film([Visit(1, 0, 10)], until=10.0):
            engine.update(frame)
        (transition,) = engine.finish(60.0)
        assert transition.incident.close_reason == "track_lost"

    def test_finish_without_an_incident_gives_nothing(self):
        assert make_engine([loitering()]).finish(0.0) == []

    def test_frames_missing_for_long_lose_every_track(self):
        person = Visit(1, 0, 60)
        frames = [frame for frame in film([person]) if not 8 < frame.at_seconds < 30]
        first, second = closed(play(make_engine([loitering()]), frames))
        assert (first.close_reason, first.closed_at_seconds) == ("track_lost", 8.0)
        assert second.opened_at_seconds == pytest.approx(35, abs=0.4)


class TestSeveralRules:
    """A visitor whose stay outlasts entry, then loitering; presence in the picture goes on."""

    VISITS = (Visit(1, 0, 10), Visit(1, 10.1, 20, feet=OUTSIDE))

    def test_every_rule_joins_in_order_with_its_own_times(self):
        (incident,) = run([loitering(), entry(), PRESENCE], self.VISITS)
        assert [
            (hit.kind, hit.zone, hit.opened_at_seconds, hit.closed_at_seconds)
            for hit in incident.hits
        ] == [
            ("restricted_zone_entry", "vault", 1.0, 10.0),
            ("presence", "frame", 1.0, 20.0),
            ("loitering", "hall", 5.0, 10.0),
        ]
        assert incident.category == "restricted_zone_entry"
        assert incident.severity == "high"
        assert incident.closed_at_seconds == 20.0

    def test_each_start_and_stop_is_one_transition(self):
        transitions = play(make_engine([loitering(), entry(), PRESENCE]), film(self.VISITS))
        assert kinds(transitions) == ["opened", "updated", "updated", "closed"]
        loitered, stopped = (transition.incident for transition in transitions[1:3])
        assert [hit.kind for hit in loitered.hits][-1] == "loitering"
        assert [hit.closed_at_seconds for hit in loitered.hits] == [None] * 3
        assert [hit.closed_at_seconds for hit in stopped.hits] == [10.0, None, 10.0]

    @pytest.mark.parametrize("severities", [("info", "critical"), ("critical", "info")])
    def test_the_highest_severity_counts(self, severities):
        first, second = severities
        rules = [replace(entry(), severity=first), replace(loitering(), severity=second)]
        assert run(rules, self.VISITS)[0].severity == "critical"

    def test_the_opening_record_speaks_of_the_time_of_opening(self):
        opened, *_, over = play(make_engine([loitering()]), film(self.VISITS))
        assert opened.incident.hits[0].why == "person loitering in hall for 5 s"
        assert opened.incident.hits[0].numbers["dwell_seconds"] == 5.0
        assert opened.incident.closed_at_seconds is None
        assert over.incident.hits[0].why == "person loitering in hall for 10 s"
        assert over.incident.hits[0].numbers == {
            "dwell_seconds": 10.0,
            "since_seconds": 0.0,
            "threshold_seconds": 5.0,
        }
        assert over.incident.hits[0].parameters["cooldown_seconds"] == 30.0


class TestCoolDown:
    def visits(self, back_at):
        away = Visit(1, 5.1, back_at - 0.1, feet=OUTSIDE)
        return [Visit(1, 0, 5), away, Visit(1, back_at, back_at + 5)]

    @pytest.mark.parametrize("back_at, opened", [(10, [1.0]), (33, [1.0, 35.0]), (40, [1.0, 41.0])])
    def test_the_same_subject_opens_no_second_hit_within_it(self, back_at, opened):
        incidents = run([entry()], self.visits(back_at))
        assert [one.opened_at_seconds for one in incidents] == pytest.approx(opened, abs=0.2)

    def test_it_may_be_none(self):
        assert len(run([entry(cooldown_seconds=0)], self.visits(10))) == 2

    def test_it_holds_for_each_rule_by_itself(self):
        late = replace(loitering(4.0), name="late")
        visits = [Visit(1, 0, 3), Visit(1, 3.1, 9, feet=OUTSIDE), Visit(1, 9.1, 15)]
        incidents = run([entry(), late], visits)
        assert [one.category for one in incidents] == ["restricted_zone_entry", "loitering"]

    def test_it_ends_with_the_track(self):
        assert len(run([entry()], [Visit(1, 0, 5), Visit(2, 8, 13)])) == 2

    def test_it_survives_a_switch_of_ids(self):
        away = [Visit(1, 5.1, 8, feet=OUTSIDE), Visit(2, 8.4, 12, feet=OUTSIDE)]
        assert len(run([entry()], [Visit(1, 0, 5), *away, Visit(2, 12.1, 18)])) == 1


class TestRecord:
    def test_peak_is_the_best_observation_while_a_rule_held(self):
        scores = dict.fromkeys(range(100), 0.5) | {2: 0.99, 30: 0.9, 40: 0.9, 60: 0.95}
        frames = []
        for number in range(75):
            feet = 0.9 if number < 55 else OUTSIDE
            person = Visit(1, 0, 99, score=scores[number], feet=feet, x=0.3 + number / 1000)
            frames.append(TrackedFrame(number / 5, (person.observe(number / 5),)))
        (incident,) = closed(play(make_engine([loitering()]), frames))
        assert incident.peak_score == 0.9
        assert incident.peak_at_seconds == 6.0
        assert incident.box_xyxy == pytest.approx((0.28, 0.6, 0.38, 0.9))

    def test_keys_name_rule_subject_and_time(self):
        incidents = run([entry()], [Visit(7, 0, 5), Visit(3, 1, 5, x=0.2)])
        assert [incident.key for incident in incidents] == ["entry:7:1000", "entry:3:2000"]

    def test_a_crowds_key_names_its_zone(self):
        visits = [Visit(number, 0, 9, x=0.2 * number) for number in (1, 2, 3)]
        assert run([crowd()], visits)[0].key == "crowd:crowd:hall:3000"

    def test_simultaneous_subjects_have_an_incident_each(self):
        visits = [Visit(number, 0, 5, x=0.2 * number) for number in (1, 2, 3, 4)]
        incidents = run([entry()], visits)
        assert sorted(incident.track_ids for incident in incidents) == [(1,), (2,), (3,), (4,)]
        assert len({incident.key for incident in incidents}) == 4

    def test_live_incidents_say_where_each_stands(self):
        engine = make_engine([loitering()])
        for frame in film([Visit(1, 0, 10)], until=8.0):
            engine.update(frame)
        assert engine.live_incidents() == [("loitering:1:5000", 5.0, 7.8)]


def test_span_boxes():
    assert span_boxes([(0.1, 0.2, 0.3, 0.4)]) == (0.1, 0.2, 0.3, 0.4)
    assert span_boxes([(0.1, 0.2, 0.3, 0.4), (0.0, 0.3, 0.2, 0.9)]) == (0.0, 0.2, 0.3, 0.9)


@pytest.mark.parametrize(
    "names, expected",
    [(["dog"], "dog"), (["dog", "cat", "dog"], "dog"), (["dog", "cat"], "cat")],
)
def test_most_common_class(names, expected):
    subjects = [Subject(number) for number in range(len(names))]
    for subject, name in zip(subjects, names, strict=True):
        subject.class_name = name
    assert most_common_class(subjects) == expected
