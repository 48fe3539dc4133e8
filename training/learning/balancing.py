"""Give every class as much to train on as another, by leaving out or by repeating.

Which ones is decided by a keyed hash of their names: the same rows and seed give the same choice.
"""

from collections import defaultdict
from collections.abc import Sequence

from training.learning.splits import keyed_hash

NONE, DOWN, UP = WAYS = ("none", "downsample", "upsample")


def balanced(
    names: Sequence[str], labels: Sequence[str], how: str, *, seed: int = 0
) -> list[tuple[int, int]]:
    """Return (position, which copy of it) of what trains, the copy 0 for the row itself.

    Args:
        names: tell the rows apart.
        how: one of ``WAYS``; down to the rarest class, up to the most frequent one.

    >>> balanced("abc", ["x", "x", "y"], "upsample")
    [(0, 0), (1, 0), (2, 0), (2, 1)]
    """
    by_label = defaultdict(list)
    for position, label in enumerate(labels):
        by_label[label].append(position)
    if how == NONE or not by_label:
        return [(position, 0) for position in range(len(labels))]
    sizes = [len(positions) for positions in by_label.values()]
    many = min(sizes) if how == DOWN else max(sizes)
    found = []
    for positions in by_label.values():
        order = sorted(positions, key=lambda at: (keyed_hash(f"seed {seed}", names[at]), at))
        found += [(order[turn % len(order)], turn // len(order)) for turn in range(many)]
    return sorted(found)
