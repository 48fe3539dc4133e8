"""Where an estimate and its interval stand on a small scale, in the units of an SVG."""

from dataclasses import dataclass

WIDTH, HEIGHT = 160, 16


@dataclass(frozen=True, slots=True)
class Interval:
    """Positions across; ``says`` is the same in words, for those who do not see it."""

    at: float
    low: float
    high: float
    says: str
    zero: float
    width: int = WIDTH
    height: int = HEIGHT


def interval(estimate, *, least=0.0):
    """Return the Interval of a Kappa or a Share, None where it has no value.

    Args:
        least: the value at the left end; what lies below is drawn there.
    """
    if estimate is None or estimate.value is None:
        return None
    says = f"{estimate.value:.2f}, 95 % interval {estimate.low:.2f} to {estimate.high:.2f}"
    places = (_across(value, least) for value in (estimate.value, estimate.low, estimate.high))
    return Interval(*places, says, _across(0.0, least))


def _across(value, least):
    share = (min(max(value, least), 1.0) - least) / (1.0 - least)
    return round(4 + share * (WIDTH - 8), 1)
