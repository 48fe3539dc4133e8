"""Our trackers, the library's and a plain one over the same public detections.

Three sequences of MOT15, which come with their truth and two sets of public detections, are
tracked at their own frame rate and at 5 and 2 frames a second, the rates that cameras are sampled
at. The other trackers run in the same process on the same boxes and scores, at their own defaults;
camera motion compensation and appearance are off, there are no pictures. Figures are HOTA, IDF1
and MOTA (`mot_metrics`), checked against TrackEval in this run where it is installed.

    python benchmarks/tracking.py [--quick]
"""

import argparse
import importlib.util
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))

from benchmarks import mot_metrics, rival_trackers  # noqa: E402
from benchmarks.reporting import finish  # noqa: E402
from detection.vision import kalman, libraries, mot, tracking  # noqa: E402
from detection.vision.association import Association  # noqa: E402
from detection.vision.video import Sampler  # noqa: E402

SEQUENCES = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte")
DETECTIONS = {"det": "det.txt", "det_sort": "det_sort.txt"}
RATES = (None, 5.0, 2.0)
OURS, OURS_TOO, PLAIN = "our botsort", "our bytetrack", "plain IoU"
THEIRS, THEIRS_TOO = "ultralytics botsort", "ultralytics bytetrack"
CONTESTANTS = (OURS, OURS_TOO, THEIRS, THEIRS_TOO, PLAIN)
SCORES = ("HOTA", "DetA", "AssA", "IDF1", "MOTA", "IDSW", "FP", "FN")
PIECE_SECONDS = 10.0
NATIVE_CHOICES = (3.0, 6.0, 12.0, 25.0)


@dataclass(frozen=True)
class Case:
    """One sequence with one set of detections at one rate; None is the sequence's own."""

    sequence: str
    detections: str
    rate: float | None


class Material:
    """The sequences, read once."""

    def __init__(self):
        self.infos, self.truths, self.rows = {}, {}, {}
        for name in SEQUENCES:
            folder = MATERIAL / "tracks" / "mot15" / name
            info = self.infos[name] = mot.read_sequence_info(folder)
            self.truths[name] = mot.read_rows(folder / "gt" / "gt.txt", length=info.length)
            for kind, file_name in DETECTIONS.items():
                rows = mot.read_rows(folder / "det" / file_name, length=info.length)
                scores, _ = mot.scale_scores(rows.scores, "auto")
                self.rows[name, kind] = mot.Rows(rows.frames, rows.ids, rows.boxes, scores)

    def frames(self, case):
        info = self.infos[case.sequence]
        sampler = Sampler(case.rate or info.fps)
        every = range(1, info.length + 1)
        return np.array([frame for frame in every if sampler.wants((frame - 1) / info.fps)])

    def compare(self, case, make):
        """Track a case with a fresh tracker of make(sampling_fps, frame_size)."""
        info, frames = self.infos[case.sequence], self.frames(case)
        tracker = make(min(case.rate or info.fps, info.fps), info.frame_size)
        rows = self.rows[case.sequence, case.detections]
        found = mot.track(rows, tracker, fps=info.fps, frame_size=info.frame_size, frames=frames)
        return mot_metrics.compare(self.truths[case.sequence], found, frames)


def make_ours(kind):
    return lambda fps, size: tracking.make_tracker(kind, sampling_fps=fps, frame_size=size)


def make_for_native(native_fps):
    """Return a maker of our BoT-SORT whose noise model is meant for another frame rate."""

    def make(fps, size):
        box_filter = kalman.BoxFilter(has_aspect=False, frames_per_step=max(1.0, native_fps / fps))
        return tracking.ArrayTracker(
            box_filter, Association(), sampling_fps=fps, lost_seconds=2.0, frame_size=size
        )

    return make


def make_contestants():
    libraries.prepare(tempfile.mkdtemp(prefix="second-look-bench-"))
    return {
        OURS: make_ours("botsort"),
        OURS_TOO: make_ours("bytetrack"),
        THEIRS: rival_trackers.make_ultralytics("botsort"),
        THEIRS_TOO: rival_trackers.make_ultralytics("bytetrack"),
        PLAIN: rival_trackers.PlainIouTracker,
    }


def measure(material, rates):
    """Return the comparison of every contestant with the truth in every case."""
    return {
        (who, Case(name, kind, rate)): material.compare(Case(name, kind, rate), make)
        for who, make in make_contestants().items()
        for kind in DETECTIONS
        for rate in rates
        for name in SEQUENCES
    }


def combine(counts, who, kind, rate):
    return mot_metrics.score(
        mot_metrics.add([counts[who, Case(name, kind, rate)] for name in SEQUENCES])
    )


def pieces(material, compared, who, kind, rate):
    """Cut each sequence into pieces of about 10 s and count each on its own."""
    counts = []
    for name in SEQUENCES:
        case = Case(name, kind, rate)
        comparison = compared[who, case]
        step = round(PIECE_SECONDS * min(rate or np.inf, material.infos[name].fps))
        for start in range(0, len(comparison.moments), step):
            moments = comparison.moments[start : start + step]
            piece = mot_metrics.Comparison(moments, comparison.truth_count, comparison.found_count)
            counts.append(mot_metrics.count(piece))
    return counts


def interval(ours, theirs, name, *, rounds=1000, seed=7):
    """Return the 95 % interval of a score's difference, the same pieces drawn on both sides."""
    random = np.random.default_rng(seed)
    differences = []
    for _ in range(rounds):
        drawn = random.integers(0, len(ours), len(ours))
        scores = [
            mot_metrics.score(mot_metrics.add([side[at] for at in drawn]))[name]
            for side in (ours, theirs)
        ]
        differences.append(scores[0] - scores[1])
    low, high = np.percentile(differences, (2.5, 97.5))
    return round(float(low), 4), round(float(high), 4)


def leave_one_out(material, rates):
    """Choose the noise model's frame rate on two sequences, and score it on the third.

    Returns:
        scores of what was chosen without seeing the sequence, scores of what the product has,
        and what was chosen by the sequence left out.
    """
    cases = [Case(n, kind, rate) for n in SEQUENCES for kind in DETECTIONS for rate in rates]
    counts = {
        (native, case): mot_metrics.count(material.compare(case, make_for_native(native)))
        for native in NATIVE_CHOICES
        for case in cases
    }

    def pick(native, names):
        return [counts[native, case] for case in cases if case.sequence in names]

    def judge(native, names):
        return mot_metrics.score(mot_metrics.add(pick(native, names)))["IDF1"]

    chosen, unseen = {}, []
    for held_out in SEQUENCES:
        others = [name for name in SEQUENCES if name != held_out]
        worth = {native: judge(native, others) for native in NATIVE_CHOICES}
        chosen[held_out] = max(worth, key=worth.get)
        unseen += pick(chosen[held_out], [held_out])
    product = pick(tracking.NATIVE_FPS, SEQUENCES)
    totals = [mot_metrics.score(mot_metrics.add(some)) for some in (unseen, product)]
    return *totals, chosen


def furthest_from_reference(compared):
    """Return how far our scores are from TrackEval's, at most; None where that is missing."""
    if importlib.util.find_spec("trackeval") is None:
        return None
    furthest = 0.0
    for one in compared.values():
        ours = mot_metrics.score(mot_metrics.count(one))
        theirs = rival_trackers.read_scores(rival_trackers.evaluate(one))
        furthest = max(furthest, *(abs(theirs[name] - ours[name]) for name in SCORES))
    return furthest


def name_rate(rate):
    return "own rate" if rate is None else f"{rate:g} fps"


def write_scores(scores):
    return " ".join(
        f"{name} {scores[name]:.3f}"
        if isinstance(scores[name], float)
        else f"{name} {scores[name]}"
        for name in SCORES
    )


def tell_scores(counts, rates):
    """Return rows for people and figures for machines: combined, then by sequence."""
    rows, figures = [], {}
    cells = [(kind, rate) for kind in DETECTIONS for rate in rates]
    for kind, rate in cells:
        for who in CONTESTANTS:
            scores = combine(counts, who, kind, rate)
            rows.append((f"{kind}, {name_rate(rate)}, {who}", write_scores(scores)))
            figures[f"{kind}, {name_rate(rate)}, {who}"] = _rounded(scores)
    for name in SEQUENCES:
        for kind, rate in cells:
            for who in CONTESTANTS:
                scores = mot_metrics.score(counts[who, Case(name, kind, rate)])
                what = f"{name}, {kind}, {name_rate(rate)}, {who}"
                figures[what] = _rounded(scores)
                if rate == rates[0]:
                    rows.append((what, write_scores(scores)))
    return rows, figures


def _rounded(scores):
    return {name: round(value, 4) for name, value in scores.items()}


def tell_differences(material, compared, counts, rates):
    """Return rows and figures of our BoT-SORT less the library's, and the least IDF1 gains."""
    rows, figures, gains = [], {}, {"ultralytics": [], "bytetrack": []}
    for kind in DETECTIONS:
        for rate in rates:
            whole = {who: combine(counts, who, kind, rate) for who in CONTESTANTS}
            cut = [pieces(material, compared, who, kind, rate) for who in (OURS, THEIRS)]
            gains["ultralytics"].append(whole[OURS]["IDF1"] - whole[THEIRS]["IDF1"])
            gains["bytetrack"].append(whole[OURS]["IDF1"] - whole[OURS_TOO]["IDF1"])
            for name in ("HOTA", "IDF1"):
                low, high = interval(*cut, name)
                gain = whole[OURS][name] - whole[THEIRS][name]
                within = [mot_metrics.score(mot_metrics.add(side))[name] for side in cut]
                what = f"{kind}, {name_rate(rate)}, {name} over {THEIRS}"
                doubt = ", includes zero" if low <= 0 <= high else ""
                told = f"{within[0] - within[1]:+.3f} ({low:+.3f} to {high:+.3f}){doubt}"
                rows.append((what, f"{gain:+.3f}; within pieces of 10 s {told}"))
                figures[what] = [round(gain, 4), round(within[0] - within[1], 4), low, high]
    return rows, figures, gains


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="at 5 frames a second only")
    rates = (5.0,) if parser.parse_args().quick else RATES
    material = Material()
    compared = measure(material, rates)
    counts = {key: mot_metrics.count(one) for key, one in compared.items()}
    rows, figures = tell_scores(counts, rates)
    more_rows, differences, gains = tell_differences(material, compared, counts, rates)
    unseen, product, chosen = leave_one_out(material, rates)
    choices = ", ".join(f"{native:g} without {name}" for name, native in chosen.items())
    more_rows += [
        ("noise model's rate, chosen on the other two", choices),
        ("... scored on the third", write_scores(unseen)),
        (f"... the product's, {tracking.NATIVE_FPS:g}", write_scores(product)),
    ]
    figures |= differences | {"leave_one_out": [chosen, _rounded(unseen), _rounded(product)]}
    marks = {
        "least_idf1_gain_over_ultralytics": (min(gains["ultralytics"]), ">=", 0.0),
        "least_idf1_gain_of_botsort_over_bytetrack": (min(gains["bytetrack"]), ">=", 0.0),
    }
    furthest = furthest_from_reference(compared)
    if furthest is not None:
        marks["furthest_from_trackeval"] = (furthest, "<=", 1e-6)
    finish("tracking", rows + more_rows, figures, marks)


if __name__ == "__main__":
    main()
