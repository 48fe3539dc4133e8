"""Which items an export holds, in a text short enough to stand on its row.

Lines are in the order of rising ids, so the same text says which item a line is of. Ids that
follow each other are one range: "1-500,502,510-700".
"""

from bisect import bisect_left
from collections.abc import Iterable


def encoded(ids: Iterable[int]) -> str:
    """Return rising ids as ranges.

    >>> encoded([1, 2, 3, 7, 9, 10])
    '1-3,7,9-10'
    """
    ranges: list[list[int]] = []
    for one in ids:
        if ranges and one == ranges[-1][1] + 1:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


class ItemIds:
    """The ids of one export, looked up without unpacking them."""

    def __init__(self, text: str):
        self._lows: list[int] = []
        self._highs: list[int] = []
        self._before: list[int] = []
        count = 0
        for part in text.split(",") if text else ():
            low, _, high = part.partition("-")
            self._lows.append(int(low))
            self._highs.append(int(high or low))
            self._before.append(count)
            count += self._highs[-1] - self._lows[-1] + 1
        self._count = count

    def __len__(self):
        return self._count

    def line_of(self, item: int) -> int | None:
        """Return the number of the line that an item stands in, from 1; None if in none.

        >>> ItemIds("1-3,7,9-10").line_of(9), ItemIds("1-3,7").line_of(5)
        (5, None)
        """
        place = bisect_left(self._highs, item)
        if place == len(self._highs) or item < self._lows[place]:
            return None
        return self._before[place] + item - self._lows[place] + 1

    def item_of(self, line: int) -> int | None:
        """Return the item of a line, None where there is no such line.

        >>> ItemIds("1-3,7,9-10").item_of(5)
        9
        """
        if not 1 <= line <= self._count:
            return None
        place = bisect_left(self._before, line) - 1
        return self._lows[place] + line - 1 - self._before[place]
