"""Private zones hold from the moment they are drawn, for footage that waits or runs as well."""

import io

import numpy as np
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from detection.models import Zone
from detection.services import ingestion
from tests.detection import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

CORNER = [[0.0, 0.0], [0.25, 0.0], [0.25, 0.25], [0.0, 0.25]]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.draw_film(tmp_path_factory.mktemp("films") / "visits.mp4")


def draw_zone(camera):
    return Zone.objects.create(camera=camera, name="desk", kind="private", polygon=CORNER)


def brightness(evidence):
    """Return the mean of the corner over the pictures of a file, 0 to 255."""
    if not evidence.is_clip:
        content = default_storage.open(evidence.path).read()
        return _corner(np.asarray(Image.open(io.BytesIO(content)).convert("L")))
    import av

    with av.open(default_storage.path(evidence.path)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.mean([_corner(picture) for picture in pictures])


def _corner(picture):
    height, width = picture.shape
    return picture[: height // 5, : width // 5].mean()


def brightest(incident):
    files = list(incident.evidence.all())
    assert {file.kind for file in files} == films.WHOLE
    return max(brightness(file) for file in files)


def test_a_zone_drawn_while_the_footage_waits(film):
    row = films.register(film)
    draw_zone(row.camera)
    ingestion.ingest_footage(row)
    assert [brightest(one) < 20 for one in row.incidents.all()] == [True, True]


def test_a_zone_drawn_while_it_runs_holds_from_the_next_segment_on(film, settings):
    settings.SEGMENT_SECONDS = 19.0
    row = films.register(film)

    class Neighbour(ingestion.Observer):
        def on_segment(self, segment):
            if segment.position == 0:
                draw_zone(row.camera)

    ingestion.ingest_footage(row, observer=Neighbour())
    first, second = row.incidents.order_by("opened_at_seconds")
    assert brightest(first) > 60
    assert brightest(second) < 20


def test_a_zone_taken_away_still_holds_for_footage_that_began_with_it(film):
    rules = {**films.RULES}
    rules["zones"] = [*rules["zones"], {"name": "desk", "kind": "private", "polygon": CORNER}]
    row = films.register(film, rules=rules)
    row.camera.zones.filter(name="desk").delete()
    ingestion.ingest_footage(row)
    assert brightest(row.incidents.first()) < 20
