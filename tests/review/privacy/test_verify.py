import cv2
import numpy as np
import pytest

from detection.vision.types import Detections
from hitlsite.errors import DomainError
from review.privacy.faces import FaceScan, FaceScanner
from review.privacy.redact import METHODS
from review.privacy.regions import WHOLE_PICTURE, Region
from review.privacy.verify import (
    check_clip,
    check_image,
    redact_and_verify_clip,
    redact_and_verify_image,
)
from tests.review.privacy.drawing import (
    HEAD_COLOUR,
    BreakingDetector,
    ColourDetector,
    read_clip,
    scene,
    write_clip,
    write_image,
)

CLEAR = FaceScan("clear", (), ("head",), 1)
TWO_PEOPLE = ((40, 60, 140), (220, 60, 140))
EVERYTHING = Region(WHOLE_PICTURE, "drawn", 1.0)


class Everywhere(ColourDetector):
    """Sees somebody else at every look, so that no redaction is ever enough."""

    def detect(self, image, at_seconds):
        self.calls += 1
        left = (self.calls % 7) / 8
        box = np.array([(left, 0.1 * (self.calls % 5), left + 0.1, 0.9)], np.float32)
        return Detections(box, np.array([0.9], np.float32), ("person",))


class Doubting(ColourDetector):
    """Sees somebody faintly on the right at its first look, and somebody on the left or nobody."""

    def __init__(self, left_score):
        super().__init__()
        self.left_score = left_score

    def detect(self, image, at_seconds):
        self.calls += 1
        if self.calls > 1:
            return Detections.empty()
        boxes = np.array([(0.1, 0.1, 0.2, 0.9), (0.7, 0.1, 0.8, 0.9)], np.float32)
        scores = np.array([self.left_score, 0.17], np.float32)
        return Detections(boxes, scores, ("person", "person"))


class HeadDetector(ColourDetector):
    """Sees a person only where the head is, and then from the body's edges."""

    def detect(self, image, at_seconds):
        near = np.abs(image.astype(int) - HEAD_COLOUR).max(axis=2) < 50
        return super().detect(image, at_seconds) if near.sum() > 40 else Detections.empty()


class ShrinkingDetector(ColourDetector):
    """Draws its box from the neck down once the head cannot be made out, as real ones do."""

    def detect(self, image, at_seconds):
        found = super().detect(image, at_seconds)
        near = np.abs(image.astype(int) - HEAD_COLOUR).max(axis=2) < 50
        if near.sum() < 40:
            dark = image[:, 60:80].sum(axis=2).max(axis=1) < 60
            bottom = (np.flatnonzero(dark)[-1] + 1) / image.shape[0] if dark.any() else 0
            found.boxes_xyxy[:, 1] = np.maximum(found.boxes_xyxy[:, 1], bottom)
        return found


def scanner(detector=None):
    return FaceScanner(yunet_path=None, person_detector=detector or ColourDetector())


def red_pixels(image):
    return int((np.abs(image.astype(int) - HEAD_COLOUR).max(axis=2) < 50).sum())


@pytest.fixture
def two_people(tmp_path):
    return write_image(tmp_path / "in.png", scene(*TWO_PEOPLE))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "redacted.jpg"


@pytest.mark.parametrize("method", METHODS)
def test_a_still_with_people_is_redacted_and_proved(method, two_people, out):
    scan = scanner().scan_image(two_people)
    report = redact_and_verify_image(two_people, out, scan, method, scanner())
    assert (report.verified, report.rounds, report.residuals) == (True, 0, ())
    assert (report.method, report.regions, report.error) == (method, scan.regions, "")
    assert red_pixels(cv2.imread(str(out))) == 0
    assert check_image(out, report.regions, scanner()).result == "clear"


@pytest.mark.parametrize("method", METHODS)
def test_what_the_first_scan_missed_is_masked(method, two_people, out):
    report = redact_and_verify_image(two_people, out, CLEAR, method, scanner())
    assert (report.verified, report.rounds) == (True, 1)
    assert [region.source for region in report.regions] == ["residual", "residual"]
    image = cv2.imread(str(out))
    assert image[62:85, 66:80].max() < 12
    assert check_image(out, report.regions, scanner()).result == "clear"


@pytest.mark.parametrize(("left_score", "rounds", "masked"), [(0.9, 1, 2), (0.17, 0, 0)])
def test_what_is_doubtful_is_masked_with_what_counts(left_score, rounds, masked, two_people, out):
    look = scanner(Doubting(left_score))
    report = redact_and_verify_image(two_people, out, CLEAR, "blur", look)
    assert (report.verified, report.rounds, len(report.regions)) == (True, rounds, masked)


def test_a_file_is_checked_against_its_own_record(two_people, out):
    scan = scanner().scan_image(two_people)
    redact_and_verify_image(two_people, out, scan, "blur", scanner())
    check = check_image(out, scan.regions[:1], scanner())
    assert check.result == "faces"
    assert [region.box_xyxy[0] for region in check.regions] == [scan.regions[1].box_xyxy[0]]
    assert check_image(two_people, (), scanner()).result == "faces"


def test_a_head_covered_by_less_than_ninety_five_percent_is_a_residual(two_people, out):
    scan = scanner().scan_image(two_people)
    box = scan.regions[0].box_xyxy
    left, top, right, bottom = box
    for share, result in ((0.96, "clear"), (0.94, "faces")):
        partly = Region((left, top, left + share * (right - left), bottom), "drawn", 1.0)
        rest = Region(scan.regions[1].box_xyxy, "drawn", 1.0)
        assert check_image(two_people, (partly, rest), scanner()).result == result


def test_a_body_below_a_hidden_head_is_no_new_head(tmp_path, out):
    src = write_image(tmp_path / "in.png", scene((40, 60, 140)))
    look = scanner(ShrinkingDetector())
    report = redact_and_verify_image(src, out, look.scan_image(src), "mask", look)
    assert (report.verified, report.rounds) == (True, 0)


def test_somebody_below_a_hidden_face_is_still_looked_at(tmp_path):
    src = write_image(tmp_path / "in.png", scene((40, 60, 140)))
    (head,) = scanner().scan_image(src).regions
    left, top, right, _ = head.box_xyxy
    above = Region((left, top - 0.2, right, top), "yunet", 0.9)
    assert check_image(src, (above,), scanner()).result == "faces"
    beside = Region((left + 0.3, top - 0.2, right + 0.3, top), "head", 0.9)
    assert check_image(src, (beside,), scanner()).result == "faces"


def test_what_is_left_after_three_rounds_blocks(two_people, out):
    look = scanner(Everywhere())
    report = redact_and_verify_image(two_people, out, CLEAR, "blur", look)
    assert (report.verified, report.rounds) == (False, 3)
    assert report.residuals
    assert list(out.parent.iterdir()) == []


def test_the_number_of_rounds_can_be_less(two_people, out):
    report = redact_and_verify_image(two_people, out, CLEAR, "blur", scanner(), rounds=0)
    assert (report.verified, report.rounds, len(report.residuals)) == (False, 0, 2)


ELSEWHERE = (Region((0.0, 0.0, 0.1, 0.1), "drawn", 1.0),)


@pytest.mark.parametrize(
    ("score", "recorded", "result"),
    [
        (0.26, (), "faces"),
        (0.24, (), "clear"),
        (0.26, ELSEWHERE, "faces"),
        (0.22, ELSEWHERE, "faces"),
        (0.18, ELSEWHERE, "clear"),
    ],
)
def test_the_second_look_is_stricter_than_the_first(score, recorded, result, two_people):
    look = scanner(ColourDetector(score=score))
    assert check_image(two_people, recorded, look).result == result


class Doubtful(ColourDetector):
    """Is sure of the person on the left only."""

    def detect(self, image, at_seconds):
        found = super().detect(image, at_seconds)
        found.scores[found.boxes_xyxy[:, 0] > 0.5] = 0.17
        return found


def test_where_somebody_is_seen_the_doubtful_are_hidden_too(two_people, out):
    look = scanner(Doubtful())
    scan = look.scan_image(two_people)
    assert sorted(round(region.score, 2) for region in scan.regions) == [0.17, 0.9]
    assert redact_and_verify_image(two_people, out, scan, "mask", look).rounds == 0
    assert red_pixels(cv2.imread(str(out))) == 0


def test_the_second_look_takes_other_frames_than_the_first(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", [scene((40 + 8 * n, 60, 140)) for n in range(11)])
    first = scanner().scan_clip(clip)
    second = scanner().scan_clip(clip, is_second=True)
    times = [round(region.at_seconds, 3) for region in second.regions]
    assert times == [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    assert {round(region.at_seconds, 3) for region in first.regions} & set(times) == {0.0, 1.0}


@pytest.mark.parametrize("check", [check_image, check_clip])
def test_a_detector_of_the_first_look_must_be_there_for_the_second(check, tmp_path):
    write = {check_image: write_image, check_clip: write_clip}[check]
    src = (
        write(tmp_path / "in.mp4", [scene()] * 3)
        if check is check_clip
        else write(tmp_path / "in.png", scene())
    )
    assert check(src, ELSEWHERE, scanner(), needed=("head",)).result == "clear"
    second = check(src, ELSEWHERE, scanner(), needed=("head", "yunet"))
    assert (second.result, "yunet" in second.error) == ("failed", True)


def test_drawn_regions_are_redacted_too(tmp_path, out):
    src = write_image(tmp_path / "in.png", scene())
    drawn = Region((0.5, 0.5, 0.75, 0.75), "drawn", 1.0)
    report = redact_and_verify_image(src, out, CLEAR, "mask", scanner(), drawn=[drawn])
    assert (report.verified, report.regions) == (True, (drawn,))
    assert cv2.imread(str(out))[122:178, 162:238].max() < 12


@pytest.mark.parametrize("after", [0, 1])
def test_a_detector_that_breaks_blocks(after, two_people, out):
    look = scanner(BreakingDetector(after=after))
    report = redact_and_verify_image(two_people, out, CLEAR, "blur", look)
    assert not report.verified
    assert "out of memory" in report.error
    assert list(out.parent.iterdir()) == []


def test_without_any_detector_a_still_hides_what_is_known_to_move(two_people, out):
    blind, moving = FaceScanner(yunet_path=None), [(0.1, 0.1, 0.4, 0.9)]
    scan = blind.scan_image(two_people, person_boxes=moving)
    assert scan.result == "failed"
    assert redact_and_verify_image(two_people, out, scan, "mask", blind).verified
    height, width = cv2.imread(str(out)).shape[:2]
    hidden = cv2.imread(str(out))[int(height * 0.1) : int(height * 0.9), int(width * 0.1) :]
    assert hidden[:, : int(width * 0.3)].max() < 12


def test_without_any_detector_a_still_of_which_nothing_is_known_is_hidden_whole(two_people, out):
    blind = FaceScanner(yunet_path=None)
    report = redact_and_verify_image(two_people, out, blind.scan_image(two_people), "mask", blind)
    assert report.verified
    assert cv2.imread(str(out)).max() < 12


def test_without_any_detector_faces_on_record_are_not_proof(two_people, out):
    blind, faces = FaceScanner(yunet_path=None), [Region((0.2, 0.1, 0.3, 0.2), "yunet", 0.9)]
    known = FaceScan("faces", tuple(faces), ("yunet",), 1)
    report = redact_and_verify_image(two_people, out, known, "mask", blind)
    assert not report.verified
    assert "could run" in report.error


def test_without_any_detector_a_picture_hidden_whole_is_verified(two_people, out):
    blind = FaceScanner(yunet_path=None)
    report = redact_and_verify_image(two_people, out, CLEAR, "mask", blind, drawn=[EVERYTHING])
    assert report.verified
    assert cv2.imread(str(out)).max() < 12


@pytest.mark.parametrize("content", [b"", b"junk"])
@pytest.mark.parametrize("check", [check_image, check_clip])
@pytest.mark.parametrize("recorded", [(), (EVERYTHING,)], ids=["nothing", "everything"])
def test_a_stored_file_that_cannot_be_read_fails_its_check(check, content, recorded, tmp_path):
    (tmp_path / "stored").write_bytes(content)
    assert check(tmp_path / "stored", recorded, scanner()).result == "failed"
    assert check(tmp_path / "gone", recorded, scanner()).result == "failed"


def test_an_unreadable_still_blocks_and_is_named(tmp_path, out):
    (tmp_path / "gate.jpg").write_bytes(b"junk")
    report = redact_and_verify_image(tmp_path / "gate.jpg", out, CLEAR, "mask", scanner())
    assert not report.verified
    assert "gate.jpg" in report.error


def test_an_existing_file_is_replaced_only_by_a_verified_one(two_people, out):
    out.write_bytes(b"as it was")
    redact_and_verify_image(two_people, out, CLEAR, "blur", scanner(Everywhere()))
    assert out.read_bytes() == b"as it was"
    redact_and_verify_image(two_people, out, CLEAR, "blur", scanner())
    assert out.read_bytes() != b"as it was"


def test_a_folder_that_cannot_be_written_is_an_error_and_not_a_verdict(two_people, tmp_path):
    with pytest.raises(DomainError) as refusal:
        redact_and_verify_image(two_people, tmp_path / "none" / "o.jpg", CLEAR, "blur", scanner())
    assert refusal.value.code == "disk_full"


@pytest.mark.parametrize("method", METHODS)
def test_a_clip_with_a_walker_is_redacted_and_proved(method, tmp_path, walk):
    src, dst = write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4"
    scan = scanner().scan_clip(src)
    report = redact_and_verify_clip(src, dst, scan, method, scanner())
    assert (report.verified, report.rounds) == (True, 0)
    _, images = read_clip(dst)
    assert len(images) == len(walk)
    assert [red_pixels(image) for image in images] == [0] * len(walk)
    assert check_clip(dst, report.regions, scanner()).result == "clear"


def test_a_walker_whom_the_first_scan_missed_is_masked_in_every_frame(tmp_path, walk):
    src, dst = write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4"
    report = redact_and_verify_clip(src, dst, CLEAR, "blur", scanner())
    assert report.verified
    assert {region.source for region in report.regions} == {"residual"}
    assert not any(red_pixels(image) for image in read_clip(dst)[1])


def test_somebody_seen_only_some_of_the_time_is_redacted_in_between(tmp_path, walk):
    src, dst = write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4"
    scan = scanner().scan_clip(src)
    kept = tuple(r for r in scan.regions if r.at_seconds in (0.0, 0.6, 1.0, 1.9))
    sparse = FaceScan("faces", kept, scan.detectors, scan.frames_scanned)
    assert redact_and_verify_clip(src, dst, sparse, "mask", scanner(HeadDetector())).verified
    assert not any(red_pixels(image) for image in read_clip(dst)[1])


def test_a_truncated_clip_blocks(tmp_path, walk):
    src, dst = write_clip(tmp_path / "gate.mp4", walk), tmp_path / "out.mp4"
    scan = scanner().scan_clip(src)
    src.write_bytes(src.read_bytes()[:-4000])
    report = redact_and_verify_clip(src, dst, scan, "mask", scanner())
    assert not report.verified
    assert "gate.mp4" in report.error
    assert not dst.exists()


def test_without_any_detector_all_that_moves_is_hidden(tmp_path, walk):
    src, dst = write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4"
    blind = FaceScanner(yunet_path=None)
    scan = blind.scan_clip(src)
    assert scan.result == "failed"
    assert redact_and_verify_clip(src, dst, scan, "mask", blind).verified
    assert not any(red_pixels(image) for image in read_clip(dst)[1])


def test_without_any_detector_what_still_moves_is_found(tmp_path, walk):
    src = write_clip(tmp_path / "in.mp4", walk)
    elsewhere = [Region((0.0, 0.0, 0.05, 0.05), "moving", 1.0)]
    assert check_clip(src, elsewhere, FaceScanner(yunet_path=None)).result == "faces"


def test_a_clip_hidden_whole_needs_no_detector(tmp_path, walk):
    src, dst = write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4"
    blind = FaceScanner(yunet_path=None)
    scan = blind.scan_clip(src)
    report = redact_and_verify_clip(src, dst, scan, "mask", blind, drawn=[EVERYTHING])
    assert report.verified
    assert max(image.max() for image in read_clip(dst)[1]) < 12
