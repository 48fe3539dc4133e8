"""The forms of a trained detector: read again, told for what they are, and nearly as good."""

import shutil

import cv2
import numpy as np
import pytest

from detection.vision.onnx_metadata import read_metadata
from hitlsite.errors import DomainError
from tests.training.learning.lessons import NAMES, Heard, coco128, coco_names, lesson
from training.learning import detector_forms
from training.learning.boxes import BoxFigures
from training.learning.detector import fine_tune

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return (folder, forms, what was told, cache folder) of a training of a moment."""
    root = tmp_path_factory.mktemp("forms")
    cache_dir, told = root / "cache", []
    task = lesson(root, cache_dir)
    best = fine_tune(task, root / "run", Heard())
    return best.parent, forms_of(best, task, told), told, cache_dir


def forms_of(best, task, told=None):
    return detector_forms.make_forms(
        best,
        calibration=[one.path for one in task.pictures],
        pictures=[one.path for one in task.validation],
        cache_dir=task.cache_dir,
        progress=lambda *step: told is not None and told.append(step),
    )


def test_every_form_says_what_it_is(made):
    folder, forms, _, cache_dir = made

    assert [(one.name, one.precision) for one in forms] == [
        ("openvino", "f32"),
        ("onnxruntime", "f32"),
        ("openvino-int8", "int8"),
    ]
    for one in forms:
        detector = detector_forms.load(
            folder, one.files, backend=one.backend, precision=one.precision, cache_dir=cache_dir
        )
        assert detector.class_names == NAMES
        assert (detector.backend, detector.precision) == (one.backend, one.precision)
        assert detector.input_size == one.input_size == 64
        assert one.milliseconds > 0
        assert all((folder / name).is_file() for name in one.files)
    assert len({one.sha256 for one in forms}) == 2


def test_the_exact_forms_say_the_same(made):
    exact, other, _ = made[1]

    assert exact.agreement["found"] == other.agreement["found"]
    assert exact.agreement["frames"] == 4


def test_every_step_is_told(made):
    told = [message for _, _, message in made[2]]

    assert told[0] == "exporting"
    assert told.count("calibrating eight bits") >= 8
    assert told[-3:] == ["timing openvino", "timing onnxruntime", "timing openvino-int8"]


def test_no_form_knows_where_it_was_made(made):
    folder = made[0]

    for name in (detector_forms.ONNX_NAME, *detector_forms.INT8_NAMES):
        content = (folder / name).read_bytes()
        assert str(folder).encode() not in content
    assert "trained on" not in read_metadata(folder / detector_forms.ONNX_NAME)["description"]


def test_forms_that_are_there_are_not_made_again(made, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(made[0], folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    forms = forms_of(folder / "best.pt", lesson(tmp_path, made[3]))

    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [one.sha256 for one in forms] == [one.sha256 for one in made[1]]


def test_what_is_raised_while_it_calibrates_ends_it(made, tmp_path):
    shutil.copyfile(made[0] / "best.pt", tmp_path / "best.pt")
    pictures = [one.path for one in lesson(tmp_path, made[3]).pictures]

    def stop(done, total, message):
        if message.startswith("calibrating"):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        detector_forms.make_forms(
            tmp_path / "best.pt",
            calibration=pictures,
            pictures=pictures,
            cache_dir=made[3],
            progress=stop,
        )

    assert not (tmp_path / "metadata.yaml").exists()


@pytest.mark.parametrize("name", ["model.onnx", "int8.xml"])
def test_a_damaged_form_is_refused(made, tmp_path, name):
    folder = tmp_path / "run"
    shutil.copytree(made[0], folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:500])
    form = next(one for one in made[1] if name in one.files)

    with pytest.raises(DomainError) as caught:
        detector_forms.load(
            folder, form.files, backend=form.backend, precision=form.precision, cache_dir=made[3]
        )

    assert caught.value.code == "weights_unreadable"


def test_a_form_of_another_precision_is_refused(made):
    folder, forms, _, cache_dir = made

    with pytest.raises(DomainError) as caught:
        detector_forms.load(
            folder, forms[2].files, backend="openvino", precision="f32", cache_dir=cache_dir
        )

    assert caught.value.code == "weights_wrong_form"


def test_eight_bits_find_what_the_exact_form_finds(tmp_path, material, model_dir):
    """Calibrated on some photos, asked about others, with real weights."""
    shutil.copyfile(model_dir / "yolo11n.pt", tmp_path / "best.pt")
    names, pictures = coco_names(material), coco128(material)
    # Of one shape, for every other is compiled anew.
    alike = [one for one in pictures if cv2.imread(str(one.path)).shape == (480, 640, 3)]
    learned, asked = alike[:16], alike[16:]
    forms = detector_forms.make_forms(
        tmp_path / "best.pt",
        calibration=[one.path for one in learned],
        pictures=[one.path for one in asked],
        cache_dir=tmp_path / "cache",
        progress=lambda *told: None,
    )
    exact, _, int8 = forms
    kept = BoxFigures(len(asked))
    detectors = []
    for one in (exact, int8):
        detectors.append(
            detector_forms.load(
                tmp_path,
                one.files,
                backend=one.backend,
                precision=one.precision,
                cache_dir=tmp_path / "cache",
            )
        )
        detectors[-1].min_score = 0.001
    for group, picture in enumerate(asked):
        image = cv2.imread(str(picture.path))
        found = tuple(by_class(detector.detect(image, 0.0)) for detector in detectors)
        kept.add_picture(group, truths(picture, names), found)

    ones = np.ones((1, len(asked)))
    for thresholds, margin in (((0.5,), 0.03), (None, 0.02)):
        mean = kept.mean(*([thresholds] if thresholds else []))
        before, after = mean.values(ones, None)[0], mean.values(None, ones)[0]
        assert before > 0.4
        assert after > before - margin
    assert int8.agreement["agrees"]


def by_class(said):
    called = np.array(said.class_names, dtype=object)
    return {
        name: (said.boxes_xyxy[called == name].astype(float), said.scores[called == name])
        for name in set(said.class_names)
    }


def truths(picture, names):
    boxes = {name: [] for name in names}
    for label, box in picture.boxes:
        boxes[names[label]].append(box)
    return {name: np.array(found, float).reshape(-1, 4) for name, found in boxes.items()}
