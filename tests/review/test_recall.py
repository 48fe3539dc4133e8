"""The recall estimate is right on average, and its interval holds as often as it says."""

import doctest
import itertools

import numpy as np
import pytest

from benchmarks.recall import MOST_BIAS, scenarios, simulate
from review import recall
from review.recall import Interval, Stratum, minutes_to_halve, missed


def test_the_examples_are_true():
    assert doctest.testmod(recall).failed == 0


@pytest.mark.parametrize("name", scenarios())
def test_the_interval_holds_in_at_least_93_of_100_samples(name):
    held, bias, _ = simulate(scenarios()[name], 1500, np.random.default_rng(7))
    assert held["ours"] >= 0.93
    assert abs(bias) <= MOST_BIAS


def test_the_estimate_is_unbiased_over_every_possible_sample():
    population, judged, truth = 7, 3, {1, 4}
    samples = itertools.combinations(range(population), judged)
    estimates = [
        missed([Stratum(population, judged, len(truth & set(one)))]).estimate for one in samples
    ]
    assert np.mean(estimates) == pytest.approx(len(truth))


def test_no_miss_seen_is_not_no_miss():
    found = missed([Stratum(1440, 3)] * 30)
    assert (found.estimate, found.low) == (0.0, 0.0)
    # So many misses stay unseen with a chance of 2.5 %, whichever day they are on.
    assert found.high == pytest.approx(480 * 3.689, rel=0.002)


def test_everything_seen_leaves_nothing_open():
    assert missed([Stratum(5, 5, 2), Stratum(8, 8, 0)]) == Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize("misses", range(4))
def test_bounds_stay_within_what_is_possible(misses):
    found = missed([Stratum(4, 3, misses)])
    assert misses <= found.low <= found.estimate <= found.high <= misses + 1 + 1 / 3


def test_more_minutes_make_a_narrower_interval():
    widths = [missed([Stratum(1440, 3 * k, k)] * 10).width for k in (1, 2, 4, 8)]
    assert widths == sorted(widths, reverse=True)


def test_without_a_judged_minute_nothing_is_known():
    assert missed([]) == Interval(None, None, None)
    assert recall.recall(12, missed([])) == Interval(None, None, None)


def test_recall_turns_the_bounds_round():
    found = recall.recall(30, Interval(10.0, 2.0, 60.0))
    assert found == Interval(0.75, pytest.approx(1 / 3), pytest.approx(0.9375))


def test_nothing_reported_and_nothing_missed_is_no_recall():
    assert recall.recall(0, Interval(0.0, 0.0, 5.0)) == Interval(None, 0.0, None)
    assert recall.recall(0, Interval(5.0, 1.0, 9.0)).estimate == 0.0


@pytest.mark.parametrize("misses", [0, 1, 2])
def test_so_many_more_minutes_halve_the_interval(misses):
    strata = [Stratum(1440, 3, misses if day == 0 else 0) for day in range(20)]
    more = minutes_to_halve(strata, 200)
    factor = (60 + more) / 60
    grown = [Stratum(1440, 3 * factor, one.missed * factor) for one in strata]
    before = recall.recall(200, missed(strata)).width
    after = recall.recall(200, missed(grown)).width
    assert after == pytest.approx(before / 2, rel=0.02)


@pytest.mark.parametrize("strata", [[], [Stratum(3, 3, 1)]])
def test_nothing_halves_what_is_not_open(strata):
    assert minutes_to_halve(strata, 5) is None
