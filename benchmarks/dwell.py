"""Whether dwell survives what trackers do to tracks, and whether it is what people call loitering.

First part: true tracks of three MOT15 sequences, sampled at 5 frames a second, are broken by id
switches, gaps and jitter, and go through the product's rules and through a plain dwell that
counts by track id; both are laid beside the unbroken truth. Then the same with tracks that our
tracker makes of public detections. Second part: 1,974 pedestrian tracks with a human label.

    python benchmarks/dwell.py [--quick]
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))

from benchmarks import broken_tracks, loitering_labels  # noqa: E402
from benchmarks.reporting import finish  # noqa: E402
from benchmarks.tracking import DETECTIONS, SEQUENCES, Case, Material  # noqa: E402
from detection.vision import mot  # noqa: E402
from detection.vision.overlaps import overlaps  # noqa: E402
from detection.vision.tracking import make_tracker  # noqa: E402

FPS = 5.0
SHARES = (0.1, 0.2, 0.4)
LONGEST_GAPS = (0.0, 1.5)
JITTER = 0.03
# Name, zones over the whole picture, dwell that counts: the sequences last 3 to 113 s.
ZONE_SETS = {
    "picture, 4 s": (broken_tracks.make_grid(1, 1), 4.0),
    "2 x 2, 2 s": (broken_tracks.make_grid(2, 2), 2.0),
    "3 x 3, 2 s": (broken_tracks.make_grid(3, 3), 2.0),
}
REPORTERS = {"ours": broken_tracks.report_stays, "plain": broken_tracks.find_stays}
RATES = ("duplicates", "missed", "false", "lost")


def make_scenes(material):
    scenes = {}
    for name in SEQUENCES:
        info, truth = material.infos[name], material.truths[name]
        scenes[name] = broken_tracks.make_scene(
            truth.select(truth.scores > 0),
            material.frames(Case(name, "", FPS)),
            fps=info.fps,
            sampling_fps=FPS,
            frame_size=info.frame_size,
        )
    return scenes


def judge_all(truths, scenes):
    """Return counts by (who, zone set), summed over sequences; truths have unbroken tracks."""
    counts = {(who, zones): Counter() for who in REPORTERS for zones in ZONE_SETS}
    for name, scene in scenes.items():
        for zone_set, (zones, threshold) in ZONE_SETS.items():
            stays = broken_tracks.find_stays(truths[name], zones, threshold)
            for who, report in REPORTERS.items():
                found = report(scene, zones, threshold)
                counts[who, zone_set].update(broken_tracks.judge(stays, found, scene.owners))
    return counts


def rates(counts):
    """Return duplicates, missed and false reports by true stay, and the share of dwell lost."""
    by_stay = [counts[name] / counts["stays"] for name in RATES[:3]]
    return np.array([*by_stay, counts["lost"] / counts["seconds"]])


def measure_broken(truths, share, longest_gap, seeds):
    """Break the tracks once a seed.

    Returns:
        rates (seeds, 4) by (who, zone set), and the counts of stitching.
    """
    measured = {(who, zones): [] for who in REPORTERS for zones in ZONE_SETS}
    stitching = Counter()
    for seed in range(seeds):
        random = np.random.default_rng([seed, round(100 * share), round(10 * longest_gap)])
        broken = {
            name: broken_tracks.break_tracks(
                scene, share, longest_gap=longest_gap, jitter=JITTER, random=random
            )
            for name, scene in truths.items()
        }
        for key, counts in judge_all(truths, broken).items():
            measured[key].append(rates(counts))
        for scene in broken.values():
            stitching.update(broken_tracks.judge_stitching(scene))
    return {key: np.array(values) for key, values in measured.items()}, stitching


def interval_of_mean(values, *, rounds=2000, seed=5):
    """Return mean and 95 % interval over seeds, columns apart: three arrays."""
    random = np.random.default_rng(seed)
    drawn = values[random.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    return values.mean(axis=0), *np.percentile(drawn, (2.5, 97.5), axis=0)


def track_scenes(material, truths, detections):
    """Return scenes of our tracker's own tracks, each box owned by whom it overlaps by half."""
    scenes = {}
    for name in SEQUENCES:
        info, frames = material.infos[name], material.frames(Case(name, detections, FPS))
        tracker = make_tracker("botsort", sampling_fps=FPS, frame_size=info.frame_size)
        found = mot.track(
            material.rows[name, detections],
            tracker,
            fps=info.fps,
            frame_size=info.frame_size,
            frames=frames,
        )
        scene = broken_tracks.make_scene(
            found, frames, fps=info.fps, sampling_fps=FPS, frame_size=info.frame_size
        )
        for here, there in zip(scene.frames, truths[name].frames, strict=True):
            _assign_owners(scene.owners, here.observations, there.observations)
        scenes[name] = scene
    return scenes


def _assign_owners(owners, found, truth):
    boxes = [np.array([one.box_xyxy for one in some]).reshape(-1, 4) for some in (found, truth)]
    alike = overlaps(*boxes)
    owned = {(one.at_seconds, one.track_id): -1 for one in found}
    for row, column in zip(*linear_sum_assignment(-alike), strict=True):
        if alike[row, column] >= 0.5:
            owned[found[row].at_seconds, found[row].track_id] = truth[column].track_id
    owners.update(owned)


def tell_broken(truths, seeds):
    """Return rows, figures and what the marks look at: rates and differences at 40 %."""
    rows, figures, worst = [], {}, {"duplicates": [], "less": [], "strangers": []}
    for longest_gap in LONGEST_GAPS:
        for share in SHARES:
            measured, stitching = measure_broken(truths, share, longest_gap, seeds)
            gaps = f"gaps to {longest_gap:g} s" if longest_gap else "no gaps"
            what = f"{100 * share:.0f} % switched, {gaps}"
            for zone_set in ZONE_SETS:
                ours, plain = measured["ours", zone_set], measured["plain", zone_set]
                for who, values in (("ours", ours), ("plain", plain)):
                    told = interval_of_mean(values)
                    rows.append((f"{what}, {zone_set}, {who}", write_rates(*told)))
                    figures[f"{what}, {zone_set}, {who}"] = np.round(told, 4).tolist()
                difference = interval_of_mean(ours - plain)
                rows.append((f"{what}, {zone_set}, ours less plain", write_rates(*difference)))
                worst["duplicates"].append(ours.mean(axis=0)[0])
                if share == SHARES[-1]:
                    worst["less"] += [difference[2][0], difference[2][3]]
            rows.append((f"{what}, stitching", write_stitching(stitching)))
            figures[f"{what}, stitching"] = dict(stitching)
            worst["strangers"].append(stitching["strangers"] / stitching["tracks"])
    return rows, figures, worst


def write_rates(mean, low, high):
    return "  ".join(
        f"{name} {100 * m:.1f} % ({100 * a:.1f} to {100 * b:.1f})"
        for name, m, a, b in zip(RATES, mean, low, high, strict=True)
    )


def write_stitching(counts):
    return (
        f"{counts['healed']} of {counts['switches']} switches healed, {counts['strangers']} "
        f"strangers taken for somebody else in {counts['tracks']} tracks"
    )


def tell_whole(truths, material):
    """Return rows and figures of unbroken tracks and of those that our tracker makes."""
    rows, figures = [], {}
    scenes = {"unbroken": truths}
    scenes |= {f"our tracks of {kind}": track_scenes(material, truths, kind) for kind in DETECTIONS}
    for what, some in scenes.items():
        for (who, zone_set), counts in sorted(judge_all(truths, some).items()):
            told = "  ".join(
                f"{name} {100 * rate:.1f} %"
                for name, rate in zip(RATES, rates(counts), strict=True)
            )
            rows.append((f"{what}, {zone_set}, {who}", f"{counts['stays']} stays: {told}"))
            figures[f"{what}, {zone_set}, {who}"] = np.round(rates(counts), 4).tolist()
    stitching = Counter()
    for scene in truths.values():
        stitching.update(broken_tracks.judge_stitching(scene))
    rows.append(("unbroken, stitching", write_stitching(stitching)))
    figures["unbroken, stitching"] = dict(stitching)
    return rows, figures


def tell_labels(rounds, most_tracks):
    """Return rows, figures and the lower bound of our AUC less that of duration."""
    path = MATERIAL / "tracks" / "loitering_tracks.jsonl"
    labels, tracks = loitering_labels.read_tracks(path)
    labels, tracks = labels[:most_tracks], tracks[:most_tracks]
    evidence = loitering_labels.make_evidence(tracks)
    drawn = loitering_labels.bootstrap(labels, evidence, rounds=rounds)
    rows = [("labelled tracks", f"{len(labels)}, of which {labels.sum()} loitering")]
    figures = {}
    for name, values in evidence.items():
        area = loitering_labels.area_under_curve(labels, values)
        f1 = loitering_labels.best_f1(labels, values)
        low, high = np.percentile(drawn[name], (2.5, 97.5), axis=0)
        told = f"AUC {area:.3f} ({low[0]:.3f} to {high[0]:.3f})"
        rows.append((name, f"{told}, best F1 {f1:.3f} ({low[1]:.3f} to {high[1]:.3f})"))
        figures[name] = np.round([area, low[0], high[0], f1, low[1], high[1]], 4).tolist()
    ours = next(iter(evidence))
    for name in ("duration", "little net displacement"):
        low, high = np.percentile(drawn[ours][:, 0] - drawn[name][:, 0], (2.5, 97.5))
        gain = figures[ours][0] - figures[name][0]
        doubt = ", includes zero" if low <= 0 <= high else "" if gain > 0 else ", ours is worse"
        told = f"{gain:+.3f} ({low:+.3f} to {high:+.3f}){doubt}"
        rows.append((f"AUC of {ours}, less {name}", told))
        figures[f"less {name}"] = np.round([gain, low, high], 4).tolist()
    return rows, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 seeds, 300 labelled tracks")
    is_quick = parser.parse_args().quick
    material = Material()
    truths = make_scenes(material)
    rows, figures = tell_whole(truths, material)
    broken_rows, broken, worst = tell_broken(truths, seeds=4 if is_quick else 20)
    rounds, most_tracks = (200, 300) if is_quick else (1000, None)
    label_rows, labels = tell_labels(rounds, most_tracks)
    marks = {
        "most_duplicates": (max(worst["duplicates"]), "<=", 0.02),
        "duplicates_and_lost_dwell_less_plain_at_40": (max(worst["less"]), "<=", 0.0),
        "strangers_by_track": (max(worst["strangers"]), "<=", 0.1),
    }
    if not is_quick:
        marks["auc_over_duration"] = (labels["less duration"][1], ">=", 0.0)
    finish("dwell", rows + broken_rows + label_rows, figures | broken | labels, marks)


if __name__ == "__main__":
    main()
