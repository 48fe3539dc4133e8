"""Which detection continues which track: thresholds, stages and assignment.

The stages themselves stand in `tracking`; here is what each of them is made of.
"""

from dataclasses import dataclass

import numpy as np

from detection.vision.overlaps import overlaps

NO_MATCHES = np.zeros((0, 2), np.intp)


@dataclass(frozen=True, slots=True)
class Association:
    """When a detection continues a track.

    Attributes:
        high_score: what scores this much is matched first and may begin a track.
        low_score: what scores less is not looked at.
        new_score: what scores this much begins a track.
        min_similarity: overlap needed with the predicted box, times the score if fused.
        low_similarity: overlap needed by a doubtful detection.
        unconfirmed_similarity: overlap needed by a track's second detection.
        is_score_fused: weigh overlap by the detection's score.
        other_class_penalty: taken from the similarity when the classes differ.
        reach_heights_per_second: how far, in box heights, a thing may have gone and still be
            taken for the same without any overlap; 0 turns that off.
        max_reach_heights: and never farther than this.
        same_box_overlap: of two boxes of different classes that overlap more, the stronger stays.
    """

    high_score: float = 0.25
    low_score: float = 0.1
    new_score: float = 0.3
    min_similarity: float = 0.2
    low_similarity: float = 0.5
    unconfirmed_similarity: float = 0.4
    is_score_fused: bool = False
    other_class_penalty: float = 0.4
    reach_heights_per_second: float = 1.5
    max_reach_heights: float = 0.75
    same_box_overlap: float = 0.8


class Seen:
    """The detections of one frame that are worth looking at, in pixels and normalised."""

    def __init__(self, detections, rules, size, classes):
        keep = detections.scores > rules.low_score
        boxes = detections.boxes_xyxy
        if len(keep):
            keep &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        keep = np.flatnonzero(keep)
        normalised = boxes[keep].astype(np.float64)
        scores = detections.scores[keep].astype(np.float64)
        if len(keep) > 1:
            only = _strongest(normalised, scores, classes[keep], rules.same_box_overlap)
            keep, normalised, scores = keep[only], normalised[only], scores[only]
        self.normalised = normalised
        self.boxes = normalised * size
        self.scores = scores
        self.classes = classes[keep]
        self.is_high = scores >= rules.high_score


def _strongest(boxes, scores, classes, max_overlap):
    """Tell which boxes are not the same thing under a weaker name, (N,) bool."""
    if (classes == classes[0]).all():
        return np.ones(len(scores), bool)
    same = (overlaps(boxes, boxes) > max_overlap) & (classes[:, None] != classes[None])
    return ~(same & (scores[None] > scores[:, None])).any(axis=1)


class Matcher:
    """Pairs found so far, and what is left on either side."""

    def __init__(self, tracks, detections):
        self._is_waiting = np.ones(tracks, bool)
        self.is_free = np.ones(detections, bool)
        self._pairs = [NO_MATCHES]

    def has_free(self, tracks, detections):
        return (self._is_waiting & tracks).any() and (self.is_free & detections).any()

    def match(self, similarity, tracks, detections, minimum):
        """Match what is left of the given tracks and detections, (N,) and (M,) bool."""
        rows = (self._is_waiting & tracks).nonzero()[0]
        columns = (self.is_free & detections).nonzero()[0]
        if not len(rows) or not len(columns):
            return
        pairs = assign(similarity[rows[:, None], columns], minimum)
        if len(pairs):
            rows, columns = rows[pairs[:, 0]], columns[pairs[:, 1]]
            self._is_waiting[rows] = False
            self.is_free[columns] = False
            self._pairs.append(np.array((rows, columns)).T)

    def pairs(self):
        """Return all pairs, (P, 2), by row."""
        pairs = np.concatenate(self._pairs)
        return pairs[np.argsort(pairs[:, 0], kind="stable")]


def assign(similarity, minimum):
    """Pair rows with columns so that the sum of similarity is greatest.

    Args:
        similarity: (N, M), larger is better.
        minimum: pairs that are less alike are left apart.

    Returns:
        (P, 2) row and column indices.
    """
    rows, columns = np.divmod((similarity >= minimum).ravel().nonzero()[0], similarity.shape[1])
    if not len(rows):
        return NO_MATCHES
    # Who could go with one only, who could go with nobody else, does.
    is_alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    pairs = np.array((rows, columns)).T
    if is_alone.all():
        return pairs
    rows, columns = (sorted(set(places.tolist())) for places in pairs[~is_alone].T)
    rows, columns = np.array(rows), np.array(columns)
    chosen = _assign_contested(similarity[rows[:, None], columns], minimum)
    return np.concatenate((pairs[is_alone], np.array((rows[chosen[0]], columns[chosen[1]])).T))


def _assign_contested(similarity, minimum):
    import lap

    _, columns, _ = lap.lapjv(1.0 - similarity, extend_cost=True, cost_limit=1.0 - minimum)
    rows = (columns >= 0).nonzero()[0]
    return rows, columns[rows]
