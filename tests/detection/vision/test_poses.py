"""Limb speeds come from poses, and poses only from where two persons are near each other."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from detection.vision.boxes import Letterbox
from detection.vision.poses import (
    JOINTS,
    LimbMotion,
    PoseEstimator,
    Poses,
    decode_poses,
    find_pose_weights,
    group_within_reach,
    load_estimator,
    match_poses,
    span_region,
)
from detection.vision.types import Observation, TrackedFrame
from detection.vision.video import open_source
from hitlsite.errors import DomainError

ASPECT = 16 / 9
BODY = 0.4
PICTURE = SimpleNamespace(image=lambda: np.zeros((90, 160, 3), np.uint8))


def person(track_id, x=0.5, *, feet=0.9, body=BODY, at=0.0, name="person"):
    half = 0.18 * body / ASPECT
    return Observation(at, track_id, name, 0.8, (x - half, feet - body, x + half, feet))


def joints_of(seen, *, reach=0.0, step=0.0, sure=0.9):
    """Return the joints of an upright person; the wrists reach out and the feet step aside."""
    left, top, right, feet = seen.box_xyxy
    body, middle = feet - top, (left + right) / 2
    points = np.zeros((JOINTS, 3))
    points[:, 2] = sure
    for joint in range(JOINTS):
        points[joint, :2] = middle, top + 0.1 * body
    for joints, share in (((5, 6), 0.2), ((11, 12), 0.5), ((9, 10), 0.35), ((15, 16), 1.0)):
        points[list(joints), 1] = top + share * body
    points[[9, 10], 0] += reach * body / ASPECT
    points[[15, 16], 0] += step * body / ASPECT
    return points


class Estimator:
    """Answers with poses drawn for the frame."""

    def __init__(self):
        self.poses = Poses.empty()
        self.regions = []

    def show(self, people, **movement):
        boxes = np.array([one.box_xyxy for one in people]).reshape(-1, 4)
        joints = np.array([joints_of(one, **movement) for one in people])
        self.poses = Poses(boxes, np.ones(len(people)), joints.reshape(-1, JOINTS, 3))

    def estimate(self, image, region):
        self.regions.append(region)
        return self.poses


def strike(fps, *, pairs=((0.5, 0.6),), seconds=2.0, speed=2.0, restart_at=None, **options):
    """Return the limb speeds of the first person, whose wrists go out at an even speed."""
    estimator = Estimator()
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    speeds = []
    for number in range(int(seconds * fps)):
        at = number / fps
        people = [
            person(2 * k + side + 1, x, at=at)
            for k, pair in enumerate(pairs)
            for side, x in enumerate(pair)
        ]
        estimator.show(people, reach=speed * at, **options)
        if number == restart_at:
            state = limbs.state()
            limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
            limbs.restore(state)
        tracked = limbs.update(PICTURE, TrackedFrame(at, tuple(people)))
        speeds.append(tracked.observations[0].limb_speed)
    return speeds


@pytest.mark.parametrize("fps", [25.0, 10.0, 5.0, 4.0])
@pytest.mark.parametrize("speed", [0.0, 1.0, 3.0])
def test_the_speed_of_limbs_is_the_same_at_every_rate(fps, speed):
    speeds = strike(fps, speed=speed)
    assert speeds[0] is None
    assert speeds[1:] == pytest.approx([speed] * (len(speeds) - 1), abs=1e-6)


@pytest.mark.parametrize("fps", [3.0, 2.0, 1.0])
def test_between_frames_far_apart_a_limb_may_have_been_anywhere(fps):
    assert set(strike(fps, seconds=4.0)) == {None}


def test_a_body_that_moves_as_a_whole_has_no_limb_speed():
    estimator = Estimator()
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    for number in range(5):
        people = [person(1, 0.3 + 0.05 * number), person(2, 0.35 + 0.05 * number)]
        estimator.show(people)
        tracked = limbs.update(PICTURE, TrackedFrame(number / 5, tuple(people)))
    assert [one.limb_speed for one in tracked.observations] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_joints_that_are_not_sure_count_for_nothing():
    assert set(strike(5.0, sure=0.3)) == {None}


def test_one_sure_limb_is_too_few():
    estimator = Estimator()
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    for number in range(3):
        people = (person(1), person(2, 0.6))
        estimator.show(people, reach=0.5 * number)
        estimator.poses.keypoints[:, [10, 15, 16], 2] = 0.1
        tracked = limbs.update(PICTURE, TrackedFrame(number / 5, people))
    assert tracked.observations[0].limb_speed is None


@pytest.mark.parametrize(
    "people",
    [
        [person(1)],
        [person(1, 0.2), person(2, 0.8)],  # far apart
        [person(1), person(2, 0.55, body=0.1)],  # one is far behind
        [person(1), person(2, 0.55, name="dog")],
    ],
)
def test_the_network_rests_where_nobody_is_within_reach(people):
    estimator = Estimator()
    tracked = TrackedFrame(1.0, tuple(people))
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    assert limbs.update(PICTURE, tracked) is tracked
    assert limbs.estimates == 0 and estimator.regions == []


def test_the_network_rests_while_the_gate_holds():
    estimator = Estimator()
    tracked = TrackedFrame(1.0, (person(1), person(2, 0.55)), is_held=True)
    assert LimbMotion(estimator, aspect_ratio=ASPECT).update(PICTURE, tracked) is tracked
    assert estimator.regions == []


def test_each_group_is_looked_at_by_itself():
    people = [person(1, 0.1), person(2, 0.15), person(3, 0.8), person(4, 0.85), person(5, 0.9)]
    groups = group_within_reach(people, ASPECT)
    assert [[one.track_id for one in group] for group in groups] == [[3, 4, 5], [1, 2]]
    left, top, right, bottom = span_region(groups[1])
    assert left < 0.1 - 0.04 and right > 0.15 + 0.04 and top < 0.5 and 0.9 < bottom <= 1.0
    assert group_within_reach([], ASPECT) == []


def test_the_memory_is_short_and_a_pause_begins_anew():
    estimator = Estimator()
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    for at in (0.0, 0.2, 5.0):
        people = (person(1), person(2, 0.6))
        estimator.show(people, reach=at)
        tracked = limbs.update(PICTURE, TrackedFrame(at, people))
    assert tracked.observations[0].limb_speed is None
    limbs.update(PICTURE, TrackedFrame(9.0))
    assert limbs.state()["memory"] == []


@pytest.mark.parametrize("cut", range(1, 8))
def test_it_goes_on_after_a_restart_as_if_nothing_had_happened(cut):
    assert strike(5.0, restart_at=cut) == strike(5.0)


def test_the_state_is_values_and_arrays():
    estimator = Estimator()
    limbs = LimbMotion(estimator, aspect_ratio=ASPECT)
    estimator.show([person(1), person(2, 0.6)])
    limbs.update(PICTURE, TrackedFrame(0.0, (person(1), person(2, 0.6))))
    json.dumps(limbs.state(), default=lambda value: value.tolist())


def test_poses_go_to_the_tracks_they_overlap_most():
    people = [person(1, 0.5), person(2, 0.55)]
    boxes = np.array([people[1].box_xyxy, (0.0, 0.0, 0.1, 0.1), people[0].box_xyxy])
    keypoints = np.arange(3)[:, None, None] * np.ones((3, JOINTS, 3))
    matched = match_poses(people, Poses(boxes, np.ones(3), keypoints))
    assert sorted((one.track_id, joints[0, 0]) for one, joints in matched) == [(1, 2), (2, 0)]
    assert match_poses(people, Poses.empty()) == []


def output_for(box, joints, *, score=0.9, anchors=5):
    """Return a raw network output (56, anchors) with one person, in px of the input."""
    output = np.zeros((5 + 3 * JOINTS, anchors), np.float32)
    x1, y1, x2, y2 = box
    column = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, score, *joints.reshape(-1)]
    output[:, 1] = output[:, 3] = column
    output[4, 3] -= 0.1
    return output


def test_an_output_becomes_poses_of_the_picture():
    letterbox = Letterbox.fit_into(90, 160, input_height=320, input_width=320)
    joints = np.tile([160.0, 160.0, 0.8], (JOINTS, 1))
    poses = decode_poses(output_for((80, 115, 240, 205), joints), letterbox)
    assert poses.boxes_xyxy == pytest.approx(np.array([[0.25, 0.25, 0.75, 0.75]]), abs=1e-6)
    assert poses.keypoints[0, 0] == pytest.approx([0.5, 0.5, 0.8])
    assert poses.scores == pytest.approx([0.9])
    assert len(decode_poses(np.zeros((56, 4), np.float32), letterbox).scores) == 0


class Network:
    """Sees one person who fills the middle of whatever it is shown."""

    input_size = 320
    name = "drawn"

    def __init__(self):
        self.shapes = []

    def detect(self, image, at_seconds):
        self.shapes.append(image.shape)
        joints = np.tile([0.5, 0.5, 0.9], (1, JOINTS, 1))
        return Poses(np.array([[0.25, 0.4, 0.75, 0.6]]), np.ones(1), joints)


def test_a_part_of_the_picture_is_enlarged_and_brought_back():
    network = Network()
    image = np.zeros((100, 200, 3), np.uint8)
    poses = PoseEstimator(network).estimate(image, (0.5, 0.0, 1.0, 0.5))
    assert network.shapes == [(320, 320, 3)]  # the same for every part, so nothing is recompiled
    assert poses.keypoints[0, 0] == pytest.approx([0.75, 0.25, 0.9])
    assert poses.boxes_xyxy[0] == pytest.approx([0.625, 0.15, 0.875, 0.35])
    assert len(PoseEstimator(network).estimate(image, (0.5, 0.5, 0.5, 0.5)).scores) == 0


def test_a_folder_without_pose_weights_has_none(tmp_path):
    assert find_pose_weights(tmp_path) is None
    (tmp_path / "yolov8n-pose.pt").write_bytes(b"no weights")
    assert find_pose_weights(tmp_path).name == "yolov8n-pose.pt"
    with pytest.raises(DomainError) as refusal:
        load_estimator(find_pose_weights(tmp_path), cache_dir=tmp_path / "cache")
    assert refusal.value.code == "weights_unreadable"


@pytest.mark.slow
def test_weights_of_another_task_are_refused(model_dir, tmp_path):
    with pytest.raises(DomainError) as refusal:
        load_estimator(model_dir / "yolo11n.pt", cache_dir=tmp_path)
    assert refusal.value.code == "weights_wrong_task"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov8n-pose.pt", "yolov8n-pose_int8_openvino_model"])
def test_real_weights_find_the_joints_of_real_persons(name, model_dir, footage, tmp_path):
    estimator = load_estimator(model_dir / name, cache_dir=tmp_path)
    path = footage / "head-pose-face-detection-female-and-male-preview.mp4"
    image = next(open_source(path).frames(2.0)).image()
    poses = estimator.estimate(image, (0.0, 0.0, 1.0, 1.0))
    assert len(poses.scores) == 2
    for box, joints in zip(poses.boxes_xyxy, poses.keypoints, strict=True):
        nose, shoulders = joints[0], joints[[5, 6]]
        assert nose[2] > 0.5
        assert box[0] < nose[0] < box[2] and box[1] < nose[1] < box[3]
        assert (shoulders[:, 1] > nose[1]).all()
        assert shoulders[1, 0] < shoulders[0, 0]  # they face the camera
