"""Measuring frames: known bodies give known numbers, what is missing stays missing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection import checkpoints
from detection.vision import landmarks as body_points
from detection.vision.landmarks import Landmarks, MediapipeError
from detection.vision.task_columns import MODES, VALUES, names_of
from detection.vision.task_features import FeatureExtractor
from hitlsite.errors import DomainError
from tests.detection.vision.task_looks import (
    SQUARE,
    WIDE,
    Looks,
    Remembers,
    body,
    seen,
    standing,
)


def measured(frames, image=SQUARE, fps=10.0, mode="mediapipe", objects=None):
    """Return one {column: number} for every frame, in which what is missing is absent."""
    extractor = FeatureExtractor(
        mode, landmarker=Looks(frames), detector=Looks(objects) if objects else None
    )
    steps = [extractor.step(image, k / fps, k) for k in range(len(frames or objects))]
    return [by_name(step, extractor) for step in steps]


def by_name(step, extractor):
    return {
        name: float(value)
        for name, value in zip(extractor.names, step.values, strict=True)
        if not math.isnan(value)
    }


class TestAngles:
    @pytest.mark.parametrize(
        ("wrist", "degrees"),
        [
            ((0.5, 0.9), 180.0),
            ((0.7, 0.7), 135.0),
            ((0.7, 0.5), 90.0),
            ((0.3, 0.5), 90.0),
            ((0.5, 0.1), 0.0),
        ],
    )
    def test_an_elbow(self, wrist, degrees):
        pose = body(right_shoulder=(0.5, 0.2), right_elbow=(0.5, 0.5), right_wrist=wrist)
        (found,) = measured([Landmarks(pose)])
        assert found["right_elbow_angle"] == pytest.approx(degrees, abs=1e-4)
        assert "left_elbow_angle" not in found

    @pytest.mark.parametrize("side", ["left", "right"])
    @pytest.mark.parametrize(
        ("joint", "ends"),
        [
            ("elbow", ("shoulder", "wrist")),
            ("shoulder", ("elbow", "hip")),
            ("hip", ("shoulder", "knee")),
            ("knee", ("hip", "ankle")),
        ],
    )
    def test_each_joint_lies_between_its_neighbours(self, side, joint, ends):
        places = {
            f"{side}_{ends[0]}": (0.5, 0.4),
            f"{side}_{joint}": (0.5, 0.6),
            f"{side}_{ends[1]}": (0.7, 0.6),
        }
        (found,) = measured([Landmarks(body(**places))])
        assert found[f"{side}_{joint}_angle"] == pytest.approx(90.0, abs=1e-3)
        assert len([name for name in found if name.endswith("_angle")]) == 1
        for left_out in places:
            rest = {name: place for name, place in places.items() if name != left_out}
            (found,) = measured([Landmarks(body(**rest))])
            assert f"{side}_{joint}_angle" not in found

    def test_a_wide_picture_does_not_bend_limbs(self):
        # In pixels: shoulder (60, 20), elbow (100, 60), wrist (60, 100).
        pose = body(right_shoulder=(0.3, 0.2), right_elbow=(0.5, 0.6), right_wrist=(0.3, 1.0))
        (found,) = measured([Landmarks(pose)], image=WIDE)
        assert found["right_elbow_angle"] == pytest.approx(90.0, abs=1e-3)

    def test_points_in_one_place_have_no_angle(self):
        pose = body(right_shoulder=(0.5, 0.5), right_elbow=(0.5, 0.5), right_wrist=(0.7, 0.5))
        (found,) = measured([Landmarks(pose)])
        assert "right_elbow_angle" not in found

    @given(st.floats(0, 2 * math.pi), st.floats(0.1, math.pi - 0.1), st.floats(0.05, 0.4))
    @settings(max_examples=60, deadline=None)
    def test_turning_and_size_change_no_angle(self, turn, bend, size):
        middle = np.array((0.5, 0.5))
        first, second = (
            middle + size * np.array((math.cos(a), math.sin(a))) for a in (turn, turn + bend)
        )
        pose = body(left_hip=first, left_knee=middle, left_ankle=second)
        (found,) = measured([Landmarks(pose)])
        assert found["left_knee_angle"] == pytest.approx(math.degrees(bend), abs=1e-2)


class TestHands:
    def test_speed_is_in_shoulder_widths_a_second(self):
        before, after = measured([standing(hand=(0.5, 0.5)), standing(hand=(0.53, 0.54))])
        assert "right_hand_vx" not in before
        assert after["right_hand_vx"] == pytest.approx(0.03 / 0.2 / 0.1, rel=1e-4)
        assert after["right_hand_vy"] == pytest.approx(0.04 / 0.2 / 0.1, rel=1e-4)
        assert after["right_hand_speed"] == pytest.approx(0.05 / 0.2 / 0.1, rel=1e-4)
        assert (after["right_hand_x"], after["right_hand_y"]) == pytest.approx((0.53, 0.54))

    def test_distance_from_the_camera_does_not_change_it(self):
        near = measured([standing(hand=(0.5, 0.5)), standing(hand=(0.54, 0.5))])[1]
        far = measured(
            [standing(hand=(0.5, 0.5), width=0.1), standing(hand=(0.52, 0.5), width=0.1)]
        )
        assert far[1]["right_hand_vx"] == pytest.approx(near["right_hand_vx"], rel=1e-4)

    def test_a_wide_picture_measures_alike_in_both_directions(self):
        _, across = measured([standing(hand=(0.5, 0.5)), standing(hand=(0.51, 0.5))], image=WIDE)
        _, down = measured([standing(hand=(0.5, 0.5)), standing(hand=(0.5, 0.52))], image=WIDE)
        assert across["right_hand_speed"] == pytest.approx(down["right_hand_speed"], rel=1e-4)

    def test_turning_sideways_does_not_make_the_shoulders_narrow(self):
        turned = standing(hand=(0.54, 0.5), width=0.0)
        turned.pose[body_points.LEFT_SHOULDER, 2] = 0.2
        sideways = measured([standing(hand=(0.5, 0.5)), turned])[1]
        facing = measured([standing(hand=(0.5, 0.5)), standing(hand=(0.54, 0.5))])[1]
        assert sideways["right_hand_speed"] == pytest.approx(facing["right_hand_speed"], rel=1e-4)

    def test_without_shoulders_there_is_a_place_and_no_speed(self):
        frames = [Landmarks(body(right_wrist=(0.5, y))) for y in (0.5, 0.6)]
        after = measured(frames)[1]
        assert set(after) == {"right_hand_x", "right_hand_y"}

    @pytest.mark.parametrize(("fps", "has_speed"), [(1.0, True), (0.99, False), (0.5, False)])
    def test_a_gap_ends_it(self, fps, has_speed):
        after = measured([standing(), standing(hand=(0.6, 0.5))], fps=fps)[1]
        assert ("right_hand_vx" in after) == has_speed

    def test_a_hand_that_was_hidden_for_less_than_a_second_goes_on(self):
        hidden = standing(hand=(math.nan, math.nan))
        frames = [standing(hand=(0.5, 0.5)), hidden, standing(hand=(0.54, 0.5))]
        rows = measured(frames)
        assert "right_hand_x" not in rows[1]
        assert rows[2]["right_hand_vx"] == pytest.approx(0.04 / 0.2 / 0.2, rel=1e-4)

    def test_somebody_else_does_not_take_over_the_hand(self):
        frames = [standing(0.2, hand=(0.2, 0.5)), standing(0.8, hand=(0.8, 0.5))]
        frames.append(standing(0.8, hand=(0.82, 0.5)))
        rows = measured(frames)
        assert "right_hand_speed" not in rows[1]
        assert rows[2]["right_hand_speed"] == pytest.approx(0.02 / 0.2 / 0.1, rel=1e-3)

    def test_the_hand_s_own_wrist_stands_in_and_never_mixes_with_the_body_s(self):
        hand = np.full((21, 3), (0.6, 0.6, 0.0), np.float32)
        both = standing(hand=(0.5, 0.5))
        both = Landmarks(both.pose, right_hand=hand)
        alone = Landmarks(standing(hand=(math.nan, math.nan)).pose, right_hand=hand)
        first, second, third = measured([standing(hand=(0.5, 0.5)), alone, both])
        assert second["right_hand_x"] == pytest.approx(0.6)
        assert "right_hand_speed" not in second  # 0.6 of the hand against 0.5 of the body
        assert third["right_hand_x"] == pytest.approx(0.5)
        assert third["right_hand_speed"] == pytest.approx(0.0, abs=1e-6)

    def test_times_that_do_not_advance_have_no_speed(self):
        extractor = FeatureExtractor("mediapipe", landmarker=Looks([standing(), standing()]))
        extractor.step(SQUARE, 1.0, 0)
        assert "right_hand_vx" not in by_name(extractor.step(SQUARE, 1.0, 1), extractor)


class TestObjects:
    def test_people_and_things_are_counted_apart(self):
        (row,) = measured(
            None,
            mode="yolo",
            objects=[
                seen(
                    ("person", 0.9, (0.1, 0.2, 0.3, 0.8)),
                    ("cup", 0.5, (0.5, 0.5, 0.6, 0.6)),
                    ("person", 0.4, (0.6, 0.2, 0.9, 0.9)),
                    ("cup", 0.2, (0.0, 0.0, 0.9, 0.9)),
                )
            ],
        )
        assert (row["num_people"], row["num_objects"]) == (2.0, 1.0)
        assert row["person_x"] == pytest.approx(0.75)
        assert (row["person_y"], row["person_height"]) == pytest.approx((0.9, 0.7))

    def test_nothing_is_none_of_it_and_nobody_has_no_place(self):
        (row,) = measured(None, mode="yolo", objects=[seen()])
        assert row == {"num_people": 0.0, "num_objects": 0.0}

    def test_a_person_s_velocity_is_in_heights_a_second(self):
        boxes = [(0.1, 0.2, 0.3, 0.7), (0.2, 0.25, 0.4, 0.75)]
        objects = [seen(("person", 0.9, box)) for box in boxes]
        row = measured(None, mode="yolo", objects=objects, image=WIDE)[1]
        assert row["person_vx"] == pytest.approx(0.1 * 2 / 0.5 / 0.1, rel=1e-4)
        assert row["person_vy"] == pytest.approx(0.05 / 0.5 / 0.1, rel=1e-4)

    def test_another_person_has_no_velocity(self):
        boxes = [(0.0, 0.5, 0.1, 0.7), (0.8, 0.5, 0.9, 0.7)]
        row = measured(None, mode="yolo", objects=[seen(("person", 0.9, b)) for b in boxes])[1]
        assert "person_vx" not in row
        assert row["person_x"] == pytest.approx(0.85)

    @pytest.mark.parametrize(
        ("classes", "people"),
        [(("person", "pallet"), 0.0), (("visitor", "staff"), 1.0), (("vehicle", "bag"), 0.0)],
    )
    def test_who_is_a_person_where_a_detector_has_its_own_names(self, classes, people):
        detector = Looks([seen((classes[1], 0.9, (0.1, 0.1, 0.2, 0.2)))], class_names=classes)
        extractor = FeatureExtractor("yolo", detector=detector)
        row = by_name(extractor.step(SQUARE, 0.0, 0), extractor)
        assert (row["num_people"], row["num_objects"]) == (people, 1.0 - people)

    @pytest.mark.parametrize(
        ("box", "widths"),
        [
            ((0.7, 0.4, 0.8, 0.6), 1.0),
            ((0.45, 0.45, 0.55, 0.55), 0.0),
            ((0.4, 0.1, 0.6, 0.3), 1.0),
            ((0.53, 0.54, 0.9, 0.9), 0.25),
        ],
        ids=["beside", "inside", "above", "diagonal"],
    )
    def test_how_far_the_hand_is_from_an_object(self, box, widths):
        far = ("cup", 0.9, (0.98, 0.98, 1.0, 1.0))
        objects = [seen(("person", 0.9, (0.4, 0.4, 0.6, 0.6)), far, ("cup", 0.9, box))]
        (row,) = measured([standing(hand=(0.5, 0.5))], mode="fusion", objects=objects)
        assert row["hand_obj_dist"] == pytest.approx(widths, abs=1e-5)

    @pytest.mark.parametrize(
        ("who", "objects"),
        [
            (standing(), seen(("person", 0.9, (0.4, 0.4, 0.6, 0.6)))),
            (standing(hand=(math.nan, math.nan)), seen(("cup", 0.9, (0.4, 0.4, 0.6, 0.6)))),
            (Landmarks(), seen(("cup", 0.9, (0.4, 0.4, 0.6, 0.6)))),
            (
                Landmarks(body(right_wrist=(0.5, 0.5))),
                seen(("cup", 0.9, (0.4, 0.4, 0.6, 0.6))),
            ),
        ],
        ids=["no object", "no hand", "nobody", "no shoulders"],
    )
    def test_no_distance_without_both_and_a_scale(self, who, objects):
        (row,) = measured([who], mode="fusion", objects=[objects])
        assert "hand_obj_dist" not in row


class TestExtractor:
    @pytest.mark.parametrize("mode", MODES)
    def test_each_mode_has_its_columns_and_asks_only_who_it_needs(self, mode):
        pose, objects = [standing(), standing()], [seen(), seen()]
        asked = {"landmarker": Looks(pose), "detector": Looks(objects)}
        extractor = FeatureExtractor(mode, **asked)
        row = extractor.step(SQUARE, 0.0, 7)
        assert extractor.names == names_of(mode)
        assert row.values.shape == (len(names_of(mode)),)
        assert row.values.dtype == np.float32
        assert (row.index, row.at_seconds) == (7, 0.0)
        assert (row.landmarks is None) == (mode == "yolo")
        left = [len(list(looks._answers)) for looks in asked.values()]
        assert left == {"fusion": [1, 1], "mediapipe": [1, 2], "yolo": [2, 1]}[mode]

    def test_fusion_has_all_columns_and_only_it_has_the_distance(self):
        assert names_of("fusion") == tuple(column.name for column in VALUES)
        single = set(names_of("mediapipe")) | set(names_of("yolo"))
        assert set(names_of("fusion")) - single == {"hand_obj_dist"}
        assert not set(names_of("mediapipe")) & set(names_of("yolo"))

    @pytest.mark.parametrize(
        ("mode", "code"),
        [
            ("fusion", "mediapipe_unavailable"),
            ("mediapipe", "mediapipe_unavailable"),
            ("yolo", "detector_unavailable"),
            ("both", "detector_unknown"),
        ],
    )
    def test_who_is_missing_is_said(self, mode, code):
        with pytest.raises(DomainError) as refused:
            FeatureExtractor(mode)
        assert refused.value.code == code

    def test_nobody_in_the_picture_is_all_missing(self):
        rows = measured([Landmarks()] * 3, mode="fusion", objects=[seen()] * 3)
        assert rows == [{"num_objects": 0.0, "num_people": 0.0}] * 3

    def test_a_failure_is_told_and_leaves_no_trace(self):
        frames = [standing(), MediapipeError("it hung"), standing(hand=(0.54, 0.5))]
        extractor = FeatureExtractor("mediapipe", landmarker=Looks(frames))
        extractor.step(SQUARE, 0.0, 0)
        before = extractor.state()
        with pytest.raises(MediapipeError, match="hung"):
            extractor.step(SQUARE, 0.1, 1)
        assert extractor.state() == before
        row = by_name(extractor.step(SQUARE, 0.2, 2), extractor)
        assert row["right_hand_vx"] == pytest.approx(0.04 / 0.2 / 0.2, rel=1e-4)

    def test_a_detector_s_memory_is_part_of_the_state(self):
        whole = FeatureExtractor("yolo", detector=Remembers())
        rows = [whole.step(SQUARE, k / 10, k).values for k in range(6)]
        first = FeatureExtractor("yolo", detector=Remembers())
        for k in range(3):
            first.step(SQUARE, k / 10, k)
        second = FeatureExtractor("yolo", detector=Remembers())
        second.restore(checkpoints.decode(checkpoints.encode(first.state())))
        again = [second.step(SQUARE, k / 10, k).values for k in range(3, 6)]
        assert np.array_equal(again, rows[3:], equal_nan=True)

    def test_a_state_that_knows_nothing_of_a_detector_leaves_it_alone(self):
        detector = Looks([])
        FeatureExtractor("yolo", detector=detector).restore({"last": {}})
        assert detector.restored is None
