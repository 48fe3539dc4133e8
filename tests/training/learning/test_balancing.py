"""Balance: as much of every class, the same for the same seed, and nothing else touched."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.learning.balancing import WAYS, balanced

labels = st.lists(st.sampled_from("abc"), min_size=1, max_size=60)


@given(labels, st.sampled_from(["downsample", "upsample"]), st.integers(0, 5))
def test_every_class_has_as_much_as_another(given_labels, how, seed):
    names = [f"row {number}" for number in range(len(given_labels))]

    chosen = balanced(names, given_labels, how, seed=seed)

    held = Counter(given_labels)
    many = min(held.values()) if how == "downsample" else max(held.values())
    counted = Counter(given_labels[position] for position, _ in chosen)
    assert counted == dict.fromkeys(held, many)
    assert len(set(chosen)) == len(chosen)
    if how == "upsample":
        assert {position for position, copy in chosen if not copy} == set(range(len(names)))
    else:
        assert {copy for _, copy in chosen} == {0}


@given(labels, st.sampled_from(WAYS), st.randoms())
def test_the_order_of_rows_does_not_matter(given_labels, how, random):
    rows = [(f"row {number}", label) for number, label in enumerate(given_labels)]
    shuffled = list(rows)
    random.shuffle(shuffled)

    found = [
        sorted((part[at][0], copy) for at, copy in balanced(*zip(*part, strict=True), how, seed=1))
        for part in (rows, shuffled)
    ]

    assert found[0] == found[1]


def test_another_seed_leaves_out_others():
    names, held = [f"row {n}" for n in range(200)], ["a"] * 190 + ["b"] * 10

    assert balanced(names, held, "downsample", seed=1) != balanced(
        names, held, "downsample", seed=2
    )


@pytest.mark.parametrize("how", WAYS)
def test_of_nothing_comes_nothing(how):
    assert balanced([], [], how) == []
