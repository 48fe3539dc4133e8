"""Ids, first sightings, loss by time, and states that continue exactly."""

import json

import numpy as np
import pytest

from detection.vision.tracking import TRACKER_KINDS, make_tracker
from detection.vision.types import Detections, Observation

SIZE = (768, 432)
kinds = pytest.mark.parametrize("kind", TRACKER_KINDS)


def seen(*things):
    """Build Detections of (x, y, width, height[, score[, class]]), x and y the top left."""
    if not things:
        return Detections.empty()
    rows = [(*thing, *(0.9, "person")[len(thing) - 4 :]) for thing in things]
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _, _ in rows], np.float32)
    return Detections(boxes, np.array([r[4] for r in rows], np.float32), tuple(r[5] for r in rows))


def tracker_of(kind="botsort", fps=5.0, **options):
    return make_tracker(kind, sampling_fps=fps, frame_size=SIZE, **options)


def ids_of(tracked):
    return [o.track_id for o in tracked.observations]


def scene(frames=60, seed=5):
    """Three people who walk, cross, are missed and come back; a bag; noise."""
    rng = np.random.default_rng(seed)
    for index in range(frames):
        things = [
            (0.05 + 0.012 * index, 0.3, 0.08, 0.4, 0.9, "person"),
            (0.85 - 0.012 * index, 0.32, 0.08, 0.4, 0.7, "person"),
            (0.4, 0.5, 0.05, 0.1, 0.2 + 0.5 * rng.random(), "backpack"),
            (0.6, 0.1 + 0.01 * index, 0.07, 0.3, 0.6, "person" if index % 4 else "cat"),
        ]
        kept = [t for t in things if rng.random() > 0.15]
        if rng.random() < 0.2:
            kept.append((*rng.uniform(0, 0.8, 2), 0.1, 0.1, 0.4, "chair"))
        moved = [(t[0] + rng.normal(0, 0.003), *t[1:]) for t in kept]
        yield seen(*moved), index / 5


@kinds
def test_the_first_sighting_comes_with_the_second(kind):
    tracker = tracker_of(kind)
    assert tracker.update(seen((0.1, 0.2, 0.1, 0.4, 0.8)), 1.0).observations == ()
    assert tracker.is_unsettled

    tracked = tracker.update(seen((0.12, 0.2, 0.1, 0.4, 0.9)), 1.2)

    assert ids_of(tracked) == [1]
    assert not tracker.is_unsettled
    (first,) = tracked.earlier
    assert (first.at_seconds, first.track_id, first.class_name) == (1.0, 1, "person")
    assert first.box_xyxy == pytest.approx((0.1, 0.2, 0.2, 0.6))
    assert tracked.observations[0].box_xyxy == pytest.approx((0.12, 0.2, 0.22, 0.6))


@kinds
def test_a_flicker_never_becomes_a_track(kind):
    tracker = tracker_of(kind)
    tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.0)
    tracker.update(seen(), 0.2)

    tracked = tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.4)

    assert tracked.observations == () and tracked.earlier == ()


@kinds
def test_cameras_do_not_share_ids(kind):
    alone, beside, other = tracker_of(kind), tracker_of(kind), tracker_of(kind)
    histories = []
    for tracker in (alone, beside):
        history = []
        for detections, at in scene():
            history.append(tracker.update(detections, at))
            if tracker is beside:
                other.update(seen((0.5 * (at % 1), 0.1, 0.1, 0.3)), at)
        histories.append(history)

    assert histories[0] == histories[1]
    assert sorted({i for t in histories[0] for i in ids_of(t)})[:3] == [1, 2, 3]


@kinds
def test_ids_count_up_without_gaps(kind):
    tracker = tracker_of(kind)
    seen_ids = {i for detections, at in scene(200) for i in ids_of(tracker.update(detections, at))}

    assert seen_ids == set(range(1, len(seen_ids) + 1))


@kinds
@pytest.mark.parametrize(("gap", "same"), [(0.4, True), (1.8, True), (2.0, True), (2.4, False)])
@pytest.mark.parametrize("fps", [2, 5, 25])
def test_a_track_is_lost_after_seconds_not_frames(kind, gap, same, fps):
    tracker = tracker_of(kind, fps=fps, lost_seconds=2.0)
    here = seen((0.3, 0.2, 0.1, 0.4))
    for step in range(4):
        tracker.update(here, step / fps)
    last = 3 / fps
    steps = int(gap * fps - 1e-9)
    for step in range(1, steps + 1):
        tracker.update(seen(), last + step * gap / (steps + 1))

    back = tracker.update(here, last + gap)
    again = tracker.update(here, last + gap + 1 / fps)

    assert ids_of(back) == ([1] if same else [])
    assert ids_of(again) == ([1] if same else [2])


@kinds
def test_time_over_still_frames_ages_only_what_is_lost(kind):
    tracker = tracker_of(kind)
    both = seen((0.1, 0.2, 0.1, 0.4), (0.7, 0.2, 0.1, 0.4))
    tracker.update(both, 0.0)
    tracker.update(both, 0.2)
    tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.4)

    held = [tracker.hold(0.4 + 0.2 * step) for step in range(1, 16)]
    after = tracker.update(both, 3.6)

    assert all(t.is_held and ids_of(t) == [1] for t in held)
    assert held[-1].observations[0].at_seconds == pytest.approx(3.4)
    assert held[-1].observations[0].box_xyxy == pytest.approx((0.1, 0.2, 0.2, 0.6))
    assert ids_of(after) == [1]
    assert ids_of(tracker.update(both, 3.8)) == [1, 3]


@kinds
def test_an_unconfirmed_track_waits_through_still_frames(kind):
    tracker = tracker_of(kind)
    tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.0)
    assert tracker.hold(0.2).observations == ()

    tracked = tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.4)

    assert [o.at_seconds for o in (*tracked.earlier, *tracked.observations)] == [0.0, 0.4]


@kinds
def test_a_doubtful_detection_continues_but_never_begins(kind):
    tracker = tracker_of(kind)
    faint = seen((0.1, 0.2, 0.1, 0.4, 0.15))
    tracker.update(faint, 0.0)
    assert tracker.update(faint, 0.2).observations == ()
    tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.4)
    tracker.update(seen((0.1, 0.2, 0.1, 0.4)), 0.6)

    assert ids_of(tracker.update(faint, 0.8)) == [1]


@kinds
def test_a_walker_who_leaves_his_own_outline_between_samples_keeps_his_id(kind):
    # 0.075 of the width is 58 px, for a person 38 px wide and 130 px high: nothing overlaps.
    tracker = tracker_of(kind, fps=2)
    ids = [
        ids_of(tracker.update(seen((0.05 + 0.075 * step, 0.4, 0.05, 0.3)), step / 2))
        for step in range(10)
    ]

    assert ids == [[]] + [[1]] * 9


@kinds
def test_a_leap_across_the_picture_is_another_track(kind):
    tracker = tracker_of(kind)
    for step in range(3):
        tracker.update(seen((0.1, 0.4, 0.05, 0.3)), step / 5)

    assert ids_of(tracker.update(seen((0.8, 0.4, 0.05, 0.3)), 0.6)) == []


@kinds
def test_the_class_is_voted_on(kind):
    tracker = tracker_of(kind)
    here = (0.1, 0.2, 0.1, 0.4)
    names = ["cat", "person", "person", "cat", "person"]
    told = []
    for step, name in enumerate(names):
        score = 0.5 if name == "cat" else 0.9
        tracked = tracker.update(seen((*here, score, name)), step / 5)
        told += [o.class_name for o in tracked.observations]

    assert told == ["person"] * 4


@kinds
def test_a_track_of_junk_does_not_lend_its_name_to_a_person(kind):
    tracker = tracker_of(kind)
    for step in range(50):
        tracker.update(seen((0.5, 0.2, 0.19, 0.6, 0.35, "chair")), step / 5)
    told = []
    for step in range(50, 56):
        tracked = tracker.update(seen((0.5, 0.2, 0.17, 0.62, 0.9, "person")), step / 5)
        told += [(o.at_seconds, o.class_name) for o in (*tracked.earlier, *tracked.observations)]

    assert min(at for at, name in told if name == "person") <= 10.4


@kinds
def test_one_thing_under_two_names_is_one_track(kind):
    tracker = tracker_of(kind)
    both = seen((0.1, 0.2, 0.1, 0.4, 0.8, "person"), (0.101, 0.2, 0.1, 0.4, 0.4, "cat"))
    tracker.update(both, 0.0)

    tracked = tracker.update(both, 0.2)

    assert [(o.track_id, o.class_name) for o in tracked.observations] == [(1, "person")]


@kinds
def test_people_who_cross_keep_their_ids(kind):
    tracker = tracker_of(kind, fps=10)
    last = {}
    for step in range(40):
        left, right = 0.1 + 0.02 * step, 0.88 - 0.02 * step
        tracked = tracker.update(seen((left, 0.3, 0.08, 0.4), (right, 0.36, 0.08, 0.4)), step / 10)
        last = {o.track_id: o.box_xyxy for o in tracked.observations}

    assert last[1][0] == pytest.approx(0.88, abs=0.01)
    assert last[2][0] == pytest.approx(0.1, abs=0.01)


@kinds
@pytest.mark.parametrize("split", range(0, 60, 7))
def test_a_run_split_anywhere_is_the_unsplit_run(kind, split):
    def step(tracker, index, detections, at):
        return tracker.hold(at) if index % 9 == 8 else tracker.update(detections, at)

    whole = tracker_of(kind)
    expected = [step(whole, i, *frame) for i, frame in enumerate(scene())]

    tracker = tracker_of(kind)
    found = []
    for index, frame in enumerate(scene()):
        if index == split:
            state = tracker.state()
            tracker = tracker_of(kind)
            tracker.restore(state)
        found.append(step(tracker, index, *frame))

    assert found == expected
    assert any(t.earlier for t in found)


def test_a_state_is_json_values_and_arrays_and_stays_as_it_was():
    tracker = tracker_of()
    for detections, at in scene(20):
        tracker.update(detections, at)
    state = tracker.state()

    def plain(value):
        if isinstance(value, np.ndarray):
            return value.tolist()
        return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value

    before = json.dumps(plain(state))
    for detections, at in scene(20):
        tracker.update(detections, at + 10)
    assert json.dumps(plain(state)) == before


@kinds
def test_broken_boxes_are_not_looked_at(kind):
    tracker = tracker_of(kind)
    for step in range(3):
        tracked = tracker.update(seen((0.5, 0.5, 0.0, 0.2), (0.1, 0.1, 0.1, 0.3)), step / 5)

    assert ids_of(tracked) == [1]
    assert isinstance(tracked.observations[0], Observation)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'sort'"):
        tracker_of("sort")


@kinds
@pytest.mark.parametrize(("believed_from", "begins"), [(0.0, True), (0.5, False), (0.99, False)])
def test_what_the_detector_is_not_believed_in_begins_no_track(kind, believed_from, begins):
    tracker = tracker_of(kind, believed_from=believed_from)
    for number in range(5):
        tracked = tracker.update(seen((0.1, 0.2, 0.1, 0.4, 0.4)), number / 5)
    assert bool(tracked.observations) is begins


@kinds
def test_a_track_that_has_begun_goes_on_with_less(kind):
    tracker = tracker_of(kind, believed_from=0.9)
    for number, score in enumerate((0.7, 0.7, 0.3, 0.3)):
        tracked = tracker.update(seen((0.1, 0.2, 0.1, 0.4, score)), number / 5)
    assert ids_of(tracked) == [1]
