"""Choose from which best score on an incident of a class is told, from what people said of them.

At a threshold the incidents whose best score reaches it are told and the others are not; what is
told, and confirmed or rejected, counts as right or as a false alarm, and what is confirmed and not
told is missed. That gives precision, recall, their F-measure (van Rijsbergen 1979: recall counts
beta times as much as precision) and a cost, and each at every score at which they change.

Only what was told has a verdict, so that nothing is known of scores below the threshold in force.
What was drawn at random there stands for all that it was drawn from: an incident that was drawn
with probability p weighs 1 / p (Horvitz and Thompson 1952). What people missed and no threshold of
score brings back, because a rule did not hold, lowers recall at every threshold alike.

How sure the choice is follows from making it again on days drawn anew, whole days at a time (Efron
1979): the verdicts of one camera's day resemble each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hitlsite.errors import DomainError

F_BETA, COST = "f_beta", "cost"
MEASURES = (F_BETA, COST)
LEAST_OF_A_KIND = 20
LEAST_GROUPS = 5
DRAWS = 1000
LEVEL = 0.9
# The bootstrap looks for the best among so many thresholds at most.
MOST_PLACES = 400
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What people said of one incident.

    Attributes:
        score: its best.
        is_confirmed: confirmed, or rejected as no cause for an alarm.
        group: what it was drawn together with, such as a camera's day.
        weight: how many incidents it stands for; more than 1 where it was drawn at random.
    """

    score: float
    is_confirmed: bool
    group: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """By what the best threshold is found.

    Attributes:
        measure: "f_beta" or "cost".
        beta: how many times as much recall counts as precision.
        cost_false_alarm, cost_miss: in any unit; only their ratio matters.
    """

    measure: str = F_BETA
    beta: float = 1.0
    cost_false_alarm: float = 1.0
    cost_miss: float = 5.0

    def __post_init__(self):
        if self.measure not in MEASURES:
            said = f"A threshold is chosen by {' or '.join(MEASURES)}, not {self.measure!r}."
            raise DomainError("measure_unknown", said, fields={"measure": said})
        for name in ("beta", "cost_false_alarm", "cost_miss"):
            value = getattr(self, name)
            if not 0.0 < value <= 1000.0:
                said = "This is a number above 0 and at most 1000."
                raise DomainError("wish_invalid", f"{name}: {said}", fields={name: said})


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold leaves; weights, not rows, where some were drawn at random.

    Attributes:
        right, false_alarms: told and confirmed, told and rejected.
        missed: confirmed and not told, those included that no threshold brings back.
        precision, recall, f_beta: None where there is nothing to take them of.
    """

    threshold: float
    right: float
    false_alarms: float
    missed: float
    precision: float | None
    recall: float | None
    f_beta: float | None
    cost: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Every threshold that differs, from the lowest score on, and the best one.

    Attributes:
        best: the Point that the wish asks for.
        lower, upper: where the best lay in 90 of 100 draws of whole groups; None where there are
            too few groups to draw from.
        confirmed, rejected: how many verdicts of each kind there are.
        sampled: how many of them were drawn at random.
        unreachable: weight of what was missed and no threshold brings back.
    """

    points: tuple[Point, ...]
    best: Point
    lower: float | None
    upper: float | None
    confirmed: int
    rejected: int
    sampled: int
    groups: int
    unreachable: float
    wish: Wish = field(default_factory=Wish)

    def at(self, threshold: float) -> Point:
        """Return what any threshold leaves: that of the next score, under its own name."""
        places = [one.threshold for one in self.points]
        place = int(np.searchsorted(places, threshold, side="left"))
        if place < len(places):
            found = self.points[place]
            values = (found.right, found.false_alarms, found.missed)
        else:
            missed = self.points[0].right + self.points[0].missed
            values = (0.0, 0.0, missed)
        return _point(threshold, *values, self.wish)


def curve(
    verdicts: Sequence[Verdict],
    wish: Wish | None = None,
    *,
    unreachable: float = 0.0,
    least: int = LEAST_OF_A_KIND,
    draws: int = DRAWS,
    seed: int = 0,
) -> Curve:
    """Return the Curve of some verdicts.

    Args:
        unreachable: weight of misses that no threshold brings back.
        least: how many verdicts of each kind it takes.

    Raises:
        DomainError: too_few_confirmed, too_few_rejected (saying how many more it takes).
    """
    wish = wish or Wish()
    confirmed = sum(1 for one in verdicts if one.is_confirmed)
    _require(confirmed, len(verdicts) - confirmed, least)
    scores = np.array([one.score for one in verdicts], float)
    weights = np.array([one.weight for one in verdicts], float)
    is_right = np.array([one.is_confirmed for one in verdicts], bool)
    places = np.unique(scores)
    right = _told(scores, weights * is_right, places)
    false_alarms = _told(scores, weights * ~is_right, places)
    missed = right[0] + unreachable - right
    points = tuple(
        _point(*row, wish) for row in zip(places, right, false_alarms, missed, strict=True)
    )
    groups = sorted({one.group for one in verdicts})
    bounds = (None, None)
    if len(groups) >= LEAST_GROUPS:
        index = np.searchsorted(groups, [one.group for one in verdicts])
        bounds = _bounds((scores, weights, is_right, index), wish, unreachable, draws, seed)
    return Curve(
        points=points,
        best=points[_best(right[None], false_alarms[None], missed[None], wish)[0]],
        lower=bounds[0],
        upper=bounds[1],
        confirmed=confirmed,
        rejected=len(verdicts) - confirmed,
        sampled=sum(1 for one in verdicts if one.weight > 1.0),
        groups=len(groups),
        unreachable=float(unreachable),
        wish=wish,
    )


def _require(confirmed, rejected, least):
    for code, count, kind in (
        ("too_few_confirmed", confirmed, "confirmed"),
        ("too_few_rejected", rejected, "rejected"),
    ):
        if count < least:
            message = (
                f"There are {count} {kind} incidents to choose a threshold by;"
                f" it takes {least}, {least - count} more."
            )
            raise DomainError(code, message)


def _told(scores, weights, places):
    """Return the weight of what reaches each of some rising thresholds."""
    order = np.argsort(scores, kind="stable")
    above = np.concatenate((np.cumsum(weights[order][::-1])[::-1], [0.0]))
    return above[np.searchsorted(scores[order], places, side="left")]


def _point(threshold, right, false_alarms, missed, wish):
    right, false_alarms, missed = (max(float(one), 0.0) for one in (right, false_alarms, missed))
    told, there = right + false_alarms, right + missed
    squared = wish.beta**2
    doubled = (1 + squared) * right + squared * missed + false_alarms
    return Point(
        threshold=float(threshold),
        right=right,
        false_alarms=false_alarms,
        missed=missed,
        precision=right / told if told else None,
        recall=right / there if there else None,
        f_beta=(1 + squared) * right / doubled if doubled else None,
        cost=wish.cost_false_alarm * false_alarms + wish.cost_miss * missed,
    )


def _best(right, false_alarms, missed, wish):
    """Return for each row (draws, places) the place of the best; of equals the lowest."""
    if wish.measure == COST:
        cost = wish.cost_false_alarm * false_alarms + wish.cost_miss * missed
        return np.argmin(np.round(cost, 9), axis=1)
    squared = wish.beta**2
    doubled = np.maximum((1 + squared) * right + squared * missed + false_alarms, 1e-12)
    return np.argmax(np.round((1 + squared) * right / doubled, 12), axis=1)


def _bounds(columns, wish, unreachable, draws, seed):
    """Return between which thresholds the best one lay in LEVEL of all draws of whole groups."""
    scores, weights, is_right, index = columns
    groups = int(index.max()) + 1
    places = np.unique(scores)
    if len(places) > MOST_PLACES:
        places = places[np.linspace(0, len(places) - 1, MOST_PLACES).round().astype(int)]
    tables = np.zeros((2, groups, len(places)))
    for group in range(groups):
        own = index == group
        for kind, chosen in enumerate((is_right[own], ~is_right[own])):
            tables[kind, group] = _told(scores[own], weights[own] * chosen, places)
    rng = np.random.default_rng([seed, groups, len(places)])
    found, at_once = [], max(_CELLS_AT_ONCE // max(len(places), groups), 1)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        counts = rng.multinomial(groups, np.full(groups, 1 / groups), size=rows).astype(float)
        right, false_alarms = counts @ tables[0], counts @ tables[1]
        missed = right[:, :1] + unreachable - right
        found.append(places[_best(right, false_alarms, missed, wish)])
    low, high = np.quantile(np.concatenate(found), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
