"""Landmarks: who of a picture counts, what is missing, and a process that is not believed."""

import os
import signal
import threading

import av
import numpy as np
import pytest

from detection.vision import landmarks
from detection.vision.landmarks import (
    HAND_POINTS,
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    POSE_POINTS,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
    Landmarker,
    MediapipeError,
    chosen,
)
from detection.vision.landmarks_child import COUNTS
from detection.vision.mediapipe_pipe import HELLO
from hitlsite.errors import DomainError
from tests.detection.vision.mediapipe_children import (
    HELLO_ANSWER,
    answer,
    command,
    dies_once,
    failure,
    writes,
)

PICTURE = np.zeros((90, 160, 3), np.uint8)
POSE_MODEL, HANDS_MODEL = "pose_landmarker_lite.task", "hand_landmarker_lite.task"


def a_pose(x=0.5, trunk=0.4, visibility=0.9):
    """Return a body (33, 4) whose shoulders are at y 0.2; wrists are 0.1 left and right of x."""
    pose = np.full((POSE_POINTS, 4), (x, 0.3, 0.0, visibility), np.float32)
    pose[[LEFT_SHOULDER, RIGHT_SHOULDER], 1] = 0.2
    pose[[LEFT_HIP, RIGHT_HIP], 1] = 0.2 + trunk
    pose[LEFT_WRIST, :2] = x + 0.1, 0.4
    pose[RIGHT_WRIST, :2] = x - 0.1, 0.4
    return pose


def a_hand(x, y=0.4, rightness=0.9):
    return rightness, np.full((HAND_POINTS, 3), (x, y, 0.0), np.float32)


def packed(poses=(), hands=()):
    numbers = [np.ravel(pose) for pose in poses]
    for rightness, points in hands:
        numbers += [[rightness], np.ravel(points)]
    content = np.concatenate(numbers) if numbers else np.zeros(0)
    return COUNTS.pack(len(poses), len(hands)) + content.astype("<f4").tobytes()


@pytest.fixture
def child(tmp_path):
    """Return a landmarker whose process reads one picture after another and runs given code."""
    made = []

    def making(body, *, hello=HELLO_ANSWER, reads_pixels=True, **limits):
        code = command(tmp_path, body, hello=hello, reads_pixels=reads_pixels)
        made.append(Landmarker(POSE_MODEL, HANDS_MODEL, command=code, **limits))
        return made[-1]

    yield making
    for one in made:
        one.close()


class TestChoosing:
    def test_the_longest_trunk_counts(self):
        near, far = a_pose(0.3, trunk=0.5), a_pose(0.7, trunk=0.2)
        for poses in ([near, far], [far, near]):
            assert chosen(poses, [], aspect=1.0).pose[0, 0] == pytest.approx(0.3)

    def test_a_trunk_that_lies_is_measured_in_the_picture_s_own_proportions(self):
        upright, lying = a_pose(0.3, trunk=0.3), a_pose(0.7, trunk=0.0)
        lying[[LEFT_HIP, RIGHT_HIP], 0] = 0.9
        # 0.2 of the width are 0.36 heights of a wide picture, and 0.2 of a square one.
        assert chosen([upright, lying], [], aspect=1.8).pose[0, 0] == pytest.approx(0.7)
        assert chosen([upright, lying], [], aspect=1.0).pose[0, 0] == pytest.approx(0.3)

    def test_hands_belong_to_the_nearest_wrist_whatever_side_mediapipe_names(self):
        found = chosen([a_pose()], [a_hand(0.61), a_hand(0.4, rightness=0.1)], aspect=1.0)
        assert found.left_hand[0, 0] == pytest.approx(0.61)
        assert found.right_hand[0, 0] == pytest.approx(0.4)

    def test_a_wrist_gets_the_nearest_hand_only(self):
        found = chosen([a_pose()], [a_hand(0.66), a_hand(0.6), a_hand(0.62)], aspect=1.0)
        assert found.left_hand[0, 0] == pytest.approx(0.6)
        assert found.right_hand is None

    def test_a_hand_far_from_both_wrists_is_somebody_else_s(self):
        found = chosen([a_pose()], [a_hand(0.95)], aspect=1.0)
        assert (found.left_hand, found.right_hand) == (None, None)

    def test_without_a_body_the_surest_hand_of_each_side_counts(self):
        hands = [a_hand(0.1, rightness=score) for score in (0.6, 0.97, 0.3, 0.02)]
        for place, (_, points) in enumerate(hands):
            points[:] = place / 10
        for order in (hands, hands[::-1]):
            found = chosen([], order, aspect=1.0)
            assert found.pose is None
            assert found.right_hand[0, 0] == pytest.approx(0.1)
            assert found.left_hand[0, 0] == pytest.approx(0.3)

    def test_one_hand_is_of_one_side(self):
        found = chosen([], [a_hand(0.3, rightness=0.8)], aspect=1.0)
        assert found.left_hand is None
        assert found.right_hand is not None

    def test_nobody_is_none_of_all(self):
        found = chosen([], [], aspect=1.0)
        assert (found.pose, found.left_hand, found.right_hand) == (None, None, None)

    def test_what_is_hidden_or_out_of_view_is_missing_and_never_zero(self):
        pose, hand = a_pose(), a_hand(0.6)
        pose[0, 3] = 0.2
        pose[1, :2] = -0.01, 0.5
        pose[2, :2] = 0.5, 1.2
        hand[1][20, :2] = 1.01, 0.4
        found = chosen([pose], [hand], aspect=1.0)
        assert np.isnan(found.pose).all(axis=1).nonzero()[0].tolist() == [0, 1, 2]
        assert np.isnan(found.left_hand).all(axis=1).nonzero()[0].tolist() == [20]
        assert not (found.pose[:, :2] == 0.0).any()

    def test_points_on_the_edge_are_in_view(self):
        pose = a_pose()
        pose[0, :2], pose[1, :2] = (0.0, 1.0), (1.0, 0.0)
        assert not np.isnan(chosen([pose], [], aspect=1.0).pose[:2]).any()


class TestProcess:
    def test_an_answer_becomes_landmarks(self, child):
        detector = child(writes(answer(packed([a_pose()], [a_hand(0.6)]))))
        found = detector.find(PICTURE)
        assert found.pose.shape == (33, 3)
        assert (found.left_hand.shape, found.right_hand) == ((21, 3), None)
        assert found.pose.dtype == found.left_hand.dtype == np.float32
        pid = detector.pid
        assert np.array_equal(detector.find(PICTURE).pose, found.pose)
        assert detector.pid == pid

    def test_nobody_is_an_answer_too(self, child):
        found = child(writes(answer(packed()))).find(PICTURE)
        assert (found.pose, found.left_hand, found.right_hand) == (None, None, None)

    @pytest.mark.parametrize(
        "content",
        [
            answer(b"\0"),
            answer(packed([a_pose()])[:-1]),
            answer(packed([a_pose()]) + b"\0" * 4),
            answer(packed([a_pose()] * 3)),
            answer(packed(hands=[a_hand(0.5)] * 5)),
            answer(packed([a_pose(x=float("nan"))])),
            answer(packed([a_pose(x=1e9)])),
            answer(packed([a_pose(visibility=1.5)])),
            answer(packed(hands=[a_hand(0.5, rightness=-0.5)])),
            answer(packed(), kind=HELLO),
            answer(packed(), magic=b"what"),
            answer(b"", length=50_000_000),
        ],
        ids=[
            *("short", "cut", "long", "three bodies", "five hands", "no number", "far"),
            *("visibility", "side", "hello", "magic", "too much"),
        ],
    )
    def test_nonsense_is_no_answer(self, child, content):
        detector = child(writes(content))
        with pytest.raises(MediapipeError, match="nonsense"):
            detector.find(PICTURE)
        assert detector.pid is None

    def test_one_that_dies_is_started_once_more_for_the_picture(self, child, tmp_path):
        detector = child(dies_once(tmp_path, writes(answer(packed([a_pose()])))))
        assert detector.find(PICTURE).pose is not None

    @pytest.mark.parametrize("reads_pixels", [True, False], ids=["after", "in the middle"])
    def test_one_that_dies_again_has_no_answer(self, child, reads_pixels):
        large = np.zeros((1080, 1920, 3), np.uint8)
        detector = child("os._exit(9)", reads_pixels=reads_pixels)
        with pytest.raises(MediapipeError, match="ended"):
            detector.find(large)
        assert detector.pid is None

    @pytest.mark.parametrize("reads_pixels", [True, False], ids=["answering", "reading"])
    def test_one_that_hangs_is_killed(self, child, reads_pixels):
        large = np.zeros((1080, 1920, 3), np.uint8)
        detector = child("time.sleep(600)", reads_pixels=reads_pixels, frame_seconds=0.3)
        with pytest.raises(MediapipeError, match="in time"):
            detector.find(large)
        assert detector.pid is None

    @pytest.mark.parametrize(
        "image",
        [PICTURE[..., 0], PICTURE[..., :2], PICTURE.astype(float), PICTURE[:0]],
        ids=["grey", "two channels", "floats", "empty"],
    )
    def test_what_is_no_picture_never_reaches_it(self, child, image):
        detector = child(writes(answer(packed())))
        with pytest.raises(ValueError, match="no BGR picture"):
            detector.find(image)
        assert detector.pid is None

    def test_a_picture_past_all_sizes_is_refused(self, child):
        with pytest.raises(MediapipeError, match="20000 x 1 is too large"):
            child(writes(answer(packed()))).find(np.zeros((1, 20_000, 3), np.uint8))

    def test_a_failure_is_told(self, child):
        with pytest.raises(MediapipeError, match="out of memory"):
            child(failure("out of memory")).find(PICTURE)

    def test_an_interrupted_picture_s_answer_is_not_that_of_the_next(self, child, monkeypatch):
        detector = child(writes(answer(packed([a_pose()]))))
        read = Landmarker._receive

        def interrupted(self, deadline):
            if self is detector and detector.was_started:
                raise KeyboardInterrupt
            detector.was_started = True
            return read(self, deadline)

        detector.was_started = False
        monkeypatch.setattr(Landmarker, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            detector.find(PICTURE)
        assert detector.pid is None
        monkeypatch.undo()
        assert detector.find(PICTURE).pose is not None

    def test_a_fork_starts_a_process_of_its_own(self, child):
        detector = child(writes(answer(packed([a_pose()]))))
        detector.find(PICTURE)
        mine = detector.pid
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                before = detector.pid
                found = detector.find(PICTURE)
                is_own = before is None and detector.pid != mine and found.pose is not None
                detector.close()
                os.write(writing, b"own" if is_own else b"the parent's")
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        assert os.read(reading, 20) == b"own"
        assert detector.find(PICTURE).pose is not None
        assert detector.pid == mine


class TestKept:
    @pytest.mark.parametrize(
        ("there", "sentence"),
        [
            ((), "no pose_landmarker_lite.task and no hand_landmarker_lite.task or hand"),
            ((POSE_MODEL,), "no hand_landmarker_lite.task or hand_landmarker.task in"),
            ((HANDS_MODEL,), "no pose_landmarker_lite.task in"),
        ],
    )
    def test_a_missing_model_is_named(self, tmp_path, there, sentence):
        for name in there:
            (tmp_path / name).write_bytes(b"model")
        with pytest.raises(DomainError, match=sentence) as refused:
            landmarks.kept(tmp_path, is_on=True)
        assert refused.value.code == "mediapipe_unavailable"

    @pytest.mark.parametrize("hands", ["hand_landmarker_lite.task", "hand_landmarker.task"])
    def test_one_is_kept_for_a_folder(self, tmp_path, hands):
        for name in (POSE_MODEL, hands):
            (tmp_path / name).write_bytes(b"model")
        kept = landmarks.kept(tmp_path, is_on=True)
        assert kept is landmarks.kept(tmp_path, is_on=True)
        assert kept.hands_path == tmp_path / hands
        assert kept.pid is None

    @pytest.mark.parametrize("word", ["0", "false", "No", "off", ""])
    def test_the_environment_switches_it_off(self, model_dir, monkeypatch, word):
        monkeypatch.setenv("SECOND_LOOK_MEDIAPIPE", word)
        with pytest.raises(DomainError, match="switched off") as refused:
            landmarks.kept(model_dir)
        assert refused.value.code == "mediapipe_unavailable"
        assert landmarks.kept(model_dir, is_on=True)

    @pytest.mark.parametrize("word", ["1", "true"])
    def test_the_environment_leaves_it_on(self, model_dir, monkeypatch, word):
        monkeypatch.setenv("SECOND_LOOK_MEDIAPIPE", word)
        assert landmarks.kept(model_dir)

    def test_the_settings_word_goes_before_the_environment_s(self, model_dir):
        with pytest.raises(DomainError, match="switched off"):
            landmarks.kept(model_dir, is_on=False)


def pictures(path, every):
    with av.open(str(path)) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number % every == 0:
                yield frame.to_ndarray(format="bgr24")


@pytest.fixture
def real(model_dir):
    detector = Landmarker(model_dir / POSE_MODEL, model_dir / HANDS_MODEL)
    yield detector
    detector.close()


@pytest.mark.slow
class TestReal:
    def test_a_worker_is_found_and_each_picture_is_seen_by_itself(self, real, footage):
        clip = list(pictures(footage / "worker-zone-detection-preview.mp4", 10))
        found = [real.find(image) for image in clip]
        bodies = [one.pose for one in found if one.pose is not None]
        assert len(bodies) >= len(clip) - 1
        for body in bodies:
            # Upright: the shoulders are above the hips.
            assert np.nanmean(body[11:13, 1]) < np.nanmean(body[23:25, 1])
        for image, before in zip(clip[::-1], found[::-1], strict=True):
            again = real.find(image).pose
            assert (again is None) == (before.pose is None)
            assert again is None or np.array_equal(again, before.pose, equal_nan=True)

    def test_a_car_park_has_nobody(self, real, footage):
        for image in pictures(footage / "car-detection.mp4", 120):
            found = real.find(image)
            assert (found.pose, found.left_hand, found.right_hand) == (None, None, None)

    def test_a_mirrored_person_has_the_other_left_hand(self, real, material):
        for path in sorted((material / "images/coco128").rglob("*.jpg")):
            with av.open(str(path)) as stream:
                image = next(stream.decode(video=0)).to_ndarray(format="bgr24")
            found, mirrored = real.find(image), real.find(image[:, ::-1])
            if found.pose is None or found.left_hand is None or mirrored.right_hand is None:
                continue
            left, right = found.left_hand[0], mirrored.right_hand[0]
            assert left[0] == pytest.approx(1.0 - right[0], abs=0.05)
            assert left[1] == pytest.approx(right[1], abs=0.05)
            return
        pytest.fail("No photo shows a hand both ways.")

    def test_it_has_no_network_and_outlives_a_kill_in_the_middle(self, real, footage):
        image = next(pictures(footage / "worker-zone-detection-preview.mp4", 1))
        image = np.repeat(np.repeat(image, 3, axis=0), 3, axis=1)
        found = real.find(image)
        pid = real.pid
        mine, its = (os.readlink(f"/proc/{who}/ns/net") for who in ("self", pid))
        if os.geteuid() == 0:
            assert mine != its
        os.kill(pid, signal.SIGSTOP)
        killing = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        killing.start()
        again = real.find(image)
        killing.join()
        assert real.pid != pid
        assert (again.pose is None) == (found.pose is None)

    def test_a_picture_of_one_pixel_is_an_answer_or_a_refusal(self, real):
        assert real.find(np.zeros((1, 1, 3), np.uint8)).pose is None

    @pytest.mark.parametrize("damaged", [POSE_MODEL, HANDS_MODEL])
    @pytest.mark.parametrize("kept", [0.0, 0.5, 0.99], ids=["empty", "half", "short"])
    def test_a_damaged_model_is_named(self, model_dir, tmp_path, damaged, kept):
        for name in (POSE_MODEL, HANDS_MODEL):
            whole = (model_dir / name).read_bytes()
            part = whole[: int(kept * len(whole))] if name == damaged else whole
            (tmp_path / name).write_bytes(part)
        detector = Landmarker(tmp_path / POSE_MODEL, tmp_path / HANDS_MODEL)
        with pytest.raises(MediapipeError, match=damaged):
            detector.find(PICTURE)
        assert detector.pid is None

    def test_both_kinds_of_process_run_side_by_side(self, real, model_dir):
        from review.privacy.mediapipe_faces import MediapipeFaces

        faces = MediapipeFaces(model_dir / "blaze_face_short_range.tflite", 0.5)
        faces.faces(PICTURE)
        real.find(PICTURE)
        assert faces.pid != real.pid
        faces.close()
