"""Who stands at the table in three real films, as spans in seconds that were read off by eye."""

import json

TABLE, ELSEWHERE = "work", "idle"
ONE_BY_ONE = "one-by-one-person-detection.mp4"
WORKER_ZONE = "worker-zone-detection-preview.mp4"
HEAD_POSE = "head-pose-face-detection-female-and-male-preview.mp4"
# There is no table in the other two: a worker crosses a hall, two people look into a camera.
SECONDS = {WORKER_ZONE: 4.73, HEAD_POSE: 4.66}
FILMS = (ONE_BY_ONE, WORKER_ZONE, HEAD_POSE)


def spans_of(footage, name):
    """Return [(start, end, label)] of a film, without gaps.

    Args:
        footage: folder of the films and of what was read off them.
    """
    if name in SECONDS:
        return [(0.0, SECONDS[name], ELSEWHERE)]
    told = json.loads((footage / name.replace(".mp4", ".events.json")).read_text())
    found, at = [], 0.0
    for visit in told["visits"]:
        start, end = visit["in_zone_s"]
        found += [(at, start, ELSEWHERE), (start, end, TABLE)]
        at = end
    return [*found, (at, told["seconds"], ELSEWHERE)]


def as_spans_csv(spans):
    rows = [f"{start:.3f},{end:.3f},{label}" for start, end, label in spans]
    return "\n".join(["start,end,label", *rows]) + "\n"
