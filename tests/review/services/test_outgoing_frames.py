"""What is sent to a vision endpoint has no face in it: seen by whoever received it."""

import base64
import json

import av
import cv2
import numpy as np
import pytest

from detection.services.captions import Captioner
from detection.vision.frames import SourceFrame
from hitlsite.errors import DomainError
from review.services import scanning
from review.services.outgoing_frames import FrameRedactor
from tests import factories
from tests.detection.captioning import says_words
from tests.review.receivers import receiver

CLOSE = "head-pose-face-detection-female-and-male-preview.mp4"


@pytest.fixture
def faces(footage):
    """Return a frame of real footage with two faces close by, BGR."""
    with av.open(str(footage / CLOSE)) as container:
        return next(container.decode(video=0)).to_ndarray(format="bgr24")


@pytest.fixture
def weights(settings, model_dir):
    settings.MODEL_DIR = model_dir


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def faces_in(jpeg, folder):
    """Return what the two face models of the product find in a picture; not whom else it sees."""
    path = folder / "received.jpg"
    path.write_bytes(jpeg)
    scan = scanning.face_scanner().scan_image(path)
    assert "yunet" in scan.detectors
    return [region for region in scan.regions if region.source in ("yunet", "mediapipe")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_picture_that_arrives_shows_no_face(settings, tmp_path, data_dir, faces, weights):
    settings.CAPTION_MODEL, settings.CAPTION_ALLOW_PRIVATE = "words-1", True
    raw = cv2.imencode(".jpg", faces)[1].tobytes()
    assert faces_in(raw, tmp_path), "the footage shows faces"
    with receiver(says_words("Two people look around.")) as server:
        settings.CAPTION_URL = server.url.partition("/hook")[0]
        captioner = Captioner.for_footage(factories.footage())
        captioner.see(SourceFrame.from_image(faces, 0.0), 0.0)
        captioner.close(wait_seconds=120)
        ((_, body),) = server.taken
    assert captioner.counts.stored == 1
    url = json.loads(body)["messages"][0]["content"][1]["image_url"]["url"]
    jpeg = base64.b64decode(url.partition(",")[2])
    assert max(decoded(jpeg).shape) <= 640
    assert faces_in(jpeg, tmp_path) == []
    assert list(settings.SCRATCH_DIR.iterdir()) == []


@pytest.mark.slow
def test_private_zones_are_black_and_the_frame_is_left_as_it_is(faces, weights, data_dir):
    before, half = faces.copy(), ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))

    sent = decoded(FrameRedactor().jpeg(faces, [half]))

    assert np.array_equal(faces, before)
    assert sent[:, : sent.shape[1] // 2 - 8].max() < 20
    assert sent[:, sent.shape[1] // 2 + 8 :].max() > 100


def test_without_any_detector_nothing_is_sent(settings, tmp_path, data_dir):
    settings.MODEL_DIR, settings.DETECTOR = tmp_path, "motion"
    image = np.full((48, 64, 3), 90, np.uint8)

    with pytest.raises(DomainError, match="not sent") as caught:
        FrameRedactor().jpeg(image, [])
    assert caught.value.code == "frame_not_private"
    assert list(settings.SCRATCH_DIR.iterdir()) == []


@pytest.mark.slow
def test_a_face_that_remains_is_not_sent(monkeypatch, faces, weights, data_dir):
    """A redaction that hides nothing is caught by the second look."""
    from review.privacy import redact

    monkeypatch.setattr(redact, "_hide", lambda *args, **options: None)

    with pytest.raises(DomainError, match="not sent"):
        FrameRedactor().jpeg(faces, [])


def test_what_breaks_is_no_picture(data_dir, weights):
    with pytest.raises(Exception):  # noqa: B017
        FrameRedactor().jpeg(np.zeros((0, 0, 3), np.uint8), [])
