"""Which frame becomes a camera's picture, and what is left of the people in it."""

import numpy as np
import pytest

from detection.vision.frames import SourceFrame
from detection.vision.snapshots import MOST_WIDTH_PX, Candidate, SnapshotKeeper, padded, pixelate
from detection.vision.types import Observation, TrackedFrame

BOX = (0.4, 0.3, 0.5, 0.9)


def seen(at_seconds, track_id=1, class_name="person", box=BOX):
    return Observation(at_seconds, track_id, class_name, 0.9, box)


def show(keeper, times, tracks=lambda at_seconds: (), *, held=lambda at_seconds: False):
    """Show frames whose brightness tells their time."""
    for at_seconds in times:
        image = np.full((90, 160, 3), int(at_seconds) % 250, np.uint8)
        frame = SourceFrame.from_image(image, at_seconds)
        keeper.see(
            frame,
            TrackedFrame(at_seconds, tuple(tracks(at_seconds)), is_held=held(at_seconds)),
        )
    return keeper.take()


def seconds(until, fps=5):
    return [number / fps for number in range(int(until * fps))]


def test_nothing_seen_is_no_picture():
    assert SnapshotKeeper().take() is None


def test_the_newest_of_the_empty_frames_wins():
    found = show(SnapshotKeeper(), seconds(60))
    assert found.people == 0
    assert 50 < found.at_seconds < 60


def test_fewer_people_win_over_newer_frames():
    keeper = SnapshotKeeper()
    found = show(keeper, seconds(60), lambda at: [seen(at)] if at > 20 else [])
    assert found.people == 0
    assert found.at_seconds < 17.5


def test_a_frame_in_which_a_person_was_missed_is_no_empty_frame():
    """One miss every two seconds, which is when a careless choice would be made."""
    keeper = SnapshotKeeper()
    found = show(keeper, seconds(30), lambda at: [] if at % 2 == 0 else [seen(at)])
    assert found.people == 1
    assert (found.render()[40:70, 64:80] == found.render()[40:70, 64:80][0, 0]).all()


def test_who_is_confirmed_later_was_there_before():
    keeper = SnapshotKeeper()
    image = np.zeros((90, 160, 3), np.uint8)
    keeper.see(SourceFrame.from_image(image, 0.0), TrackedFrame(0.0))
    keeper.see(
        SourceFrame.from_image(image, 0.4),
        TrackedFrame(0.4, (seen(0.4),), earlier=(seen(0.0), seen(0.2))),
    )
    assert keeper.take().people == 1


def test_what_the_detector_did_not_look_at_is_not_chosen():
    keeper = SnapshotKeeper()
    assert show(keeper, seconds(20), held=lambda at: at > 0).at_seconds == 0.0


def test_things_count_for_nothing():
    keeper = SnapshotKeeper()
    assert show(keeper, seconds(20), lambda at: [seen(at, class_name="car")]).people == 0


def test_each_segment_starts_anew():
    keeper = SnapshotKeeper()
    first = show(keeper, seconds(60))
    second = show(keeper, [60 + at for at in seconds(60)], lambda at: [seen(at)])
    assert first.people == 0
    assert second.people == 1
    assert second.at_seconds > 60


def test_little_is_held():
    keeper = SnapshotKeeper()
    show(keeper, seconds(600), lambda at: [seen(at, number) for number in range(20)])
    assert len(keeper._seen) < 20 * 5 * 10


def test_a_large_picture_is_reduced():
    frame = SourceFrame.from_image(np.zeros((2160, 3840, 3), np.uint8), 0.0)
    assert Candidate(frame, 0.0).render().shape == (720, MOST_WIDTH_PX, 3)


@pytest.mark.parametrize("class_name", ["person", "moving", "visitor"])
def test_of_a_person_a_few_cells_are_left(class_name):
    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    candidate = Candidate(SourceFrame.from_image(noise, 0.0), 0.0)
    candidate.settle([seen(0.0, class_name=class_name)])
    image = candidate.render()

    part = image[108:324, 256:320]
    assert len(np.unique(part.reshape(-1, 3), axis=0)) <= 64
    head = image[108 : 108 + 30, 270:306]
    assert len(np.unique(head.reshape(-1, 3), axis=0)) <= 6
    assert (image[:, :200] == noise[:, :200]).all()
    # A little is added, for a box that is too tight.
    assert not (image[84:107, 260:310] == noise[84:107, 260:310]).all()


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5), (0.99, 0.99, 1.0, 1.0)]
)
def test_any_box_can_be_pixelated(box):
    image = np.random.default_rng(1).integers(0, 255, (36, 64, 3)).astype(np.uint8)
    pixelate(image, padded(box))


def test_padding_ends_at_the_edges():
    assert padded((0.0, 0.1, 1.0, 0.9), 0.5) == (0.0, 0.0, 1.0, 1.0)
