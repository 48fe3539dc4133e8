"""Tell that one share is higher than another while verdicts come in, at any time one looks.

The safe test of two proportions of Turner, Ly and Gruenwald (2024, "Generic E-variables for exact
sequential k-sample tests that allow for optional stopping"). Outcomes come in blocks of one new
outcome and ``per_block`` old ones. Against one alternative (p of the old, q > p of the new) a block
multiplies the evidence by the likelihood of its outcomes, divided by that under the one share
r = (q + per_block p) / (1 + per_block) for all. Its expectation is at most 1 whenever the new share
is not higher: for equal shares because a product of factors whose mean is 1 is at most 1, and it
falls with the new share. A mixture over alternatives keeps that. Evidence of 1 / alpha is therefore
ever reached with probability alpha at most (Ville 1939), however often one looks.
"""

from dataclasses import dataclass

import numpy as np

_SHARES = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
_OLD, _NEW = (grid.ravel() for grid in np.meshgrid(_SHARES, _SHARES, indexing="ij"))
_RISES = _NEW - _OLD > 0.09
_OLD, _NEW = _OLD[_RISES], _NEW[_RISES]

MOST_PER_BLOCK = 5
BLOCKS = 60


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen so far.

    Attributes:
        e_value: how much the last look speaks for a rise; 1.0 is nothing at all.
        highest: of all looks; this is what an alarm goes by.
        blocks: how many blocks were full.
        alarm_at: the block, from 1, with which the alarm went off; None where it did not.
    """

    e_value: float
    highest: float
    blocks: int
    alarm_at: int | None


def per_block(old):
    """Return how many old outcomes go with each new one, chosen before the first new one comes."""
    return int(min(max(old // BLOCKS, 1), MOST_PER_BLOCK))


def rise(old, new, *, alpha, together=None):
    """Return the Evidence that the share of hits in ``new`` is higher than that in ``old``.

    Args:
        old, new: outcomes, 0 or 1, each in an order that does not depend on their values.
        together: old outcomes a block; that of ``per_block`` by default. New ones beyond the last
            full block are not looked at.
    """
    together = together or per_block(len(old))
    old, new = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    blocks = min(len(old) // together, len(new))
    if not blocks:
        return Evidence(1.0, 1.0, 0, None)
    hits = old[: blocks * together].reshape(blocks, together).sum(axis=1)
    logs = _log_factors(hits, new[:blocks], together).cumsum(axis=0)
    top = logs.max(axis=1, keepdims=True)
    path = np.exp(np.minimum(top[:, 0] + np.log(np.exp(logs - top).mean(axis=1)), 700.0))
    over = np.flatnonzero(path >= 1 / alpha)
    alarm_at = int(over[0]) + 1 if len(over) else None
    return Evidence(float(path[-1]), float(path.max()), blocks, alarm_at)


def _log_factors(hits, new, together):
    """Return (blocks, alternatives): the logarithm of what each block multiplies by."""
    one = (_NEW + together * _OLD) / (1 + together)
    hits, new = hits[:, None], new[:, None]
    return (
        new * np.log(_NEW / one)
        + (1 - new) * np.log((1 - _NEW) / (1 - one))
        + hits * np.log(_OLD / one)
        + (together - hits) * np.log((1 - _OLD) / (1 - one))
    )


def interval(hits, total, *, z=1.96):
    """Return the ends of Wilson's interval (1927) of a share; (0.0, 1.0) of nothing.

    >>> [round(end, 3) for end in interval(2, 10)]
    [0.057, 0.51]
    """
    if not total:
        return 0.0, 1.0
    share, wide = hits / total, z * z / total
    middle = (share + wide / 2) / (1 + wide)
    reach = z * (share * (1 - share) / total + wide / (4 * total)) ** 0.5 / (1 + wide)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
