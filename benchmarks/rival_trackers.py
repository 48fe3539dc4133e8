"""The other side of the tracking benchmark: the library's trackers, a plain one, and TrackEval."""

import numpy as np

from detection.vision.association import assign
from detection.vision.overlaps import overlaps
from detection.vision.types import Observation, TrackedFrame


class PlainIouTracker:
    """Match boxes with the last boxes by overlap; no motion, no second look at weak boxes."""

    def __init__(self, sampling_fps, frame_size, *, min_score=0.25, min_overlap=0.3):
        self._size = np.array([*frame_size, *frame_size], float)
        self._min_score, self._min_overlap = min_score, min_overlap
        self._boxes, self._ids, self._seen = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)
        self._last_id = 0

    def update(self, detections, at_seconds):
        sure = detections.scores >= self._min_score
        boxes, scores = detections.boxes_xyxy[sure] * self._size, detections.scores[sure]
        alive = at_seconds - self._seen <= 2.0
        self._boxes, self._ids = self._boxes[alive], self._ids[alive]
        self._seen = self._seen[alive]
        pairs = assign(overlaps(self._boxes, boxes), self._min_overlap)
        ids = np.zeros(len(boxes), int)
        ids[pairs[:, 1]] = self._ids[pairs[:, 0]]
        fresh = ids == 0
        ids[fresh] = self._last_id + 1 + np.arange(fresh.sum())
        self._last_id += int(fresh.sum())
        gone = np.setdiff1d(np.arange(len(self._ids)), pairs[:, 0])
        self._boxes = np.concatenate((self._boxes[gone], boxes))
        self._ids = np.concatenate((self._ids[gone], ids))
        self._seen = np.concatenate((self._seen[gone], np.full(len(boxes), at_seconds)))
        return observe(at_seconds, ids, boxes / self._size, scores)


class UltralyticsTracker:
    """One of ultralytics' trackers at its defaults, behind our protocol."""

    def __init__(self, kind, frame_size):
        from detection.vision.libraries import load_ultralytics

        load_ultralytics()
        from ultralytics.engine.results import Boxes
        from ultralytics.trackers import BOTSORT, BYTETracker
        from ultralytics.utils import YAML, IterableSimpleNamespace
        from ultralytics.utils.checks import check_yaml

        defaults = YAML.load(check_yaml(f"{kind}.yaml"))
        maker = {"botsort": BOTSORT, "bytetrack": BYTETracker}[kind]
        self._tracker = maker(IterableSimpleNamespace(**defaults))
        self._boxes = Boxes
        self._size = np.array([*frame_size, *frame_size], float)
        self._shape = frame_size[1], frame_size[0]

    def update(self, detections, at_seconds):
        table = np.zeros((len(detections), 6), np.float32)
        table[:, :4] = detections.boxes_xyxy * self._size
        table[:, 4] = detections.scores
        tracks = self._tracker.update(self._boxes(table, self._shape)).reshape(-1, 8)
        return observe(
            at_seconds, tracks[:, 4].astype(int), tracks[:, :4] / self._size, tracks[:, 5]
        )


def make_ultralytics(kind):
    return lambda sampling_fps, frame_size: UltralyticsTracker(kind, frame_size)


def observe(at_seconds, ids, boxes, scores):
    rows = zip(ids.tolist(), scores.tolist(), boxes.tolist(), strict=True)
    return TrackedFrame(
        at_seconds,
        tuple(Observation(at_seconds, number, "object", s, tuple(b)) for number, s, b in rows),
    )


def evaluate(comparison):
    """Return TrackEval's answers on what `mot_metrics.compare` laid side by side."""
    moments = comparison.moments
    data = {
        "num_timesteps": len(moments),
        "num_gt_ids": comparison.truth_count,
        "num_tracker_ids": comparison.found_count,
        "num_gt_dets": sum(len(one.truth) for one in moments),
        "num_tracker_dets": sum(len(one.found) for one in moments),
        "gt_ids": [one.truth for one in moments],
        "tracker_ids": [one.found for one in moments],
        "similarity_scores": [one.similarity for one in moments],
    }
    return [metric.eval_sequence(data) for metric in trackeval_metrics()]


def trackeval_metrics():
    from trackeval.metrics import CLEAR, HOTA, Identity

    quiet = {"PRINT_CONFIG": False}
    return HOTA(), CLEAR(quiet), Identity(quiet)


def read_scores(results):
    """Bring TrackEval's answers under the names of `mot_metrics.score`."""
    hota, clear, identity = results
    scores = {name: float(np.mean(hota[name])) for name in ("HOTA", "DetA", "AssA")}
    scores |= {"IDF1": float(identity["IDF1"]), "MOTA": float(clear["MOTA"])}
    return scores | {"IDSW": clear["IDSW"], "FP": clear["CLR_FP"], "FN": clear["CLR_FN"]}
