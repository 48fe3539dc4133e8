"""Replay a camera's day from its track logs: how long other rules take to be tried out.

The day is drawn, not filmed, and stored through the same rows, parquet files and database rows as
a live session's: visitors of 20 to 60 s who walk in, stand and walk out, most of them by day, some
at the same time, groups that stay together, tracks that break and go on under a new id. Boxes and
scores shake as a detector's do; where nobody has moved for a while the motion gate holds the boxes.
What is timed is all of it: queries, reading parquet, locating, rules, incidents.

    python benchmarks/replay.py [--hours H] [--quick]
"""

import argparse
import os
import resource
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FPS = 5.0
SEGMENT_SECONDS = 60.0
VISITS_A_DAY, GROUPS_A_DAY = 1500, 24
# Arrivals by hour: nights are quiet.
BUSY = [1, 1, 1, 1, 1, 2, 5, 9, 10, 9, 9, 10, 12, 11, 9, 9, 10, 11, 10, 8, 6, 4, 3, 2]
ZONES = [
    {"name": "entrance", "polygon": [[0.0, 0.55], [0.45, 0.55], [0.45, 1.0], [0.0, 1.0]]},
    {"name": "counter", "polygon": [[0.45, 0.55], [0.75, 0.5], [0.75, 1.0], [0.45, 1.0]]},
    {
        "name": "store room",
        "kind": "restricted",
        "polygon": [[0.75, 0.4], [1.0, 0.4], [1.0, 1.0], [0.75, 1.0]],
    },
    {"name": "screen", "kind": "private", "polygon": [[0.0, 0.0], [0.2, 0.0], [0.2, 0.3]]},
]
RULES = [
    {"kind": "loitering", "zones": ["entrance", "counter"], "threshold_seconds": 30},
    {"kind": "restricted_zone_entry"},
    {"kind": "crowd_formation", "zones": ["entrance", "counter"]},
    {
        "kind": "presence",
        "classes": ["person"],
        "active_hours": [{"from": "22:00", "to": "06:00"}],
    },
]


class Visit:
    """Somebody who walks in, stands somewhere and walks out."""

    def __init__(self, chance, start, place=None):
        self.start = start
        self.seconds = chance.uniform(20.0, 60.0)
        self.place = chance.uniform((0.1, 0.6), (0.95, 0.98)) if place is None else place
        self.door = chance.choice([-0.1, 1.1])
        self.walk = chance.uniform(2.0, 6.0)
        self.height = 0.25 + 0.25 * (self.place[1] - 0.5)
        self.breaks_at = self.start + self.seconds / 2 if chance.random() < 0.05 else None

    @property
    def end(self):
        return self.start + self.seconds

    def is_seen(self, at_seconds):
        if not self.start <= at_seconds <= self.end:
            return False
        return self.breaks_at is None or not 0 <= at_seconds - self.breaks_at < 0.6

    def stands(self, at_seconds):
        return self.start + self.walk + 1 < at_seconds < self.end - self.walk

    def feet(self, at_seconds):
        part = min(1.0, (at_seconds - self.start) / self.walk, (self.end - at_seconds) / self.walk)
        return self.door + part * (self.place[0] - self.door), self.place[1]


def draw_day(hours, chance):
    """Return the visits of a stretch of a day, by start; groups come on top of the others."""
    import numpy as np

    shares = np.array(BUSY) / sum(BUSY)
    visits = []
    for hour in range(hours):
        share = shares[hour % 24] if hours >= 24 else 1 / 24
        for _ in range(chance.poisson(VISITS_A_DAY * share)):
            visits.append(Visit(chance, 3600.0 * hour + chance.uniform(0, 3540)))
        for _ in range(chance.poisson(GROUPS_A_DAY * share)):
            begin, middle = 3600.0 * hour + chance.uniform(0, 3500), chance.uniform(0.2, 0.7)
            for member in range(chance.integers(4, 8)):
                place = np.array([middle + 0.06 * member - 0.2, chance.uniform(0.65, 0.95)])
                visits.append(Visit(chance, begin + chance.uniform(0, 10), place))
    return sorted(visits, key=lambda visit: visit.start)


def film(visits, hours, chance):
    """Yield the tracked frames of a day at FPS, as tracker and motion gate tell them."""
    from detection.vision.types import Observation, TrackedFrame

    waiting, here, ids, last, last_id = list(reversed(visits)), [], {}, {}, 0
    for number in range(int(hours * 3600 * FPS)):
        at = number / FPS
        while waiting and waiting[-1].start <= at:
            here.append(waiting.pop())
        here = [visit for visit in here if visit.end >= at]
        is_held = bool(here) and number % 10 != 0 and all(one.stands(at) for one in here)
        seen = []
        for visit in here:
            if not visit.is_seen(at):
                continue
            key = id(visit), visit.breaks_at is not None and at > visit.breaks_at
            if key not in ids:
                last_id += 1
                ids[key] = last_id
            if key not in last or not is_held:
                last[key] = _observe(visit, at, chance)
            score, box = last[key]
            seen.append(Observation(at, ids[key], "person", score, box))
        yield TrackedFrame(at, tuple(seen), is_held=is_held)


def _observe(visit, at_seconds, chance):
    import numpy as np

    shake = chance.normal(0, 0.003, 5)
    x, y = visit.feet(at_seconds)
    half = 0.18 * visit.height
    edges = np.array([x - half, y - visit.height, x + half, y]) + shake[:4]
    score = np.float32(min(0.95, 0.8 + 5 * abs(shake[4])))
    return float(score), tuple(edges.astype(np.float32).astype(float).tolist())


def store_day(hours):
    """Store a day's track logs under a new camera; return (camera, visits, frames, seconds)."""
    from datetime import UTC, datetime, timedelta

    import numpy as np

    from detection.models import Deployment, Footage, Segment
    from detection.rules.config import parse_config
    from detection.services import cameras, tracklogs

    chance = np.random.default_rng(24)
    camera = cameras.get_or_create_camera(cameras.find_site(), "Lobby")
    cameras.apply_config(camera, parse_config({"zones": ZONES, "rules": RULES}, file_name="day"))
    begins = datetime(2026, 3, 3, tzinfo=UTC)
    row = Footage.objects.create(
        camera=camera,
        kind=Footage.Kind.STREAM,
        session="a day",
        location="rtsp://camera/",
        width=1280,
        height=720,
        starts_at=begins,
        ended_at=begins + timedelta(hours=hours),
        configuration=cameras.session_configuration(camera),
    )
    deployment = Deployment.objects.create(
        slot="person_detector", name="drawn", backend="torch", activated_at=begins
    )
    visits, started = draw_day(hours, chance), time.perf_counter()
    rows = tracklogs.TrackRows(sampling_fps=FPS, frame_size=(1280, 720))
    segment, frames = None, 0
    for frame in film(visits, hours, chance):
        if segment is None or frame.at_seconds >= segment.end_seconds:
            _end_segment(segment, rows, deployment, frame.at_seconds - 1 / FPS)
            position = int(frame.at_seconds // SEGMENT_SECONDS)
            segment = Segment.objects.create(
                footage=row,
                position=position,
                start_seconds=position * SEGMENT_SECONDS,
                end_seconds=(position + 1) * SEGMENT_SECONDS,
                state=Segment.State.DONE,
            )
        rows.add(frame)
        frames += 1
    _end_segment(segment, rows, deployment, hours * 3600 - 1 / FPS)
    return camera, visits, frames, time.perf_counter() - started


def _end_segment(segment, rows, deployment, last_seconds):
    from detection.services import tracklogs

    if segment is None:
        return
    tracklogs.store(
        segment, rows, deployment=deployment, source="detector", last_seconds=last_seconds
    ).save()
    rows.forget_before(last_seconds - 60.0)


def measure(camera, hours):
    """Return figures of one replay, of a comparison and of the last hour, in seconds."""
    from datetime import timedelta

    from detection.rules.base import RULE_KINDS
    from detection.rules.config import parse_config
    from detection.services import replay

    loitering, entry, crowd, presence = RULES
    changed = [{**loitering, "threshold_seconds": 25}, entry, {**crowd, "threshold_count": 4}]
    draft = {"zones": ZONES, "rules": [*changed, presence]}
    config = parse_config(draft, file_name="draft")
    taken = {}
    replay.replay(camera, config, until=replay.newest_at(camera) - timedelta(hours=hours - 0.1))
    started, worked = time.perf_counter(), time.process_time()
    found = replay.replay(camera, config)
    taken["replay"] = time.perf_counter() - started
    taken["replay_cpu"] = time.process_time() - worked
    started = time.perf_counter()
    difference = replay.compare(camera, config)
    taken["compare"] = time.perf_counter() - started
    until = replay.newest_at(camera)
    started = time.perf_counter()
    replay.compare(camera, config, since=until - timedelta(hours=1))
    taken["last_hour"] = time.perf_counter() - started
    assert list(difference.after) == found
    kinds = [{"kind": kind} for kind in sorted(RULE_KINDS)]
    every = parse_config({"zones": ZONES, "rules": kinds}, file_name="every kind")
    started, worked = time.perf_counter(), time.process_time()
    replay.replay(camera, every)
    taken["every_kind"] = time.perf_counter() - started
    taken["every_kind_cpu"] = time.process_time() - worked
    return taken, found, difference


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument(
        "--quick", action="store_true", help="two hours of average traffic, times 12"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from benchmarks.product import prepare
    from benchmarks.reporting import finish

    prepare()

    hours = 2 if options.quick else options.hours
    camera, visits, frames, drawing = store_day(hours)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken, found, difference = measure(camera, hours)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    a_day = taken["replay"] * 24 / hours
    byte_count = sum(
        path.stat().st_size for path in Path(os.environ["SECOND_LOOK_DATA_DIR"]).rglob("*.parquet")
    )
    rows = [
        ("the day", f"{hours} h, {len(visits)} visits, {frames} sampled frames"),
        ("track logs", f"{difference.row_count} rows, {byte_count / 1e6:.1f} MB of parquet"),
        ("drawing and storing them", f"{drawing:.1f} s"),
        (
            "one replay",
            f"{taken['replay']:.2f} s, {difference.row_count / taken['replay']:.0f} rows/s",
        ),
        ("that makes of 24 h", f"{a_day:.2f} s, {taken['replay_cpu'] * 24 / hours:.2f} s of CPU"),
        ("comparison with the saved rules", f"{taken['compare']:.2f} s"),
        ("comparison over the last hour", f"{taken['last_hour']:.2f} s"),
        (
            "one replay of a rule of every kind",
            f"{taken['every_kind']:.2f} s, {taken['every_kind_cpu']:.2f} s of CPU",
        ),
        (
            "incidents",
            f"{len(difference.before)} saved, {len(found)} draft: {len(difference.appeared)} "
            f"appear, {len(difference.disappeared)} disappear, {len(difference.kept)} stay",
        ),
        ("peak memory", f"{peak:.0f} MB, {before:.0f} MB before the first replay"),
    ]
    figures = {
        "hours": hours,
        "rows": difference.row_count,
        "visits": len(visits),
        **{f"{name}_seconds": round(seconds, 3) for name, seconds in taken.items()},
        "rows_per_second": round(difference.row_count / taken["replay"]),
        "peak_mb": round(peak),
    }
    finish("replay", rows, figures, {"replay_of_24_h_seconds": (a_day, "<=", 10.0)})


if __name__ == "__main__":
    main()
