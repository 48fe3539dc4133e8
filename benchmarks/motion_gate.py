"""What the motion gate saves, and what it costs in tracks and incidents, on every footage file.

Both sides get the same decoded frames at 5 a second, the same network, the same tracker settings
and the same rules; one side asks the gate whether a frame needs the detector, the other detects
in every frame. Recall is the gated side's share of what the other side found. It is taken with the
network at its reference size and again at a smaller one, which errs more. The fights are many
short films and are shown as one row.

    python benchmarks/motion_gate.py [--quick]
"""

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
MATERIAL = Path(os.environ.get("SECOND_LOOK_SHARED", ROOT.parent / "shared"))
QUICK = ("car-detection.mp4", "worker-zone-detection-preview.mp4")
SIZES = (640, 416)
FPS = 5.0
# Files at least this long are held to full recall of incidents; the others are a few seconds.
FULL_LENGTH_SECONDS = 20.0
OVERLAP = 0.5
# An incident is found again when it opens within five sample periods of the other side's.
OPENING_SECONDS = 1.0
CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
RULES = [
    {"kind": "loitering", "classes": CLASSES, "threshold_seconds": 5},
    {"kind": "presence", "classes": CLASSES, "min_duration_seconds": 1},
    {"kind": "crowd_formation", "classes": ["person"], "threshold_count": 3},
]
# What a network takes for a thing for a second or two: recall of it is told, not required.
ANYTHING = [{"kind": "presence", "min_duration_seconds": 1, "name": "anything"}]
RESAMPLES = 1000


@dataclass
class Side:
    """What one way of working found in one film, and what it took.

    Attributes:
        incidents: of the rules that people would set; ``anything``: of one about every class.
    """

    frames: list = field(default_factory=list)
    incidents: list = field(default_factory=list)
    anything: list = field(default_factory=list)
    calls: int = 0
    seconds: float = 0.0


@dataclass
class Figures:
    """One row of the table; films may be added up.

    Attributes:
        tracks: (covered, all) observations of each track of the ungated side.
        incidents, found, extra: with the rules; other_incidents, other_found: of any class.
        delays: by how many seconds the gated side opened found incidents later.
    """

    name: str
    length: float = 0.0
    sampled: int = 0
    calls: int = 0
    seconds: float = 0.0
    plain_seconds: float = 0.0
    tracks: list = field(default_factory=list)
    incidents: int = 0
    found: int = 0
    extra: int = 0
    other_incidents: int = 0
    other_found: int = 0
    delays: list = field(default_factory=list)
    missed: list = field(default_factory=list)

    def add(self, other):
        for one in fields(self):
            if one.name != "name":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def time_recall(self):
        return share(sum(part for part, _ in self.tracks), sum(whole for _, whole in self.tracks))

    @property
    def track_recall(self):
        """The share of tracks of which at least half was covered."""
        return share(sum(2 * part >= whole for part, whole in self.tracks), len(self.tracks))

    @property
    def saved(self):
        return 1.0 - share(self.calls, self.sampled)

    def cells(self):
        return (
            self.name.removesuffix(".mp4"),
            f"{self.length:.0f} s",
            f"{self.sampled}",
            f"{self.calls} (-{100 * self.saved:.0f} %)",
            f"{self.plain_seconds:.1f} -> {self.seconds:.1f}",
            f"{100 * self.time_recall:.1f} %",
            f"{sum(2 * part >= whole for part, whole in self.tracks)}/{len(self.tracks)}",
            f"{self.found}/{self.incidents}",
            f"{self.extra}",
            f"{self.other_found}/{self.other_incidents}",
            f"{max(map(abs, self.delays), default=0.0):.1f} s",
        )

    def as_json(self):
        return {
            "sampled": self.sampled,
            "detector_calls": self.calls,
            "calls_saved": round(self.saved, 4),
            "seconds": [round(self.plain_seconds, 3), round(self.seconds, 3)],
            "track_time_recall": round(self.time_recall, 4),
            "tracks": len(self.tracks),
            "track_recall": round(self.track_recall, 4),
            "incidents": self.incidents,
            "incidents_found": self.found,
            "extra_incidents": self.extra,
            "any_class": [self.other_incidents, self.other_found],
            "missed": self.missed,
        }


HEAD = (
    "film",
    "length",
    "frames",
    "detected on",
    "seconds",
    "track time",
    "tracks",
    "incidents",
    "extra",
    "any class",
    "opening differs by",
)


def share(part, whole):
    """Return part / whole; of nothing, nothing was lost."""
    return part / whole if whole else 1.0


def make_detector(films, input_size):
    """Return the default network in f32 at an input size, on the fastest backend."""
    from detection.services.inference import sample_frames
    from detection.vision.backends import load_detector

    frames = [frame for film in films for frame in sample_frames(str(film), 2)]
    return load_detector(
        "auto",
        input_size=input_size,
        precision="f32",
        model_dir=Path(os.environ["SECOND_LOOK_MODEL_DIR"]),
        cache_dir=Path(os.environ["SECOND_LOOK_DATA_DIR"]) / "cache",
        sample_frames=frames[:24],
        classes=CLASSES,
    )


def decode(film):
    """Return the sampled frames of a film, converted already, its size and the sampling rate."""
    from detection.vision.video import Sampler, open_source

    source = open_source(film)
    fps = min(FPS, source.average_fps or FPS)
    sampler = Sampler(fps)
    frames = [frame for frame in source.frames() if sampler.wants(frame.at_seconds)]
    for frame in frames:
        frame.image()
    size = (source.width, source.height)
    source.close()
    return frames, size, fps


def config_for(film):
    from detection.rules.config import parse_config

    zones, rules = [], list(RULES)
    events = film.with_suffix(".events.json")
    if events.exists():
        told = json.loads(events.read_text())["zone"]
        zones = [
            {"name": told["name"], "kind": "restricted", "polygon": told["polygon_normalised"]}
        ]
        rules.append(
            {"kind": "restricted_zone_entry", "zones": [told["name"]], "classes": ["person"]}
        )
    for rule in rules:
        rule.setdefault("name", rule["kind"])
    return parse_config({"zones": zones, "rules": rules}, file_name=film.name)


def run(film, frames, size, fps, detector, gate):
    """Run one side over decoded frames."""
    from detection.rules.config import parse_config
    from detection.rules.engine import RuleEngine
    from detection.vision.pipeline import TrackingPipeline
    from detection.vision.tracking import make_tracker

    shape = {"aspect_ratio": size[0] / size[1], "sampling_fps": fps}
    config, anything = config_for(film), parse_config({"rules": ANYTHING}, file_name="anything")
    engine = RuleEngine(config.zones, config.rules, **shape)
    other = RuleEngine((), anything.rules, **shape)
    pipeline = TrackingPipeline(
        detector, make_tracker("botsort", sampling_fps=fps, frame_size=size), gate
    )
    side = Side()
    for frame in frames:
        started = time.perf_counter()
        tracked = pipeline.step(frame)
        changes = engine.update(tracked)
        side.seconds += time.perf_counter() - started
        side.frames.append(tracked)
        side.incidents += [one.incident for one in changes if one.kind == "opened"]
        side.anything += [one.incident for one in other.update(tracked) if one.kind == "opened"]
    side.calls = pipeline.frames_detected
    return side


def sightings(side):
    """Return {at_seconds: [(track id, box)]}, first sightings told later included."""
    seen = defaultdict(dict)
    for tracked in side.frames:
        for one in tracked.earlier:
            seen[round(one.at_seconds, 3)][one.track_id] = one.box_xyxy
        for one in tracked.observations:
            seen[round(tracked.at_seconds, 3)][one.track_id] = one.box_xyxy
    return seen


def cover(plain, gated):
    """Return (covered, all) observations of each ungated track."""
    from detection.vision.overlaps import overlaps

    counts = defaultdict(lambda: [0, 0])
    there = sightings(gated)
    for at_seconds, boxes in sightings(plain).items():
        others = np.array(list(there.get(at_seconds, {}).values()), float).reshape(-1, 4)
        mine = np.array(list(boxes.values()), float).reshape(-1, 4)
        best = overlaps(mine, others).max(axis=1, initial=0.0)
        for track_id, overlap in zip(boxes, best, strict=True):
            counts[track_id][0] += bool(overlap >= OVERLAP)
            counts[track_id][1] += 1
    return [tuple(count) for count in counts.values()]


def match(plain, gated):
    """Pair incidents of one category, the nearest openings first; return (pairs, missed, extra)."""
    candidates = sorted(
        (abs(own.opened_at_seconds - other.opened_at_seconds), row, column)
        for row, other in enumerate(plain)
        for column, own in enumerate(gated)
        if own.category == other.category
    )
    rows, columns = {}, set()
    for distance, row, column in candidates:
        if distance <= OPENING_SECONDS + 1e-6 and row not in rows and column not in columns:
            rows[row] = column
            columns.add(column)
    delays = [
        gated[column].opened_at_seconds - plain[row].opened_at_seconds
        for row, column in rows.items()
    ]
    missed = [one for row, one in enumerate(plain) if row not in rows]
    return delays, missed, len(gated) - len(columns)


def compare(film, detector):
    from detection.vision.motion import MotionGate

    frames, size, fps = decode(film)
    detector.detect(frames[0].image(), 0.0)
    plain = run(film, frames, size, fps, detector, None)
    gated = run(film, frames, size, fps, detector, MotionGate())
    delays, missed, extra = match(plain.incidents, gated.incidents)
    others = match(plain.anything, gated.anything)[0]
    return Figures(
        name=film.name,
        length=frames[-1].at_seconds,
        sampled=len(frames),
        calls=gated.calls,
        seconds=gated.seconds,
        plain_seconds=plain.seconds,
        tracks=cover(plain, gated),
        incidents=len(plain.incidents),
        found=len(delays),
        extra=extra,
        other_incidents=len(plain.anything),
        other_found=len(others),
        delays=delays,
        missed=[f"{film.stem}: {one.category} at {one.opened_at_seconds:.1f} s" for one in missed],
    )


def interval(rows):
    """Return the 95 % interval of track-time recall, tracks drawn anew."""
    tracks = np.array([track for row in rows for track in row.tracks], float).reshape(-1, 2)
    if not len(tracks):
        return 1.0, 1.0
    chance = np.random.default_rng(7)
    drawn = tracks[chance.integers(0, len(tracks), (RESAMPLES, len(tracks)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    return float(low), float(high)


def table(rows):
    """Return the rows as (film, rest of the line) with columns aligned."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    return [
        (line[0], "  ".join(cell.rjust(width) for cell, width in zip(line[1:], widths[1:])))  # noqa: B905
        for line in lines
    ]


def measure(is_quick, input_size):
    """Return the rows of the table, the sum of all last, and the detector."""
    footage = MATERIAL / "footage"
    films = sorted(footage.glob("*.mp4"))
    fights = sorted((footage / "fights").glob("*.mp4"))
    if is_quick:
        films, fights = [film for film in films if film.name in QUICK], []
    detector = make_detector([*films, *fights[:4]], input_size)
    rows = [compare(film, detector) for film in films]
    if fights:
        rows.append(Figures(f"fights ({len(fights)})"))
        for film in fights:
            rows[-1].add(compare(film, detector))
    whole = Figures("all")
    for row in rows:
        whole.add(row)
    return [*rows, whole], detector


def sum_full_length(rows):
    """Return the sum of the films that are long enough to be held to full recall."""
    full = Figures("full length")
    for row in rows:
        if row.length >= FULL_LENGTH_SECONDS and not row.name.startswith("fights"):
            full.add(row)
    return full


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two films")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare
    from benchmarks.reporting import finish

    os.environ.setdefault("SECOND_LOOK_MODEL_DIR", str(MATERIAL / "models"))
    prepare()

    lines, figures, full, whole = [], {}, Figures("full length"), Figures("all")
    for size in SIZES:
        rows, detector = measure(options.quick, size)
        *films, total = rows
        low, high = interval(films)
        form = f"{detector.name}, {detector.backend}, {size} px, f32"
        lines += [("detector", form), *table(rows)]
        lines += [("not found with the gate", one) for one in total.missed]
        lines += [("track time, 95 % interval", f"{100 * low:.1f} to {100 * high:.1f} %")]
        figures[f"{size} px"] = {row.name: row.as_json() for row in rows}
        figures[f"{size} px"]["track_time_recall_interval"] = [round(low, 4), round(high, 4)]
        full.add(sum_full_length(films))
        whole.add(total)
    marks = {
        "incident_recall_full_length": (share(full.found, full.incidents), ">=", 1.0),
        "extra_incidents_full_length": (full.extra, "<=", 0),
        "incident_recall": (share(whole.found, whole.incidents), ">=", 0.95),
        "track_time_recall": (whole.time_recall, ">=", 0.95),
        "calls_saved_full_length": (full.saved, ">=", 0.5),
    }
    if options.quick:
        del marks["calls_saved_full_length"]
    finish("motion_gate", lines, figures, marks)


if __name__ == "__main__":
    main()
