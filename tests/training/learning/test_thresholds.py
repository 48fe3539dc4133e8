"""Thresholds from verdicts: the curve, the best of it, and how sure that is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitlsite.errors import DomainError
from training.learning import thresholds
from training.learning.thresholds import Verdict, Wish


def verdicts(confirmed, rejected, *, groups=10, **columns):
    rows = [(score, True) for score in confirmed] + [(score, False) for score in rejected]
    return [
        Verdict(score, is_right, f"day {number % groups}", **columns)
        for number, (score, is_right) in enumerate(rows)
    ]


def parted(count=30, cut=0.5):
    """Return verdicts that a threshold at ``cut`` tells apart perfectly."""
    high, low = np.linspace(cut, 0.95, count), np.linspace(0.1, cut - 0.02, count)
    return verdicts(high, low)


def test_the_points_are_what_each_threshold_leaves():
    rows = verdicts([0.9, 0.6, 0.4], [0.8, 0.3])
    told = thresholds.curve(rows, Wish(beta=2.0, cost_false_alarm=1, cost_miss=3), least=1)

    assert [one.threshold for one in told.points] == [0.3, 0.4, 0.6, 0.8, 0.9]
    third = told.points[2]
    assert (third.right, third.false_alarms, third.missed) == (2, 1, 1)
    assert third.precision == pytest.approx(2 / 3)
    assert third.recall == pytest.approx(2 / 3)
    assert third.f_beta == pytest.approx(5 * 2 / (5 * 2 + 4 * 1 + 1))
    assert third.cost == 1 + 3


@pytest.mark.parametrize("measure", thresholds.MEASURES)
def test_a_threshold_that_parts_them_is_found(measure):
    told = thresholds.curve(parted(), Wish(measure))

    assert told.best.threshold == pytest.approx(0.5)
    assert (told.best.precision, told.best.recall, told.best.cost) == (1.0, 1.0, 0.0)
    assert told.lower <= 0.5 <= told.upper
    assert told.upper - told.lower < 0.1


def test_what_a_miss_costs_moves_the_choice():
    rng = np.random.default_rng(3)
    rows = verdicts(rng.normal(0.6, 0.15, 300).clip(0, 1), rng.normal(0.4, 0.15, 300).clip(0, 1))

    found = [
        thresholds.curve(rows, Wish("cost", cost_miss=miss)).best.threshold
        for miss in (0.2, 1.0, 20.0)
    ]
    assert found[0] > found[1] > found[2]
    by_f = [thresholds.curve(rows, Wish(beta=beta)).best.threshold for beta in (0.5, 3.0)]
    assert by_f[0] > by_f[1]


@pytest.mark.parametrize(
    ("confirmed", "rejected", "code", "more"),
    [(19, 40, "too_few_confirmed", "1 more"), (40, 3, "too_few_rejected", "17 more")],
)
def test_too_few_verdicts_are_refused_by_name(confirmed, rejected, code, more):
    with pytest.raises(DomainError) as refusal:
        thresholds.curve(verdicts([0.9] * confirmed, [0.2] * rejected))

    assert refusal.value.code == code
    assert more in refusal.value.message


@pytest.mark.parametrize(
    "wish", [{"measure": "accuracy"}, {"beta": 0.0}, {"cost_miss": float("nan")}, {"beta": -1.0}]
)
def test_a_wish_that_makes_no_sense_is_refused(wish):
    with pytest.raises(DomainError):
        Wish(**wish)


def test_one_drawn_at_random_weighs_as_many_as_it_stands_for():
    rows = verdicts([0.9] * 20, [0.8] * 20)
    rows += [Verdict(0.3, True, "day 1", weight=10.0)]
    told = thresholds.curve(rows, Wish("cost", cost_miss=1.0))

    assert told.points[0].right == 30
    assert told.at(0.5).missed == 10
    assert told.at(0.5).recall == pytest.approx(20 / 30)
    assert told.sampled == 1


def test_what_no_threshold_brings_back_lowers_recall_everywhere():
    told = thresholds.curve(parted(), unreachable=30.0)

    assert told.best.recall == pytest.approx(0.5)
    assert told.best.threshold == pytest.approx(0.5)
    assert told.points[0].missed == pytest.approx(30.0)


def test_any_threshold_can_be_asked_for():
    told = thresholds.curve(parted())

    assert told.at(0.0).right == 30 and told.at(0.0).false_alarms == 30
    assert (told.at(1.0).right, told.at(1.0).recall, told.at(1.0).precision) == (0, 0.0, None)
    between = told.at(0.49)
    assert (between.threshold, between.recall, between.precision) == (0.49, 1.0, 1.0)


def test_few_groups_give_no_interval():
    rows = [Verdict(one.score, one.is_confirmed, "the only day") for one in parted()]
    told = thresholds.curve(rows)

    assert (told.lower, told.upper, told.groups) == (None, None, 1)


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(1)
    rows = verdicts(rng.random(200), rng.random(200) * 0.8, groups=20)
    first, second = (thresholds.curve(rows, seed=4) for _ in range(2))

    assert first == second
    assert first.lower < first.upper


scores = st.lists(st.floats(0, 1), min_size=1, max_size=25)


@settings(max_examples=80, deadline=None)
@given(confirmed=scores, rejected=scores, beta=st.floats(0.1, 5), asked=st.floats(0, 1))
def test_the_curve_agrees_with_counting(confirmed, rejected, beta, asked):
    wish = Wish(beta=beta)
    told = thresholds.curve(verdicts(confirmed, rejected), wish, least=1, draws=20)

    point = told.at(asked)
    right = sum(score >= asked for score in confirmed)
    alarms = sum(score >= asked for score in rejected)
    assert (point.right, point.false_alarms, point.missed) == pytest.approx(
        (right, alarms, len(confirmed) - right)
    )
    assert told.best.f_beta == pytest.approx(max(one.f_beta or 0.0 for one in told.points))
    recalls = [one.recall for one in told.points]
    assert recalls == sorted(recalls, reverse=True)
    if told.lower is not None:
        assert 0.0 <= told.lower <= told.upper <= 1.0
