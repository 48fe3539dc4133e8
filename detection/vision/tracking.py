"""Following objects from sampled frame to sampled frame: ByteTrack and BoT-SORT.

Both match by overlap with a predicted box, first the sure detections, then the doubtful ones.
They are written over arrays (see `kalman`), for two reasons: a frame of fifty tracks has to cost
well under half a millisecond, and all state has to leave and return unchanged when a segment of
footage ends. Three things differ from the published form, because footage is sampled at 2 to 10
frames a second and may skip frames in which nothing moves: time is an argument, a track is lost
for seconds and not for frames, and a detection that overlaps nothing may still be the nearest
thing of like size within reach.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from detection.vision.association import Association, Matcher, Seen
from detection.vision.kalman import POSITION, VELOCITY, BoxFilter
from detection.vision.overlaps import overlaps
from detection.vision.types import Detections, Observation, TrackedFrame

UNCONFIRMED, TRACKED, LOST = 0, 1, 2
TRACKER_KINDS = ("botsort", "bytetrack")
# The sampling rate at which the published noise model fits; chosen on the MOT15 sequences.
NATIVE_FPS = 12.0
VOTE_SECONDS = 3.0
MOST_NEW_SCORE = 0.6


class Tracker(Protocol):
    """What gives detections an identity over time."""

    def update(self, detections: Detections, at_seconds: float) -> TrackedFrame:
        """Take the detections of a frame later than the last one."""

    def state(self) -> dict:
        """Return everything a restart needs: JSON values and arrays."""

    def restore(self, state: dict) -> None:
        """Continue from a state, bit by bit as if nothing had happened."""


def make_tracker(
    kind, *, sampling_fps, lost_seconds=2.0, frame_size, association=None, believed_from=0.0
):
    """Make a tracker whose ids are 1, 2, 3... whatever other trackers exist.

    Args:
        kind: "botsort" or "bytetrack".
        sampling_fps: frames a second that it will be given.
        lost_seconds: how long a track that is not seen may come back.
        frame_size: (width, height) px, for the shape of the picture.
        association: thresholds, when the defaults do not serve.
        believed_from: the score at which the detector is right most often for what it misses;
            no track begins below it, while one that has begun goes on with less. It counts up to
            ``MOST_NEW_SCORE``: on another camera scores may lie lower.
    """
    if kind not in TRACKER_KINDS:
        raise ValueError(f"Tracker {kind!r} is none of {', '.join(TRACKER_KINDS)}.")
    boxes = BoxFilter(
        has_aspect=kind == "bytetrack", frames_per_step=max(1.0, NATIVE_FPS / sampling_fps)
    )
    rules = association or Association()
    new_score = max(rules.new_score, min(believed_from, MOST_NEW_SCORE))
    return ArrayTracker(
        boxes,
        replace(rules, new_score=new_score),
        sampling_fps=sampling_fps,
        lost_seconds=lost_seconds,
        frame_size=frame_size,
    )


class ArrayTracker:
    """The tracks of one camera session, a row of every array each.

    Rows: filter state (5, N, 4); boxes, the last detected ones, normalised; and per track its
    status, id (0 until confirmed), times first and last seen, last score, and votes by class.
    """

    def __init__(self, box_filter, association, *, sampling_fps, lost_seconds, frame_size):
        self._filter = box_filter
        self._association = association
        self._sampling_fps = float(sampling_fps)
        # A track survives at least one missed sample, however slow the sampling.
        self._lost_seconds = max(float(lost_seconds), 1.0 / self._sampling_fps)
        self._size = np.array([*frame_size, *frame_size], np.float64)
        self._clock = None
        self._last_id = 0
        self._class_names = []
        self._rows = _empty_rows()

    @property
    def is_unsettled(self):
        """Whether a track awaits its second detection, so that the next frame matters."""
        return bool((self._rows["status"] == UNCONFIRMED).any())

    def update(self, detections, at_seconds):
        """Take the detections of a frame later than the last one.

        Args:
            detections: normalised boxes; scores below the low threshold are ignored.
            at_seconds: the frame's time on the source's clock.

        Returns:
            the tracks detected in this frame, with the detected boxes. A track's first
            observation comes in `earlier` together with its second.
        """
        self._advance(at_seconds)
        seen = Seen(detections, self._association, self._size, self._class_indices(detections))
        rows = self._rows
        predicted = self._filter.to_boxes(rows["filter"])
        pairs, is_free = self._associate(predicted, seen)
        earlier_rows = pairs[rows["status"][pairs[:, 0]] == UNCONFIRMED, 0]
        earlier = self._first_sightings(earlier_rows)
        self._apply(pairs, seen, at_seconds)
        self._drop(pairs[:, 0], predicted)
        visible = np.flatnonzero(self._rows["status"] == TRACKED)
        self._begin(np.flatnonzero(is_free & (seen.scores >= self._association.new_score)), seen)
        return TrackedFrame(self._clock, self._observe(visible), earlier)

    def hold(self, at_seconds):
        """Let time pass over a frame in which nothing moved.

        What was visible still is, at rest; what was lost goes on being lost.

        Returns:
            the visible tracks where they were last detected.
        """
        rows = self._rows
        self._clock = float(at_seconds)
        visible = np.flatnonzero(rows["status"] == TRACKED)
        rows["last_seen"][visible] = self._clock
        rows["filter"][VELOCITY][visible] = 0.0
        held = self._observe(visible)
        self._keep(~self._is_expired())
        return TrackedFrame(self._clock, held, is_held=True)

    def state(self):
        return {
            "clock": self._clock,
            "last_id": self._last_id,
            "class_names": list(self._class_names),
            "rows": {name: column.copy() for name, column in self._rows.items()},
        }

    def restore(self, state):
        self._clock = state["clock"]
        self._last_id = int(state["last_id"])
        self._class_names = list(state["class_names"])
        empty = _empty_rows()
        self._rows = {
            name: np.array(state["rows"][name], dtype=empty[name].dtype) for name in empty
        }

    # -- one update, step by step

    def _advance(self, at_seconds):
        at_seconds = float(at_seconds)
        rows = self._rows
        if self._clock is not None and len(rows["id"]):
            steps = max((at_seconds - self._clock) * self._sampling_fps, 1e-3)
            self._filter.freeze_size(rows["filter"], rows["status"] == LOST)
            rows["filter"] = self._filter.predict(rows["filter"], steps)
        self._clock = at_seconds
        self._keep(~self._is_expired())

    def _is_expired(self):
        # A thousandth forgives the rounding of presentation times.
        absent = self._clock - self._rows["last_seen"]
        return (self._rows["status"] == LOST) & (absent > self._lost_seconds + 1e-3)

    def _associate(self, predicted, seen):
        """Match tracks with detections in stages.

        Returns:
            (P, 2) row and detection indices, and (M,) bool: sure detections left over.
        """
        rules = self._association
        status = self._rows["status"]
        similarity = self._similarity(predicted, seen)
        fused = similarity * seen.scores if rules.is_score_fused else similarity
        matcher = Matcher(len(status), len(seen.scores))
        confirmed = status != UNCONFIRMED
        matcher.match(fused, confirmed, seen.is_high, rules.min_similarity)
        matcher.match(similarity, status == TRACKED, ~seen.is_high, rules.low_similarity)
        nearness = None
        if rules.reach_heights_per_second and matcher.has_free(confirmed, seen.is_high):
            nearness = self._nearness(predicted, seen)
            matcher.match(nearness, confirmed, seen.is_high, 0.0)
        matcher.match(fused, ~confirmed, seen.is_high, rules.unconfirmed_similarity)
        if rules.reach_heights_per_second and matcher.has_free(~confirmed, seen.is_high):
            nearness = self._nearness(predicted, seen) if nearness is None else nearness
            matcher.match(nearness, ~confirmed, seen.is_high, 0.0)
        return matcher.pairs(), matcher.is_free & seen.is_high

    def _similarity(self, predicted, seen):
        if not len(predicted) or not len(seen.scores):
            return np.zeros((len(predicted), len(seen.scores)))
        similarity = overlaps(predicted, seen.boxes)
        if self._association.other_class_penalty and len(self._class_names) > 1:
            own = self._rows["votes"].argmax(axis=1)
            similarity -= self._association.other_class_penalty * (own[:, None] != seen.classes)
        return similarity

    def _nearness(self, predicted, seen):
        """Score pairs by distance: 1 at the same place, 0 at the edge of reach, below 0 beyond."""
        rules = self._association
        sizes = [np.maximum(b[:, 2:] - b[:, :2], 1.0) for b in (predicted, seen.boxes)]
        centres = predicted[:, :2] + sizes[0] / 2, seen.boxes[:, :2] + sizes[1] / 2
        # A wide thing goes as far as a tall one: the longer side stands for its size.
        extents = sizes[0].max(axis=1)[:, None], sizes[1].max(axis=1)[None]
        distance = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=2)
        absent = np.maximum(self._clock - self._rows["last_seen"], 1.0 / self._sampling_fps)
        reach = np.minimum(absent * rules.reach_heights_per_second, rules.max_reach_heights)
        nearness = 1.0 - distance / (np.sqrt(extents[0] * extents[1]) * reach[:, None])
        ratio = extents[0] / extents[1]
        own = self._rows["votes"].argmax(axis=1)
        possible = (ratio > 0.6) & (ratio < 1 / 0.6) & (own[:, None] == seen.classes)
        return np.where(possible, nearness, -1.0)

    def _apply(self, pairs, seen, at_seconds):
        if not len(pairs):
            return
        rows, (tracks, found) = self._rows, pairs.T
        rows["filter"][:, tracks] = self._filter.update(
            rows["filter"][:, tracks], seen.boxes[found]
        )
        rows["box"][tracks] = seen.normalised[found]
        rows["score"][tracks] = seen.scores[found]
        self._vote(tracks, seen.classes[found], seen.scores[found], at_seconds)
        rows["last_seen"][tracks] = at_seconds
        rows["status"][tracks] = TRACKED
        for row in tracks[rows["id"][tracks] == 0]:
            self._last_id += 1
            rows["id"][row] = self._last_id

    def _vote(self, tracks, classes, scores, at_seconds):
        """Count squared scores, so that doubt counts little, and forget old ones."""
        votes = self._rows["votes"]
        absent = at_seconds - self._rows["last_seen"][tracks]
        votes[tracks] *= np.exp(-absent / VOTE_SECONDS)[:, None]
        votes[tracks, classes] += scores**2

    def _drop(self, matched, predicted):
        """Mark what was not seen as lost, forget what was never confirmed, and duplicates."""
        rows = self._rows
        is_matched = np.zeros(len(rows["id"]), bool)
        is_matched[matched] = True
        keep = is_matched | (rows["status"] != UNCONFIRMED)
        rows["status"][~is_matched & (rows["status"] == TRACKED)] = LOST
        lost = np.flatnonzero(~is_matched & keep)
        if len(lost) and len(matched):
            keep &= ~self._is_duplicate(lost, np.flatnonzero(is_matched), predicted)
        self._keep(keep)

    def _is_duplicate(self, lost, visible, predicted):
        """Tell which lost tracks lie where a longer-lived visible one does."""
        rows = self._rows
        now = self._filter.to_boxes(rows["filter"][: POSITION + 1, visible])
        same = overlaps(predicted[lost], now) > 0.85
        age = rows["last_seen"] - rows["first_seen"]
        duplicate = np.zeros(len(rows["id"]), bool)
        duplicate[lost] = (same & (age[visible][None] >= age[lost][:, None])).any(axis=1)
        return duplicate

    def _begin(self, found, seen):
        if not len(found):
            return
        count, rows = len(found), self._rows
        votes = np.zeros((count, rows["votes"].shape[1]))
        votes[np.arange(count), seen.classes[found]] = seen.scores[found] ** 2
        begun = {
            "filter": self._filter.start(seen.boxes[found]),
            "box": seen.normalised[found],
            "score": seen.scores[found],
            "votes": votes,
            "status": np.full(count, UNCONFIRMED, np.int8),
            "id": np.zeros(count, np.int64),
            "first_seen": np.full(count, self._clock),
            "last_seen": np.full(count, self._clock),
        }
        for name, column in begun.items():
            axis = 1 if name == "filter" else 0
            rows[name] = np.concatenate((rows[name], column), axis=axis)

    def _keep(self, keep):
        if keep.all():
            return
        for name, column in self._rows.items():
            self._rows[name] = column[:, keep] if name == "filter" else column[keep]

    # -- what is told

    def _class_indices(self, detections):
        known = {name: index for index, name in enumerate(self._class_names)}
        fresh = [name for name in dict.fromkeys(detections.class_names) if name not in known]
        for name in fresh:
            known[name] = len(known)
        if fresh:
            self._class_names += fresh
            votes = self._rows["votes"]
            self._rows["votes"] = np.pad(votes, ((0, 0), (0, len(fresh))))
        return np.array([known[name] for name in detections.class_names], np.intp)

    def _first_sightings(self, tracks):
        # The id is given when the track is confirmed, right after this; order makes it known.
        if not len(tracks):
            return ()
        ids = range(self._last_id + 1, self._last_id + 1 + len(tracks))
        return self._observations(tracks, ids, self._rows["first_seen"][tracks].tolist())

    def _observe(self, visible):
        if not len(visible):
            return ()
        ids = self._rows["id"][visible].tolist()
        return self._observations(visible, ids, [self._clock] * len(ids))

    def _observations(self, chosen, ids, times):
        rows = self._rows
        names = [self._class_names[i] for i in rows["votes"][chosen].argmax(axis=1).tolist()]
        scores = rows["score"][chosen].tolist()
        boxes = map(tuple, rows["box"][chosen].tolist())
        return tuple(map(Observation, times, ids, names, scores, boxes))


def _empty_rows():
    return {
        "filter": np.zeros((5, 0, 4)),
        "box": np.zeros((0, 4)),
        "score": np.zeros(0),
        "votes": np.zeros((0, 0)),
        "status": np.zeros(0, np.int8),
        "id": np.zeros(0, np.int64),
        "first_seen": np.zeros(0),
        "last_seen": np.zeros(0),
    }
