"""Decide whether a challenger takes the champion's place, on a split that neither was trained on.

A challenger is promoted only if three things hold, each of which an accident passes seldom:

- the lower end of its gain, by a bootstrap that draws whole groups again (Efron 1979; groups:
  Davison and Hinkley 1997, 3.8), lies above the margin;
- a gain like that is rare when the two models swap their answers in random groups, a test that is
  exact however few groups there are (Edgington and Onghena 2007, 1.4);
- no class and no camera with enough positives does worse by more than its margin.

The second is there because the first is too sure of itself where groups are few. Drawings depend on
the seed and the number of groups alone, so the same scores give the same report.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import ceil
from statistics import NormalDist

import numpy as np

from training.learning.paired import Paired

_CELLS_AT_ONCE = 4_000_000


class Outcome(StrEnum):
    PROMOTE = "promote"
    KEEP = "keep"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True, slots=True)
class Margins:
    """What the gate asks for; shares, not percent.

    Attributes:
        gain: what the lower end of the gain must lie above.
        fall: by how much a class or camera may do worse.
        positives: with fewer, a class or camera is shown and does not decide.
        level: how often equal models may be taken for different ones.
        power: how often a true gain of ``worth_seeing`` should be seen.
        worth_seeing: the gain that the split should be large enough for.
        draws: of the bootstrap and of the swaps.
    """

    gain: float = 0.0
    fall: float = 0.02
    positives: int = 20
    level: float = 0.05
    power: float = 0.8
    worth_seeing: float = 0.03
    draws: int = 2000


@dataclass(frozen=True, slots=True)
class Slice:
    """The figure on one class or camera; ``kind`` says which ("class", "camera")."""

    kind: str
    name: str
    positives: int
    figure: Paired


@dataclass(frozen=True, slots=True)
class SliceReport:
    kind: str
    name: str
    positives: int
    champion: float | None
    challenger: float | None
    decides: bool
    falls: bool


@dataclass(frozen=True, slots=True)
class GateReport:
    """The outcome with every number behind it; figures are None where nothing could be scored.

    Attributes:
        lower, upper: ends of the gain, each exceeded by chance as often as ``level`` says.
        chance: share of swaps with at least this gain, the real one among them.
        more_groups: about how many more groups a gain worth seeing would take to be seen; 0 where
            there are enough.
        more_items: the same in items, at as many a group as now.
        lacking: (kind, name, how many positives more) of the slices that are too small to decide.
        reasons: sentences for people.
    """

    outcome: Outcome
    champion: float | None
    challenger: float | None
    gain: float | None
    lower: float | None
    upper: float | None
    chance: float | None
    groups: int
    items: int
    more_groups: int
    more_items: int
    lacking: tuple[tuple[str, str, int], ...]
    slices: tuple[SliceReport, ...]
    reasons: tuple[str, ...]
    margins: Margins = field(default_factory=Margins)
    seed: int = 0

    def as_dict(self) -> dict:
        """Return everything as plain values, to be kept."""
        return asdict(self) | {"outcome": self.outcome.value}


@dataclass(frozen=True, slots=True)
class _Gain:
    """The gain and how sure it is; ``spread`` is a standard error."""

    champion: float
    challenger: float
    lower: float
    upper: float
    chance: float
    spread: float

    @property
    def size(self):
        return self.challenger - self.champion


def decide(
    figure: Paired, slices: Iterable[Slice] = (), *, margins: Margins | None = None, seed: int = 0
) -> GateReport:
    """Compare two models and return the GateReport."""
    margins = margins or Margins()
    reports = tuple(_slice_report(one, margins) for one in slices)
    lacking = tuple(
        (one.kind, one.name, margins.positives - one.positives)
        for one in reports
        if not one.decides
    )
    gain = _gain(figure, margins, seed) if figure.groups and figure.items else None
    if gain is None:
        told = _Told(Outcome.NOT_ENOUGH_DATA, ("There is nothing to compare the two on.",), 0)
    else:
        told = _judged(gain, figure.groups, reports, margins)
    per_group = figure.items / figure.groups if figure.groups else 0
    return GateReport(
        outcome=told.outcome,
        champion=gain and gain.champion,
        challenger=gain and gain.challenger,
        gain=gain and gain.size,
        lower=gain and gain.lower,
        upper=gain and gain.upper,
        chance=gain and gain.chance,
        groups=figure.groups,
        items=figure.items,
        more_groups=told.more_groups,
        more_items=ceil(told.more_groups * per_group),
        lacking=lacking,
        slices=reports,
        reasons=told.reasons,
        margins=margins,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    outcome: Outcome
    reasons: tuple[str, ...]
    more_groups: int


def _judged(gain, groups, slices, margins):
    more = _more_groups(gain, groups, margins)
    falls = tuple(_fall_sentence(one) for one in slices if one.falls)
    between = f"between {_points(gain.lower)} and {_points(gain.upper)}"
    if gain.upper < margins.gain:
        return _Told(Outcome.KEEP, (f"The change lies {between}.", *falls), more)
    if gain.lower <= margins.gain or gain.chance > margins.level:
        unsure = f"The change of {_points(gain.size)} may be an accident: it lies {between}."
        if falls or not more:
            return _Told(Outcome.KEEP, (unsure, *falls), more)
        worth = f"a gain of {_points(margins.worth_seeing)}"
        worth = f"To see {worth}, about {more} more groups are needed."
        return _Told(Outcome.NOT_ENOUGH_DATA, (unsure, worth), more)
    if falls:
        return _Told(Outcome.KEEP, falls, more)
    return _Told(Outcome.PROMOTE, (f"The gain lies {between}.",), more)


def _gain(figure, margins, seed):
    """Return the _Gain, None where a model cannot be scored."""
    champion, challenger = _once(figure)
    if champion is None or challenger is None:
        return None
    drawn = np.concatenate(
        [
            figure.values(None, counts) - figure.values(counts, None)
            for counts in _blocks("resampled", figure.groups, margins.draws, seed)
        ]
    )
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    lower, upper = np.quantile(drawn, [margins.level, 1 - margins.level])
    return _Gain(
        champion=champion,
        challenger=challenger,
        lower=float(lower),
        upper=float(upper),
        chance=_chance(figure, challenger - champion, margins, seed),
        spread=float(drawn.std()),
    )


def _chance(figure, size, margins, seed):
    """Return how often swapped models differ as much; the split as it is counts as one swap."""
    as_much = 1
    for swapped in _blocks("swapped", figure.groups, margins.draws, seed):
        kept = 1.0 - swapped
        gains = figure.values(swapped, kept) - figure.values(kept, swapped)
        as_much += int((gains >= size - 1e-12).sum())
    return as_much / (margins.draws + 1)


def _once(figure):
    """Return both models' figures on the split as it is, None where it has none."""
    ones = np.ones((1, figure.groups))
    found = float(figure.values(ones, None)[0]), float(figure.values(None, ones)[0])
    return tuple(None if value != value else value for value in found)


def _blocks(what, groups, draws, seed):
    """Yield (some draws, groups): how often each group is drawn, or 1.0 where models swap."""
    at_once = max(min(draws, _CELLS_AT_ONCE // groups), 1)
    for start in range(0, draws, at_once):
        yield _block(what, groups, min(at_once, draws - start), seed, start)


@lru_cache(maxsize=2)
def _block(what, groups, draws, seed, start):
    rng = np.random.default_rng([seed, start, groups, what == "swapped"])
    if what == "swapped":
        return rng.integers(0, 2, (draws, groups)).astype(float)
    return rng.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(float)


def _more_groups(gain, groups, margins):
    """Return how many groups are lacking to see a gain worth seeing as often as ``power`` says.

    By the normal approximation, the spread falling with the root of the number of groups. One more
    group in which the models differ is imagined: few that happen to agree are not sure to.
    """
    normal = NormalDist()
    reach = normal.inv_cdf(1 - margins.level) + normal.inv_cdf(margins.power)
    variance = gain.spread**2 + 1 / (groups + 1) ** 2
    needed = groups * variance * (reach / margins.worth_seeing) ** 2
    return max(ceil(needed - groups), 0)


def _slice_report(one, margins):
    champion, challenger = _once(one.figure)
    is_known = champion is not None and challenger is not None
    decides = is_known and one.positives >= margins.positives
    return SliceReport(
        kind=one.kind,
        name=one.name,
        positives=one.positives,
        champion=champion,
        challenger=challenger,
        decides=decides,
        falls=decides and champion - challenger > margins.fall + 1e-12,
    )


def _fall_sentence(one):
    fall = _points(one.champion - one.challenger)
    return f"{one.kind.capitalize()} {one.name} falls by {fall} ({one.positives} positives)."


def _points(share):
    return f"{100 * share:.1f} points"
