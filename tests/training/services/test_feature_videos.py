"""Videos that are registered to be measured: nothing ingests them until somebody wants it."""

import pytest

from detection.models import Footage, Segment
from detection.services import footage as footage_service
from detection.services import uploads
from hitlsite import storage
from hitlsite.errors import DomainError
from tests.training import walking
from training.services import features

pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture
def video(tmp_path):
    return walking.video(tmp_path)


@pytest.fixture
def footage(site, video):
    return features.register_video(video, site_name=site.name, camera_name="Table")


def test_a_registered_video_is_not_ingested_until_somebody_watches_it(footage, video):
    assert footage.kind == Footage.Kind.FILE and footage.duration_seconds == pytest.approx(3.0)
    assert not Segment.objects.exists()
    assert features.register_video(video, camera_name="Table").pk == footage.pk

    watched = footage_service.register_file(footage.camera, video)

    assert watched.pk == footage.pk and Segment.objects.filter(footage=footage).count() == 1


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("none.mp4", None, "source_missing"),
        ("empty.mp4", b"", "source_empty"),
        ("text.mp4", b"not a video", "source_unreadable"),
    ],
)
def test_what_is_no_video_is_not_registered(tmp_path, site, name, content, code):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DomainError, match=name) as refused:
        features.register_video(path, camera_name="Table")

    assert refused.value.code == code and not Footage.objects.exists()


def test_a_folder_and_an_address_are_no_video_file(tmp_path, site):
    for location in (tmp_path, "rtsp://host/stream"):
        with pytest.raises(DomainError, match="one video file"):
            features.register_video(location)


def test_a_device_that_sends_a_measured_video_lets_it_be_ingested(device_user, video, admin_user):
    camera = device_user.device.camera

    def received():
        copy = video.with_name("sent.mp4")
        copy.write_bytes(video.read_bytes())
        return uploads.Received(copy, "sent.mp4", storage.sha256_of(copy), copy.stat().st_size)

    row = features.register_upload(received(), by=admin_user, camera_id=camera.pk)
    assert not row.segments.exists() and features.name_of(row).startswith("upload ")

    told, is_new = uploads.receive(device_user.device, received(), kind="video", client_id="a")

    assert (told.row_id, is_new) == (row.pk, False)
    assert row.segments.count() == 1
