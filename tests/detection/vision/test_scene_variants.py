import numpy as np
import pytest

from detection.vision.scene_people import cut_out_people
from detection.vision.scene_variants import Place
from detection.vision.scenes import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def people():
    return cut_out_people()


def test_the_same_numbers_give_the_same_picture(people):
    first, again = (Place(5, people).moment(2) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert first.boxes_xyxy == again.boxes_xyxy
    assert not np.array_equal(first.image, Place(6, people).moment(2).image)


@pytest.mark.parametrize("seed", range(4))
def test_people_are_where_their_boxes_are(people, seed):
    place = Place(seed, people)
    moment = place.moment(1)
    assert moment.image.shape == (HEIGHT, WIDTH, 3)
    assert moment.image.dtype == np.uint8
    empty = place.moment(1, is_empty=True)
    assert empty.boxes_xyxy == ()
    differs = np.abs(moment.image.astype(int) - empty.image).mean(axis=2)
    boxes = [_pixels(box) for box in moment.boxes_xyxy]
    outside = np.ones(differs.shape, bool)
    for box in boxes:
        outside[box] = False
    assert boxes
    for box in boxes:
        assert differs[box].size > 200
        assert differs[box].mean() > 2 * differs[outside].mean()


def _pixels(box_xyxy):
    x1, y1, x2, y2 = box_xyxy
    assert 0 <= x1 < x2 <= 1
    assert 0 <= y1 < y2 <= 1
    return np.s_[int(y1 * HEIGHT) : int(y2 * HEIGHT), int(x1 * WIDTH) : int(x2 * WIDTH)]


def test_a_place_looks_the_same_from_moment_to_moment(people):
    place = Place(7, people)
    first, second = (place.moment(n, is_empty=True).image.astype(float) for n in range(2))
    assert np.abs(first / first.mean() - second / second.mean()).mean() < 0.1
