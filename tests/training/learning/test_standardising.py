"""Mean and spread a part at a time are those of everything at once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learning.standardising import mean_and_std, scaled


@settings(deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_in_parts_or_at_once(seed, sizes):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(1e4, 3.0, (many, 5, 4)).astype(np.float32) for many in sizes]
    for part in parts:
        part[rng.random(part.shape) < 0.3] = np.nan
        part[..., 3] = np.nan
    whole = np.concatenate(parts).astype(float)

    mean, std, count = mean_and_std(iter(parts), 4)

    assert count.tolist() == (~np.isnan(whole)).sum(axis=(0, 1)).tolist()
    for column in range(3):
        if count[column]:
            np.testing.assert_allclose(mean[column], np.nanmean(whole[..., column]), rtol=1e-12)
            np.testing.assert_allclose(
                std[column], np.nanstd(whole[..., column]), rtol=1e-7, atol=1e-9
            )
    assert np.isnan(mean[3]) and np.isnan(std[3])


def test_of_nothing_all_is_missing():
    mean, std, count = mean_and_std([], 2)

    assert np.isnan(mean).all() and np.isnan(std).all() and count.tolist() == [0, 0]


def test_scaled_and_what_never_changes():
    windows = np.array([[[3.0, 7.0, np.nan]]], dtype=np.float32)

    found = scaled(windows, [1.0, 7.0, 0.0], [2.0, 0.0, 1.0])

    assert found[0, 0, :2].tolist() == [1.0, 0.0] and np.isnan(found[0, 0, 2])
    assert found.dtype == np.float32
