"""Kappa and shares: known tables, honest ends, and intervals that hold what they promise."""

import itertools
import random

import pytest

from review.agreement import NO_PAIRS, ONE_RATING, cohens_kappa, rating, wilson

YES, NO, MAYBE = "yes", "no", "maybe"


def pairs(table):
    """Return the pairs of a table {(first, second): count}."""
    return [pair for pair, count in table.items() for _ in range(count)]


def test_a_table_worked_by_hand():
    """0.7 of 50 agree; chance gives 0.5 x 0.6 + 0.5 x 0.4 = 0.5."""
    found = cohens_kappa(pairs({(YES, YES): 20, (YES, NO): 5, (NO, YES): 10, (NO, NO): 15}))

    assert (found.pairs, found.agreed, found.share) == (50, 35, 0.7)
    assert found.value == pytest.approx(0.4)
    assert -1 <= found.low < found.value < found.high <= 1


def test_the_variance_is_that_of_fleiss_cohen_and_everitt():
    """At many pairs two imagined ones are nothing: the delta method, term by term, agrees."""
    table = {(YES, YES): 0.4, (YES, NO): 0.1, (NO, YES): 0.2, (NO, NO): 0.3}
    total = 1_000_000
    found = cohens_kappa(_spread(table, total))

    slopes = {}
    for cell in table:
        step = 1e-6
        moved = {key: (p + step * (key == cell)) / (1 + step) for key, p in table.items()}
        slopes[cell] = (_kappa(moved) - _kappa(table)) / step
    mean = sum(p * slopes[cell] for cell, p in table.items())
    variance = sum(p * (slopes[cell] - mean) ** 2 for cell, p in table.items()) / total

    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * variance**0.5, rel=1e-3)


def _spread(table, total):
    return pairs({cell: round(share * total) for cell, share in table.items()})


def _kappa(table):
    names = {name for cell in table for name in cell}
    first = {n: sum(p for (one, _), p in table.items() if one == n) for n in names}
    second = {n: sum(p for (_, other), p in table.items() if other == n) for n in names}
    observed = sum(p for (one, other), p in table.items() if one == other)
    expected = sum(first[n] * second[n] for n in names)
    return (observed - expected) / (1 - expected)


@pytest.mark.parametrize("given", [[], iter(())])
def test_without_pairs_there_is_no_kappa(given):
    found = cohens_kappa(given)
    assert (found.value, found.low, found.high, found.why) == (None, None, None, NO_PAIRS)
    assert found.share is None


def test_one_answer_only_says_nothing():
    found = cohens_kappa([(YES, YES)] * 80)
    assert (found.agreed, found.value, found.why) == (80, None, ONE_RATING)


def test_perfect_agreement_is_not_certain():
    few = cohens_kappa(pairs({(YES, YES): 5, (NO, NO): 5}))
    many = cohens_kappa(pairs({(YES, YES): 500, (NO, NO): 500}))

    assert (few.value, few.high, many.value) == (1.0, 1.0, 1.0)
    assert few.low < 0.75 < 0.98 < many.low


def test_no_agreement_at_all():
    found = cohens_kappa(pairs({(YES, NO): 10, (NO, YES): 10}))
    assert found.value == pytest.approx(-1.0)
    assert found.low == -1.0 < found.high


def test_always_the_same_two_different_answers():
    assert cohens_kappa([(YES, NO)] * 9).value == 0.0


def _table(prior, right):
    """Return the table of two people who are each right this often, of what is truly there."""
    names, table = (YES, NO, MAYBE)[: len(prior)], {}
    for truth, one, other in itertools.product(range(len(prior)), repeat=3):
        chances = [
            right if said == truth else (1 - right) / (len(prior) - 1) for said in (one, other)
        ]
        cell = names[one], names[other]
        table[cell] = table.get(cell, 0.0) + prior[truth] * chances[0] * chances[1]
    return table


@pytest.mark.parametrize("prior", [(0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1)], ids=str)
@pytest.mark.parametrize("right", [0.98, 0.9, 0.8])
@pytest.mark.parametrize("count", [20, 100])
def test_the_interval_holds_the_truth(prior, right, count):
    """Nine times in ten at the very least, in 400 draws; it aims at nineteen in twenty."""
    table, chance = _table(prior, right), random.Random(7)
    truth, cells, weights = _kappa(table), list(table), list(table.values())
    found = [cohens_kappa(chance.choices(cells, weights, k=count)) for _ in range(400)]
    told = [one for one in found if one.value is not None]

    held = sum(one.low <= truth <= one.high for one in told)
    # At 90 % this many or more of 400 miss by chance alone less than once in a thousand.
    assert held / len(told) >= 0.90 - 0.045
    assert all(one.low <= one.value <= one.high for one in told)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson(count, total, low, high):
    """The last is from R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I."""
    share = wilson(count, total)
    assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)
    assert share.low <= share.value <= share.high


def test_a_share_of_nothing():
    assert (wilson(0, 0).value, wilson(0, 0).low) == (None, None)


def test_ratings():
    assert rating("confirmed", "loitering") != rating("confirmed", "aggression")
    assert rating("rejected", "loitering") == rating("rejected", "aggression")
