"""Splits are for ever, whole groups, and the same whatever the order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.learning.splits import SPLITS, TEST, TRAIN, VAL, Group, assign

names = st.text("abcdefgh", min_size=1, max_size=6)
weights = st.dictionaries(st.sampled_from(["person", "car", ""]), st.integers(1, 40), min_size=1)
groups = st.lists(
    st.builds(Group, names, weights, st.just(True)), max_size=25, unique_by=lambda one: one.name
)
pins = st.dictionaries(names, st.sampled_from(SPLITS), max_size=12)


@given(groups, pins, st.randoms())
def test_the_order_of_groups_does_not_matter(made, pinned, random):
    shuffled = list(made)
    random.shuffle(shuffled)

    assert assign(made, pinned, key="slot") == assign(shuffled, pinned, key="slot")


@given(groups, pins)
def test_pins_never_move_and_every_group_has_a_split(made, pinned):
    given_splits = assign(made, pinned, key="slot")

    assert given_splits.keys() == {group.name for group in made}
    assert all(given_splits[name] == pinned[name] for name in given_splits if name in pinned)


@given(groups, groups)
def test_what_comes_later_moves_nothing(first, later):
    pinned = assign(first, {}, key="slot")
    known = {group.name for group in first}
    everything = [*first, *(group for group in later if group.name not in known)]

    after = assign(everything, pinned, key="slot")

    assert {name: after[name] for name in pinned} == pinned


@given(st.lists(weights, min_size=3, max_size=20))
def test_three_groups_are_enough_for_every_split(sizes):
    made = [Group(f"g{number}", held) for number, held in enumerate(sizes)]

    assert set(assign(made, {}, key="slot").values()) == set(SPLITS)


@given(st.lists(st.builds(Group, names, weights, st.booleans()), unique_by=lambda one: one.name))
def test_what_may_not_judge_trains(made):
    given_splits = assign(made, {}, key="slot")

    assert all(given_splits[group.name] == TRAIN for group in made if not group.may_judge)


def test_many_groups_come_near_the_shares():
    made = [Group(f"day {number}", {"person": 3, "": 1}) for number in range(400)]

    splits = list(assign(made, {}, key="slot").values())

    assert splits.count(TRAIN) == pytest.approx(280, abs=3)
    assert splits.count(VAL) == pytest.approx(60, abs=3)


def test_what_is_rare_is_spread_too():
    made = [Group(f"day {number}", {"person": 20}) for number in range(30)]
    made += [Group(f"rare {number}", {"person": 20, "fox": 1}) for number in range(9)]

    given_splits = assign(made, {}, key="slot")

    assert {given_splits[f"rare {number}"] for number in range(9)} == set(SPLITS)


def test_a_group_that_is_most_of_everything_trains():
    for large in range(8):
        made = [
            Group(f"{large}-{number}", {"": 100 if number == large else 1}) for number in range(8)
        ]

        assert assign(made, {}, key="slot")[f"{large}-{large}"] == TRAIN


def test_the_key_decides():
    made = [Group(f"day {number}", {"": 1}) for number in range(30)]

    assert assign(made, {}, key="one slot") != assign(made, {}, key="another")


def test_the_last_group_fills_what_is_empty():
    made = [Group("old", {"": 5}), Group("older", {"": 5}), Group("new", {"": 1})]

    assert assign(made, {"old": TRAIN, "older": VAL}, key="slot")["new"] == TEST


@pytest.mark.parametrize(
    "shares", [{TRAIN: 0.5, VAL: 0.3, TEST: 0.2}, {TRAIN: 0.8, VAL: 0.1, TEST: 0.1}]
)
def test_other_shares_are_come_near_as_well(shares):
    made = [Group(f"video {number}", {"work": 3, "idle": 1}) for number in range(400)]

    counts = Counter(assign(made, {}, key="slot", shares=shares).values())

    for split, share in shares.items():
        assert abs(counts[split] / len(made) - share) < 0.02


@given(groups)
def test_the_usual_shares_need_not_be_named(made):
    usual = {TRAIN: 0.70, VAL: 0.15, TEST: 0.15}

    assert assign(made, {}, key="slot", shares=usual) == assign(made, {}, key="slot")
