"""Give groups to training, validation and test, for ever.

A group that has a split keeps it. A new one goes, in an order that a keyed hash of its name
decides, to the split that lacks most of what it has; so the outcome does not depend on the order
of the rows, and validation and test have something as soon as three groups allow it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
SHARES = {TRAIN: 0.70, VAL: 0.15, TEST: 0.15}
# A group this large would leave training with little, and judging with one opinion.
LARGEST_SHARE_HELD_OUT = 0.30


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that must not be torn apart.

    Attributes:
        weights: {what is counted, such as a class: how many}.
        may_judge: whether it has anything that may validate or test.
    """

    name: str
    weights: Mapping[str, float]
    may_judge: bool = True

    @property
    def size(self) -> float:
        return sum(self.weights.values())


def keyed_hash(key: str, name: str) -> str:
    """Return 64 hex digits that order names differently under every key."""
    return hashlib.blake2b(name.encode(), key=key.encode()[:64], digest_size=32).hexdigest()


def assign(
    groups: Iterable[Group],
    pinned: Mapping[str, str],
    *,
    key: str,
    shares: Mapping[str, float] = SHARES,
) -> dict[str, str]:
    """Return {group: split} for every group.

    Args:
        pinned: {group: split} of earlier times; never changed, whether the group is there or not.
        key: of the hash that orders the new groups.
        shares: {split: what it is to have of everything}, each above 0.

    >>> made = assign([Group(name, {"": 1}) for name in "abc"], {}, key="slot")
    >>> sorted(made.values())
    ['test', 'train', 'val']
    """
    groups = sorted(groups, key=lambda group: keyed_hash(key, group.name))
    totals = Counter()
    for group in groups:
        totals.update(group.weights)
    held = {split: Counter() for split in SPLITS}
    given, filled = {}, set()

    def give(group, split):
        given[group.name] = split
        held[split].update(group.weights)
        if group.may_judge or split == TRAIN:
            filled.add(split)

    for group in groups:
        if group.name in pinned:
            give(group, pinned[group.name])
        elif not group.may_judge:
            give(group, TRAIN)
    waiting = [group for group in groups if group.name not in given]
    for number, group in enumerate(waiting):
        lacking = [split for split in SPLITS if split not in filled]
        give(group, _split_for(group, held, totals, lacking, len(waiting) - number, shares))
    return given


def _split_for(group, held, totals, lacking, left, shares):
    """Return where a new group goes.

    Args:
        lacking: splits that have nothing yet.
        left: how many groups are still to be given, this one included.
    """
    is_large = group.size > LARGEST_SHARE_HELD_OUT * sum(totals.values())
    if is_large and left > len(set(lacking) - {TRAIN}):
        return TRAIN
    if lacking and left <= len(lacking):
        return lacking[0]
    return max(SPLITS, key=lambda split: _lack(shares[split], group, held[split], totals))


def _lack(share, group, held, totals):
    """Return how much of its share a split lacks of what the group has; 1 where it has none.

    What is rare counts for as much as what is common, so that no split goes without it.
    """
    rarity = {what: weight / totals[what] for what, weight in group.weights.items() if weight}
    lacks = (part * (1.0 - held[what] / (share * totals[what])) for what, part in rarity.items())
    return sum(lacks) / sum(rarity.values()) if rarity else 0.0
