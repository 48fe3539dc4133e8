"""Which pictures to label next: those of which a label teaches most, and some at random.

Three things speak for a picture (Settles 2009): the model is unsure of its boxes; the champion and
a challenger see it differently; and it looks like nothing that is labelled or chosen already. The
last is k-center greedy (Gonzalez 1985; for labels Sener and Savarese 2018): the farthest from all
that is there comes next. Unsure pictures alone resemble each other, and far ones alone are often
merely odd, so that distance weighs among the most informative ones.

One in ten is drawn at random from all, before anything is chosen: that is the control arm, by which
it shows whether choosing saves labels at all.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from detection.vision.overlaps import overlaps

MODEL, RANDOM = "model", "random"
RANDOM_SHARE = 0.1
# So far from the threshold a score is no longer in doubt.
DOUBT_WIDTH = 0.25
MATCHES_FROM = 0.5
# Distance chooses among so many times as many as are wanted.
POOL = 4
# A box that somebody moved by more than this covers less of what it was.
UNMOVED_FROM = 0.85
Z_90 = 1.6448536269514722


def near_threshold(scores, threshold: float, *, width: float = DOUBT_WIDTH) -> float:
    """Return how doubtful it is what a picture shows: scores near the threshold, 0..1.

    Several boxes add up as independent doubts do: it is the chance that any one is wrong, each
    being so with its own closeness to the threshold.

    >>> near_threshold([0.9, 0.02], 0.3), near_threshold([0.3], 0.3)
    (0.0, 1.0)
    """
    scores = np.asarray(scores, float)
    closeness = np.clip(1.0 - np.abs(scores - threshold) / width, 0.0, 1.0)
    return float(1.0 - np.prod(1.0 - closeness))


def least_confident(scores, threshold: float) -> float:
    """Return 1 minus the lowest score among the boxes that would be told; 0 without any."""
    scores = np.asarray(scores, float)
    told = scores[scores >= threshold]
    return float(1.0 - told.min()) if len(told) else 0.0


def margin(boxes, scores, class_names, *, overlap: float = MATCHES_FROM) -> float:
    """Return how close the second best class comes at any place, 0..1.

    A box's rival is the surest box of another class over the same place.
    """
    boxes, scores = np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float)
    if len(boxes) < 2:
        return 0.0
    names = np.array(class_names, dtype=object)
    rivals = (overlaps(boxes, boxes) >= overlap) & (names[:, None] != names[None])
    seconds = np.where(rivals, scores[None], 0.0).max(axis=1)
    shares = np.minimum(seconds, scores) / np.maximum(np.maximum(seconds, scores), 1e-12)
    return float(shares.max())


def disagreement(first, second, *, least: float = 0.25, overlap: float = MATCHES_FROM) -> float:
    """Return which share of what two models see the other one does not, weighed by score, 0..1.

    Args:
        first, second: (boxes (N, 4), scores, class names) of one picture.
        least: score from which a box counts; a box is matched by any of the other's, however
            doubtful, of the same class and place.
    """
    lone = total = 0.0
    for one, other in ((first, second), (second, first)):
        boxes, scores, names = _columns(one)
        theirs, _, their_names = _columns(other)
        same = names[:, None] == their_names[None]
        found = ((overlaps(boxes, theirs) >= overlap) & same).any(axis=1)
        counts = scores >= least
        total += scores[counts].sum()
        lone += scores[counts & ~found].sum()
    return float(lone / total) if total else 0.0


def _columns(seen):
    boxes, scores, names = seen
    return (
        np.asarray(boxes, float).reshape(-1, 4),
        np.asarray(scores, float),
        np.array(list(names), dtype=object),
    )


def k_center(
    embeddings: np.ndarray,
    count: int,
    *,
    labelled: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[tuple[int, float]]:
    """Return up to ``count`` (row, its distance when it was chosen), the farthest first.

    Args:
        embeddings: (N, F) of length 1; distances are 1 minus their cosine, halved: 0..1.
        labelled: (M, F) of what is there already; without any the middle of all begins.
        weights: (N,) by which distances are multiplied.
    """
    total = len(embeddings)
    if not total:
        return []
    weights = np.ones(total) if weights is None else np.asarray(weights, float)
    if labelled is None or not len(labelled):
        middle = embeddings.mean(axis=0)
        start = int(np.argmax(weights * (1.0 + embeddings @ middle)))
        chosen, nearest = [(start, 1.0)], _distances(embeddings, embeddings[start : start + 1])
        nearest[start] = -1.0
    else:
        chosen, nearest = [], _distances(embeddings, labelled)
    while len(chosen) < min(count, total):
        # What is taken is out; of equals the first comes.
        value = np.where(nearest < 0.0, -1.0, weights * (nearest + 1e-6))
        place = int(np.argmax(value))
        chosen.append((place, float(nearest[place])))
        closer = np.minimum(nearest, _distances(embeddings, embeddings[place : place + 1]))
        nearest = np.where(nearest < 0.0, -1.0, closer)
        nearest[place] = -1.0
    return chosen[:count]


def _distances(embeddings, centres):
    """Return the distance of every row to the nearest of the centres."""
    return np.clip((1.0 - (embeddings @ centres.T).max(axis=1)) / 2.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture without labels; doubt and disagreement lie in 0..1."""

    key: Hashable
    doubt: float = 0.0
    disagreement: float = 0.0


@dataclass(frozen=True, slots=True)
class Pick:
    """A picture to label, in the order of picking; ``why`` is a sentence for people.

    Attributes:
        arm: "model" or "random".
        distance: from what was labelled or picked before, 0..1; None where it did not matter.
    """

    key: Hashable
    arm: str
    why: str
    doubt: float
    disagreement: float
    distance: float | None = None


def select(
    candidates: Sequence[Candidate],
    count: int,
    *,
    seed: int,
    embeddings: np.ndarray | None = None,
    labelled: np.ndarray | None = None,
    random_share: float = RANDOM_SHARE,
) -> list[Pick]:
    """Return up to ``count`` Picks: the same for the same candidates in any order, and seed.

    Args:
        embeddings: (candidates, F) in their order; without them distance does not matter.
        labelled: (M, F) of what is labelled already.
    """
    order = sorted(range(len(candidates)), key=lambda place: str(candidates[place].key))
    rows = [candidates[place] for place in order]
    looks = None if embeddings is None else np.asarray(embeddings)[order]
    count = min(count, len(rows))
    control = _control(len(rows), count, seed, random_share)
    picks = [_told(rows[place], RANDOM) for place in control]
    rest = np.setdiff1d(np.arange(len(rows)), control)
    values = np.array([_value(rows[place]) for place in rest])
    for place, distance in _chosen(rest, values, looks, labelled, control, count - len(control)):
        picks.append(_told(rows[place], MODEL, distance))
    # Who labels does not see from the place in the list which arm a picture is of.
    shuffled = np.random.default_rng([seed, len(picks)]).permutation(len(picks))
    return [picks[place] for place in shuffled]


def _control(total, count, seed, share):
    """Return the places of the control arm, drawn from all."""
    wanted = min(count, max(round(count * share), 1)) if share > 0 and count > 1 else 0
    return np.random.default_rng([seed, total]).choice(total, size=wanted, replace=False)


def _value(row):
    """Return how much a picture can teach: the chance that it is doubtful or disputed."""
    return 1.0 - (1.0 - row.doubt) * (1.0 - row.disagreement)


def _chosen(rest, values, looks, labelled, control, count):
    """Yield (place, distance or None) of the model's arm."""
    best = np.argsort(-values, kind="stable")
    if looks is None:
        yield from ((int(rest[place]), None) for place in best[:count])
        return
    pool = best[: POOL * count]
    there = [looks[control]] + ([labelled] if labelled is not None and len(labelled) else [])
    there = np.concatenate(there)
    # Where nothing is in doubt, distance alone decides.
    weights = values[pool] + 1e-3
    found = k_center(looks[rest[pool]], count, labelled=there, weights=weights)
    yield from ((int(rest[pool[place]]), distance) for place, distance in found)


def _told(row, arm, distance=None):
    return Pick(row.key, arm, _why(row, arm, distance), row.doubt, row.disagreement, distance)


def _why(row, arm, distance):
    if arm == RANDOM:
        return "drawn at random, to compare with"
    reasons = []
    if row.disagreement >= 0.2:
        reasons.append("champion and challenger see it differently")
    if row.doubt >= 0.2:
        reasons.append("the detector is in doubt")
    if distance is not None and (distance >= 0.15 or not reasons):
        reasons.append("it looks unlike what is labelled")
    return " and ".join(reasons) or "little is in doubt anywhere else"


def is_changed(proposed, saved) -> bool:
    """Say whether people saved other boxes than a detector proposed.

    Args:
        proposed, saved: [(label, box)] of one picture.
    """
    if len(proposed) != len(saved):
        return True
    if not proposed:
        return False
    boxes = [np.array([box for _, box in rows], float) for rows in (proposed, saved)]
    labels = [np.array([label for label, _ in rows], dtype=object) for rows in (proposed, saved)]
    same = (overlaps(*boxes) >= UNMOVED_FROM) & (labels[0][:, None] == labels[1][None])
    for row in range(len(same)):
        column = int(same[row].argmax())
        if not same[row, column]:
            return True
        same[:, column] = False
    return False


def share_interval(hits: int, total: int) -> tuple[float, float]:
    """Return the bounds that hold for a share in 90 of 100 samples (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    share, spread = hits / total, Z_90**2 / total
    middle = (share + spread / 2) / (1 + spread)
    reach = Z_90 * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
