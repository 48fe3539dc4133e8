"""No track and no camera is most of what trains, and what stays is no accident."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.learning.caps import Row, most_a_camera, over_cameras, over_tracks

rows = st.lists(
    st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from([None, 1, 2, 3, 4, 5, 6, 7])),
    max_size=60,
).map(lambda told: [Row(f"row {number}", *one) for number, one in enumerate(told)])


@given(rows, st.integers(1, 4))
def test_no_track_has_more_than_its_frames(made, most):
    gone = over_tracks(made, key="slot", most=most)

    held = Counter(row.track for row in made if row.track)
    left = Counter(row.track for at, row in enumerate(made) if row.track and at not in gone)
    assert left == {track: min(number, most) for track, number in held.items()}


@given(rows)
def test_no_camera_has_more_than_its_share(made):
    gone = over_cameras(made, key="slot", share=0.2)

    left = Counter(row.camera for at, row in enumerate(made) if at not in gone)
    del left[None]
    cameras = {row.camera for row in made} - {None}
    if len(cameras) < 5:
        assert not gone
    else:
        assert left.keys() == cameras
        assert max(left.values()) <= 0.2 * sum(left.values()) + 1e-9


@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter(made, random):
    shuffled = list(made)
    random.shuffle(shuffled)

    for over in (over_tracks, over_cameras):
        ours, theirs = over(made, key="slot"), over(shuffled, key="slot")
        assert {made[at].name for at in ours} == {shuffled[at].name for at in theirs}


@pytest.mark.parametrize(
    ("sizes", "share", "most"),
    [
        ([], 0.2, 0),
        ([50], 0.2, 50),
        ([9, 9, 9, 9], 0.2, 9),
        ([9, 9, 9, 9, 9], 0.2, 9),
        ([900, 10, 10, 10, 10], 0.2, 10),
        ([900, 10], 1.0, 900),
        ([30, 10], 0.5, 10),
    ],
)
def test_how_many_a_camera_may_keep(sizes, share, most):
    assert most_a_camera(sizes, share) == most
