"""How much of what happened was reported: an estimate from random minutes that people looked at.

From each camera's day some of its recorded minutes are drawn at random without replacement, and
people say of each whether something began in it that was not reported. A camera's day is a
stratum with N minutes of which n were judged, and every judged minute stands for N / n of them.
The number of minutes with a miss is then estimated by the Horvitz-Thompson estimator, which for
such strata is

    missed = sum over strata of  N / n x (judged minutes with a miss)

(Horvitz and Thompson, Journal of the American Statistical Association 47, 1952; Cochran, Sampling
Techniques, 1977, chapter 5). It is unbiased whatever the misses do. Its usual variance, the sum of
N^2 (1 - n/N) s^2 / n, needs two judged minutes a stratum and is zero where no miss was seen, which
is the rule here; so it is not used. A miss adds (N/n)^2 (1 - n/N) to the variance instead, as if
misses were drawn one by one: the same in expectation where misses are rare, larger where they are
not.

The interval is that of Fay and Feuer (Statistics in Medicine 16, 1997) for a sum of weighted
counts: both bounds are quantiles of gamma distributions with the estimate's mean and variance, the
upper one as if one more miss of the largest weight had been seen. It keeps its coverage at small
counts and at none, where it is the exact bound. Two things are added for strata of which much was
seen. What one unseen miss may weigh is -1 / ln(1 - n/N) rather than N/n, because so many misses
stay unseen in a row; and no bound lies outside what the judged minutes leave possible.

Recall is reported / (reported + missed). It falls with every miss, so that its bounds are those of
the misses, turned round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

LEVEL = 0.95
MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Stratum:
    """A camera's day.

    Attributes:
        population: minutes that were recorded.
        judged: minutes drawn at random that people gave an answer on, 1..population.
        missed: those of them in which something began that was not reported.
    """

    population: int
    judged: int
    missed: int = 0

    @property
    def weight(self) -> float:
        """How many minutes each judged one stands for."""
        return self.population / self.judged

    @property
    def seen(self) -> float:
        """The share of the minutes that was judged."""
        return self.judged / self.population


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with bounds that hold in LEVEL of all samples; None where there is none."""

    estimate: float | None
    low: float | None
    high: float | None

    @property
    def width(self) -> float | None:
        return None if self.low is None or self.high is None else self.high - self.low


def missed(strata: Sequence[Stratum], level: float = LEVEL) -> Interval:
    """Estimate how many minutes of these strata have a miss.

    >>> missed([Stratum(1440, 3, 0)])
    Interval(estimate=0.0, low=0.0, high=1437.0)
    >>> missed([Stratum(10, 10, 2)])
    Interval(estimate=2.0, low=2.0, high=2.0)
    """
    if not strata:
        return Interval(None, None, None)
    return _bounded(strata, [(one.missed, one) for one in strata], level)


def _bounded(strata, counts, level):
    """Return the Interval of counts (they may be fractions) in their strata."""
    estimate = sum(count * one.weight for count, one in counts)
    variance = sum(count * one.weight**2 * (1.0 - one.seen) for count, one in counts)
    seen = sum(count for count, _ in counts)
    unseen_most = sum(one.population - one.judged for one in strata)
    one_more = max(_unseen_weight(one) for one in strata)
    low = _gamma_quantile((1.0 - level) / 2.0, estimate, variance)
    high = _gamma_quantile((1.0 + level) / 2.0, estimate + one_more, variance + one_more**2)
    low = min(max(low, seen), estimate)
    high = max(min(high, seen + unseen_most), estimate)
    return Interval(float(estimate), float(low), float(high))


def _unseen_weight(stratum):
    """Return what a miss of a stratum weighs that nobody saw, 0 where all was seen.

    Of M misses none is seen with a chance of (1 - n/N)^M: M is bounded by -ln(chance) times this.
    """
    return 0.0 if stratum.seen >= 1.0 else -1.0 / math.log1p(-stratum.seen)


def _gamma_quantile(share, mean, variance):
    """Return a quantile of the gamma distribution of this mean and variance."""
    from scipy.special import gammaincinv

    if mean <= 0.0 or variance <= 0.0:
        return mean
    return float(variance / mean * gammaincinv(mean * mean / variance, share))


def recall(reported: int, misses: Interval) -> Interval:
    """Return the share of what happened that was reported.

    Args:
        reported: incidents of the same days that people confirmed.
        misses: of ``missed``.

    >>> recall(8, Interval(2.0, 0.0, 8.0))
    Interval(estimate=0.8, low=0.5, high=1.0)
    >>> recall(0, Interval(0.0, 0.0, 8.0))
    Interval(estimate=None, low=0.0, high=None)
    """
    if misses.estimate is None:
        return misses
    return Interval(
        _share(reported, misses.estimate),
        _share(reported, misses.high),
        _share(reported, misses.low),
    )


def _share(reported, missing):
    return reported / (reported + missing) if reported + missing > 0 else None


def minutes_to_halve(strata: Sequence[Stratum], reported: int) -> int | None:
    """Return how many more minutes, spread as those judged were, would halve recall's interval.

    They are taken to show misses at the rate seen so far. None where there is no interval, or
    where even looking at everything would not do.
    """
    width = recall(reported, missed(strata)).width
    if not width:
        return None
    judged, factor = sum(one.judged for one in strata), 1.0
    for _ in range(MOST_DOUBLINGS):
        factor *= 2.0
        if _width_at(strata, reported, factor) <= width / 2.0:
            break
    else:
        return None
    least, most = factor / 2.0, factor
    for _ in range(MOST_DOUBLINGS):
        middle = (least + most) / 2.0
        if _width_at(strata, reported, middle) <= width / 2.0:
            most = middle
        else:
            least = middle
    added = sum(min(one.population, one.judged * most) for one in strata) - judged
    return max(1, math.ceil(added - 1e-6))


def _width_at(strata, reported, factor):
    """Return the width of recall's interval with so many times the minutes."""
    grown = [replace(one, judged=min(float(one.population), one.judged * factor)) for one in strata]
    counts = [
        (one.missed * more.judged / one.judged, more)
        for one, more in zip(strata, grown, strict=True)
    ]
    return recall(reported, _bounded(grown, counts, LEVEL)).width or 0.0
