"""Photos of newcomers and at a steady beat: few, none twice, and none where nobody wants any."""

import numpy as np
import pytest

from detection.vision.frames import SourceFrame
from detection.vision.photographs import PhotoKeeper
from detection.vision.stills import StillKeeper
from detection.vision.types import Observation, TrackedFrame

BOX = (0.1, 0.1, 0.3, 0.8)


def seen(at_seconds, *track_ids):
    return TrackedFrame(
        at_seconds, tuple(Observation(at_seconds, one, "person", 0.9, BOX) for one in track_ids)
    )


def frame(at_seconds):
    return SourceFrame.from_image(np.full((18, 32, 3), 90, np.uint8), at_seconds)


def keeper(*, private=(), on_detection=False, every_seconds=None):
    made = PhotoKeeper(StillKeeper(private_polygons=private), forget_seconds=3.0)
    made.wish(on_detection=on_detection, every_seconds=every_seconds)
    return made


def taken(keeper, frames):
    """Return the times of the photos that are taken of frames."""
    return [one.at_seconds for one in frames if keeper.see(frame(one.at_seconds), one)]


def present(*stays, until=40.0, fps=2):
    """Return frames in which each (track, first, last) is in sight from first to last."""
    times = [number / fps for number in range(int(until * fps))]
    return [
        seen(at, *(track for track, first, last in stays if first <= at <= last)) for at in times
    ]


class TestNewcomers:
    def test_one_photo_a_track_however_long_it_stays(self):
        assert taken(keeper(on_detection=True), present((1, 5, 35))) == [5.0]

    def test_nobody_no_photo(self):
        assert taken(keeper(on_detection=True), present()) == []

    def test_a_gap_makes_nobody_new(self):
        frames = present((1, 5, 18), (1, 20, 35))
        assert taken(keeper(on_detection=True), frames) == [5.0]

    def test_who_comes_within_ten_seconds_waits(self):
        frames = present((1, 5, 30), (2, 7, 30), (3, 8, 12))
        assert taken(keeper(on_detection=True), frames) == [5.0, 15.0]

    def test_who_was_on_another_s_photo_gets_none(self):
        frames = present((1, 5, 30), (2, 14, 30), (3, 15, 30))
        assert taken(keeper(on_detection=True), frames) == [5.0, 15.0]

    def test_what_came_to_rest_is_no_newcomer(self):
        at_rest = Observation(5.0, -1, "unknown", 0.9, BOX)
        frames = [TrackedFrame(5.0, foreground=(at_rest,))]
        assert taken(keeper(on_detection=True), frames) == []


class TestBeat:
    @pytest.mark.parametrize("fps", [1, 2, 5])
    def test_the_first_frame_of_each_stretch(self, fps):
        frames = present(until=31, fps=fps)
        assert taken(keeper(every_seconds=10.0), frames) == [0.0, 10.0, 20.0, 30.0]

    def test_a_stream_that_was_away_owes_nothing(self):
        assert taken(keeper(every_seconds=10.0), [seen(0.0), seen(95.0), seen(99.0)]) == [0.0, 95.0]

    def test_both_wishes_share_a_photo(self):
        both = keeper(on_detection=True, every_seconds=10.0)
        assert taken(both, present((1, 10, 30), (2, 16, 30), until=25)) == [0.0, 10.0, 20.0]


def test_switched_off_it_looks_at_nothing():
    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was asked for")

    assert keeper().see(Untouchable(), Untouchable()) is None


def test_a_restored_keeper_repeats_nothing_and_leaves_nothing_out():
    frames = present((1, 5, 30), (2, 7, 30), (3, 28, 39))
    whole = taken(keeper(on_detection=True, every_seconds=12.0), frames)
    assert whole == [0.0, 5.0, 12.0, 24.0, 28.0, 36.0]
    for cut in range(len(frames)):
        first = keeper(on_detection=True, every_seconds=12.0)
        before = taken(first, frames[:cut])
        second = keeper(on_detection=True, every_seconds=12.0)
        second.restore(first.state())
        assert before + taken(second, frames[cut:]) == whole


def test_a_state_from_before_there_were_photos():
    made = keeper(on_detection=True)
    made.restore(None)
    assert taken(made, present((1, 5, 30))) == [5.0]


def test_private_zones_are_black():
    import cv2

    made = keeper(private=[((0, 0), (0.5, 0), (0.5, 1), (0, 1))], every_seconds=1.0)
    photo = made.see(frame(0.0), seen(0.0, 1))
    image = cv2.imdecode(np.frombuffer(photo.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert image[:, :14].max() < 12
    assert image[:, 18:].min() > 78
    assert [one.track_id for one in photo.observations] == [1]
