"""How well tracks agree with the truth: HOTA, CLEAR MOT and identity scores.

The formulas are the published ones: HOTA (Luiten et al. 2021, alpha from 0.05 to 0.95), CLEAR MOT
(Bernardin and Stiefelhagen 2008) and the identity scores (Ristani et al. 2016), overlap of boxes
as similarity and 0.5 as the threshold of the latter two. A test holds every figure against the
reference implementation of the same formulas.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from detection.vision.overlaps import overlaps

ALPHAS = np.arange(0.05, 0.99, 0.05)
THRESHOLD = 0.5
TINY = np.finfo(float).eps


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame: indices of who is truly there and of the tracks found, and their overlap."""

    truth: np.ndarray
    found: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sequence's moments, with the number of true identities and of tracks."""

    moments: list
    truth_count: int
    found_count: int


def compare(truth, found, frames):
    """Lay tracks beside the truth.

    Args:
        truth, found: `mot.Rows`; truth with a score of 0 is left out, as the format has it.
        frames: the frames that count.
    """
    truth = truth.select((truth.scores > 0) & np.isin(truth.frames, frames))
    found = found.select(np.isin(found.frames, frames))
    names = [np.unique(rows.ids, return_inverse=True) for rows in (truth, found)]
    moments = []
    for frame in frames:
        indices, boxes = [], []
        for rows, (_, numbers) in zip((truth, found), names, strict=True):
            here = slice(*np.searchsorted(rows.frames, (frame, frame + 1)))
            indices.append(numbers[here])
            box = rows.boxes[here]
            boxes.append(np.concatenate((box[:, :2], box[:, :2] + box[:, 2:]), axis=1))
        moments.append(Moment(*indices, overlaps(*boxes)))
    return Comparison(moments, len(names[0][0]), len(names[1][0]))


def count(comparison):
    """Count what the scores of a sequence are made of; such counts of sequences can be added.

    Returns:
        dict of numbers and, for HOTA, arrays over ALPHAS.
    """
    return _count_hota(comparison) | _count_clear(comparison) | _count_identity(comparison)


def add(counts):
    """Add up the counts of several sequences."""
    return {name: sum(one[name] for one in counts) for name in counts[0]}


def score(counts):
    """Turn counts into scores between 0 and 1 (MOTA may be below) and whole-numbered errors."""
    hits, misses, extras = (counts[name] for name in ("hota_tp", "hota_fn", "hota_fp"))
    detection = hits / np.maximum(1, hits + misses + extras)
    association = counts["hota_association"] / np.maximum(1, hits)
    true_boxes = max(1, counts["tp"] + counts["fn"])
    identity = counts["idtp"] + 0.5 * counts["idfp"] + 0.5 * counts["idfn"]
    return {
        "HOTA": float(np.sqrt(detection * association).mean()),
        "DetA": float(detection.mean()),
        "AssA": float(association.mean()),
        "IDF1": float(counts["idtp"] / max(1.0, identity)),
        "MOTA": float((counts["tp"] - counts["fp"] - counts["switches"]) / true_boxes),
        "IDSW": int(counts["switches"]),
        "FP": int(counts["fp"]),
        "FN": int(counts["fn"]),
    }


def _totals(comparison):
    """Return in how many frames each true identity, and each track, is there."""
    truth, found = np.zeros(comparison.truth_count), np.zeros(comparison.found_count)
    for moment in comparison.moments:
        truth[moment.truth] += 1
        found[moment.found] += 1
    return truth, found


def _alignment(comparison, truth_total, found_total):
    """Return how well each true identity and each track go together over the whole sequence."""
    shared = np.zeros((comparison.truth_count, comparison.found_count))
    for moment in comparison.moments:
        alike = moment.similarity
        union = alike.sum(axis=0)[None] + alike.sum(axis=1)[:, None] - alike
        part = np.divide(alike, union, out=np.zeros_like(alike), where=union > TINY)
        shared[np.ix_(moment.truth, moment.found)] += part
    return shared / np.maximum(truth_total[:, None] + found_total[None] - shared, TINY)


def _count_hota(comparison):
    truth_total, found_total = _totals(comparison)
    alignment = _alignment(comparison, truth_total, found_total)
    together = np.zeros((len(ALPHAS), comparison.truth_count, comparison.found_count))
    hits = np.zeros(len(ALPHAS))
    for moment in comparison.moments:
        pairs = np.ix_(moment.truth, moment.found)
        rows, columns = linear_sum_assignment(-alignment[pairs] * moment.similarity)
        is_hit = moment.similarity[rows, columns] >= ALPHAS[:, None] - TINY
        hits += is_hit.sum(axis=1)
        together[:, moment.truth[rows], moment.found[columns]] += is_hit
    union = truth_total[:, None] + found_total[None] - together
    association = (together**2 / np.maximum(1, union)).sum(axis=(1, 2))
    return {
        "hota_tp": hits,
        "hota_fn": truth_total.sum() - hits,
        "hota_fp": found_total.sum() - hits,
        "hota_association": association,
    }


def _count_clear(comparison):
    last = np.full(comparison.truth_count, -1)
    # A pair of the frame before is kept together; what was matched earlier only counts as switch.
    before = last.copy()
    counts = dict.fromkeys(("tp", "fp", "fn", "switches"), 0)
    for moment in comparison.moments:
        matched = 0
        if len(moment.truth) and len(moment.found):
            kept = before[moment.truth][:, None] == moment.found[None]
            worth = np.where(
                moment.similarity >= THRESHOLD - TINY, 1000.0 * kept + moment.similarity, 0.0
            )
            rows, columns = linear_sum_assignment(-worth)
            is_match = worth[rows, columns] > TINY
            truth, found = moment.truth[rows[is_match]], moment.found[columns[is_match]]
            counts["switches"] += int(((last[truth] >= 0) & (last[truth] != found)).sum())
            before[:] = -1
            last[truth] = before[truth] = found
            matched = len(truth)
        counts["tp"] += matched
        counts["fn"] += len(moment.truth) - matched
        counts["fp"] += len(moment.found) - matched
    return counts


def _count_identity(comparison):
    """Pair whole identities with whole tracks so that the most boxes agree."""
    agreeing = np.zeros((comparison.truth_count, comparison.found_count))
    for moment in comparison.moments:
        agreeing[np.ix_(moment.truth, moment.found)] += moment.similarity >= THRESHOLD
    truth_total, found_total = _totals(comparison)
    rows, columns = linear_sum_assignment(-agreeing)
    hits = int(agreeing[rows, columns].sum())
    return {
        "idtp": hits,
        "idfn": int(truth_total.sum()) - hits,
        "idfp": int(found_total.sum()) - hits,
    }
