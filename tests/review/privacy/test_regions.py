import json
import math

import pytest

from review.privacy.regions import (
    HOLD_SECONDS,
    WHOLE_PICTURE,
    Region,
    Timeline,
    clipped,
    covered_share,
    has_area,
    head_part,
    leaves_nothing,
    padded,
)


def region(left=0.4, *, size=0.1, at=None, source="yunet"):
    return Region((left, 0.4, left + size, 0.4 + size), source, 0.9, at)


def boxes(regions):
    return [tuple(round(side, 6) for side in one.box_xyxy) for one in regions]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4)),
        ((-1, -1, 2, 2), WHOLE_PICTURE),
        ((0.9, 0.9, 1.2, 0.95), (0.9, 0.9, 1.0, 0.95)),
    ],
)
def test_a_box_is_clipped_to_the_picture(box, expected):
    assert clipped(box) == expected
    assert has_area(box)


@pytest.mark.parametrize(
    "box", [(0.5, 0.5, 0.5, 0.9), (0.6, 0.1, 0.5, 0.9), (1.1, 0, 1.2, 1), (-1, 0, 0, 1)]
)
def test_a_box_outside_the_picture_is_refused(box):
    assert not has_area(box)
    with pytest.raises(ValueError, match="no area"):
        clipped(box)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_box_that_is_not_numbers_is_refused_and_never_thought_empty(bad):
    assert has_area((bad, 0, 1, 1)) or bad == math.inf
    with pytest.raises(ValueError, match="not a number"):
        clipped((bad, 0, 1, 1))


@pytest.mark.parametrize("source", ["yunet", "head", "moving", "residual"])
def test_what_was_detected_is_padded(source):
    assert padded(region(source=source)) == pytest.approx((0.382, 0.382, 0.518, 0.518))


def test_what_was_drawn_is_taken_as_drawn():
    assert padded(region(source="drawn")) == pytest.approx((0.4, 0.4, 0.5, 0.5))


def test_the_head_of_a_standing_person_is_the_top_of_the_box():
    left, top, right, bottom = head_part((0.4, 0.2, 0.5, 0.8), 1.0)
    assert (left, right) == (0.4, 0.5)
    assert top < 0.2
    assert bottom == pytest.approx(0.2 + 0.28 * 0.6)


def test_the_head_of_somebody_close_reaches_further_down():
    assert head_part((0.2, 0.2, 0.6, 0.8), 1.0)[3] == pytest.approx(0.2 + 0.9 * 0.4)


def test_whether_a_box_is_wide_is_judged_in_pixels():
    tall_in_pixels = head_part((0.2, 0.2, 0.5, 0.8), 9 / 16)
    assert tall_in_pixels[3] < 0.8
    assert head_part((0.2, 0.2, 0.7, 0.7), 16 / 9) == (0.2, 0.2, 0.7, 0.7)


def test_somebody_lying_down_may_have_the_head_at_either_end():
    assert head_part((0.1, 0.6, 0.6, 0.8), 1.0) == (0.1, 0.6, 0.6, 0.8)


@pytest.mark.parametrize(
    ("covers", "share"),
    [
        ([], 0.0),
        ([(0, 0, 0.5, 1)], 0.5),
        ([(0, 0, 0.5, 1), (0.25, 0, 0.75, 1)], 0.75),
        ([(0, 0, 0.5, 1), (0.5, 0, 1, 1)], 1.0),
        ([(0.5, 0.5, 0.5, 0.5)], 0.0),
    ],
)
def test_the_covered_share_counts_overlaps_once(covers, share):
    assert covered_share(WHOLE_PICTURE, covers) == pytest.approx(share)


def test_only_the_whole_picture_all_the_time_leaves_nothing():
    halves = [Region((0, 0, 0.5, 1), "drawn", 1.0), Region((0.5, 0, 1, 1), "drawn", 1.0)]
    assert leaves_nothing(halves)
    assert not leaves_nothing(halves[:1])
    assert not leaves_nothing([])
    assert not leaves_nothing([Region(WHOLE_PICTURE, "drawn", 1.0, 3.0)])


def test_a_region_survives_json():
    for one in (region(), region(at=1.5)):
        assert Region.from_dict(json.loads(json.dumps(one.as_dict()))) == one


@pytest.mark.parametrize(
    ("at", "is_held"),
    [(4.4, False), (4.5, True), (5.0, True), (5.5, True), (5.6, False)],
)
def test_a_region_holds_half_a_second_either_way(at, is_held):
    assert bool(Timeline([region(at=5.0)]).at(at)) is is_held


def test_a_region_without_a_time_holds_always():
    timeline = Timeline([region()])
    assert all(timeline.at(at) == [region()] for at in (0.0, 7.0, 1e6))


def test_the_box_is_interpolated_between_two_sightings():
    timeline = Timeline([region(0.2, at=1.0), region(0.3, at=2.6)])
    assert boxes(timeline.at(1.8)) == [(0.25, 0.4, 0.35, 0.5)]


@pytest.mark.parametrize(
    "later",
    [
        region(0.2, at=3.1),
        region(0.7, at=2.2),
        region(0.2, size=0.4, at=2.2),
        region(0.2, at=2.2, source="head"),
    ],
    ids=["too late", "too far", "another size", "another source"],
)
def test_different_things_are_not_joined(later):
    assert Timeline([region(0.2, at=1.0), later]).at(1.6) == []


def test_two_people_beside_each_other_stay_covered_each():
    seen = [region(left, at=at) for at in (0.0, 1.5) for left in (0.2, 0.8)]
    held = boxes(Timeline(seen).at(0.75))
    assert (0.2, 0.4, 0.3, 0.5) in held
    assert (0.8, 0.4, 0.9, 0.5) in held


def test_a_timeline_does_not_depend_on_the_order_it_is_given():
    seen = [region(0.2 + at / 10, at=at) for at in (0.0, 0.2, 0.4, 0.6)]
    assert Timeline(seen).at(0.3) == Timeline(reversed(seen)).at(0.3)
    assert HOLD_SECONDS >= 0.5
