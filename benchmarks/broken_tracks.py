"""True tracks broken as trackers break them, and what a dwell rule makes of the pieces.

Truth is who stayed in which zone from when until when, read from unbroken tracks with nothing but
the definition of dwell. What rules report is laid beside it stay by stay.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.rules.subjects import SubjectBook
from detection.vision.types import Observation, TrackedFrame

GRACE_SECONDS = 2.0
SLACK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody in a zone, or a report of it: `who` are persons of the truth or track ids."""

    who: tuple[int, ...]
    zone: str
    start: float
    end: float

    @property
    def seconds(self):
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Scene:
    """Tracked frames, and who is behind (time, track id) in truth."""

    frames: list[TrackedFrame]
    owners: dict[tuple[float, int], int]
    sampling_fps: float
    aspect_ratio: float


def make_scene(rows, frames, *, fps, sampling_fps, frame_size):
    """Turn `mot.Rows` of the truth into a scene of the given frames."""
    size = np.array([*frame_size, *frame_size], float)
    tracked, owners = [], {}
    for frame in frames:
        at = (int(frame) - 1) / fps
        here = slice(*np.searchsorted(rows.frames, (frame, frame + 1)))
        boxes = np.concatenate(
            (rows.boxes[here, :2], rows.boxes[here, :2] + rows.boxes[here, 2:]), axis=1
        )
        seen = tuple(
            Observation(at, int(number), "person", 0.8, tuple(box))
            for number, box in zip(rows.ids[here], (boxes / size).tolist(), strict=True)
        )
        owners.update({(at, one.track_id): one.track_id for one in seen})
        tracked.append(TrackedFrame(at, seen))
    return Scene(tracked, owners, sampling_fps, frame_size[0] / frame_size[1])


def break_tracks(scene, share, *, longest_gap, jitter, random):
    """Give some tracks a new id half-way, with a gap in which they are not seen.

    Args:
        share: of the tracks, one switch each at a random time of their life.
        longest_gap: seconds; gaps last from 0.2 s to that, and as many gaps again, without a
            switch, hit tracks at random. 0 is no gap.
        jitter: standard deviation of each corner, in shares of the box.
    """
    switches, gaps = _draw_breaks(scene, share, longest_gap, random)
    frames, owners = [], {}
    for frame in scene.frames:
        seen = []
        for one in frame.observations:
            at, number = one.at_seconds, one.track_id
            if any(start <= at < end for start, end in gaps[number]):
                continue
            switch_at, other = switches.get(number, (np.inf, number))
            number = other if at >= switch_at else number
            owners[at, number] = one.track_id
            box = _shake(one.box_xyxy, jitter, random)
            seen.append(replace(one, track_id=number, box_xyxy=box))
        frames.append(TrackedFrame(frame.at_seconds, tuple(seen)))
    return replace(scene, frames=frames, owners=owners)


def _draw_breaks(scene, share, longest_gap, random):
    """Return (time, new id) of the switch by track id, and lists of (start, end) by track id."""
    times = defaultdict(list)
    for at, number in scene.owners:
        times[number].append(at)
    numbers = sorted(times)
    switches, gaps = {}, defaultdict(list)

    def draw_time(number):
        return random.uniform(times[number][0], times[number][-1])

    chosen = random.permutation(numbers)[: max(1, round(share * len(numbers)))].tolist()
    for place, number in enumerate(chosen):
        switch_at = draw_time(number)
        switches[number] = switch_at, numbers[-1] + 1 + place
        if longest_gap:
            other = random.choice(numbers)
            for gapped, start in ((number, switch_at), (other, draw_time(other))):
                gaps[gapped].append((start, start + random.uniform(0.2, longest_gap)))
    return switches, gaps


def _shake(box, jitter, random):
    width, height = box[2] - box[0], box[3] - box[1]
    noise = random.normal(0.0, jitter, 4) * (width, height, width, height)
    return tuple((np.array(box) + noise).tolist())


def make_grid(columns, rows):
    """Cover the picture with rectangular zones."""
    zones = []
    for x in range(columns):
        for y in range(rows):
            left, right, top, bottom = x / columns, (x + 1) / columns, y / rows, (y + 1) / rows
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            zones.append(ZoneSpec(f"{x}/{y}", "monitored", corners))
    return zones


def find_stays(scene, zones, threshold):
    """Read every stay of a track id that lasts the threshold, by definition: no stitching."""
    longest_gap = GRACE_SECONDS + 1 / scene.sampling_fps + SLACK_SECONDS
    period = 1 / scene.sampling_fps
    shortest = np.floor((threshold + SLACK_SECONDS) / period) * period - SLACK_SECONDS
    running, stays = {}, []
    for frame in scene.frames:
        for one in frame.observations:
            x, y = _stand(one.box_xyxy)
            for zone in zones:
                (left, top), _, (right, bottom), _ = zone.polygon
                if left <= x <= right and top <= y <= bottom:
                    key = one.track_id, zone.name
                    start, last = running.get(key, (frame.at_seconds,) * 2)
                    if frame.at_seconds - last > longest_gap:
                        stays.append(Stay((key[0],), key[1], start, last))
                        start = frame.at_seconds
                    running[key] = start, frame.at_seconds
    stays += [Stay((number,), zone, *span) for (number, zone), span in running.items()]
    return [stay for stay in stays if stay.seconds >= shortest]


def _stand(box):
    """Return where a box stands; feet a little below the picture are on its edge."""
    return (box[0] + box[2]) / 2, 1.0 if 1.0 < box[3] <= 1.05 else box[3]


def report_stays(scene, zones, threshold):
    """Return what the product's engine reports: a stay for every hit of a loitering rule."""
    parameters = {"threshold_seconds": threshold, "cooldown_seconds": 0.0}
    rules = [RuleSpec(z.name, "loitering", (z.name,), parameters=parameters) for z in zones]
    engine = RuleEngine(
        zones, rules, aspect_ratio=scene.aspect_ratio, sampling_fps=scene.sampling_fps
    )
    transitions = [change for frame in scene.frames for change in engine.update(frame)]
    transitions += engine.finish(scene.frames[-1].at_seconds)
    return [
        Stay(
            change.incident.track_ids,
            hit.zone,
            hit.numbers["since_seconds"],
            hit.numbers["since_seconds"] + hit.numbers["dwell_seconds"],
        )
        for change in transitions
        if change.kind == "closed"
        for hit in change.incident.hits
    ]


def judge(stays, reports, owners):
    """Lay reports beside true stays; a report belongs to the stay that it shares most time with.

    Returns:
        Counter: stays, missed (no report), duplicates (a second report of a stay), false (a
        report of no stay), seconds of dwell, and seconds that no report covers.
    """
    times, reports_of = defaultdict(list), defaultdict(list)
    for at, track_id in owners:
        times[track_id].append(at)
    false = 0
    for report in reports:
        present = Counter(
            number
            for track_id in report.who
            for at in times[track_id]
            if report.start <= at <= report.end
            for number, stay in enumerate(stays)
            if stay.zone == report.zone
            and stay.who[0] == owners[at, track_id]
            and stay.start <= at <= stay.end
        )
        if present:
            reports_of[present.most_common(1)[0][0]].append(report)
        else:
            false += 1
    covered = sum(_covered(stay, reports_of[number]) for number, stay in enumerate(stays))
    seconds = sum(stay.seconds for stay in stays)
    return Counter(
        stays=len(stays),
        missed=sum(not reports_of[number] for number in range(len(stays))),
        duplicates=sum(max(0, len(found) - 1) for found in reports_of.values()),
        false=false,
        seconds=seconds,
        lost=seconds - covered,
    )


def _covered(stay, reports):
    """Return how many seconds of a stay lie in any of its reports."""
    covered, reached = 0.0, stay.start
    for report in sorted(reports, key=lambda one: one.start):
        start, end = max(report.start, reached), min(report.end, stay.end)
        if end > start:
            covered, reached = covered + end - start, end
    return covered


def judge_stitching(scene):
    """Ask the product's book of subjects who is who.

    Returns:
        Counter: switches that a gap shorter than the lost time hides, those of them healed, and
        strangers, times that somebody was taken for somebody else who went before.
    """
    longest_gap = GRACE_SECONDS + 1 / scene.sampling_fps + SLACK_SECONDS
    book = SubjectBook(aspect_ratio=scene.aspect_ratio, longest_gap=longest_gap)
    people, members = defaultdict(list), defaultdict(list)
    for frame in scene.frames:
        at = frame.at_seconds
        book.expire(at)
        seen = sorted(frame.observations, key=lambda one: one.track_id)
        for subject, one in zip(book.resolve(seen, at), seen, strict=True):
            person = scene.owners[at, one.track_id]
            people[person].append((at, one.track_id, subject.number))
            members[subject.number].append(person)
    counts = Counter(tracks=len(people))
    for sightings in people.values():
        for (before, old_id, old), (after, new_id, new) in pairwise(sightings):
            if old_id != new_id and after - before <= longest_gap:
                counts["switches"] += 1
                counts["healed"] += old == new
    counts["strangers"] = sum(a != b for who in members.values() for a, b in pairwise(who))
    return counts
