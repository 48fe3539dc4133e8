"""Short films of a drawn person who visits, for tests that ingest a file without weights."""

from detection.rules.config import parse_config
from detection.services import cameras, footage
from tests.detection.vision.scenes import WIDTH, empty_scene, with_person, write_video

FPS = 5
VISITS = ((4.0, 14.0), (22.0, 34.0))
SECONDS = 40.0
# The kinds of evidence of an incident that was seen to its end.
WHOLE = {"frame_open", "frame_peak", "frame_last", "clip"}
RULES = {
    "zones": [
        {
            "name": "spot",
            "kind": "restricted",
            "polygon": [[0.35, 0.5], [0.7, 0.5], [0.7, 1.0], [0.35, 1.0]],
        }
    ],
    "rules": [
        {"kind": "restricted_zone_entry", "zones": ["spot"]},
        {"kind": "loitering", "zones": ["spot"], "threshold_seconds": 6},
    ],
}


def draw_film(path, *, visits=VISITS, seconds=SECONDS):
    """Write a film in which a person walks to the middle, stays, and walks on, once a visit."""
    times, images = zip(*pictures(visits, seconds), strict=True)
    return write_video(path, images, times)


def pictures(visits, seconds):
    """Yield (seconds, picture) of such a film."""
    scene = empty_scene()
    for number in range(int(seconds * FPS)):
        at_seconds = number / FPS
        present = [visit for visit in visits if visit[0] <= at_seconds <= visit[1]]
        left = _left(at_seconds, *present[0]) if present else None
        yield at_seconds, scene if left is None else with_person(scene, left)


def _left(at_seconds, start, end):
    """Return where the person's left edge is: 1.5 s of walking in, standing, 1.5 s out."""
    middle = WIDTH * 0.45
    if at_seconds < start + 1.5:
        return -30 + (middle + 30) * (at_seconds - start) / 1.5
    if at_seconds > end - 1.5:
        return middle + (WIDTH - middle) * (at_seconds - end + 1.5) / 1.5
    return middle


def register(path, camera_name="Door", *, rules=RULES, **settings):
    """Make a camera with rules that detects by motion, and register the film."""
    camera = cameras.get_or_create_camera(
        cameras.find_site(), camera_name, detector="motion", **settings
    )
    cameras.apply_config(camera, parse_config(rules, file_name="rules"))
    return footage.register_file(camera, path)


def told(row):
    """Return all that is stored about a footage's incidents, ids left out."""
    return [
        (
            incident.key,
            incident.state,
            incident.category,
            incident.opened_at_seconds,
            incident.closed_at_seconds,
            incident.track_ids,
            [(hit.rule_name, hit.opened_at_seconds, hit.why) for hit in incident.rule_hits.all()],
            [(event.kind, event.at_seconds) for event in incident.events.all()],
            [(file.kind, file.at_seconds, file.sha256) for file in incident.evidence.all()],
            incident.evidence_complete_at is not None,
        )
        for incident in row.incidents.order_by("opened_at_seconds", "key")
    ]
