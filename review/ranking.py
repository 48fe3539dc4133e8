"""In which order waiting items are put before people.

A priority is

    severity + 0.6 x closeness + 0.3 x disagreement

- severity is 0 (info), 1 (low), 2 (medium), 3 (high) or 4 (critical);
- closeness is 1 where the model's best score lies right at the threshold of the deployment that
  gave it, and falls linearly to 0 at either end of the scale: a score of 1 when above, of 0 when
  below. A decision teaches most where the model was least sure;
- disagreement is how far the scores of the champion and of a challenger lie apart, 0 where only
  one of them looked.

Where a triage model has said how likely people are to confirm an item, that takes the place of the
detector's score, and the priority is

    severity + 0.6 x doubt + 0.3 x disagreement + 0.09 x probability

- doubt is 1 where the probability is one half, and falls linearly to 0 at either end;
- disagreement is that of two triage models;
- the probability itself decides among the equally doubtful: what is probably real comes first.

The shares make less than 1 together: no doubt lifts an item over one of the next severity.

Age is no part of the sum, because a priority that changed by itself would move items between
pages while somebody reads them. It decides among equals instead: the queue is read by falling
priority and then by rising id, and ids are given in the order in which items are made, so that of
two items of one priority the older comes first.
"""

import math

SEVERITY_WEIGHTS = {"info": 0.0, "low": 1.0, "medium": 2.0, "high": 3.0, "critical": 4.0}
CLOSENESS_SHARE = 0.6
DISAGREEMENT_SHARE = 0.3
CONFIRMED_SHARE = 0.09


def priority(
    severity: str,
    peak_score: float,
    *,
    threshold: float = 0.5,
    disagreement: float = 0.0,
    confirmed: float | None = None,
) -> float:
    """Return the priority of an item, 0..4.99; higher is sooner.

    Args:
        severity: a key of SEVERITY_WEIGHTS; anything else counts as medium.
        peak_score: the model's best score, 0..1.
        threshold: from which score on the model's deployment reports, 0..1.
        disagreement: between champion and challenger, 0..1.
        confirmed: how likely people are to confirm it, 0..1; None where no triage model looked.

    >>> priority("high", 0.5) > priority("high", 0.9) > priority("medium", 0.5)
    True
    >>> priority("high", 0.3, threshold=0.25) > priority("high", 0.5, threshold=0.25)
    True
    >>> priority("high", 0.9, confirmed=0.5) > priority("high", 0.5, confirmed=0.95)
    True
    """
    weight = SEVERITY_WEIGHTS.get(severity, SEVERITY_WEIGHTS["medium"])
    if confirmed is None:
        closeness = _closeness(_share(peak_score), _share(threshold))
    else:
        closeness = _closeness(_share(confirmed), 0.5)
        weight += CONFIRMED_SHARE * _share(confirmed)
    doubt = CLOSENESS_SHARE * closeness + DISAGREEMENT_SHARE * _share(disagreement)
    return round(weight + doubt, 6)


def _closeness(score, threshold):
    room = 1.0 - threshold if score >= threshold else threshold
    return 1.0 - abs(score - threshold) / room if room else 1.0


def _share(number):
    """Return a number within 0..1; what is no number counts as 0."""
    return min(max(number, 0.0), 1.0) if math.isfinite(number) else 0.0
