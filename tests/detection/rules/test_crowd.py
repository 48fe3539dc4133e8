"""Crowds form, hold and dissolve."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.detection.rules.scenes import (
    HALL,
    OUTSIDE,
    Visit,
    closed,
    confirm_late,
    crowd,
    film,
    loitering,
    make_engine,
    play,
    run,
)


def group(*spans, **options):
    """Return one visit for each (start, end), side by side."""
    return [
        Visit(number + 1, *span, x=0.1 + 0.15 * number, **options)
        for number, span in enumerate(spans)
    ]


def test_enough_for_long_enough_is_a_crowd():
    (incident,) = run([crowd()], group((0, 20), (2, 20), (4, 20)))
    assert incident.category == "crowd_formation"
    assert incident.opened_at_seconds == 7.0
    assert incident.track_ids == (1, 2, 3)
    assert incident.hits[0].why == "crowd of 3 in hall for 16 s"
    assert incident.hits[0].numbers == {
        "count": 3,
        "duration_seconds": 16.0,
        "since_seconds": 4.0,
        "threshold_count": 3,
        "min_duration_seconds": 3.0,
    }
    assert incident.box_xyxy == pytest.approx((0.05, 0.6, 0.45, 0.9))


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 20), (0, 20)],  # too few
        [(0, 20), (0, 20), (5, 7)],  # too short
        [(0, 6), (5, 11), (10, 16)],  # never at once
    ],
)
def test_what_is_no_crowd(spans):
    assert run([crowd()], group(*spans)) == []


def test_members_outside_the_zone_do_not_count():
    assert run([crowd()], [*group((0, 9), (0, 9)), Visit(9, 0, 9, x=0.8, feet=OUTSIDE)]) == []


def test_only_the_rules_classes_count():
    visits = [*group((0, 9), (0, 9)), Visit(9, 0, 9, x=0.8, class_name="dog")]
    assert run([replace(crowd(), classes=("person",))], visits) == []
    assert len(run([crowd()], visits)) == 1


def test_it_holds_while_the_release_count_stays():
    spans = [(0, 30), (0, 30), (0, 10)]
    assert [one.closed_at_seconds for one in run([crowd()], group(*spans))] == [30.0]
    strict = crowd(release_count=3)
    assert [one.closed_at_seconds for one in run([strict], group(*spans))] == [10.0]


def test_a_size_that_hovers_around_the_threshold_is_one_crowd():
    comings = [Visit(10 + k, 4 * k, 4 * k + 3, x=0.8) for k in range(8)]
    (incident,) = run([crowd(min_duration_seconds=2)], [*group((0, 40), (0, 40)), *comings])
    assert incident.closed_at_seconds == 40.0


def test_members_may_come_and_go():
    spans = [(0, 12), (0, 12), (0, 12), (6, 30), (6, 30), (6, 30)]
    (incident,) = run([crowd()], group(*spans))
    assert (incident.opened_at_seconds, incident.closed_at_seconds) == (3.0, 30.0)
    assert incident.hits[0].numbers["count"] == 6
    assert set(incident.track_ids) == {1, 2, 3, 4, 5, 6}


def test_two_rules_on_one_zone_are_one_incident():
    many = replace(crowd(threshold_count=5), name="many", severity="critical")
    spans = [(0, 30)] * 3 + [(10, 20)] * 2
    (incident,) = run([crowd(), many], group(*spans))
    assert [hit.rule_name for hit in incident.hits] == ["crowd", "many"]
    assert incident.severity == "critical"


def test_each_zone_has_its_own_crowd():
    other = replace(HALL, name="annex")
    rule = replace(crowd(), zones=("hall", "annex"))
    incidents = run([rule], group((0, 9), (0, 9), (0, 9)), zones=[HALL, other])
    assert sorted(one.hits[0].zone for one in incidents) == ["annex", "hall"]
    assert len({one.key for one in incidents}) == 2


def test_a_crowd_and_its_members_are_different_subjects():
    incidents = run([crowd(), loitering()], group((0, 9), (0, 9), (0, 9)))
    assert sorted(one.category for one in incidents) == ["crowd_formation"] + ["loitering"] * 3


def test_a_whole_frame_crowd_needs_no_zone():
    (incident,) = run([replace(crowd(), zones=())], group((0, 9), (0, 9), (0, 9), feet=OUTSIDE))
    assert incident.hits[0].zone == "frame"


class TestHysteresis:
    """It forms at threshold_count and lasts while release_count are there, gaps bridged."""

    @pytest.mark.parametrize(
        "gap, spans",
        [
            (1.6, [(3.0, 30.0)]),  # within the grace
            (4.0, [(3.0, 12.0)]),  # over, and formed again within the cool-down
        ],
    )
    def test_a_dip_below_the_release_count(self, gap, spans):
        visits = group((0, 30), (0, 12), (0, 12))
        visits += [Visit(11, 12 + gap, 30, x=0.25), Visit(12, 12 + gap, 30, x=0.4)]
        incidents = run([crowd()], visits)
        assert [(one.opened_at_seconds, one.closed_at_seconds) for one in incidents] == spans

    @pytest.mark.parametrize("size, is_held", [(5, True), (4, True), (3, True), (2, False)])
    def test_any_size_from_the_release_count_up_holds_it(self, size, is_held):
        spans = [(0, 30)] * size + [(0, 10)] * (5 - size)
        (incident,) = run([crowd(threshold_count=5, release_count=3)], group(*spans))
        assert incident.closed_at_seconds == (30.0 if is_held else 10.0)

    def test_the_release_count_does_not_form_one(self):
        rule = crowd(threshold_count=5, release_count=3)
        assert run([rule], group(*[(0, 30)] * 4)) == []

    @pytest.mark.parametrize("back, count", [(25, 1), (60, 2)])
    def test_a_zone_cools_down_before_its_next_crowd(self, back, count):
        first = group((0, 10), (0, 10), (0, 10))
        second = [
            replace(one, track_id=10 + one.track_id, start=back, end=back + 10) for one in first
        ]
        assert len(run([crowd()], [*first, *second])) == count

    def test_a_member_whose_track_changes_is_still_the_member(self):
        visits = [*group((0, 20), (0, 20)), Visit(7, 0, 5, x=0.8), Visit(8, 5.4, 20, x=0.8)]
        (incident,) = run([crowd(release_count=3)], visits)
        assert (incident.opened_at_seconds, incident.closed_at_seconds) == (3.0, 20.0)
        assert incident.hits[0].numbers["count"] == 3
        assert incident.track_ids == (1, 2, 7, 8)


@given(
    starts=st.lists(st.floats(0, 5), min_size=3, max_size=5),
    length=st.floats(6, 15),
    duration=st.floats(1, 6),
    fps=st.sampled_from([25, 10, 5, 2]),
    offset=st.floats(0, 0.999),
    late=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_every_rate_sees_the_same_crowd(starts, length, duration, fps, offset, late):
    period = 1 / fps
    spans = [(start, start + length) for start in starts]
    together = sorted(starts)[2]
    over = sorted((start + length for start in starts), reverse=True)[2]
    assume(abs(over - together - duration) > period + 0.01)
    frames = film(group(*spans), fps=fps, phase=offset * period)
    frames = confirm_late(frames) if late else frames
    rule = crowd(min_duration_seconds=duration, release_count=3)
    incidents = closed(play(make_engine([rule], fps=fps), frames))
    assert len(incidents) == (over - together > duration)
    for incident in incidents:
        assert abs(incident.opened_at_seconds - together - duration) < 2 * period + 0.01
        assert abs(incident.closed_at_seconds - over) < period + 0.01
