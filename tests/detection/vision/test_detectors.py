"""Every backend finds what ultralytics itself finds, on real photos."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from detection.vision import libraries
from detection.vision.backends import load_detector
from detection.vision.detectors import file_sha256
from detection.vision.overlaps import overlaps

pytestmark = pytest.mark.slow

CLEAR = 0.25
ALIKE = 0.9


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    libraries.prepare(folder)
    return folder


@pytest.fixture(scope="module")
def photos(material):
    """Return twenty photos of coco128, of many shapes."""
    paths = sorted((material / "images/coco128").rglob("*.jpg"))[::6]
    assert len(paths) >= 20
    return [cv2.imread(str(path)) for path in paths]


@pytest.fixture(scope="module")
def expected(photos, model_dir, cache_dir):
    """Return, by input size, the (boxes, scores, names) that ultralytics predicts per photo."""
    YOLO = libraries.load_ultralytics().YOLO

    model = YOLO(str(model_dir / "yolo11n.pt"))

    def predict(photo, size):
        boxes = model.predict(photo, imgsz=size, conf=0.1, iou=0.7, verbose=False)[0].boxes
        names = [model.names[int(index)] for index in boxes.cls]
        return boxes.xyxyn.numpy(), boxes.conf.numpy(), np.array(names, object)

    return {size: [predict(photo, size) for photo in photos] for size in (640, 416)}


def share_found(asked, answered):
    """Measure which share of the clear boxes the other side has, same class and nearly equal."""
    total = found = 0
    for (boxes, scores, names), (others, _, other_names) in zip(asked, answered, strict=True):
        clear = scores >= CLEAR
        total += int(clear.sum())
        if clear.any() and len(others):
            alike = overlaps(boxes[clear], others) >= ALIKE
            found += int((alike & (names[clear][:, None] == other_names[None])).any(axis=1).sum())
    return found / total, total


def predicted(detector, photos):
    detections = [detector.detect(photo, 0.0) for photo in photos]
    return [(d.boxes_xyxy, d.scores, np.array(d.class_names, object)) for d in detections]


@pytest.mark.parametrize(
    ("backend", "size", "precision", "least"),
    [
        ("openvino", 640, "f32", 0.99),
        ("onnxruntime", 640, "f32", 0.99),
        ("torch", 640, "f32", 0.99),
        ("openvino", 416, "f32", 0.99),
        ("onnxruntime", 416, "f32", 0.99),
        ("openvino", 640, "bf16", 0.85),
    ],
)
def test_a_backend_finds_what_ultralytics_finds(
    backend, size, precision, least, photos, expected, model_dir, cache_dir
):
    detector = load_detector(
        "yolo11n.pt",
        model_dir=model_dir,
        cache_dir=cache_dir,
        backend=backend,
        input_size=size,
        precision=precision,
    )

    found = predicted(detector, photos)

    share, total = share_found(expected[size], found)
    assert total > 60
    assert share >= least
    assert share_found(found, expected[size])[0] >= least
    assert (detector.backend, detector.input_size) == (backend, size)
    assert detector.weights_sha256 == file_sha256(model_dir / "yolo11n.pt")
    assert detector.class_names[0] == "person" and len(detector.class_names) == 80
    assert detector.timings["inference"] > 0


def test_an_int8_folder_says_that_it_is_one(photos, expected, model_dir, cache_dir):
    detector = load_detector(
        "yolo11n_int8_openvino_model", model_dir=model_dir, cache_dir=cache_dir
    )

    assert (detector.backend, detector.precision, detector.input_size) == ("openvino", "int8", 640)
    again = load_detector(
        "yolo11n_int8_openvino_model",
        model_dir=model_dir,
        cache_dir=cache_dir,
        **detector.choice["served"],
    )
    assert again.choice["served"] == detector.choice["served"]
    assert len(again.detect(photos[0], 0.0)) == len(detector.detect(photos[0], 0.0))
    share, _ = share_found(expected[640], predicted(detector, photos))
    assert share > 0.5


def test_scores_and_boxes_are_the_reference_s_to_the_third_digit(
    photos, expected, model_dir, cache_dir
):
    detector = load_detector(
        "yolo11n.pt",
        model_dir=model_dir,
        cache_dir=cache_dir,
        backend="openvino",
        input_size=640,
        precision="f32",
    )
    photo, (boxes, scores, _) = photos[0], expected[640][0]

    found = detector.detect(photo, 0.0)

    count = int((scores >= CLEAR).sum())
    np.testing.assert_allclose(found.scores[:count], scores[:count], atol=2e-3)
    np.testing.assert_allclose(found.boxes_xyxy[:count], boxes[:count], atol=2e-3)


def test_auto_serves_what_it_measured(photos, model_dir, cache_dir):
    detector = load_detector("auto", model_dir=model_dir, cache_dir=cache_dir, sample_frames=photos)

    choice = detector.choice
    served = {key: choice["served"][key] for key in ("backend", "input_size", "precision")}
    assert served == {
        "backend": detector.backend,
        "input_size": detector.input_size,
        "precision": detector.precision,
    }
    assert {c["backend"] for c in choice["candidates"]} == {"openvino", "onnxruntime"}
    references = [c for c in choice["candidates"] if c["input_size"] == 640]
    assert all(c["serves"] for c in references if c["precision"] == "f32")

    again = load_detector("auto", model_dir=model_dir, cache_dir=cache_dir, **served)
    assert again.choice["served"] == served


def test_threads_that_share_a_detector_do_not_mix_their_pictures(photos, model_dir, cache_dir):
    detector = load_detector(
        "yolo11n.pt",
        model_dir=model_dir,
        cache_dir=cache_dir,
        backend="openvino",
        input_size=320,
        precision="f32",
    )
    same_shape = [cv2.resize(photo, (320, 192)) for photo in photos[:4]]
    alone = [detector.detect(photo, 0.0) for photo in same_shape]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(detector.detect, same_shape * 8))

    for index, found in enumerate(together):
        np.testing.assert_array_equal(found.boxes_xyxy, alone[index % 4].boxes_xyxy)
