"""The demo film shows what its truth says, and detectors see it."""

import av
import numpy as np
import pytest

from detection.rules.base import RuleSpec, ZoneSpec
from detection.rules.engine import RuleEngine
from detection.vision import scene_people
from detection.vision.motion_detector import MotionDetector
from detection.vision.pipeline import TrackingPipeline
from detection.vision.scenes import HEIGHT, WIDTH, ZONES, render_scene
from detection.vision.tracking import make_tracker
from detection.vision.video import Sampler, open_source
from hitlsite.errors import DomainError


def pictures(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]


def overlap(one, other):
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (sum(areas) - width * height)


def opened_incidents(path, detector, classes, fps):
    """Run a detector, the tracker and the demo's two rules over a film."""
    rules = [
        RuleSpec(
            "wait", "loitering", ("waiting area",), classes, "medium", {"threshold_seconds": 10}
        ),
        RuleSpec("staff", "restricted_zone_entry", ("staff door",), classes, "high"),
    ]
    zones = [ZoneSpec(zone.name, zone.kind, zone.polygon) for zone in ZONES]
    tracker = make_tracker("botsort", sampling_fps=fps, frame_size=(WIDTH, HEIGHT))
    pipeline = TrackingPipeline(detector, tracker)
    engine = RuleEngine(zones, rules, aspect_ratio=WIDTH / HEIGHT, sampling_fps=fps)
    source, sampler, last = open_source(path), Sampler(fps), {}
    for frame in source.frames():
        if sampler.wants(frame.at_seconds):
            for transition in engine.update(pipeline.step(frame)):
                last[transition.incident.key] = transition.incident
    source.close()
    return [
        (incident.category, [hit.rule_name for hit in incident.hits])
        for incident in sorted(last.values(), key=lambda incident: incident.opened_at_seconds)
    ]


EXPECTED = [
    ("restricted_zone_entry", ["staff"]),
    ("loitering", ["wait"]),
    ("loitering", ["wait", "staff"]),
]


def test_a_short_film_is_what_it_says(tmp_path):
    path = tmp_path / "made" / "lobby.mp4"

    truth = render_scene(path, seconds=6)

    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (truth.width, truth.height, 60)
        assert stream.average_rate == truth.fps
    assert [file.name for file in path.parent.iterdir()] == ["lobby.mp4"]


def test_the_picture_differs_from_the_empty_room_where_the_visitor_is(tmp_path):
    truth = render_scene(tmp_path / "lobby.mp4", seconds=7)
    frames = pictures(tmp_path / "lobby.mp4")
    left, top, right, bottom = truth.visits[0].boxes_xyxy[65]

    change = np.abs(frames[65].astype(int) - frames[10]).max(2) > 40

    rows, columns = np.where(change)
    assert len(rows) > 2000
    assert np.percentile(columns, 1) / WIDTH >= left - 0.02
    assert np.percentile(columns, 99) / WIDTH <= right + 0.08  # the shadow falls to the right
    assert np.percentile(rows, 1) / HEIGHT >= top - 0.02
    assert np.percentile(rows, 99) / HEIGHT <= bottom + 0.08


def test_the_same_seed_gives_the_same_film(tmp_path):
    films = [tmp_path / name for name in ("one.mp4", "two.mp4", "other.mp4")]
    for film, seed in zip(films, (4, 4, 5), strict=True):
        render_scene(film, seconds=1, seed=seed)

    one, two, other = (film.read_bytes() for film in films)

    assert one == two
    assert one != other


def test_a_film_that_ends_before_anybody_comes_has_no_visits(tmp_path):
    assert render_scene(tmp_path / "lobby.mp4", seconds=1).visits == ()


@pytest.mark.parametrize("fps", [5, 25])
def test_visits_do_not_depend_on_the_frame_rate(tmp_path, fps):
    visit = render_scene(tmp_path / "lobby.mp4", seconds=5, fps=fps).visits[0]

    assert visit.entered_at_seconds == pytest.approx(3.5, abs=1.5 / fps)
    assert visit.left_at_seconds == 5


def test_a_failure_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(scene_people, "PHOTO", "assets/nobody.jpg")

    with pytest.raises(DomainError, match=r"nobody\.jpg"):
        render_scene(tmp_path / "lobby.mp4", seconds=1)

    assert list(tmp_path.iterdir()) == []


def test_a_film_that_cannot_be_finished_leaves_no_file(tmp_path):
    (tmp_path / "lobby.mp4").mkdir()

    with pytest.raises(OSError, match=r"lobby\.mp4"):
        render_scene(tmp_path / "lobby.mp4", seconds=0.2)

    assert [entry.name for entry in tmp_path.iterdir()] == ["lobby.mp4"]


@pytest.mark.slow
def test_the_truth_of_the_demo(demo_scene):
    _, truth = demo_scene

    waits = [visit.zone_seconds["waiting area"] for visit in truth.visits]
    staff = [visit.zone_seconds["staff door"] for visit in truth.visits]
    assert waits == pytest.approx([8.9, 15, 20.9], abs=0.3)
    assert staff == pytest.approx([3.3, 0, 4.3], abs=0.3)
    assert truth.seconds == 74


@pytest.mark.slow
@pytest.mark.parametrize("fps", [10, 2])
def test_motion_detection_finds_the_incidents(demo_scene, fps):
    path, _ = demo_scene

    assert opened_incidents(path, MotionDetector(), (), fps) == EXPECTED


@pytest.mark.slow
def test_a_network_recognises_the_visitors_and_finds_the_incidents(demo_scene, model_dir, tmp_path):
    from detection.vision.backends import load_detector

    path, truth = demo_scene
    detector = load_detector(
        str(model_dir / "yolo11n_int8_openvino_model"), model_dir=model_dir, cache_dir=tmp_path
    )
    scores = []
    for number, image in enumerate(pictures(path)[::10]):
        found = detector.detect(image, float(number))
        for visit in truth.visits:
            box = visit.boxes_xyxy.get(number * 10)
            if box:
                scores.append(_score_of_person_at(found, box))

    assert np.mean(np.array(scores) > 0.5) > 0.9
    assert opened_incidents(path, detector, (), 5) == EXPECTED


def _score_of_person_at(found, box):
    return max(
        (
            score
            for score, name, seen in zip(
                found.scores, found.class_names, found.boxes_xyxy, strict=True
            )
            if name == "person" and overlap(seen, box) > 0.6
        ),
        default=0.0,
    )
