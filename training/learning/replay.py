"""How much of what a detector learned before is shown to it again while it learns something new."""

import random
from collections.abc import Sequence
from typing import TypeVar

One = TypeVar("One")


def mixed(old: Sequence[One], new: Sequence[One], share: float, seed: int = 0) -> list[One]:
    """Return all of the new and so many old ones that these are ``share`` of the whole.

    The old ones are drawn without favour, every one as often as the next where there are too few.
    Where one side is empty there is nothing to mix, and the other is returned.

    Args:
        share: from 0 (only new ones) up to, but not, 1.

    >>> sorted(mixed("ab", "123", 0.4))
    ['1', '2', '3', 'a', 'b']
    """
    if not old or not new:
        return [*old, *new]
    wanted = round(len(new) * share / (1.0 - share))
    drawn = list(old) * (wanted // len(old))
    drawn += random.Random(seed).sample(list(old), wanted % len(old))
    return [*drawn, *new]
