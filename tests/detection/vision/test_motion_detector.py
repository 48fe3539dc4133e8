import json

import numpy as np
import pytest

from detection.vision.motion import MotionDetector
from detection.vision.motion_detector import merge_fragments
from detection.vision.video import Sampler, open_source
from tests.detection.vision.scenes import (
    HEIGHT,
    PERSON_HEIGHT,
    PERSON_WIDTH,
    WIDTH,
    empty_scene,
    with_light,
    with_person,
)

SCENE = empty_scene()
STANDS_AT = 140.0


def place_at(at_seconds):
    """Walk in from the left from 4 s on, stand from 8 to 38 s, leave to the right until 43 s."""
    if at_seconds < 4 or at_seconds > 43:
        return None
    if at_seconds < 8:
        return -PERSON_WIDTH + (STANDS_AT + PERSON_WIDTH) * (at_seconds - 4) / 4
    if at_seconds < 38:
        return STANDS_AT
    return STANDS_AT + (WIDTH - STANDS_AT) * (at_seconds - 38) / 5


def scene_at(at_seconds, seed=None, drift=0.004):
    """Draw the scene; the light rises by 0.4 % a second, as on a morning seen in a hurry."""
    place = place_at(at_seconds)
    image = SCENE if place is None else with_person(SCENE, place)
    return with_light(image, 0.8 + drift * at_seconds, seed)


def true_box(place, top=60):
    box = [max(0, place), top, min(WIDTH, place + PERSON_WIDTH), top + PERSON_HEIGHT]
    return np.array(box) / (WIDTH, HEIGHT, WIDTH, HEIGHT)


def overlap(first, second):
    """Return intersection over union of two xyxy boxes."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = np.prod(np.clip(high - low, 0, None))
    return shared / (np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - shared)


def run(fps, seconds=50, scene=scene_at, detector=None, start=0.0):
    detector = detector or MotionDetector()
    times = [start + number / fps for number in range(round(seconds * fps))]
    return [(at, detector.detect(scene(at, round(at * 100)), at)) for at in times]


@pytest.fixture(scope="module", params=[25.0, 5.0, 2.0])
def walk(request):
    return run(request.param)


class TestRenderedWalk:
    def test_the_person_is_one_box_while_standing_for_thirty_seconds(self, walk):
        standing = [(at, seen) for at, seen in walk if 8.5 <= at < 38]
        assert all(len(seen) == 1 for _, seen in standing)
        overlaps = [overlap(seen.boxes_xyxy[0], true_box(STANDS_AT)) for _, seen in standing]
        assert min(overlaps) > 0.7

    def test_boxes_stand_as_still_as_the_person(self, walk):
        boxes = np.array([seen.boxes_xyxy[0] for at, seen in walk if 10 <= at < 38])
        assert boxes.std(axis=0).max() < 0.01

    def test_the_person_is_one_box_while_walking(self, walk):
        walking = [(at, seen) for at, seen in walk if 5.2 <= at < 8 or 38 <= at < 41.5]
        for at, seen in walking:
            assert len(seen) == 1
            assert overlap(seen.boxes_xyxy[0], true_box(place_at(at))) > 0.6

    def test_an_empty_scene_has_no_boxes(self, walk):
        assert all(len(seen) == 0 for at, seen in walk if at < 4 or at > 43.5)

    def test_classes_scores_and_bounds(self, walk):
        for _, seen in walk:
            assert set(seen.class_names) <= {"moving"}
            assert seen.boxes_xyxy.dtype == seen.scores.dtype == np.float32
            assert ((seen.boxes_xyxy >= 0) & (seen.boxes_xyxy <= 1)).all()
            assert ((seen.scores > 0.25) & (seen.scores <= 1)).all()


class TestLight:
    def test_a_step_of_light_is_not_a_thing(self):
        def stepped(at_seconds, seed):
            return with_light(SCENE, 0.7 if at_seconds < 5 else 1.1, seed)

        assert sum(len(seen) for _, seen in run(5, 10, stepped)) == 0

    def test_a_person_stays_through_a_step_of_light(self):
        def stepped(at_seconds, seed):
            image = with_person(SCENE, 150) if at_seconds > 3 else SCENE
            return with_light(image, 0.75 if at_seconds < 8 else 1.05, seed)

        after = [seen for at, seen in run(5, 14, stepped) if at > 3.2]
        assert all(len(seen) == 1 for seen in after)

    def test_another_scene_altogether_is_taken_as_the_new_background(self):
        def swung(at_seconds, seed):
            return with_light(SCENE if at_seconds < 5 else 255 - SCENE[:, ::-1], 1.0, seed)

        assert sum(len(seen) for _, seen in run(5, 10, swung)) == 0


class TestGhosts:
    @pytest.mark.parametrize("fps", [25.0, 5.0, 2.0])
    def test_who_was_there_at_the_start_leaves_no_hole_for_long(self, fps):
        def left_at_five(at_seconds, seed):
            return with_light(with_person(SCENE, 100) if at_seconds < 5 else SCENE, 1.0, seed)

        seen = run(fps, 40, left_at_five)
        assert any(len(found) for at, found in seen if 5 <= at < 8)
        assert not any(len(found) for at, found in seen if at > 25)


class TestState:
    def test_a_restarted_detector_sees_the_same(self):
        whole = MotionDetector()
        run(5, 12, detector=whole)
        resumed = MotionDetector()
        resumed.restore(whole.state())
        first = run(5, 5, detector=whole, start=12.0)
        second = run(5, 5, detector=resumed, start=12.0)
        for (_, expected), (_, seen) in zip(first, second, strict=True):
            assert np.array_equal(expected.boxes_xyxy, seen.boxes_xyxy)
            assert np.array_equal(expected.scores, seen.scores)

    def test_the_first_frame_is_empty_and_so_is_a_new_size(self):
        detector = MotionDetector()
        assert len(detector.detect(SCENE, 0.0)) == 0
        assert len(detector.detect(empty_scene(90, 90), 0.2)) == 0


class TestMergeFragments:
    @pytest.mark.parametrize(
        ("boxes", "expected"),
        [
            ([], []),
            ([(10, 10, 20, 40)], [(10, 10, 20, 40)]),
            ([(10, 10, 20, 20), (8, 24, 22, 60)], [(8, 10, 22, 60)]),
            ([(10, 10, 20, 60), (21, 12, 30, 58)], [(10, 10, 30, 60)]),
            ([(10, 10, 20, 60), (40, 10, 50, 60)], [(10, 10, 20, 60), (40, 10, 50, 60)]),
            ([(10, 10, 20, 20), (10, 50, 20, 60)], [(10, 10, 20, 20), (10, 50, 20, 60)]),
            (
                [(10, 10, 20, 20), (10, 22, 20, 40), (10, 42, 20, 60)],
                [(10, 10, 20, 60)],
            ),
        ],
    )
    def test_parts_of_one_upright_thing_are_joined(self, boxes, expected):
        merged = merge_fragments(np.array(boxes, np.float32).reshape(-1, 4))
        assert sorted(map(tuple, merged.tolist())) == sorted(expected)


@pytest.mark.slow
def test_every_visitor_is_one_box_for_as_long_as_they_stay(footage):
    name = "one-by-one-person-detection"
    visits = json.loads((footage / f"{name}.events.json").read_text())["visits"]
    detector, sampler, seen = MotionDetector(), Sampler(5), []
    for frame in open_source(footage / f"{name}.mp4").frames():
        if sampler.wants(frame.at_seconds):
            found = detector.detect(frame.image(), frame.at_seconds)
            seen.append((frame.at_seconds, len(found)))
    for visit in visits:
        first, last = visit["visible_s"]
        counts = [count for at, count in seen if first + 0.5 <= at <= last - 0.5]
        assert np.mean(np.array(counts) == 1) >= 0.98
    stays = [(visit["visible_s"][0] - 0.6, visit["visible_s"][1] + 1.1) for visit in visits]
    outside = [count for at, count in seen if not any(a <= at <= b for a, b in stays)]
    assert sum(outside) == 0
