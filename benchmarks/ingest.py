"""Ingest a file at default settings beside a plain detect-and-track loop over every frame.

Both sides use the same weights and the same rules. Ours decodes, gates, detects, tracks, runs the
rules, encodes stills and clips and stores everything in a database; the other side decodes,
detects, tracks and runs the rules. Model loading is left out on both sides, and so is, on ours,
the choice of a backend on the footage's own frames, which is shown on a line of its own.

    python benchmarks/ingest.py [--video F] [--rounds N] [--quick]
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))
RULES = {
    "zones": [
        {
            "name": "table",
            "kind": "restricted",
            "polygon": [[0.40, 0.78], [0.75, 0.78], [0.75, 1.0], [0.40, 1.0]],
        }
    ],
    "rules": [
        {"kind": "restricted_zone_entry", "zones": ["table"], "classes": ["person"]},
        {
            "kind": "loitering",
            "zones": ["table"],
            "classes": ["person"],
            "threshold_seconds": 15,
        },
    ],
}


def ours(video, name):
    """Ingest the file; return (seconds, CPU seconds, seconds of choosing, footage, timings)."""
    from detection.rules.config import parse_config
    from detection.services import cameras, footage, inference, ingestion

    camera = cameras.get_or_create_camera(cameras.find_site(), name)
    cameras.apply_config(camera, parse_config(RULES, file_name="benchmark"))
    row = footage.register_file(camera, video)
    started = time.perf_counter()
    inference.detector_for(row)
    choosing = time.perf_counter() - started
    started, worked = time.perf_counter(), time.process_time()
    done = ingestion.ingest_footage(row)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    return seconds, cpu_seconds, choosing, row, done.timings


class PlainLoop:
    """Detect and track every frame with the weights' own library, then the same rules."""

    def __init__(self, weights, shape):
        from django.conf import settings

        from detection.vision import libraries

        libraries.prepare(settings.CACHE_DIR)
        import numpy as np
        from ultralytics import YOLO

        self.model = YOLO(str(weights))
        self.model.track(np.zeros((*shape, 3), np.uint8), persist=True, verbose=False)

    def run(self, video, most_frames=None):
        """Return (seconds, frames, incidents opened) for the file, or its first frames."""
        from detection.rules.config import parse_config
        from detection.rules.engine import RuleEngine
        from detection.vision.video import open_source

        config = parse_config(RULES, file_name="benchmark")
        source = open_source(video)
        engine = RuleEngine(
            config.zones,
            config.rules,
            aspect_ratio=source.width / source.height,
            sampling_fps=source.average_fps,
        )
        self.model.predictor.trackers[0].reset()
        opened, frames = [], 0
        started = time.perf_counter()
        for frame in source.frames():
            found = self.model.track(frame.image(), persist=True, verbose=False, imgsz=640)[0]
            changes = engine.update(self._tracked(found, frame.at_seconds))
            opened += [change.incident for change in changes if change.kind == "opened"]
            frames += 1
            if frames == most_frames:
                break
        return time.perf_counter() - started, frames, opened

    def _tracked(self, found, at_seconds):
        from detection.vision.types import Observation, TrackedFrame

        boxes = found.boxes
        if boxes.id is None:
            return TrackedFrame(at_seconds)
        rows = zip(
            boxes.id.tolist(),
            boxes.cls.tolist(),
            boxes.conf.tolist(),
            boxes.xyxyn.tolist(),
            strict=True,
        )
        return TrackedFrame(
            at_seconds,
            tuple(
                Observation(at_seconds, int(number), found.names[int(kind)], score, tuple(box))
                for number, kind, score, box in rows
            ),
        )


def measure(video, rounds, most_frames):
    """Alternate both sides; return what each took and found."""
    from django.conf import settings

    weights = settings.MODEL_DIR / "yolo11n.pt"
    _, _, first_choosing, row, _ = ours(video, "warm-up")
    plain = PlainLoop(weights, (row.height, row.width))
    taken, plain_rates = [], []
    for turn in range(rounds):
        seconds, frames, opened = plain.run(video, most_frames)
        plain_rates.append(seconds / frames)
        taken.append((ours(video, f"round {turn}"), seconds, frames, opened))
    return taken, plain_rates, first_choosing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--video", default=str(MATERIAL / "footage" / "one-by-one-person-detection.mp4")
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one round, 300 plain frames")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare

    os.environ.setdefault("SECOND_LOOK_MODEL_DIR", str(MATERIAL / "models"))
    prepare()
    rounds, most_frames = (1, 300) if options.quick else (options.rounds, None)
    taken, plain_rates, choosing = measure(options.video, rounds, most_frames)
    report(taken, plain_rates, choosing, is_whole=most_frames is None)


def report(taken, plain_rates, choosing, *, is_whole):
    from benchmarks.reporting import finish

    rates, other_shares, cpu_shares, encode_shares = [], [], [], []
    for (seconds, cpu_seconds, _, row, timings), *_ in taken:
        decoded = sum(row.segments.values_list("frames_decoded", flat=True))
        rates.append(seconds / decoded)
        stages = timings.stages
        encoding = stages["encoding"]
        known = timings.waiting + stages["inference"] + encoding
        other_shares.append((timings.total - known) / timings.total)
        cpu_shares.append((timings.total - known) / cpu_seconds)
        encode_shares.append(encoding / timings.total)
    ratios = [plain / own for plain, own in zip(plain_rates, rates, strict=True)]
    ratio = statistics.median(ratios)
    row = taken[0][0][3]
    served = row.detector_choice["served"]
    counts = row.segments.values_list("frames_decoded", "frames_sampled", "frames_detected")
    decoded, sampled, detected = (sum(column) for column in zip(*counts, strict=True))
    own_opened = sorted(row.incidents.values_list("opened_at_seconds", flat=True))
    plain_opened = sorted(incident.opened_at_seconds for incident in taken[0][3])
    rows = [
        ("auto chose", f"{served['backend']}, {served['input_size']} px, {served['precision']}"),
        ("choosing it, once a session", f"{choosing:.1f} s with loading and export"),
        ("frames decoded / sampled / detected on", f"{decoded} / {sampled} / {detected}"),
        ("plain loop", f"{1e3 * statistics.median(plain_rates):.1f} ms a frame"),
        (
            "ours, evidence and database included",
            f"{1e3 * statistics.median(rates):.2f} ms a frame",
        ),
        ("ratio by round", ", ".join(f"{value:.1f}" for value in ratios)),
        ("encoding of clips and stills", f"{100 * statistics.median(encode_shares):.1f} %"),
        (
            "neither decoding, encoding nor the network",
            f"{100 * statistics.median(other_shares):.1f} % of the time, "
            f"{100 * statistics.median(cpu_shares):.1f} % of the CPU time",
        ),
        ("our incidents opened at", ", ".join(f"{at:.1f}" for at in own_opened)),
        ("plain incidents opened at", ", ".join(f"{at:.1f}" for at in plain_opened)),
    ]
    figures = {
        "ratio": round(ratio, 2),
        "ratios": [round(value, 2) for value in ratios],
        "ours_ms_per_frame": round(1e3 * statistics.median(rates), 3),
        "plain_ms_per_frame": round(1e3 * statistics.median(plain_rates), 3),
        "other_share": round(statistics.median(other_shares), 4),
        "other_share_of_cpu": round(statistics.median(cpu_shares), 4),
        "encoding_share": round(statistics.median(encode_shares), 4),
        "choosing_seconds": round(choosing, 2),
        "served": served,
        "our_incidents": len(own_opened),
        "plain_incidents": len(plain_opened),
    }
    marks = {
        "ratio": (ratio, ">=", 8.0),
        "other_share": (statistics.median(other_shares), "<=", 0.10),
    }
    if is_whole:
        marks["same_incidents"] = (_furthest(own_opened, plain_opened), "<=", 1.0)
    finish("ingest", rows, figures, marks)


def _furthest(own, plain):
    """Return by how many seconds matched openings differ at most; 999 where counts differ."""
    if len(own) != len(plain):
        return 999.0
    return max((abs(a - b) for a, b in zip(own, plain, strict=True)), default=0.0)


if __name__ == "__main__":
    main()
