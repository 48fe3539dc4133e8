import numpy as np
import pytest

from detection.vision.motion import MotionGate
from detection.vision.types import Observation, TrackedFrame
from detection.vision.video import Sampler, open_source
from tests.detection.vision.scenes import (
    HEIGHT,
    PERSON_HEIGHT,
    PERSON_WIDTH,
    WIDTH,
    empty_scene,
    frame_of,
    with_light,
    with_person,
)

SCENE = empty_scene()


def box_at(left, top=60):
    box = np.array([left, top, left + PERSON_WIDTH, top + PERSON_HEIGHT], float)
    return tuple((box / (WIDTH, HEIGHT, WIDTH, HEIGHT)).clip(0, 1))


class Loop:
    """A perfect detector and tracker behind the gate; keeps when it was asked."""

    def __init__(self, gate=None):
        self.gate = gate or MotionGate()
        self.tracked = None
        self.detected_seconds = []

    def step(self, image, at_seconds, boxes=()):
        needs = self.gate.needs_detection(frame_of(image, at_seconds), self.tracked)
        if needs:
            self.detected_seconds.append(at_seconds)
            seen = tuple(
                Observation(at_seconds, number, "person", 0.9, box)
                for number, box in enumerate(boxes, 1)
            )
            self.tracked = TrackedFrame(at_seconds, seen)
        elif self.tracked is not None:
            self.tracked = TrackedFrame(at_seconds, self.tracked.observations, is_held=True)
        return needs


def sampled(seconds, fps=5.0, start=0.0):
    return [start + number / fps for number in range(round(seconds * fps))]


@pytest.fixture(params=[25.0, 5.0, 2.0])
def fps(request):
    return request.param


class TestStillScenes:
    def test_an_empty_scene_is_looked_at_every_four_seconds(self, fps):
        loop = Loop()
        for number, at_seconds in enumerate(sampled(20, fps)):
            loop.step(with_light(SCENE, 1.0, number), at_seconds)
        assert loop.detected_seconds == pytest.approx([0.0, 4.0, 8.0, 12.0, 16.0])

    def test_a_person_who_stands_still_is_looked_at_every_two_seconds(self, fps):
        loop = Loop()
        image = with_person(SCENE, 150)
        for number, at_seconds in enumerate(sampled(10, fps)):
            loop.step(with_light(image, 1.0, number), at_seconds, [box_at(150)])
        assert loop.detected_seconds == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0])

    def test_a_change_of_light_is_not_motion(self):
        loop = Loop()
        for number, at_seconds in enumerate(sampled(4)):
            loop.step(with_light(SCENE, 1.0 + 0.05 * (number % 2)), at_seconds)
        assert loop.detected_seconds == [0.0]

    def test_a_flickering_screen_is_learnt(self):
        loop = Loop()
        for number, at_seconds in enumerate(sampled(60)):
            image = SCENE.copy()
            image[20:40, 20:60] += np.uint8(22 * (number % 2))
            loop.step(image, at_seconds)
        late = [at_seconds for at_seconds in loop.detected_seconds if at_seconds > 40]
        assert len(late) <= 6


class TestMotion:
    def test_somebody_who_comes_in_is_seen_at_once(self, fps):
        loop = Loop()
        for at_seconds in sampled(3, fps):
            loop.step(SCENE, at_seconds)
        image = with_person(SCENE, -PERSON_WIDTH // 2)
        assert loop.step(image, 3.0, [box_at(-PERSON_WIDTH // 2)])

    def test_somebody_who_comes_in_slowly_is_seen(self, fps):
        """Four pixels a second: no two neighbouring frames differ by much."""
        loop = Loop()
        for at_seconds in sampled(12, fps):
            loop.step(with_person(SCENE, -PERSON_WIDTH + 4 * at_seconds), at_seconds)
        arrived = [at_seconds for at_seconds in loop.detected_seconds if at_seconds > 0]
        assert arrived[0] <= 2.5
        assert max(np.diff(arrived)) <= 2.0

    def test_what_has_no_track_yet_is_looked_at_again(self):
        """A tracker reports a new track on its second detection only."""
        loop = Loop()
        for at_seconds in sampled(3):
            loop.step(SCENE, at_seconds)
        image = with_person(SCENE, 100)
        assert loop.step(image, 3.0, [])
        assert loop.step(image, 3.2, [box_at(100)])
        assert not loop.step(image, 3.4, [box_at(100)])

    def test_a_box_around_the_whole_picture_explains_no_walk_in_it(self):
        """Now and then a detector takes the picture itself for one thing."""
        loop = Loop()
        everything = (0.0, 0.0, 1.0, 0.98)
        times = sampled(4)
        for at_seconds in times:
            left = 20 + 60 * at_seconds
            loop.step(with_person(SCENE, left), at_seconds, [everything])
        assert len(loop.detected_seconds) >= 0.9 * len(times)

    def test_a_walk_is_followed(self):
        loop = Loop()
        times = sampled(4)
        for at_seconds in times:
            left = 20 + 60 * at_seconds
            loop.step(with_person(SCENE, left), at_seconds, [box_at(left)])
        assert len(loop.detected_seconds) >= 0.9 * len(times)

    def test_a_second_person_beside_a_known_one_is_seen_at_once(self):
        loop = Loop()
        image = with_person(SCENE, 100)
        for at_seconds in sampled(3):
            loop.step(image, at_seconds, [box_at(100)])
        assert loop.step(with_person(image, 200), 3.0)

    def test_somebody_who_walks_off_is_seen_to_go(self):
        loop = Loop()
        for at_seconds in sampled(3):
            loop.step(with_person(SCENE, 100), at_seconds, [box_at(100)])
        for at_seconds in sampled(0.8, start=3.0):
            loop.step(SCENE, at_seconds)
        assert loop.detected_seconds[-1] >= 3.0
        assert loop.tracked.observations == ()

    def test_stirring_inside_a_known_outline_may_wait(self):
        loop = Loop()
        waited = 0
        for number, at_seconds in enumerate(sampled(10)):
            image = with_person(SCENE, 150)
            image[100:112, 160:168] = 200 * (number % 2)
            waited += not loop.step(image, at_seconds, [box_at(150)])
        assert waited >= 35
        assert max(np.diff(loop.detected_seconds)) <= 2.0 + 1e-6

    def test_turning_inside_a_known_outline_waits_less(self):
        loop = Loop()
        loop.step(with_person(SCENE, 150), 0.0, [box_at(150)])
        turned = with_person(SCENE, 150, shade=0.4)
        needed = [loop.step(turned, at, [box_at(150)]) for at in (0.2, 0.4, 0.6, 0.8)]
        assert needed == [False, False, True, False]

    def test_a_track_that_vanished_is_looked_for(self):
        """One missed detection must not become a lost track while nothing moves."""
        loop = Loop()
        image = with_person(SCENE, 150)
        for at_seconds in sampled(4.2):
            boxes = [] if at_seconds > 3.9 else [box_at(150)]
            loop.step(image, at_seconds, boxes)
        assert loop.tracked.observations == ()
        needed = [loop.step(image, at, [box_at(150)]) for at in sampled(0.8, start=4.2)]
        assert any(needed)


def test_a_look_that_was_not_asked_for_counts_as_one():
    loop = Loop()
    loop.step(SCENE, 0.0)
    loop.gate.note_detection(frame_of(with_person(SCENE, 100), 3.0))
    assert not loop.step(with_person(SCENE, 100), 6.8)
    assert loop.step(with_person(SCENE, 100), 7.0)


class TestState:
    def test_a_restarted_gate_decides_alike(self):
        whole, resumed = Loop(), Loop()
        images = [with_person(SCENE, 60 + 3 * (number // 7)) for number in range(60)]
        for number, at_seconds in enumerate(sampled(6)):
            whole.step(images[number], at_seconds, [box_at(60)])
        resumed.gate.restore(whole.gate.state())
        resumed.tracked = whole.tracked
        for number, at_seconds in enumerate(sampled(6, start=6.0), 30):
            arguments = images[number], at_seconds, [box_at(70)]
            assert whole.step(*arguments) == resumed.step(*arguments)

    def test_a_state_does_not_change_afterwards(self):
        loop = Loop()
        loop.step(SCENE, 0.0)
        saved = loop.gate.state()
        before = saved["noise"].copy()
        loop.step(with_light(SCENE, 1.0, 3, noise=8), 0.2)
        assert np.array_equal(saved["noise"], before)

    def test_a_new_size_needs_a_look(self):
        loop = Loop()
        loop.step(SCENE, 0.0)
        assert loop.step(empty_scene(90, 200), 0.2)


@pytest.mark.slow
def test_real_footage_is_mostly_gated_and_every_entrance_is_seen(footage):
    """Nobody is in the picture for 34 of 139 seconds; the gate sees each of six people come."""
    entrances = [6.3, 23.1, 50.7, 74.6, 92.6, 123.7]
    source = open_source(footage / "one-by-one-person-detection.mp4")
    loop, sampler, samples = Loop(), Sampler(5), 0
    for frame in source.frames():
        if sampler.wants(frame.at_seconds):
            samples += 1
            if loop.gate.needs_detection(frame, None):
                loop.detected_seconds.append(frame.at_seconds)
    looked = np.array(loop.detected_seconds)
    for entrance in entrances:
        assert ((looked >= entrance - 0.5) & (looked <= entrance + 0.3)).any()
    empty = [(0.5, 5.5), (20.5, 22.3), (46.0, 49.5), (71.5, 73.8), (87.9, 91.5), (121.2, 122.8)]
    for first, last in empty:
        rate = ((looked > first) & (looked < last)).sum() / (last - first)
        assert rate <= 1.0
    assert samples == 697
