import numpy as np
import pytest

from detection.vision.types import Observation
from review.privacy.faces import FaceScanner
from review.privacy.regions import WHOLE_PICTURE, covered_share
from tests.review.privacy.drawing import (
    BreakingDetector,
    ColourDetector,
    scene,
    write_clip,
    write_image,
)

HEAD = (68 / 320, 60 / 240, 96 / 320, 88 / 240)  # of scene((40 + 14, 60, 140))
PERSON = (0.1, 0.2, 0.3, 0.9)


@pytest.fixture
def empty_picture(tmp_path):
    return write_image(tmp_path / "empty.png", scene())


@pytest.fixture
def person_picture(tmp_path):
    return write_image(tmp_path / "person.png", scene((54, 60, 140)))


def seen(class_name, box=PERSON, at=0.0):
    return Observation(at, 1, class_name, 0.8, box)


def test_an_empty_picture_is_clear_only_because_a_detector_ran(people_scanner, empty_picture):
    scan = people_scanner.scan_image(empty_picture)
    assert (scan.result, scan.regions, scan.detectors) == ("clear", (), ("head",))
    assert (scan.frames_scanned, scan.error) == (1, "")


def test_somebody_without_a_visible_face_still_has_a_head(people_scanner, person_picture):
    scan = people_scanner.scan_image(person_picture)
    (region,) = scan.regions
    assert (scan.result, region.source, region.at_seconds) == ("faces", "head", None)
    assert covered_share(HEAD, [region.box_xyxy]) == 1.0


@pytest.mark.parametrize(
    ("detector", "result"),
    [
        (ColourDetector("visitor"), "faces"),
        (ColourDetector("car"), "clear"),
        (ColourDetector(score=0.26), "faces"),
        (ColourDetector(score=0.2), "clear"),
    ],
    ids=["a site's own class", "not a person", "barely a person", "below the threshold"],
)
def test_which_boxes_are_people(detector, result, person_picture):
    scanner = FaceScanner(yunet_path=None, person_detector=detector)
    assert scanner.scan_image(person_picture).result == result


def test_known_person_boxes_join_those_that_are_detected(people_scanner, empty_picture):
    scan = people_scanner.scan_image(empty_picture, person_boxes=[PERSON, seen("person")])
    assert scan.result == "faces"
    assert [region.source for region in scan.regions] == ["head", "head"]


def test_known_boxes_of_other_things_are_no_heads(people_scanner, empty_picture):
    assert people_scanner.scan_image(empty_picture, person_boxes=[seen("car")]).result == "clear"


def test_what_moves_may_be_anybody_and_is_taken_whole(people_scanner, empty_picture):
    scan = people_scanner.scan_image(empty_picture, person_boxes=[seen("moving")])
    assert scan.result == "faces"
    assert [(r.source, r.box_xyxy) for r in scan.regions] == [("moving", PERSON)]


@pytest.mark.parametrize("box", [(np.nan, 0, 1, 1), (0.5, 0.5, 0.4, 0.6), (0, 0, 1)])
def test_a_known_box_that_makes_no_sense_fails_the_scan(people_scanner, empty_picture, box):
    scan = people_scanner.scan_image(empty_picture, person_boxes=[box])
    assert scan.result == "failed"
    assert scan.error


class MotionDetector(ColourDetector):
    backend = "motion"


@pytest.mark.parametrize("detector", [None, MotionDetector("moving")])
def test_without_any_detector_a_still_fails_and_stands_for_all_of_itself(detector, empty_picture):
    scan = FaceScanner(yunet_path=None, person_detector=detector).scan_image(empty_picture)
    assert (scan.result, scan.detectors) == ("failed", ())
    assert [r.box_xyxy for r in scan.regions] == [WHOLE_PICTURE]
    assert "could run" in scan.error


@pytest.mark.parametrize("class_name", ["person", "car", "moving"])
def test_without_any_detector_every_known_box_is_taken_whole(class_name, empty_picture):
    scan = FaceScanner(yunet_path=None).scan_image(empty_picture, person_boxes=[seen(class_name)])
    assert scan.result == "failed"
    assert ("moving", PERSON) in [(r.source, r.box_xyxy) for r in scan.regions]


def test_a_face_model_that_is_not_there_leaves_the_heads(tmp_path, person_picture):
    scanner = FaceScanner(yunet_path=tmp_path / "none.onnx", person_detector=ColourDetector())
    scan = scanner.scan_image(person_picture)
    assert (scan.result, scan.detectors) == ("faces", ("head",))


def test_a_face_model_that_is_broken_fails_the_scan(tmp_path, person_picture):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    scan = FaceScanner(yunet_path=broken, person_detector=ColourDetector()).scan_image(
        person_picture
    )
    assert scan.result == "failed"
    assert "yunet" in scan.error
    assert [region.source for region in scan.regions] == ["head"]


def test_a_detector_that_breaks_fails_the_scan(empty_picture):
    scan = FaceScanner(yunet_path=None, person_detector=BreakingDetector()).scan_image(
        empty_picture
    )
    assert scan.result == "failed"
    assert "out of memory" in scan.error


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 no picture", b"\0" * 4096])
def test_a_picture_that_cannot_be_read_fails(people_scanner, tmp_path, content):
    path = tmp_path / "camera-3.jpg"
    path.write_bytes(content)
    scan = people_scanner.scan_image(path)
    assert (scan.result, scan.frames_scanned) == ("failed", 0)
    assert "camera-3.jpg" in scan.error


def test_a_file_that_is_not_there_fails(people_scanner, tmp_path):
    assert people_scanner.scan_image(tmp_path / "none.jpg").result == "failed"
    assert people_scanner.scan_clip(tmp_path / "none.mp4").result == "failed"


def test_a_truncated_jpeg_fails(people_scanner, tmp_path):
    path = write_image(tmp_path / "cut.jpg", scene((54, 60, 140)))
    path.write_bytes(path.read_bytes()[:-2000])
    assert people_scanner.scan_image(path).result == "failed"


def test_an_empty_clip_is_clear(people_scanner, tmp_path):
    scan = people_scanner.scan_clip(write_clip(tmp_path / "a.mp4", [scene()] * 11))
    assert (scan.result, scan.frames_scanned) == ("clear", 6)


def test_a_clip_is_looked_at_five_times_a_second_and_at_its_end(people_scanner, tmp_path, walk):
    scan = people_scanner.scan_clip(write_clip(tmp_path / "a.mp4", walk))
    times = [region.at_seconds for region in scan.regions]
    assert times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 1.9])
    assert scan.detectors == ("head",)


def test_sampling_follows_the_clock_and_not_the_frame_count(people_scanner, tmp_path):
    times = [0, 30, 60, 90, 1000, 1030, 2000, 2010]
    clip = write_clip(tmp_path / "a.mp4", [scene((54, 60, 140))] * 8, times=times)
    scan = people_scanner.scan_clip(clip)
    assert [r.at_seconds for r in scan.regions] == pytest.approx([0, 1, 2, 2.01])


def test_tracks_join_what_is_detected_where_they_reach_the_clip(people_scanner, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [scene()] * 11)
    tracks = [seen("person", at=at) for at in (-9.0, -0.3, 0.5, 1.4, 7.0)]
    scan = people_scanner.scan_clip(clip, person_tracks=[*tracks, seen("moving", at=0.7)])
    found = [(region.source, region.at_seconds) for region in scan.regions]
    assert found == [("head", -0.3), ("head", 0.5), ("head", 1.4), ("moving", 0.7)]


def test_a_clip_in_which_a_detector_breaks_fails_and_keeps_what_was_found(tmp_path, walk):
    clip = write_clip(tmp_path / "a.mp4", walk)
    scan = FaceScanner(yunet_path=None, person_detector=BreakingDetector(after=4)).scan_clip(clip)
    assert (scan.result, scan.detectors) == ("failed", ())
    assert sum(region.source == "head" for region in scan.regions) == 4


def test_without_any_detector_a_clip_fails_and_what_moves_is_taken(tmp_path, walk):
    scan = FaceScanner(yunet_path=None).scan_clip(write_clip(tmp_path / "a.mp4", walk))
    assert scan.result == "failed"
    assert {region.source for region in scan.regions} == {"moving"}
    for step in range(0, 20, 2):
        at = step / 10
        person = tuple((40 + 8 * step + dx) / 320 for dx in (0, 56))
        box = (person[0], 60 / 240, person[1], 200 / 240)
        near = [r.box_xyxy for r in scan.regions if abs(r.at_seconds - at) < 0.05]
        assert covered_share(box, near) > 0.98


def test_without_any_detector_a_clip_where_nothing_moves_stands_for_all_of_itself(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [scene((54, 60, 140))] * 11)
    scan = FaceScanner(yunet_path=None).scan_clip(clip)
    assert scan.result == "failed"
    assert [(r.box_xyxy, r.at_seconds) for r in scan.regions] == [(WHOLE_PICTURE, None)]


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.95])
def test_a_truncated_clip_fails(people_scanner, tmp_path, walk, kept):
    path = write_clip(tmp_path / "gate.mp4", walk)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    scan = people_scanner.scan_clip(path)
    assert scan.result == "failed"
    assert "gate.mp4" in scan.error


def test_a_clip_with_a_hole_fails(people_scanner, tmp_path, walk):
    path = write_clip(tmp_path / "gate.mp4", walk)
    whole = bytearray(path.read_bytes())
    start = whole.index(b"mdat") + 2000
    whole[start : start + 3000] = np.random.default_rng(7).bytes(3000)
    path.write_bytes(bytes(whole))
    assert people_scanner.scan_clip(path).result == "failed"


@pytest.mark.parametrize("fps", [0, 1, 1.9])
def test_a_sampling_rate_that_would_leave_gaps_is_refused(fps):
    with pytest.raises(ValueError, match="sample_fps"):
        FaceScanner(yunet_path=None, sample_fps=fps)
