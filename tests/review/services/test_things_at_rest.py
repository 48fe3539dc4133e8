"""A bag on the floor is nobody's face, whether it is the incident's or stands there besides."""

import pytest

from detection.models import Evidence
from detection.services import incidents, inference
from detection.vision.pipeline import TrackingPipeline
from detection.vision.static_objects import StaticForeground
from detection.vision.stills import StillKeeper
from detection.vision.tracking import make_tracker
from review.services import privacy
from tests import factories
from tests.detection.stage import FLOOR, HEIGHT, WIDTH, Stage, StageDetector, bag

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture(scope="module")
def still():
    """Return a still of two bags that nobody's detector knows, as a session keeps it."""
    stage = Stage([bag(4, 99, 165), bag(4, 99, 90, FLOOR - 20, seed=52)])
    tracker = make_tracker("botsort", sampling_fps=2.0, frame_size=(WIDTH, HEIGHT))
    pipeline = TrackingPipeline(StageDetector(stage), tracker, statics=StaticForeground())
    for frame in stage.frames(2, 12):
        tracked = pipeline.step(frame)
    keeper = StillKeeper()
    keeper.see(frame, tracked, [("left", frame.at_seconds, frame.at_seconds)])
    return keeper.peek("left", Evidence.Kind.FRAME_PEAK)


@pytest.fixture
def item(camera, still):
    incident = factories.incident(
        camera,
        with_files=False,
        category="object_left_unattended",
        class_name="unknown object",
        track_ids=[-1],
    )
    incidents.store_still(incident, Evidence.Kind.FRAME_PEAK, still)
    return factories.item(incident, privacy="unscanned")


def test_a_bag_is_no_face(item, still, scanner):
    assert {one.track_id for one in still.observations} == {-1, -2}

    privacy.scan_item(item, scanner=scanner)

    assert item.privacy == "clear"
    (row,) = item.incident.evidence.all()
    assert [one["track_id"] for one in row.observations] == [-1]


@pytest.mark.slow
def test_a_bag_is_no_face_to_the_real_detectors(item, settings, model_dir, monkeypatch):
    settings.MODEL_DIR, settings.DETECTOR = model_dir, "yolo11n.pt"
    monkeypatch.setattr(inference, "_kept", type(inference._kept)())

    privacy.scan_item(item)

    assert item.privacy == "clear"
