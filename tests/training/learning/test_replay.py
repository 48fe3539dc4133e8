"""How many old pictures stand beside the new ones."""

from collections import Counter

import pytest

from training.learning.replay import mixed


@pytest.mark.parametrize(
    ("old", "new", "share", "again"),
    [(10, 10, 0.5, 10), (100, 20, 0.5, 20), (100, 20, 0.2, 5), (9, 9, 0.0, 0), (100, 4, 0.95, 76)],
)
def test_old_ones_are_the_share_that_was_asked_for(old, new, share, again):
    olds, news = [("old", n) for n in range(old)], [("new", n) for n in range(new)]

    found = mixed(olds, news, share)

    assert Counter(kind for kind, _ in found) == Counter(old=again, new=new)
    assert len(set(found)) == len(found)


def test_too_few_old_ones_come_as_often_as_each_other():
    counts = Counter(mixed("abc", range(10), 0.5))

    assert sorted(counts[name] for name in "abc") == [3, 3, 4]


@pytest.mark.parametrize(("old", "new"), [("", "xy"), ("ab", ""), ("", "")])
def test_one_side_alone_is_taken_whole(old, new):
    assert mixed(old, new, 0.5) == [*old, *new]


def test_the_seed_decides_which():
    draws = {tuple(mixed(range(100), "xy", 0.5, seed)) for seed in (1, 1, 2)}

    assert len(draws) == 2
