"""The face model and a person detector on material that nobody here drew."""

import av
import cv2
import numpy as np
import pytest

from review.privacy.faces import FaceScanner, YuNet
from review.privacy.redact import METHODS
from review.privacy.regions import Timeline, covered_share, padded
from review.privacy.verify import check_clip, redact_and_verify_clip, redact_and_verify_image
from tests.review.privacy.drawing import read_clip, write_image

pytestmark = pytest.mark.slow
WALKING = "face-demographics-walking-preview.mp4"
CLOSE = "head-pose-face-detection-female-and-male-preview.mp4"


@pytest.fixture(scope="module")
def yunet_path(model_dir):
    return model_dir / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="module")
def scanner(yunet_path):
    return FaceScanner(yunet_path=yunet_path)


@pytest.fixture(scope="module")
def people(model_dir, tmp_path_factory):
    from detection.vision.backends import load_detector

    return load_detector(
        str(model_dir / "yolo11n_int8_openvino_model"),
        model_dir=model_dir,
        cache_dir=tmp_path_factory.mktemp("compiled"),
    )


@pytest.fixture(scope="module")
def walking(footage):
    return read_clip(footage / WALKING)[1][17]


def has_face_at(scan, x, y):
    boxes = [region.box_xyxy for region in scan.regions if region.source == "yunet"]
    return any(box[0] < x < box[2] and box[1] < y < box[3] for box in boxes)


def test_small_faces_are_found_where_they_are(scanner, walking, tmp_path):
    scan = scanner.scan_image(write_image(tmp_path / "a.png", walking))
    assert (scan.result, scan.detectors) == ("faces", ("yunet",))
    assert has_face_at(scan, 0.635, 0.41)
    assert has_face_at(scan, 0.475, 0.49)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_faces_are_found_in_a_picture_that_is_turned(turns, scanner, walking, tmp_path):
    scan = scanner.scan_image(write_image(tmp_path / "a.png", np.rot90(walking, turns)))
    x, y = {1: (0.41, 0.365), 2: (0.365, 0.59), 3: (0.59, 0.635)}[turns]
    assert has_face_at(scan, x, y)


def test_a_face_that_fills_the_picture_is_found(scanner, footage, tmp_path):
    image = read_clip(footage / CLOSE)[1][0]
    path = write_image(tmp_path / "whole.png", image)
    largest = max(
        (r.box_xyxy for r in scanner.scan_image(path).regions), key=lambda box: box[3] - box[1]
    )
    left, top, right, bottom = (
        int(side * px) for side, px in zip(largest, image.shape[1::-1] * 2, strict=True)
    )
    crop = cv2.resize(image[top:bottom, left:right], None, fx=4, fy=4)
    scan = scanner.scan_image(write_image(tmp_path / "crop.png", crop))
    assert has_face_at(scan, 0.5, 0.5)


def test_a_car_park_without_people_has_no_heads(people, footage, tmp_path):
    with av.open(str(footage / "car-detection.mp4")) as clip:
        first = next(clip.decode(video=0)).to_ndarray(format="bgr24")
    heads = FaceScanner(yunet_path=None, person_detector=people)
    assert heads.scan_image(write_image(tmp_path / "cars.png", first)).result == "clear"


def test_somebody_whose_face_is_not_seen_has_a_head(people, yunet_path, footage, tmp_path):
    """The face model sees nothing of a worker from above; the person detector does."""
    image = read_clip(footage / "worker-zone-detection-preview.mp4")[1][40]
    path = write_image(tmp_path / "back.png", image)
    assert FaceScanner(yunet_path=yunet_path).scan_image(path).result == "clear"
    both = FaceScanner(yunet_path=yunet_path, person_detector=people)
    scan = both.scan_image(path)
    assert (scan.result, scan.detectors) == ("faces", ("yunet", "head"))
    report = redact_and_verify_image(path, tmp_path / "out.jpg", scan, "blur", both)
    assert report.verified


@pytest.mark.parametrize("name", [WALKING, CLOSE])
@pytest.mark.parametrize("method", METHODS)
def test_real_faces_are_hidden_in_every_frame(method, name, scanner, yunet_path, footage, tmp_path):
    src, dst = footage / name, tmp_path / "out.mp4"
    report = redact_and_verify_clip(src, dst, scanner.scan_clip(src), method, scanner)
    assert report.verified, report
    assert check_clip(dst, report.regions, scanner).result == "clear"
    strict, timeline = YuNet(yunet_path, 0.6), Timeline(report.regions)
    for at_seconds, original in zip(*read_clip(src), strict=True):
        covers = [padded(region) for region in timeline.at(at_seconds)]
        for box, _score in strict.faces(original):
            assert covered_share(box, covers) > 0.9, (at_seconds, box)
