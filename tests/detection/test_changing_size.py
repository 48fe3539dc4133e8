"""A film whose pictures change their size half-way gives the incidents of one whose do not."""

import av
import cv2
import pytest
from django.core.files.storage import default_storage

from detection.services import ingestion
from tests.detection import films
from tests.detection.vision.scenes import HEIGHT, WIDTH
from tests.detection.vision.test_size_change import write_changing_film

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

# In the middle of the second visit.
CHANGE = 28.0


def draw(path, size):
    drawn = list(films.pictures(films.VISITS, films.SECONDS))
    before = [image for at, image in drawn if at < CHANGE]
    after = [cv2.resize(image, size) for at, image in drawn if at >= CHANGE]
    return write_changing_film(path, [(before, 0.0), (after, CHANGE)])


def ingest(path, name):
    row = films.register(path, name)
    ingestion.ingest_footage(row)
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("size", [(640, 360), (160, 90)])
@pytest.mark.parametrize("segment_seconds", [60.0, 30.0])
def test_the_same_shape_in_another_size(size, segment_seconds, tmp_path, settings):
    settings.SEGMENT_SECONDS = segment_seconds
    plain = ingest(draw(tmp_path / "plain.ts", (WIDTH, HEIGHT)), "Plain")
    changing = ingest(draw(tmp_path / "changing.ts", size), "Changing")
    assert changing.damage == ""
    wanted = list(plain.incidents.order_by("opened_at_seconds"))
    found = list(changing.incidents.order_by("opened_at_seconds"))
    assert len(found) == len(wanted) == 2
    for mine, other in zip(found, wanted, strict=True):
        assert mine.category == other.category
        assert abs(mine.opened_at_seconds - other.opened_at_seconds) <= 0.4
        assert abs(mine.closed_at_seconds - other.closed_at_seconds) <= 0.6
    assert_evidence_is_whole(found[1], size)


@pytest.mark.parametrize("size", [(240, 180), (180, 320)])
def test_another_shape_is_borne_to_the_end(size, tmp_path):
    """What is in the picture when the scene changes its shape may be taken for background."""
    row = ingest(draw(tmp_path / "changing.ts", size), "Changing")
    assert row.ended_at and row.damage == ""
    opened = list(row.incidents.values_list("opened_at_seconds", flat=True))
    assert len([at for at in opened if at < CHANGE]) == 2
    assert set(row.incidents.values_list("state", flat=True)) == {"closed"}
    for incident in row.incidents.all():
        assert_boxes_are_normalised(incident)


def assert_evidence_is_whole(incident, size):
    """The clip has one size throughout, the stills that of their frames."""
    files = {file.kind: file for file in incident.evidence.all()}
    with av.open(default_storage.path(files["clip"].path)) as clip:
        sizes = {(picture.width, picture.height) for picture in clip.decode(video=0)}
    assert sizes == {(WIDTH, HEIGHT)}
    for kind, wanted in (("frame_open", (WIDTH, HEIGHT)), ("frame_last", size)):
        image = cv2.imread(default_storage.path(files[kind].path))
        assert image.shape[1::-1] == wanted
    assert_boxes_are_normalised(incident)


def assert_boxes_are_normalised(incident):
    for file in incident.evidence.all():
        for seen in file.observations:
            assert all(0.0 <= edge <= 1.0 for edge in seen["box_xyxy"])
