"""Blocks of a video: the same whoever cuts it, and nothing shared between two of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.learning import blocks


@given(st.floats(0, 1e5), st.floats(1, 1e5), st.floats(0.5, 20.0))
def test_two_blocks_are_a_margin_apart_and_every_block_is_in_order(start, seconds, window):
    names = blocks.names("footage 7", start, start + seconds)
    ends = start + np.arange(window, seconds, max(seconds / 400, 0.5))

    places = blocks.places(names, ends - window, ends, window)

    kept = places >= 0
    order = places[kept]
    assert (np.diff(order) >= 0).all() and set(order) <= set(range(len(names)))
    for at in np.flatnonzero(np.diff(order)):
        earlier, later = ends[kept][at], ends[kept][at + 1] - window
        assert later - earlier >= window - 1e-6


@given(st.floats(0, 1e5), st.floats(0.1, 1e5), st.integers(0, 19))
def test_any_block_s_name_tells_them_all(start, seconds, which):
    names = blocks.names("features 12", start, start + seconds)

    known = [names[which % len(names)], "footage 1", "features 1 block 1 of 3 (0.000-9.000 s)"]

    assert blocks.names_again("features 12", known) == names


def test_what_was_never_cut_has_no_blocks():
    assert (
        blocks.names_again("footage 7", ["footage 7", "footage 77 block 1 of 3 (0.0-9.0 s)"]) == []
    )


def test_a_video_that_grew_keeps_its_blocks():
    names = blocks.names("footage 7", 0.0, 60.0)

    later = blocks.places(names, np.array([70.0]), np.array([72.0]), 2.0)

    assert later.tolist() == [len(names) - 1]
