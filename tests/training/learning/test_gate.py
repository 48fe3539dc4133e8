"""The gate lets better challengers through, and accidents, equals and worse ones not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learning import gate
from training.learning.gate import Margins, Outcome, Slice
from training.learning.paired import AveragePrecision, Mean, Rate


def rate(champion, challenger, size=1):
    """One group for every entry, of ``size`` items."""
    hits = np.array([champion, challenger], dtype=float)
    return Rate(hits, np.full(hits.shape[1], float(size)))


def differing(items, better, worse, both=0.5):
    """Two models that are right together on a share, and differ on so many items."""
    champion = np.zeros(items)
    champion[: int(items * both)] = 1
    challenger = champion.copy()
    challenger[:worse] = 0
    challenger[items - better :] = 1
    return champion, challenger


def test_a_clear_gain_is_promoted():
    report = gate.decide(rate(*differing(300, better=40, worse=5)))
    assert report.outcome == Outcome.PROMOTE
    assert report.gain == pytest.approx(35 / 300)
    assert 0 < report.lower < report.gain < report.upper
    assert report.chance <= 0.05
    assert (report.groups, report.items) == (300, 300)
    assert "11.7 points" not in report.reasons[0]
    assert report.reasons[0].startswith("The gain lies between")


def test_a_clear_loss_is_kept_out():
    report = gate.decide(rate(*differing(300, better=5, worse=40)))
    assert report.outcome == Outcome.KEEP
    assert report.upper < 0
    ends = [f"{100 * end:.1f} points" for end in (report.lower, report.upper)]
    assert report.reasons == (f"The change lies between {ends[0]} and {ends[1]}.",)


def test_fifteen_photos_are_not_enough_and_it_says_how_many_more():
    report = gate.decide(rate(*differing(15, better=2, worse=1)))
    assert report.outcome == Outcome.NOT_ENOUGH_DATA
    assert report.more_items > 100
    assert f"about {report.more_groups} more groups" in report.reasons[1]


def test_models_that_answer_alike_are_equal_only_on_many_items():
    few, many = (gate.decide(rate(*differing(n, better=0, worse=0))) for n in (12, 5000))
    assert few.outcome == Outcome.NOT_ENOUGH_DATA
    assert many.outcome == Outcome.KEEP
    assert many.more_items == 0
    assert (many.gain, many.chance) == (0.0, 1.0)


def test_what_is_said_to_suffice_does():
    """With as many items as it asks for, a gain of three points is seen four times in five."""
    rng = np.random.default_rng(3)

    def drawn(items):
        told = rng.random(items)
        return rate(told < 0.80, (told < 0.765) | (told >= 0.935))

    first = gate.decide(drawn(200))
    assert first.outcome == Outcome.NOT_ENOUGH_DATA
    enough = first.items + first.more_items
    seen = [gate.decide(drawn(enough)).outcome == Outcome.PROMOTE for _ in range(60)]
    assert np.mean(seen) > 0.6


def test_items_of_one_group_are_no_independent_witnesses():
    alone = gate.decide(rate(*differing(120, better=10, worse=0)))
    assert alone.outcome == Outcome.PROMOTE
    together = rate([60, 60, 60, 60], [70, 60, 60, 60], size=120)
    report = gate.decide(together)
    assert report.outcome != Outcome.PROMOTE
    assert report.chance > 0.4


def test_three_groups_prove_nothing_whatever_the_gain():
    report = gate.decide(rate([10, 10, 10], [90, 90, 90], size=100))
    assert report.lower > 0
    assert report.outcome == Outcome.NOT_ENOUGH_DATA
    assert report.chance > 0.05


def test_a_margin_asks_for_more():
    figure = rate(*differing(300, better=40, worse=5))
    assert gate.decide(figure, margins=Margins(gain=0.1)).outcome != Outcome.PROMOTE


@pytest.mark.parametrize(
    ("positives", "missed", "outcome"),
    [
        (40, 0, Outcome.PROMOTE),
        (50, 1, Outcome.PROMOTE),  # two points are allowed
        (49, 1, Outcome.KEEP),
        (19, 15, Outcome.PROMOTE),  # too few to decide
        (20, 1, Outcome.KEEP),
    ],
)
def test_no_class_may_pay_for_the_others(positives, missed, outcome):
    right = np.ones(positives)
    fewer = right.copy()
    fewer[:missed] = 0
    bus = Slice("class", "bus", positives, rate(right, fewer))
    report = gate.decide(rate(*differing(300, better=40, worse=5)), [bus])
    assert report.outcome == outcome
    assert report.slices[0].falls == (outcome == Outcome.KEEP)
    if outcome == Outcome.KEEP:
        assert report.reasons[0].startswith(f"Class bus falls by {100 * missed / positives:.1f}")
    if positives < 20:
        assert report.lacking == (("class", "bus", 20 - positives),)


def test_nothing_to_compare_on():
    report = gate.decide(Rate(np.zeros((2, 0)), np.zeros(0)))
    assert report.outcome == Outcome.NOT_ENOUGH_DATA
    assert (report.champion, report.gain, report.more_items) == (None, None, 0)
    assert gate.decide(Mean(())).outcome == Outcome.NOT_ENOUGH_DATA
    unseen = Slice("camera", "gate", 0, Rate(np.zeros((2, 3)), np.zeros(3)))
    report = gate.decide(rate(*differing(12, 3, 0)), [unseen])
    assert report.slices[0].champion is None
    assert not report.slices[0].falls


def test_the_same_scores_give_the_same_report_and_it_can_be_kept():
    figure = rate(*differing(100, better=12, worse=4))
    slices = [Slice("class", "bus", 100, figure)]
    first, second = (gate.decide(figure, slices, seed=7) for _ in range(2))
    assert first == second
    kept = json.loads(json.dumps(first.as_dict()))
    assert kept["outcome"] == first.outcome.value
    assert kept["slices"][0]["name"] == "bus"
    assert kept["margins"]["draws"] == 2000
    assert gate.decide(figure, slices, seed=8).gain == first.gain


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80),
    st.integers(0, 3),
)
def test_what_is_promoted_is_better_and_its_mirror_image_is_not(answers, seed):
    champion, challenger = np.array(answers, dtype=float).T
    there = gate.decide(rate(champion, challenger), seed=seed)
    back = gate.decide(rate(challenger, champion), seed=seed)
    assert there.gain == pytest.approx(-back.gain)
    assert there.lower <= there.gain <= there.upper
    if there.outcome == Outcome.PROMOTE:
        assert there.gain > 0
        assert back.outcome == Outcome.KEEP


def test_equal_models_are_seldom_promoted():
    rng = np.random.default_rng(0)
    promoted = 0
    for _ in range(200):
        told = rng.random(40)
        report = gate.decide(rate(told < 0.8, (told < 0.7) | (told >= 0.9)))
        promoted += report.outcome == Outcome.PROMOTE
    assert promoted <= 16


def test_boxes_of_several_classes():
    rng = np.random.default_rng(5)
    parts = []
    for _ in range(2):
        group = np.tile(np.arange(60), 2)
        model = np.repeat([0, 1], 60)
        right = rng.random((3, 120)) < np.where(model == 0, 0.5, 0.9)
        parts.append(AveragePrecision(rng.random(120), model, group, right, np.ones(60)))
    report = gate.decide(Mean(tuple(parts)))
    assert report.outcome == Outcome.PROMOTE
    assert (report.groups, report.items) == (60, 120)
