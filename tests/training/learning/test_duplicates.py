"""Copies are found however they were saved; who walks through a scene makes no copy of it."""

import io

import numpy as np
import pytest
from PIL import Image

from tests import factories
from tests.training import labelled
from training.learning.duplicates import Print, near_copies
from training.learning.looks import look


def seen(content, view=1):
    found = look(content)
    return Print(found.phash, found.signature, view)


def room(person_at=None, light=0):
    """Draw a fixed view: a room with somebody in it, or nobody."""
    image = labelled.scene(1).astype(int) + light
    if person_at is not None:
        image[40:110, person_at : person_at + 22] = (30, 40, 200)
    return factories.jpeg(np.clip(image, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("view", [1, 2])
@pytest.mark.parametrize(
    "saved", [{}, {"share": 0.4}, {"quality": 30}, {"brightness": 1.15}], ids=str
)
def test_a_picture_saved_again_is_found(saved, view):
    others = [seen(factories.jpeg(labelled.scene(number))) for number in range(20)]

    found = near_copies([seen(labelled.resaved(labelled.scene(7), **saved), view)], others)

    assert found == {0: 7}


def test_different_pictures_are_none():
    one = [seen(factories.jpeg(labelled.scene(number))) for number in range(40)]
    other = [seen(factories.jpeg(labelled.scene(number))) for number in range(40, 80)]

    assert near_copies(one, other) == {}


def test_a_fixed_camera_sees_different_moments():
    moments = [seen(room(at)) for at in range(0, 130, 26)]
    others = [seen(room(at)) for at in range(13, 130, 26)]

    assert near_copies(moments, others) == {}
    assert near_copies([seen(room())], [seen(room(light=6))]) == {0: 0}


def test_a_slight_crop_is_found_where_pictures_vary():
    whole = Image.fromarray(labelled.scene(3)).resize((640, 480))
    stream = io.BytesIO()
    whole.crop((6, 5, 634, 475)).save(stream, "JPEG")
    others = [seen(factories.jpeg(labelled.scene(number))) for number in range(10)]

    assert near_copies([seen(stream.getvalue())], others) == {0: 3}


def test_hashes_alone_will_do():
    assert near_copies([Print("00000000000000ff")], [Print("00000000000000f0")]) == {0: 0}
    assert near_copies([Print("00000000000000ff")], [Print("000000ffff0000ff")]) == {}


def test_nothing_has_no_copies():
    assert near_copies([], [Print("0" * 16)]) == near_copies([Print("0" * 16)], []) == {}


@pytest.mark.slow
def test_twenty_thousand_pictures_of_fixed_cameras_are_compared_whole():
    random = np.random.default_rng(1)
    views = [(int(random.integers(2**63)), random.integers(-60, 60, 1024)) for _ in range(20)]

    def some(count):
        made = []
        for number in range(count):
            bits, signature = views[number % 20]
            for flipped in random.integers(0, 64, random.integers(0, 6)):
                bits ^= 1 << int(flipped)
            moved = signature.copy()
            start = int(random.integers(0, 1000))
            moved[start : start + 20] = -moved[start : start + 20] + 40
            made.append(Print(f"{bits:016x}", moved.astype(np.int8).tobytes(), number % 20))
        return made

    copies = some(3000)
    found = near_copies([*some(11_000), *copies], some(3000) + copies)

    assert len(found) >= 3000
    assert all(number in found for number in range(11_000, 14_000))


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="no picture"):
        look(b"nothing")
