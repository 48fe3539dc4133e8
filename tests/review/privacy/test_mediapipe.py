"""The process behind mediapipe's detector: what it answers is checked, its silence is a failure."""

import os
import signal
import struct
import threading

import numpy as np
import pytest

from detection.vision import mediapipe_process
from detection.vision.mediapipe_pipe import ANSWER, FAILURE, HELLO
from review.privacy import mediapipe_faces
from review.privacy.faces import FaceScanner
from review.privacy.mediapipe_child import FACE
from review.privacy.mediapipe_faces import MediapipeError, MediapipeFaces
from tests.detection.vision.mediapipe_children import (
    HELLO_ANSWER,
    answer,
    command,
    dies_once,
    writes,
)
from tests.review.privacy.drawing import ColourDetector, read_clip, scene, write_clip, write_image

MODEL = "blaze_face_short_range.tflite"
ONE_FACE = FACE.pack(0.25, 0.25, 0.5, 0.75, 0.9)


@pytest.fixture
def child(tmp_path):
    """Return a detector whose process reads one picture after another and runs given code."""
    made = []

    def making(body, *, hello=HELLO_ANSWER, **limits):
        code = command(tmp_path, body, hello=hello)
        made.append(MediapipeFaces(tmp_path / MODEL, 0.4, command=code, **limits))
        return made[-1]

    yield making
    for one in made:
        one.close()


def test_faces_come_back_clipped_to_the_picture(child):
    beyond = FACE.pack(-0.25, 0.5, 0.25, 1.5, 0.5)
    detector = child(writes(answer(ONE_FACE + beyond)))
    found = detector.faces(scene())
    assert found == [((0.25, 0.25, 0.5, 0.75), pytest.approx(0.9)), ((0.0, 0.5, 0.25, 1.0), 0.5)]
    assert detector.faces(scene()) == found


def test_no_face_is_an_answer_too(child):
    assert child(writes(answer(b""))).faces(scene()) == []


@pytest.mark.parametrize(
    "content",
    [
        answer(b"", magic=b"what"),
        answer(b"\0" * 7),
        answer(b"", length=50_000_000),
        answer(ONE_FACE, kind=HELLO),
        answer(ONE_FACE, kind=77),
        answer(FACE.pack(float("nan"), 0.0, 1.0, 1.0, 0.9)),
        answer(FACE.pack(0.0, 0.0, 1e9, 1.0, 0.9)),
        answer(FACE.pack(0.0, 0.0, 1.0, 1.0, 7.0)),
        answer(FACE.pack(0.6, 0.0, 0.4, 1.0, 0.9)),
    ],
    ids=["magic", "length", "too much", "hello", "kind", "no number", "far", "score", "inside out"],
)
def test_nonsense_is_no_answer(child, content):
    detector = child(writes(content))
    with pytest.raises(MediapipeError, match="nonsense"):
        detector.faces(scene())
    assert detector.pid is None


def test_a_failure_is_told(child):
    detector = child(writes(answer(b"out of memory", kind=FAILURE)))
    with pytest.raises(MediapipeError, match="out of memory"):
        detector.faces(scene())


@pytest.mark.parametrize("hello", [b"", answer(b"", kind=HELLO), b"x" * 64])
def test_a_process_that_does_not_greet_is_not_used(child, hello):
    detector = child(writes(answer(b"")), hello=hello, start_seconds=1.0)
    with pytest.raises(MediapipeError):
        detector.faces(scene())
    assert detector.pid is None


def test_a_process_that_hangs_is_killed(child):
    detector = child("time.sleep(600)", frame_seconds=0.5)
    with pytest.raises(MediapipeError, match="in time"):
        detector.faces(scene())
    assert detector.pid is None


def test_a_process_that_dies_is_started_once_more_for_the_picture(child, tmp_path):
    detector = child(dies_once(tmp_path, writes(answer(ONE_FACE))))
    assert len(detector.faces(scene())) == 1


def test_a_process_that_dies_again_has_no_answer(child):
    detector = child("os._exit(9)")
    with pytest.raises(MediapipeError, match="ended"):
        detector.faces(scene())
    assert detector.pid is None


def test_threads_take_turns(child):
    detector, found = child(writes(answer(ONE_FACE))), []
    asking = [
        threading.Thread(target=lambda: found.append(detector.faces(scene()))) for _ in range(6)
    ]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert [len(faces) for faces in found] == [1] * 6


def test_a_fork_keeps_nothing_of_its_parent_s_process(monkeypatch, tmp_path):
    mediapipe_faces.kept(tmp_path / "a.tflite", 0.4)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writing, str(len(mediapipe_process._kept)).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reading, 10) == b"0"
    assert mediapipe_faces.kept(tmp_path / "a.tflite", 0.4) is mediapipe_faces.kept(
        tmp_path / "a.tflite", 0.4
    )


@pytest.fixture
def scanning(child, monkeypatch, tmp_path):
    """Return a scanner whose mediapipe is a process that runs given code."""
    (tmp_path / MODEL).write_bytes(b"model")

    def making(body, **limits):
        detector = child(body, **limits)
        monkeypatch.setattr(mediapipe_faces, "kept", lambda path, score: detector)
        return FaceScanner(
            yunet_path=None, mediapipe_path=tmp_path / MODEL, person_detector=ColourDetector()
        )

    return making


def test_what_mediapipe_sees_joins_the_union(scanning, tmp_path):
    scan = scanning(writes(answer(ONE_FACE))).scan_image(
        write_image(tmp_path / "empty.png", scene())
    )
    assert (scan.result, scan.detectors) == ("faces", ("mediapipe", "head"))
    assert [(r.source, r.box_xyxy) for r in scan.regions] == [
        ("mediapipe", (0.25, 0.25, 0.5, 0.75))
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("os._exit(9)", "ended"),
        ("time.sleep(600)", "in time"),
        (writes(b"\0" * 9), "nonsense"),
        (writes(answer(b"broken", kind=FAILURE)), "broken"),
    ],
    ids=["dies", "hangs", "nonsense", "failure"],
)
def test_a_clip_that_mediapipe_could_not_see_is_never_clear(scanning, tmp_path, body, sentence):
    clip = write_clip(tmp_path / "a.mp4", [scene((54 + n, 60, 140)) for n in range(11)])
    scan = scanning(body, frame_seconds=0.5).scan_clip(clip)
    assert (scan.result, scan.detectors) == ("failed", ("head",))
    assert sentence in scan.error
    # What the others saw is kept, so that there is something to hide.
    assert {region.source for region in scan.regions} == {"head"}


def test_a_model_that_is_not_there_is_done_without(tmp_path):
    scanner = FaceScanner(
        yunet_path=None, mediapipe_path=tmp_path / MODEL, person_detector=ColourDetector()
    )
    scan = scanner.scan_image(write_image(tmp_path / "empty.png", scene()))
    assert (scan.result, scan.detectors) == ("clear", ("head",))


@pytest.fixture
def real(model_dir):
    detector = MediapipeFaces(model_dir / MODEL, 0.5)
    yield detector
    detector.close()


@pytest.mark.slow
def test_the_real_one_sees_two_near_faces_and_has_no_network(real, footage):
    image = read_clip(footage / "head-pose-face-detection-female-and-male-preview.mp4")[1][0]
    found = real.faces(image)
    for x, y in ((0.21, 0.40), (0.75, 0.37)):
        assert any(box[0] < x < box[2] and box[1] < y < box[3] for box, _ in found)
    mine, its = (os.readlink(f"/proc/{who}/ns/net") for who in ("self", real.pid))
    if os.geteuid() == 0:
        assert mine != its
    pid = real.pid
    os.kill(pid, signal.SIGKILL)
    assert len(real.faces(image)) == len(found)
    assert real.pid != pid


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 1000, 0.5, 0.99])
def test_a_truncated_model_is_a_failed_scan(model_dir, tmp_path, kept):
    whole = (model_dir / MODEL).read_bytes()
    path = tmp_path / MODEL
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    scanner = FaceScanner(yunet_path=None, mediapipe_path=path, person_detector=ColourDetector())
    scan = scanner.scan_image(write_image(tmp_path / "empty.png", scene()))
    assert (scan.result, scan.detectors) == ("failed", ("head",))
    assert "mediapipe" in scan.error


@pytest.mark.slow
def test_the_real_one_ends_with_its_pipe(real):
    real.faces(np.zeros((120, 160, 3), np.uint8))
    child = real._child
    child.stdin.close()
    assert child.wait(timeout=10) == 0
    real._child = None


def test_the_form_of_a_picture_is_what_both_sides_agree_on():
    assert (ANSWER.size, FACE.size, struct.calcsize("<4sII")) == (9, 20, 12)
