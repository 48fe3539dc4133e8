"""The same content has the same manifest, and a rename is no correction of the test."""

import random

import pytest

from training.learning import manifest

HEADER = {"slot": "object-detector", "taxonomy": [{"name": "person"}]}


def entry(number, *, split="test", name="person", box=(0.1, 0.1, 0.5, 0.5), group="day 1"):
    return {
        "split": split,
        "sha256": f"{number:064x}",
        "group": group,
        "label": {"boxes": [[name, *box]], "exhaustive": [name]},
    }


def test_the_order_of_rows_does_not_matter():
    rows = [entry(number, split=("train", "val", "test")[number % 3]) for number in range(20)]
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)

    one, other = (manifest.content_of(HEADER, manifest.ordered(some)) for some in (rows, shuffled))

    assert one == other
    assert one.count(b"\n") == 21 and one.startswith(b'{"format":1,"slot":"object-detector"')


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ([entry(1), entry(2), entry(9, split="train")], True),
        ([entry(2), entry(1)], True),
        ([entry(1)], False),
        ([entry(1), entry(2), entry(3)], False),
        ([entry(1), entry(2, box=(0.1, 0.1, 0.6, 0.5))], False),
        ([entry(1), entry(2, group="day 2")], False),
    ],
)
def test_the_hash_of_the_test_is_that_of_its_content(changed, is_same):
    before = manifest.sha256_of_test([entry(1), entry(2)], {"person": 0})

    assert (manifest.sha256_of_test(changed, {"person": 0}) == before) is is_same


def test_a_rename_leaves_the_test_as_it_is():
    before = manifest.sha256_of_test([entry(1)], {"person": 0})

    assert manifest.sha256_of_test([entry(1, name="human")], {"human": 0}) == before
