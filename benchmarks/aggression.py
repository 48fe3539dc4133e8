"""Does the aggression rule tell fights from other scenes better than movement alone does?

Two sets of short clips with labels: footage (our detector, tracker and poses) and tracked poses
that others estimated. A clip's score is the mean of what the rule counts of everyone within reach
of somebody, over the first two seconds, since fights in the sets are longer than the rest. Beside
it stands movement energy: the mean difference of consecutive pictures, or the mean speed of the
keypoints. No number of the rule was computed from these labels, but its form and its threshold
were settled with results on the clips in view; docs/benchmarks.md says how. The combined score is
a logistic regression of three scores, each clip scored by one that was fitted to the others; the
cut for precision and recall is found on the other clips in the same way. Intervals are
bootstrapped over clips, 95 %.

    python benchmarks/aggression.py [--quick]
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

SCORED_SECONDS = 2.0
CONFIDENT = 0.3
SCORES = ("energy", "tracks", "tracks and poses", "combined")


@dataclass
class Clip:
    """One scored clip; ``opened`` tells by score whether the rule at its defaults fired."""

    name: str
    is_fight: bool
    scores: dict
    opened: dict


class GivenPoses:
    """Stands in for the pose network where poses are part of the material."""

    def __init__(self, poses):
        self.poses = poses

    def estimate(self, image, region):
        return self.poses


class NoPicture:
    def image(self):
        return None


def score_rule(frames, aspect_ratio, fps, *, with_limbs):
    """Return (score over the first seconds, whether an incident opened in the whole clip)."""
    from detection.rules.base import RuleSpec
    from detection.rules.engine import RuleEngine

    engine = RuleEngine(
        [], [RuleSpec("aggression", "aggression")], aspect_ratio=aspect_ratio, sampling_fps=fps
    )
    (rule,) = engine._rules
    shares, opened = [], False
    for frame in frames:
        if not with_limbs:
            bare = tuple(replace(one, limb_speed=None) for one in frame.observations)
            frame = replace(frame, observations=bare)
        opened |= any(one.kind == "opened" for one in engine.update(frame))
        if frame.at_seconds <= SCORED_SECONDS:
            shares += rule.shares
    return float(np.mean(shares)) if shares else 0.0, opened


def make_clip(name, is_fight, frames, aspect_ratio, fps, energy):
    scores, opened = {"energy": energy}, {}
    for score, with_limbs in (("tracks", False), ("tracks and poses", True)):
        scores[score], opened[score] = score_rule(frames, aspect_ratio, fps, with_limbs=with_limbs)
    return Clip(name, is_fight, scores, opened)


def read_footage(paths):
    """Detect, track and pose every frame of the clips."""
    from detection.vision.backends import load_detector
    from detection.vision.pipeline import TrackingPipeline
    from detection.vision.poses import LimbMotion, find_pose_weights, load_estimator
    from detection.vision.tracking import make_tracker
    from detection.vision.video import open_source

    models = Path(os.environ.get("SECOND_LOOK_MODEL_DIR", MATERIAL / "models"))
    cache = Path(tempfile.mkdtemp(prefix="second-look-bench-"))
    pinned = {"backend": "openvino", "input_size": 640, "precision": "f32"}
    detector = load_detector("yolo11n.pt", model_dir=models, cache_dir=cache, **pinned)
    estimator = load_estimator(find_pose_weights(models), cache_dir=cache)
    for path in paths:
        source = open_source(path)
        aspect_ratio, fps = source.width / source.height, source.average_fps
        tracker = make_tracker(
            "botsort", sampling_fps=fps, frame_size=(source.width, source.height)
        )
        limbs = LimbMotion(estimator, aspect_ratio=aspect_ratio)
        pipeline = TrackingPipeline(detector, tracker, None, limbs=limbs)
        frames, differences, before = [], [], None
        for frame in source.frames():
            grey = frame.small_gray(160).astype(np.float32)
            if before is not None and frame.at_seconds <= SCORED_SECONDS:
                differences.append(float(np.abs(grey - before).mean()))
            before = grey
            frames.append(pipeline.step(frame))
        energy = float(np.mean(differences))
        yield make_clip(path.stem, path.stem.startswith("fi"), frames, aspect_ratio, fps, energy)


def read_poses(rows):
    """Replay the pose files; boxes are drawn around the sure keypoints."""
    for row in rows:
        path = MATERIAL / "poses" / "fights" / f"{row['clip']}_tracked_person.json"
        size, fps = (int(row["width"]), int(row["height"])), float(row["fps"])
        people = json.loads(path.read_text())
        frames = pose_frames(people, int(row["frames"]), size, fps)
        yield make_clip(
            row["clip"],
            row["label"] == "fight",
            frames,
            size[0] / size[1],
            fps,
            keypoint_speed(people, size[1], fps),
        )


def pose_frames(people, count, size, fps):
    from detection.vision.poses import LimbMotion, Poses
    from detection.vision.types import Observation, TrackedFrame

    given = GivenPoses(Poses.empty())
    limbs = LimbMotion(given, aspect_ratio=size[0] / size[1])
    frames = []
    for number in range(count):
        observations, joints = [], []
        for person in sorted(people, key=int):
            seen = people[person].get(f"{number:04d}")
            points = np.array(seen["keypoints"]).reshape(17, 3) if seen else np.zeros((17, 3))
            sure = points[:, 2] > CONFIDENT
            if sure.sum() < 4:
                continue
            points[:, :2] /= size
            box = (*points[sure, :2].min(axis=0), *points[sure, :2].max(axis=0))
            box = tuple(map(float, box))
            score = seen["scores"]
            observations.append(Observation(number / fps, int(person), "person", score, box))
            joints.append(points)
        boxes = np.array([one.box_xyxy for one in observations]).reshape(-1, 4)
        keypoints = np.array(joints).reshape(-1, 17, 3)
        given.poses = Poses(boxes, np.ones(len(boxes)), keypoints)
        frames.append(limbs.update(NoPicture(), TrackedFrame(number / fps, tuple(observations))))
    return frames


def keypoint_speed(people, height, fps):
    """Return the mean speed of keypoints sure in two consecutive frames, frame heights a second."""
    speeds = []
    for seen in people.values():
        for name in sorted(seen):
            after = seen.get(f"{int(name) + 1:04d}")
            if after is None or int(name) + 1 > SCORED_SECONDS * fps:
                continue
            first, second = (
                np.array(one["keypoints"]).reshape(17, 3) for one in (seen[name], after)
            )
            sure = (first[:, 2] > CONFIDENT) & (second[:, 2] > CONFIDENT)
            speeds += np.hypot(*(second - first)[sure, :2].T).tolist()
    return float(np.mean(speeds)) * fps / height if speeds else 0.0


def combine(clips):
    """Score every clip by a logistic regression fitted to all the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = np.array([[np.log1p(clip.scores[name]) for name in SCORES[:3]] for clip in clips])
    labels = np.array([clip.is_fight for clip in clips])
    for row, clip in enumerate(clips):
        others = np.arange(len(clips)) != row
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(values[others], labels[others])
        clip.scores["combined"] = float(model.decision_function(values[[row]])[0])


def measure_auc(labels, scores):
    """Return the share of pairs of a fight and another clip that are in the right order."""
    gaps = scores[labels][:, None] - scores[~labels][None]
    return float((gaps > 0).mean() + (gaps == 0).mean() / 2)


def bootstrap(labels, first, second, draws):
    """Return the 95 % interval of the difference of two AUCs over resampled clips."""
    random = np.random.default_rng(0)
    gains = []
    while len(gains) < draws:
        chosen = random.integers(0, len(labels), len(labels))
        if 0 < labels[chosen].sum() < len(labels):
            gains.append(
                measure_auc(labels[chosen], first[chosen])
                - measure_auc(labels[chosen], second[chosen])
            )
    return [float(one) for one in np.percentile(gains, (2.5, 97.5))]


def cut_out_of_sample(labels, scores):
    """Judge every clip by the cut that separates the others best; return precision and recall."""
    judged = np.zeros(len(labels), bool)
    for row in range(len(labels)):
        others = np.arange(len(labels)) != row
        known, truth = scores[others], labels[others]
        cuts = np.unique(known)
        right = [((known >= c) & truth).sum() / truth.sum() for c in cuts]
        wrong = [((known >= c) & ~truth).sum() / (~truth).sum() for c in cuts]
        judged[row] = scores[row] >= cuts[int(np.argmax(np.subtract(right, wrong)))]
    return rates(labels, judged)


def rates(labels, judged):
    """Return (precision or None, recall)."""
    found = int(judged.sum())
    precision = float((judged & labels).sum() / found) if found else None
    return precision, float((judged & labels).sum() / labels.sum())


def summarise(clips, draws):
    """Return the figures of one set of clips."""
    combine(clips)
    labels = np.array([clip.is_fight for clip in clips])
    columns = {name: np.array([clip.scores[name] for clip in clips]) for name in SCORES}
    figures = {"clips": len(clips), "fights": int(labels.sum()), "scores": {}}
    for name, column in columns.items():
        precision, recall = cut_out_of_sample(labels, column)
        entry = {"auc": measure_auc(labels, column), "precision": precision, "recall": recall}
        if name != "energy":
            entry["gain"] = entry["auc"] - figures["scores"]["energy"]["auc"]
            entry["gain_interval"] = bootstrap(labels, column, columns["energy"], draws)
        if name in clips[0].opened:
            opened = np.array([clip.opened[name] for clip in clips])
            entry["at_threshold"] = rates(labels, column >= 1.0)
            entry["opened_in_fights"] = int((opened & labels).sum())
            entry["opened_in_others"] = int((opened & ~labels).sum())
        figures["scores"][name] = entry
    return figures


def describe(entry):
    def share(value):
        return "none found" if value is None else f"{value:.2f}"

    text = f"AUC {entry['auc']:.3f}"
    if "gain" in entry:
        low, high = entry["gain_interval"]
        text += f", {entry['gain']:+.3f} ({low:+.3f} to {high:+.3f}) against energy"
    text += f"; precision {share(entry['precision'])}, recall {share(entry['recall'])}"
    if "at_threshold" in entry:
        precision, recall = entry["at_threshold"]
        text += f"; at the rule's own threshold {share(precision)}, {share(recall)}"
        text += f"; opened in {entry['opened_in_fights']} fights,"
        text += f" {entry['opened_in_others']} others"
    return text


def main():
    from benchmarks.reporting import finish

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="every third clip")
    options = parser.parse_args()
    step, draws = (3, 500) if options.quick else (1, 5000)
    paths = sorted((MATERIAL / "footage" / "fights").glob("*.mp4"))[::step]
    with (MATERIAL / "poses" / "fights" / "labels.csv").open() as table:
        labelled = list(csv.DictReader(table))[::step]
    rows, figures, marks = [], {}, {}
    for name, clips in (("footage", read_footage(paths)), ("poses", read_poses(labelled))):
        figures[name] = found = summarise(list(clips), draws)
        rows.append((name, f"{found['clips']} clips, {found['fights']} fights"))
        rows += [(f"  {score}", describe(entry)) for score, entry in found["scores"].items()]
        low = found["scores"]["tracks and poses"]["gain_interval"][0]
        marks[f"{name}_gain_low"] = (low, ">=", 0.0)
    finish("aggression", rows, figures, marks)


if __name__ == "__main__":
    main()
