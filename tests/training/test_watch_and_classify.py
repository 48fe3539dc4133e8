"""On real footage, with mediapipe and a detector: a session says live what the file says."""

import itertools

import pytest

from detection.services import footage as footage_service
from detection.services import ingestion, task_logs, task_serving
from detection.vision.task_columns import names_of
from detection.vision.video import open_source
from tests import factories
from tests.detection import tasking
from tests.detection.vision.scenes import write_video
from training.services import classifying, features, task_models

START, FRAMES = 5.5, 42
pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def film(footage, tmp_path):
    """Return a film of the seconds in which somebody comes to a table, at its own rate."""
    source = open_source(footage / "one-by-one-person-detection.mp4")
    frames = list(itertools.islice(source.frames(START), FRAMES))
    source.close()
    images, times = zip(*((frame.image(), frame.at_seconds) for frame in frames), strict=True)
    return write_video(tmp_path / "table.mp4", images, [at - times[0] for at in times])


@pytest.mark.parametrize("every", [1, 3])
def test_frame_for_frame(film, model_dir, tmp_path, site, settings, every):
    settings.MODEL_DIR, settings.SEGMENT_SECONDS = model_dir, 2.0
    task_serving.forget()
    source = open_source(film)
    rate = source.average_fps / every
    source.close()
    folder = tmp_path / "model"
    tasking.train(
        folder,
        columns=names_of("fusion"),
        mode="fusion",
        frames_per_second=rate,
        sample_rate=every,
    )
    champion = tasking.deploy(folder)
    camera = factories.camera(site, "Table", classifies_tasks=True, sampling_fps=4.0)
    row = footage_service.register_file(camera, film)
    following = row.segments.get().pk
    while following:
        following = ingestion.ingest_segment(following)
    live = task_logs.samples_of(row, champion)
    assert tasking.trouble_of(camera) == ""
    assert row.segments.count() > 1

    row.refresh_from_db()
    chosen = task_models.of_deployment(champion)
    whole = classifying.classify_footage(row, chosen)
    assert whole.measured == "video"
    assert len(whole.samples) > 10
    assert whole.without_people < whole.frames
    assert len({confidence for _, _, confidence in whole.samples}) > 3
    assert live == whole.samples

    if every == 1:
        return
    (measured,) = features.ask(footage_ids=[row.pk], sample_rate=every, trigger="command")
    features.extract_now(measured.pk)
    read = classifying.classify_footage(row, chosen)
    assert read.measured == "features"
    assert read.samples == whole.samples
