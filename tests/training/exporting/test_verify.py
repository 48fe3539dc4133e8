"""What proving an export finds when somebody changed it."""

import hashlib
import json
import os
import shutil

import numpy as np
import pytest

from hitlsite.errors import DomainError
from review.privacy.faces import FaceScanner
from review.privacy.verify import check_image
from tests import factories
from tests.training.conftest import black, confirmed_item, read_export
from training.services import exports

pytestmark = pytest.mark.django_db
CROWD = "images/coco128/images/train2017/000000000389.jpg"


@pytest.fixture
def folder(items, site, tmp_path):
    """Return an export that nothing is wrong with."""
    out = tmp_path / "out"
    exports.export_to(out, site=site)
    assert exports.verify(out).problems == []
    return out


@pytest.fixture
def foreign(folder):
    """Return the same export as somebody sees it whose installation never wrote it."""
    from training.models import ExportRun

    ExportRun.objects.all().delete()
    return folder


def problems(folder):
    return "\n".join(exports.verify(folder).problems)


def rewrite(folder, pattern, change, *, and_manifest=True):
    """Change a JSON file, and its hash in the manifest as somebody careful would."""
    (path,) = folder.glob(pattern)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    if and_manifest and not pattern.startswith("manifest"):
        accept(folder, path)


def accept(folder, path):
    """Write the hash of a changed file into the manifest."""
    name = path.relative_to(folder).as_posix()

    def update(manifest):
        for row in manifest["files"] + manifest["images"]:
            if name in (row.get("name"), row.get("file_name")):
                row["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
                row["byte_count"] = path.stat().st_size

    rewrite(folder, "manifest_*.json", update)


def put_picture(folder, content, *, regions=(), method="mask"):
    """Replace the first picture everywhere it is named; return its new name."""
    (jsonl,) = folder.glob("training_dataset_*.jsonl")
    _, coco, manifest = read_export(folder)
    old = manifest["images"][0]["file_name"]
    sha256 = hashlib.sha256(content).hexdigest()
    new = f"images/{sha256}.jpg"
    (folder / old).unlink()
    (folder / new).write_bytes(content)
    jsonl.write_text(jsonl.read_text().replace(old, new))
    rewrite(folder, "coco_annotations_*", lambda coco: rename(coco["images"][0], new, content))

    def update(manifest):
        row = manifest["images"][0]
        row.update(file_name=new, sha256=sha256, byte_count=len(content))
        row["redaction"] = {"method": method, "regions": list(regions)} if regions else None
        manifest["lines"][0].update(image=new, images=[new])

    rewrite(folder, "manifest_*.json", update)
    accept(folder, jsonl)
    return new


def rename(row, name, content):
    from training.exporting.pictures import size_of

    width, height = size_of(content, name)
    row.update(file_name=name, width=width, height=height)


def test_a_tampered_picture_is_found(folder):
    path = sorted((folder / "images").iterdir())[0]
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)

    assert f"images/{path.name}: is not the file that was written" in problems(folder)


@pytest.mark.parametrize("pattern", ["training_dataset_*", "coco_annotations_*", "images/*"])
def test_a_missing_file_is_found(folder, pattern):
    path = sorted(folder.glob(pattern))[0]
    path.unlink()

    assert f"{path.relative_to(folder)}: is missing." in problems(folder)


@pytest.mark.parametrize("name", ["notes.txt", "images/extra.jpg", "deep/er/file", ".hidden"])
def test_an_extra_file_is_found(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("more")

    assert problems(folder) == f"{name}: no manifest names this file."


def test_a_link_is_found(folder, tmp_path):
    path = sorted((folder / "images").iterdir())[0]
    path.rename(tmp_path / "elsewhere.jpg")
    path.symlink_to(tmp_path / "elsewhere.jpg")

    assert f"images/{path.name}: this is a link." in problems(folder)


def test_a_pipe_does_not_hang_it(folder):
    os.mkfifo(folder / "pipe")

    assert problems(folder) == "pipe: this is no file."


def test_a_folder_without_a_manifest_proves_nothing(tmp_path):
    assert "holds no manifest" in problems(tmp_path)
    with pytest.raises(DomainError, match="is not a folder"):
        exports.verify(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    ["../secret.jsonl", "/etc/passwd", "images/../../secret.jpg", "training_dataset_a/b.jsonl", 7],
)
@pytest.mark.parametrize("place", [("files", "name"), ("images", "file_name")])
def test_a_name_that_leads_elsewhere_is_refused(folder, name, place):
    def lead_away(manifest):
        manifest[place[0]][0][place[1]] = name

    rewrite(folder, "manifest_*.json", lead_away)

    assert "names a file that cannot belong to an export" in problems(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"format": "other"}', "[" * 100_000, "\x00"]
)
def test_a_manifest_that_is_none_is_refused(folder, text):
    (path,) = folder.glob("manifest_*.json")
    path.write_text(text)

    assert f"{path.name}: is not" in problems(folder)


def test_a_manifest_changed_after_it_was_written_is_found(folder):
    rewrite(folder, "manifest_*.json", lambda manifest: manifest["query"].update(site="Other"))

    assert "is not the manifest that was written at the time" in problems(folder)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda c: c["annotations"][0].update(bbox=[60.0, 0.0, 10.0, 10.0]), "a box outside"),
        (lambda c: c["annotations"][0].update(bbox=[-1.0, 0.0, 10.0, 10.0]), "a box outside"),
        (lambda c: c["annotations"][0].update(bbox=[1.0, 1.0, 0.0, 5.0]), "a box outside"),
        (lambda c: c["annotations"][0].update(bbox=[1.0, 1.0, 5.0]), "not four numbers"),
        (lambda c: c["annotations"][0].update(bbox=[1.0, 1.0, float("nan"), 5.0]), "not four"),
        (lambda c: c["annotations"][0].update(area=3.0), "an area that is not its box's"),
        (lambda c: c["annotations"][0].update(iscrowd=1), "has iscrowd 1"),
        (lambda c: c["annotations"][0].update(image_id=99), "names an image that is not there"),
        (lambda c: c["annotations"][0].update(category_id=9), "names a category that is not"),
        (lambda c: c["annotations"][1].update(id=1), "annotations repeat the id 1"),
        (lambda c: c["images"][1].update(id=1), "images repeat the id 1"),
        (lambda c: c["images"][0].update(width=640), "which really is (64, 48)"),
        (lambda c: c["images"][0].update(file_name="images/x.jpg"), "does not name"),
        (lambda c: (c["images"].pop(), c["annotations"].pop()), "does not describe"),
        (lambda c: c.pop("categories"), "has no categories"),
        (lambda c: c["images"][0].update(id="1"), "images[0] lacks a sound id"),
        (lambda c: c["annotations"].pop(), "counts annotations 4, not 3"),
    ],
)
def test_wrong_annotations_are_found(folder, change, found):
    rewrite(folder, "coco_annotations_*", change)

    assert found in problems(folder)


def change_answer(**values):
    def change(line):
        message = line["messages"][2]
        message["content"] = json.dumps({**json.loads(message["content"]), **values})

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda line: line.update(messages=[]), "does not hold a system, a user and an assistant"),
        (lambda line: line.update(more=1), "one key messages"),
        (lambda line: line["messages"][1].update(content="no picture"), "not a text and a picture"),
        (lambda line: line["messages"][2].update(content="a person"), "not JSON"),
        (change_answer(category="other"), "another category"),
        (change_answer(mood="good"), "whose keys are not"),
        (change_answer(confidence="high"), "confidence is of the wrong type"),
        (
            change_answer(objects=[{"class_name": "person", "box_xyxy": [0, 0, 2, 1]}]),
            "without a box inside 0..1",
        ),
        (
            lambda line: line["messages"][1]["content"][1]["image_url"].update(url="../x.jpg"),
            "points at '../x.jpg'",
        ),
        (
            lambda line: line["messages"][1]["content"][1]["image_url"].update(
                url="data:image/jpeg;base64,//79"
            ),
            "holds another picture",
        ),
        (
            lambda line: line["messages"][1]["content"][1]["image_url"].update(
                url="data:image/jpeg;base64,?"
            ),
            "does not decode",
        ),
    ],
)
def test_a_wrong_line_is_found(folder, change, found):
    (path,) = folder.glob("training_dataset_*")
    first, *others = path.read_text().splitlines()
    line = json.loads(first)
    change(line)
    path.write_text("\n".join([json.dumps(line), *others]) + "\n")
    accept(folder, path)

    assert f"{path.name} line 1: " in problems(folder)
    assert found in problems(folder)


def test_a_line_too_few_is_found(folder):
    (path,) = folder.glob("training_dataset_*")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    accept(folder, path)

    assert "has 3 lines where the manifest has 4" in problems(folder)
    assert "counts items 4, not 3" in problems(folder)


@pytest.mark.parametrize("key", ["by_camera", "by_category", "by_class"])
def test_wrong_counts_are_found(folder, key):
    rewrite(folder, "manifest_*.json", lambda m: m["counts"].update({key: {"x": 4}}))

    assert f"counts {key} {{'x': 4}}" in problems(folder)


def test_wrong_reviewers_are_found(folder):
    rewrite(folder, "manifest_*.json", lambda m: m["reviewers"][0].update(items=9))

    assert "counts its reviewers' items wrongly" in problems(folder)


def test_an_unredacted_face_is_found(foreign, material, model_dir, settings):
    settings.MODEL_DIR = model_dir
    name = put_picture(foreign, (material / CROWD).read_bytes())

    found = exports.verify(foreign).problems
    assert len(found) == 1
    assert found[0].startswith(f"{name}: shows an unredacted face: yunet")


def test_a_face_that_is_only_said_to_be_redacted_is_found(foreign, material, model_dir, settings):
    settings.MODEL_DIR = model_dir
    scanner = FaceScanner(yunet_path=model_dir / "face_detection_yunet_2023mar.onnx")
    regions = [region.as_dict() for region in scanner.scan_image(material / CROWD).regions]
    name = put_picture(foreign, (material / CROWD).read_bytes(), regions=regions, method="blur")

    assert f"{name}: is said to be redacted but is not: yunet" in problems(foreign)


@pytest.mark.parametrize("method", ["blur", "pixelate", "mask"])
def test_a_redacted_crowd_is_proved(foreign, material, model_dir, settings, tmp_path, method):
    from review.privacy.verify import redact_and_verify_image

    settings.MODEL_DIR = model_dir
    scanner = FaceScanner(yunet_path=model_dir / "face_detection_yunet_2023mar.onnx")
    scan, copy = scanner.scan_image(material / CROWD), tmp_path / "copy.jpg"
    redacted = redact_and_verify_image(material / CROWD, copy, scan, method, scanner)
    assert redacted.verified
    regions = [region.as_dict() for region in redacted.regions]
    put_picture(foreign, copy.read_bytes(), regions=regions, method=method)

    assert exports.verify(foreign).problems == []


def test_without_a_face_model_nothing_uncovered_is_proved(foreign):
    name = put_picture(foreign, factories.jpeg(np.full((50, 60, 3), 99, np.uint8)))

    assert f"{name}: could not be checked: Neither a face detector" in problems(foreign)


def test_a_person_detector_alone_proves_no_picture(foreign):
    from training.exporting.verify import verify

    class NobodyThere:
        backend = "torch"

        def detect(self, image, at_seconds):
            from detection.vision.types import Detections

            return Detections(np.zeros((0, 4)), np.zeros(0), ())

    scanner = FaceScanner(yunet_path=None, person_detector=NobodyThere())
    name = put_picture(foreign, factories.jpeg(np.full((50, 60, 3), 99, np.uint8)))
    report = verify(foreign, scan=lambda path, regions, sha256: check_image(path, regions, scanner))

    assert report.problems == [
        f"{name}: could not be checked: there is no face detector on this machine."
    ]


@pytest.mark.parametrize(
    "redaction",
    [
        {"method": "prayer", "regions": []},
        {"method": "mask"},
        {"method": "mask", "regions": [{"box_xyxy": [0, 0, 9, 9], "source": "drawn", "score": 1}]},
        {"method": "mask", "regions": ["all of it"]},
        [],
    ],
)
def test_a_redaction_of_no_known_form_is_no_excuse(folder, redaction):
    rewrite(folder, "manifest_*.json", lambda m: m["images"][0].update(redaction=redaction))

    assert "has a redaction of no known form" in problems(folder)


def test_an_export_proves_itself_anywhere(foreign, tmp_path):
    shutil.copytree(foreign, tmp_path / "copy")

    report = exports.verify(tmp_path / "copy")
    assert (report.exports, report.items, report.images, report.is_proved) == (1, 4, 4, True)


def test_two_exports_in_one_folder_are_both_looked_at(folder, site, camera, reviewer):
    confirmed_item(camera, reviewer, 30, content=black(200, 100))
    exports.export_to(folder, site=site)
    (path,) = (folder / "images").glob(f"{hashlib.sha256(black(200, 100)).hexdigest()}.jpg")
    path.unlink()

    assert problems(folder) == f"images/{path.name}: is missing."
