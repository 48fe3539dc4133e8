"""The test of rising shares: seldom wrong however often one looks, and soon right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learning.sequential import BLOCKS, interval, per_block, rise

ALPHA = 0.01


def drawn(rng, share, count):
    return (rng.random(count) < share).astype(int)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("before", [30, 200, 500])
def test_equal_shares_seldom_alarm(share, before):
    rng = np.random.default_rng(7)
    alarms = sum(
        rise(drawn(rng, share, before), drawn(rng, share, before), alpha=ALPHA).alarm_at is not None
        for _ in range(2000)
    )
    # 1 % and three standard errors of 2,000 streams; every one is looked at after every verdict.
    assert alarms / 2000 <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 2000) ** 0.5


def test_a_falling_share_never_helps():
    rng = np.random.default_rng(3)
    streams = [rise(drawn(rng, 0.6, 200), drawn(rng, 0.3, 200), alpha=ALPHA) for _ in range(500)]
    assert not any(one.alarm_at for one in streams)


@pytest.mark.parametrize(("before", "median"), [(60, 40), (200, 40), (500, 40)])
def test_a_share_that_triples_is_found_soon(before, median):
    rng = np.random.default_rng(11)
    found = [
        rise(drawn(rng, 0.2, before), drawn(rng, 0.6, 200), alpha=ALPHA).alarm_at or 999
        for _ in range(400)
    ]
    assert np.median(found) <= median


@given(together=st.integers(1, 5), share=st.floats(0.001, 0.999), fall=st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_one_block_is_expected_to_prove_nothing(together, share, fall):
    """The sum over all outcomes of probability times evidence is at most 1, if nothing rose."""
    new_share, total = share * fall, 0.0
    for number in range(2 ** (together + 1)):
        *old, new = [number >> bit & 1 for bit in range(together + 1)]
        chance = new_share if new else 1 - new_share
        for outcome in old:
            chance *= share if outcome else 1 - share
        total += chance * rise(old, [new], alpha=ALPHA, together=together).e_value
    assert total <= 1 + 1e-9


def test_what_comes_later_does_not_change_an_alarm():
    old, new = [0] * 120, [1] * 30
    first = rise(old, new, alpha=ALPHA, together=2)
    later = rise(old, new + [0] * 30, alpha=ALPHA, together=2)
    assert first.alarm_at == later.alarm_at
    assert later.e_value < later.highest


@pytest.mark.parametrize(("old", "new"), [([], [1, 1]), ([0, 1], []), ([], [])])
def test_nothing_proves_nothing(old, new):
    assert rise(old, new, alpha=ALPHA).e_value == 1.0
    assert rise(old, new, alpha=ALPHA).alarm_at is None


@pytest.mark.parametrize(("old", "together"), [(0, 1), (BLOCKS - 1, 1), (2 * BLOCKS, 2), (9999, 5)])
def test_how_many_old_ones_go_with_a_new_one(old, together):
    assert per_block(old) == together


@pytest.mark.parametrize("hits", [0, 1, 50, 100])
def test_an_interval_holds_its_share(hits):
    lower, upper = interval(hits, 100)
    assert 0.0 <= lower <= hits / 100 <= upper + 1e-12 <= 1.0 + 1e-12
