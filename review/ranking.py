"""In which order waiting items are put before people.

Severity comes first; within one severity, what the model was least sure about, because a
decision teaches most there. Age is left out on purpose: a priority that never changes keeps
every page of the queue where it was.
"""

SEVERITY_WEIGHTS = {"info": 0.0, "low": 1.0, "medium": 2.0, "high": 3.0, "critical": 4.0}
UNCERTAINTY_WEIGHT = 0.9  # below 1: no doubt lifts an item over one of the next severity


def priority(severity: str, peak_score: float) -> float:
    """Return the priority of an item; higher is sooner.

    Args:
        severity: a key of SEVERITY_WEIGHTS; anything else counts as medium.
        peak_score: the model's best score, 0..1.

    >>> priority("high", 0.5) > priority("high", 0.9) > priority("medium", 0.5)
    True
    """
    weight = SEVERITY_WEIGHTS.get(severity, SEVERITY_WEIGHTS["medium"])
    closeness = 1.0 - 2.0 * abs(min(max(peak_score, 0.0), 1.0) - 0.5)
    return round(weight + UNCERTAINTY_WEIGHT * closeness, 6)
