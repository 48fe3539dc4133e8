"""YOLO, CSV, parquet and the variant without people, beside the other files of one snapshot."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from detection.models import Evidence, Photo
from detection.vision import libraries
from hitlsite.errors import DomainError
from review.models import Annotation, LabelClass, TrainingItem
from tests import factories
from tests.training.conftest import PERSON, WHOLE, confirmed_item, finished, read_export
from training.exporting import tables, yolo
from training.services import exports

pytestmark = pytest.mark.django_db
ALL = ["yolo", "csv", "parquet"]


def annotate(item, boxes, reviewer, **columns):
    """Store a person's boxes on the one still of an item."""
    return Annotation.objects.create(
        item=item,
        evidence=item.incident.evidence.get(),
        version=1,
        boxes=boxes,
        annotated_by=reviewer,
        annotated_at=factories.STARTS_AT,
        **columns,
    )


def box(label, box_xyxy=(0.0, 0.0, 0.5, 0.5)):
    return {"label": label, "box_xyxy": list(box_xyxy), "origin": "drawn"}


@pytest.fixture
def folder(items, site, tmp_path):
    """Return an export in every format that nothing is wrong with."""
    out = tmp_path / "out"
    exports.export_to(out, site=site, formats=ALL)
    assert exports.verify(out).problems == []
    return out


def one(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def test_all_formats_are_of_one_snapshot(folder, items):
    lines, coco, manifest = read_export(folder)
    _, names = yolo.read_data(one(folder, "data_*.yaml").read_text())
    rows = list(tables.read_csv(one(folder, "training_items_*.csv")))
    typed = list(tables.read_parquet(one(folder, "training_items_*.parquet")))

    assert manifest["formats"] == ["csv", "parquet", "yolo"]
    assert {row["name"].split("_")[0] for row in manifest["files"]} == {
        "training",
        "coco",
        "provider",
        "yolo",
        "data",
    }
    for row in manifest["files"]:
        content = (folder / row["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    assert names == ["person"]
    assert [int(row["item"]) for row in rows] == [item.pk for item in items]
    assert [row["item"] for row in typed] == [item.pk for item in items]
    assert typed[0]["pictures"][0]["boxes"][0]["class_name"] == "person"
    label = folder / "labels" / f"{manifest['images'][0]['sha256']}.txt"
    assert label.read_text() == "0 0.500000 0.625000 0.500000 0.750000\n"
    assert len(lines) == len(one(folder, "yolo_images_*").read_text().splitlines()) == len(items)


def test_the_same_items_give_the_same_bytes_in_every_format(items, site, admin_user, exports_here):
    runs = [finished(admin_user, site, formats=ALL) for _ in range(2)]
    folders = [exports_here / run.directory for run in runs]

    for pattern in ("training_items_*.csv", "*.parquet", "data_*", "yolo_images_*", "provider_*"):
        first, second = (one(folder, pattern).read_bytes() for folder in folders)
        assert first == second, pattern
    for label in sorted((folders[0] / "labels").iterdir()):
        assert label.read_bytes() == (folders[1] / "labels" / label.name).read_bytes()


def test_two_exports_may_lie_in_one_folder(items, site, tmp_path):
    for _ in range(2):
        exports.export_to(tmp_path / "out", site=site, formats=ALL)

    report = exports.verify(tmp_path / "out")
    assert (report.problems, report.exports) == ([], 2)


def test_trainers_read_the_labels(folder, tmp_path):
    libraries.prepare(tmp_path)
    libraries.load_ultralytics()
    from ultralytics.data.utils import check_det_dataset

    told = check_det_dataset(str(one(folder, "data_*.yaml")), autodownload=False)
    assert told["names"] == {0: "person"}


def test_a_persons_boxes_replace_the_detectors(items, site, reviewer, admin_user, exports_here):
    from review.services import label_classes

    classes = {one.name: one.index for one in label_classes.ensure(site)}
    boxes = [box(classes["suitcase"])]
    annotate(items[0], boxes, reviewer, exhaustive=[classes["suitcase"], classes["person"]])
    LabelClass.objects.filter(name="suitcase").update(name="luggage")
    _, coco, manifest = read_export(
        exports_here / finished(admin_user, site, formats=["yolo"]).directory
    )

    assert manifest["images"][0]["boxes_from"] == "reviewer"
    assert manifest["images"][0]["exhaustive"] == ["luggage", "person"]
    assert coco["images"][0]["exhaustive"] == [classes["person"] + 1, classes["suitcase"] + 1]
    assert coco["annotations"][0]["category_id"] == classes["suitcase"] + 1
    names = {row["id"]: row["name"] for row in coco["categories"]}
    assert names[classes["suitcase"] + 1] == "luggage"
    assert [row["people"] for row in manifest["provider_warnings"]] == [1, 1, 1, 1]


def test_a_merged_class_leaves_as_the_one_that_took_it_in(
    items, site, reviewer, admin_user, exports_here
):
    from review.services import label_classes

    classes = {one.name: one for one in label_classes.ensure(site)}
    annotate(items[0], [box(classes["handbag"].index)], reviewer)
    label_classes.merge(classes["handbag"].pk, classes["backpack"].pk, by=admin_user)
    _, coco, _ = read_export(exports_here / finished(admin_user, site).directory)

    assert coco["annotations"][0]["category_id"] == classes["backpack"].index + 1


def test_only_what_a_person_called_empty_is_exported_as_empty(
    items, site, reviewer, admin_user, exports_here
):
    annotate(items[0], [], reviewer, is_negative=True)
    annotate(items[1], [], reviewer)
    folder = exports_here / finished(admin_user, site, formats=["yolo"]).directory
    _, coco, manifest = read_export(folder)

    rows = {row["file_name"]: row["labelled"] for row in manifest["images"]}
    assert list(rows.values()) == ["negative", "no", "boxes", "boxes"]
    assert [row["is_negative"] for row in coco["images"]] == [True, False, False]
    assert list(rows)[1] not in {row["file_name"] for row in coco["images"]}
    labels = {path.stem: path.read_text() for path in (folder / "labels").iterdir()}
    assert labels[manifest["images"][0]["sha256"]] == ""
    assert manifest["images"][1]["sha256"] not in labels
    assert list(rows)[1] not in one(folder, "yolo_images_*").read_text()
    assert exports.verify(folder).problems == []


def test_near_duplicates_and_gold_items_stay_and_are_counted(
    items, site, camera, reviewer, admin_user
):
    TrainingItem.objects.filter(pk=items[0].pk).update(represented_by=items[1])
    gold = confirmed_item(camera, reviewer, 9)
    TrainingItem.objects.filter(pk=gold.pk).update(mode="gold")
    run = finished(admin_user, site)

    assert run.item_count == len(items) - 1
    assert run.rejected == {"near_duplicate": 1, "gold_item": 1}
    told = exports.foretell(site, {})
    assert (told["ready"], told["left_out"]) == (3, run.rejected)


@pytest.fixture
def photo_item(items, site, camera, reviewer):
    """Return a confirmed item of a marked photo, a PNG that is covered whole."""
    content = factories.jpeg(np.zeros((60, 80, 3), np.uint8))
    photo = Photo.objects.create(
        camera=camera,
        received_sha256="e" * 64,
        path="x",
        sha256="x",
        width=80,
        height=60,
        captured_at=factories.STARTS_AT,
    )
    from hitlsite import storage

    path, sha256, size = storage.store_bytes(site.pk, "photos", content, suffix=".jpg")
    still = Evidence.objects.create(
        photo=photo,
        kind="photo",
        at_seconds=0.0,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        width=80,
        height=60,
    )
    item = TrainingItem.objects.create(
        site=site,
        camera=camera,
        photo=photo,
        status="confirmed",
        privacy="redacted",
        category="unknown",
        proposed_category="unknown",
        severity="info",
        collection_method="manual",
    )
    scan = factories.privacy_scan(item, still, result="faces")
    factories.redaction(item, still, scan=scan, method="mask")
    item.redactions.update(state="applied", regions=[WHOLE], path=path, sha256=sha256)
    factories.decision(item, reviewer)
    Annotation.objects.create(
        item=item,
        evidence=still,
        version=1,
        boxes=[box(0, PERSON)],
        annotated_by=reviewer,
        annotated_at=factories.STARTS_AT,
    )
    return item


def test_a_marked_photo_is_an_item_like_any_other(photo_item, site, admin_user, exports_here):
    folder = exports_here / finished(admin_user, site, formats=ALL).directory
    lines, coco, manifest = read_export(folder)

    answer = json.loads(lines[-1]["messages"][2]["content"])
    assert answer["description"] == "photo: person x1"
    assert (answer["rules"], answer["duration_seconds"]) == ([], 0.0)
    row = manifest["lines"][-1]
    assert (row["item"], row["incident"], row["footage"]) == (photo_item.pk, None, None)
    assert row["photo"] == {"id": photo_item.photo_id, "received_sha256": "e" * 64}
    assert coco["images"][-1]["width"] == 80
    assert exports.verify(folder).problems == []


@pytest.mark.parametrize(("until", "count"), [("2026-03-02", 5), ("2026-03-01", 0)])
def test_days_narrow_photos_too(photo_item, site, until, count):
    assert exports.foretell(site, {"until": until})["ready"] == count


def accept(folder, path):
    """Write the hash of a changed file into the manifest."""
    manifest_path = one(folder, "manifest_*")
    manifest = json.loads(manifest_path.read_text())
    for row in manifest["files"]:
        if row["name"] == path.name:
            row["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            row["byte_count"] = path.stat().st_size
    manifest_path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("pattern", "change", "said"),
    [
        ("*.csv", lambda text: text.replace("loitering", "aggression", 1), "in row 1: category"),
        ("*.csv", lambda text: "".join(text.splitlines(True)[:-1]), "has 3 rows where"),
        ("*.csv", lambda text: text.replace("Gate", "=cmd()", 1), "runs as a formula: camera"),
        ("data_*", lambda text: text.replace('"person"', '"dog"'), "names other classes"),
        ("data_*", lambda text: text + "path: /etc\n", "is not the data file of an export"),
        ("data_*", lambda text: "!!python/object:os.system {}", "is not the data file"),
        ("yolo_images_*", lambda text: text.splitlines(True)[0], "does not list the labelled"),
        ("provider_*", lambda text: "", "warns of other lines"),
        ("provider_*", lambda text: "{", "is not what an export warns with"),
        ("*.parquet", None, "is not readable as parquet"),
    ],
)
def test_a_changed_file_is_found_though_its_hash_was_made_right(folder, pattern, change, said):
    path = one(folder, pattern)
    path.write_bytes(b"PAR1 nonsense" if change is None else change(path.read_text()).encode())
    accept(folder, path)

    assert said in "\n".join(exports.verify(folder).problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.1 0.1\n", "has other boxes than the COCO file"),
        ("", "has other boxes than the COCO file"),
        ("5 0.500000 0.625000 0.500000 0.750000\n", "names class 5"),
        ("0 0.5 0.5 3 3\n", "a box outside the picture"),
        (None, "lacks its labels"),
    ],
)
def test_a_changed_label_is_found(folder, text, said):
    label = sorted((folder / "labels").iterdir())[0]
    label.unlink() if text is None else label.write_text(text)

    assert said in "\n".join(exports.verify(folder).problems)


def test_a_label_too_many_is_found(folder):
    (folder / "labels" / ("a" * 64 + ".txt")).write_text("")

    assert "no manifest names this file" in "\n".join(exports.verify(folder).problems)


def test_a_manifest_that_claims_other_formats_is_refused(folder):
    path = one(folder, "manifest_*")
    content = json.loads(path.read_text())
    for formats in (["yolo"], ["csv", "xml"], "yolo", [["yolo"]]):
        path.write_text(json.dumps({**content, "formats": formats}))
        assert any("manifest_" in row for row in exports.verify(folder).problems)


def test_an_export_of_the_first_version_is_still_proved(items, site, tmp_path):
    """Such an export has three files, and its manifest says nothing of labels and variants."""
    out = tmp_path / "out"
    run = exports.export_to(out, site=site)
    one(out, "provider_*").unlink()
    path = one(out, "manifest_*")
    content = json.loads(path.read_text())
    content["format_version"] = 1
    content["files"] = [row for row in content["files"] if "provider" not in row["name"]]
    for name in ("variant", "masking", "formats", "classes"):
        del content[name]
    for row in content["images"]:
        for name in ("labelled", "yolo", "people_masked", "exhaustive"):
            del row[name]
    path.write_text(json.dumps(content))
    run.delete()

    assert exports.verify(out).problems == []


@pytest.mark.parametrize(
    "wanted", [{"variant": "naked"}, {"formats": ["xml"]}, {"formats": "yolo"}]
)
def test_what_no_export_has_is_refused(items, site, admin_user, wanted):
    with pytest.raises(DomainError) as refused:
        exports.start(by=admin_user, site=site, **wanted)

    assert list(refused.value.fields) == list(wanted)


def test_nothing_is_left_of_an_export_whose_labels_are_in_the_way(items, site, reviewer, tmp_path):
    out = tmp_path / "out"
    exports.export_to(out, site=site, formats=["yolo"])
    before = sorted(path.name for path in out.rglob("*"))
    from review.services import label_classes

    label_classes.ensure(site)
    annotate(items[0], [box(1)], reviewer)
    with pytest.raises(DomainError, match="is there already and holds something else"):
        exports.export_to(out, site=site, formats=["yolo"])

    assert sorted(path.name for path in out.rglob("*")) == before
    shutil.rmtree(out)
