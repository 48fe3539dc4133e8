"""The frames that a classifier is shown are those that it would have learned from."""

import numpy as np
import pytest

from detection.vision.frames import SourceFrame
from detection.vision.task_sampling import TaskSampler

BLANK = np.zeros((2, 2, 3), np.uint8)


def frames(fps, seconds=20.0, first=0):
    for number in range(first, round(seconds * fps)):
        yield SourceFrame.from_image(BLANK, round(number / fps, 3), number)


def taken(sampler, source):
    return [frame.index for frame in source if sampler.wants(frame)]


@pytest.mark.parametrize(("fps", "every"), [(12.0, 1), (25.0, 5), (29.97, 3), (30.0, 7)])
def test_a_source_like_those_of_training_gives_every_so_many_th_frame(fps, every):
    sampler = TaskSampler(every, fps / every * 1.02, fps)
    expected = [frame.index for frame in frames(fps) if frame.index % every == 0]
    assert taken(sampler, frames(fps)) == expected


def test_a_faster_source_gives_as_many_a_second():
    assert len(taken(TaskSampler(5, 5.0, 60.0), frames(60.0))) == 100


def test_a_slower_source_gives_all_it_has():
    assert len(taken(TaskSampler(1, 25.0, 5.0), frames(5.0))) == 100


@pytest.mark.parametrize("source_fps", [None, 25.0])
def test_without_a_known_rate_it_is_every_so_many_th_frame(source_fps):
    assert taken(TaskSampler(4, 0.0, source_fps), frames(25.0, 1.0)) == [0, 4, 8, 12, 16, 20, 24]


@pytest.mark.parametrize("source_fps", [25.0, 60.0])
def test_going_on_after_a_seek_takes_the_same_frames(source_fps):
    whole = taken(TaskSampler(5, 5.0, source_fps), frames(source_fps))
    first = TaskSampler(5, 5.0, source_fps)
    before = taken(first, (f for f in frames(source_fps) if f.index < 143))
    after = TaskSampler(5, 5.0, source_fps)
    after.restore(first.state())
    found = []
    for frame in frames(source_fps, first=143):
        number = frame.index
        frame.index = -1
        if after.wants(frame):
            found.append(number)
    assert before + found == whole
