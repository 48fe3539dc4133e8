"""Hiding people whole: what is covered, and what is refused."""

import cv2
import numpy as np
import pytest

from detection.vision.types import Detections
from hitlsite.errors import DomainError
from review.privacy.redact import redact_image
from review.privacy.regions import Region, padded
from training.exporting.hidden import shown_beside
from training.exporting.masking import is_covered, mask_people, visible_people


class Sees:
    """A detector that finds a person at one place after the other."""

    class_names = ("person", "dog")

    def __init__(self, *places, class_name="person", score=0.9):
        self.places, self.class_name, self.score = list(places), class_name, score

    def detect(self, image, at_seconds):
        place = self.places.pop(0) if len(self.places) > 1 else self.places[0]
        boxes = [] if place is None else [place]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), self.score, np.float32),
            (self.class_name,) * len(boxes),
        )


@pytest.fixture
def picture(tmp_path):
    """Return the path of a picture of stripes, 200 x 100."""
    image = np.full((100, 200, 3), 120, np.uint8)
    image[::5] = 250
    path = tmp_path / "picture.jpg"
    cv2.imwrite(str(path), image)
    return path


def shown(path, box):
    image = cv2.imread(str(path))
    x1, y1, x2, y2 = (round(s * n) for s, n in zip(box, (200, 100) * 2, strict=True))
    return int(image[y1:y2, x1:x2].max())


def test_every_known_person_is_black_and_nobody_else(picture, tmp_path):
    boxes = [(0.1, 0.1, 0.3, 0.9), (0.9, 0.5, 1.4, 1.2)]
    regions = mask_people(picture, tmp_path / "out.jpg", boxes, None)

    assert len(regions) == 2
    assert shown(tmp_path / "out.jpg", boxes[0]) < 12
    assert shown(tmp_path / "out.jpg", (0.9, 0.5, 1.0, 1.0)) < 12
    assert shown(tmp_path / "out.jpg", (0.4, 0.1, 0.8, 0.9)) > 200


def test_whom_only_a_detector_sees_is_masked_too(picture, tmp_path):
    place = (0.5, 0.2, 0.6, 0.8)
    mask_people(picture, tmp_path / "out.jpg", [], Sees(place))

    assert shown(tmp_path / "out.jpg", place) < 12


def test_who_is_seen_only_after_the_first_mask_is_masked_in_the_next(picture, tmp_path):
    later = (0.5, 0.2, 0.6, 0.8)
    mask_people(picture, tmp_path / "out.jpg", [(0.1, 0.1, 0.3, 0.9)], Sees(None, later, None))

    assert shown(tmp_path / "out.jpg", later) < 12


def test_who_is_always_seen_elsewhere_stops_the_picture(picture, tmp_path):
    places = [(left / 10, 0.1, left / 10 + 0.05, 0.5) for left in range(8)]
    with pytest.raises(DomainError) as refused:
        mask_people(picture, tmp_path / "out.jpg", [], Sees(*places))

    assert refused.value.code == "not_masked"
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize(
    "sees", [None, Sees(None), Sees((0, 0, 1, 1), class_name="dog"), Sees((0, 0, 1, 1), score=0.1)]
)
def test_a_picture_of_nobody_is_left_alone(picture, tmp_path, sees):
    assert mask_people(picture, tmp_path / "out.jpg", [(1.5, 0, 2, 1)], sees) == []
    assert not (tmp_path / "out.jpg").exists()


def test_a_silhouette_is_nobody_who_is_visible(picture, tmp_path):
    place = (0.5, 0.2, 0.6, 0.8)
    regions = mask_people(picture, tmp_path / "out.jpg", [place], None)

    assert visible_people(tmp_path / "out.jpg", regions, Sees(place)) == []
    assert is_covered(place, regions)
    assert not is_covered((0.5, 0.2, 0.9, 0.8), regions)


@pytest.mark.slow
def test_real_people_are_gone(material, model_dir, tmp_path, settings):
    """A photograph with people in it, judged by the detector that serves."""
    from detection.services import inference

    settings.MODEL_DIR = model_dir
    detector = inference.person_detector()
    assert detector, "the material's weights know people"
    source = material / "images/coco128/images/train2017/000000000036.jpg"
    assert visible_people(source, [], detector)
    regions = mask_people(source, tmp_path / "out.jpg", [], detector)

    assert regions
    assert visible_people(tmp_path / "out.jpg", regions, detector) == []


HEAD = Region((0.4, 0.3, 0.6, 0.7), "yunet", 0.9)


@pytest.fixture
def blurred(tmp_path):
    """Return the path of a picture of noise, 200 x 100, with HEAD blurred in it."""
    noise = np.random.default_rng(7).integers(0, 255, (100, 200, 3), np.uint8)
    source, path = tmp_path / "noise.png", tmp_path / "blurred.jpg"
    cv2.imwrite(str(source), noise)
    redact_image(source, path, [HEAD], "blur")
    return path


@pytest.mark.parametrize(
    ("box", "is_told"),
    [(padded(HEAD), True), ((0.38, 0.25, 0.5, 0.75), False)],
    ids=["whole", "cut in half"],
)
def test_a_redaction_is_masked_whole_or_can_no_longer_be_told(blurred, tmp_path, box, is_told):
    masks = mask_people(blurred, tmp_path / "out.jpg", [box], None)

    shown = shown_beside(tmp_path / "out.jpg", [HEAD], "blur", masks)
    assert shown == ([] if is_told else [HEAD])


def test_a_mask_that_was_never_put_there_excuses_no_redaction(tmp_path, blurred):
    claimed = [Region((0.0, 0.0, 1.0, 1.0), "drawn", 1.0)]

    assert shown_beside(blurred, [HEAD], "blur", ()) == []
    assert shown_beside(blurred, [HEAD], "blur", claimed) == [HEAD]


@pytest.mark.parametrize("method", ["blur", "pixelate"])
def test_regions_that_lie_over_each_other_can_be_told(method, tmp_path):
    """Doing them again moves much between them, but there is no detail left to take."""
    rows, columns = np.mgrid[0:240, 0:320]
    light = np.where(columns + rows // 2 < 200, 235, 20)
    noise = np.random.default_rng(7).integers(-20, 20, (240, 320))
    picture = np.dstack([np.clip(light + noise, 0, 255)] * 3).astype(np.uint8)
    boxes = [(0.2, 0.1, 0.7, 0.9), (0.35, 0.3, 0.5, 0.6), (0.42, 0.2, 0.55, 0.45)]
    regions = [Region(box, "head", 0.9) for box in boxes]
    source, path = tmp_path / "sharp.png", tmp_path / "redacted.jpg"
    cv2.imwrite(str(source), picture)
    redact_image(source, path, regions, method)

    assert shown_beside(path, regions, method, []) == []
    assert shown_beside(source, regions, method, []) == regions
