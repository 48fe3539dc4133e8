"""Exports through the service: what the three files hold."""

import base64
import json

import numpy as np
import pytest

from hitlsite.errors import DomainError
from hitlsite.models import AuditEntry
from review.models import LabelClass, TrainingItem
from tests import factories
from tests.training.conftest import black, confirmed_item, finished, observation, read_export
from training.services import exports

pytestmark = pytest.mark.django_db


def test_an_export_holds_the_files_of_one_snapshot(items, site, admin_user, exports_here):
    run = finished(admin_user, site)

    folder = exports_here / run.directory
    lines, coco, manifest = read_export(folder)
    assert {path.name for path in folder.iterdir()} == {
        f"training_dataset_{run.name}.jsonl",
        f"coco_annotations_{run.name}.json",
        f"provider_warnings_{run.name}.jsonl",
        f"manifest_{run.name}.json",
        "images",
    }
    assert len(lines) == len(coco["images"]) == manifest["counts"]["items"] == len(items)
    assert [row["item"] for row in manifest["lines"]] == [item.pk for item in items]
    assert run.item_count == run.image_count == run.progress_done == len(items)
    assert exports.verify(folder).problems == []


def test_a_line_asks_with_a_picture_and_answers_what_was_confirmed(
    items, site, admin_user, exports_here
):
    folder = exports_here / finished(admin_user, site).directory
    messages = read_export(folder)[0][0]["messages"]

    assert [message["role"] for message in messages] == ["system", "user", "assistant"]
    text, picture = messages[1]["content"]
    assert (text["type"], picture["type"]) == ("text", "image_url")
    assert (folder / picture["image_url"]["url"]).is_file()
    assert json.loads(messages[2]["content"]) == {
        "category": "loitering",
        "objects": [{"class_name": "person", "box_xyxy": [0.25, 0.25, 0.75, 1.0]}],
        "confidence": 0.8,
        "description": "person loitering in entrance for 6 s",
        "zones": ["entrance"],
        "duration_seconds": 6.0,
        "rules": [{"name": "loitering rule", "kind": "loitering"}],
    }


def test_annotations_are_in_pixels_of_the_real_picture(items, site, admin_user, exports_here):
    _, coco, _ = read_export(exports_here / finished(admin_user, site).directory)

    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (64, 48)
    assert coco["categories"] == [{"id": 1, "name": "person", "supercategory": "object"}]
    assert coco["annotations"][0] == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [16.0, 12.0, 32.0, 36.0],
        "area": 1152.0,
        "iscrowd": 0,
        "segmentation": [],
    }


def test_the_manifest_says_where_everything_comes_from(items, site, admin_user, exports_here):
    run = finished(admin_user, site)
    _, _, manifest = read_export(exports_here / run.directory)

    incident = items[0].incident
    assert manifest["lines"][0]["incident"] == incident.key
    assert manifest["lines"][0]["footage"]["sha256"] == incident.footage.sha256
    assert manifest["lines"][0]["deployment"] == incident.deployment_id
    assert manifest["deployments"][0]["sha256"] == incident.deployment.sha256
    assert manifest["lines"][0]["decision"] == items[0].decisions.get().pk
    assert manifest["reviewers"] == [{"username": "reviewer", "items": 4}]
    assert manifest["counts"]["by_camera"] == {"Gate": 4}
    assert manifest["images"][0]["redaction"]["method"] == "mask"
    assert [row["line"] for row in manifest["provider_warnings"]] == [1, 2, 3, 4]
    assert manifest["audit_head"]["sha256"] == run.audit_head_sha256
    assert AuditEntry.objects.filter(sha256=run.audit_head_sha256).exists()


def test_an_export_marks_its_items_as_used_and_is_audited(items, site, admin_user):
    run = finished(admin_user, site)

    assert not TrainingItem.objects.filter(used_at__isnull=True).exists()
    entries = AuditEntry.objects.filter(object_type="training.exportrun").order_by("sequence")
    assert [entry.action for entry in entries] == ["export.started", "export.finished"]
    assert {entry.actor for entry in entries} == {admin_user}
    written = entries[1].detail.content["files"]
    assert written == {row["name"]: row["sha256"] for row in run.files}


def test_the_same_items_give_the_same_bytes(items, site, admin_user, exports_here):
    first, second = finished(admin_user, site), finished(admin_user, site)

    folders = [exports_here / run.directory for run in (first, second)]
    assert folders[0] != folders[1]
    for pattern in ("training_dataset_*", "coco_annotations_*"):
        one, other = (next(folder.glob(pattern)).read_bytes() for folder in folders)
        assert one == other
    manifests = [read_export(folder)[2] for folder in folders]
    for manifest in manifests:
        for key in ("name", "created_at", "query", "audit_head"):
            del manifest[key]
        for row in manifest["files"]:
            row["name"] = row["name"].split("_")[0]
    assert manifests[0] == manifests[1]


def test_pictures_can_be_inside_the_lines(items, site, admin_user, exports_here):
    folder = exports_here / finished(admin_user, site, image_form="data_url").directory
    lines, _, manifest = read_export(folder)

    url = lines[0]["messages"][1]["content"][1]["image_url"]["url"]
    content = base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))
    assert content == (folder / manifest["lines"][0]["image"]).read_bytes()
    assert exports.verify(folder).problems == []


def test_boxes_that_a_reviewer_drew_replace_the_detectors(
    items, site, camera, reviewer, admin_user, exports_here
):
    drawn = [{"box_xyxy": [0.0, 0.0, 0.5, 0.5], "class_name": "suitcase", "evidence": None}]
    confirmed_item(camera, reviewer, 20, boxes=drawn)
    lines, coco, manifest = read_export(exports_here / finished(admin_user, site).directory)

    assert manifest["images"][-1]["boxes_from"] == "reviewer"
    last = [row for row in coco["annotations"] if row["image_id"] == len(coco["images"])]
    assert [(row["category_id"], row["bbox"]) for row in last] == [
        (LabelClass.objects.get(name="suitcase").index + 1, [0.0, 0.0, 52.0, 24.0])
    ]
    answer = json.loads(lines[-1]["messages"][2]["content"])
    assert [seen["class_name"] for seen in answer["objects"]] == ["suitcase"]
    # Somebody who boxes only the suitcase has not taken the person out of the picture.
    assert 5 in [row["line"] for row in manifest["provider_warnings"]]


def test_a_corrected_category_gets_a_description_of_its_own(items, site, admin_user, exports_here):
    TrainingItem.objects.filter(pk=items[0].pk).update(category="rapid_movement")
    lines, _, _ = read_export(exports_here / finished(admin_user, site).directory)

    answer = json.loads(lines[0]["messages"][2]["content"])
    assert answer["category"] == "rapid_movement"
    assert answer["description"] == "person: rapid movement in entrance for 6 s"


def test_a_picture_of_two_items_is_described_once(items, site, camera, reviewer, admin_user):
    confirmed_item(camera, reviewer, 0)
    run = finished(admin_user, site)

    assert (run.item_count, run.image_count) == (5, 4)


@pytest.fixture
def item_of_three_stills(items):
    """Give the first item two more stills, scanned clear and covered by nothing."""
    for kind, at_seconds in (("frame_open", 30.0), ("frame_last", 36.0)):
        still = factories.evidence(
            items[0].incident,
            kind,
            factories.jpeg(np.full((40, 80 + int(at_seconds), 3), 90, np.uint8)),
            at_seconds=at_seconds,
            observations=[observation(at_seconds), observation(99.0, class_name="dog")],
        )
        factories.privacy_scan(items[0], still, detectors=["yunet"])
    return items[0]


def test_every_still_is_annotated_and_the_peak_is_shown(
    item_of_three_stills, site, admin_user, exports_here, model_dir, settings
):
    settings.MODEL_DIR = model_dir
    folder = exports_here / finished(admin_user, site).directory
    _, coco, manifest = read_export(folder)

    stills = item_of_three_stills.incident.evidence.order_by("at_seconds")
    names = [f"images/{still.sha256}.jpg" for still in stills]
    assert manifest["lines"][0]["images"] == names
    assert manifest["lines"][0]["image"] == names[1]
    assert [row["file_name"] for row in coco["images"][:3]] == names
    assert manifest["counts"]["by_class"] == {"person": 6}
    assert exports.verify(folder).problems == []


def test_without_a_face_model_an_uncovered_picture_stops_the_export(
    item_of_three_stills, site, admin_user
):
    run = exports.run(exports.start(by=admin_user, site=site).pk)

    assert (run.state, run.error_code) == ("failed", "not_private")
    assert "Neither a face detector nor a person detector could run" in run.error_message


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "missing_file"),
        (lambda path: path.write_bytes(black(30, 30)), "altered_file"),
    ],
)
def test_an_item_whose_file_is_not_what_it_was_is_left_out(
    items, site, admin_user, settings, spoil, reason
):
    spoil(settings.MEDIA_ROOT / items[1].incident.evidence.get().path)
    run = finished(admin_user, site)

    assert run.item_count == len(items) - 1
    assert run.rejected == {reason: 1}
    assert TrainingItem.objects.get(pk=items[1].pk).used_at is None


def test_what_is_no_picture_is_left_out(items, site, camera, reviewer, admin_user):
    confirmed_item(camera, reviewer, 9, content=b"not a picture")
    factories.item(factories.incident(camera, with_files=False), status="confirmed")
    factories.item(factories.incident(camera, with_files=False), status="rejected")
    run = finished(admin_user, site)

    assert run.rejected == {"unreadable_file": 1, "no_picture": 1, "not_confirmed:rejected": 1}


def test_filters_narrow_an_export(items, site, camera, reviewer, admin_user, exports_here):
    other = factories.camera(site, "Yard")
    wanted = [confirmed_item(other, reviewer, number) for number in range(10, 13)]
    run = finished(admin_user, site, filters={"camera": other.pk, "category": "loitering"})

    _, _, manifest = read_export(exports_here / run.directory)
    assert [row["item"] for row in manifest["lines"]] == [item.pk for item in wanted]
    assert manifest["query"]["filters"] == {"camera": other.pk, "category": "loitering"}


@pytest.mark.parametrize(
    ("since", "until", "is_enough"),
    [
        ("2026-03-02", "2026-03-02", True),
        ("2026-03-03", "", False),
        ("", "2026-03-01", False),
    ],
)
def test_days_are_the_sites_and_both_count(items, site, admin_user, since, until, is_enough):
    filters = {"since": since, "until": until}
    if is_enough:
        assert finished(admin_user, site, filters=filters).item_count == len(items)
    else:
        with pytest.raises(DomainError, match="Only 0 of 3"):
            exports.start(by=admin_user, site=site, filters=filters)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"filters": {"camera": 0}}, "camera"),
        ({"filters": {"camera": "gate"}}, "camera"),
        ({"filters": {"category": "dancing"}}, "category"),
        ({"filters": {"since": "yesterday"}}, "since"),
        ({"filters": {"items": ["x"]}}, "items"),
        ({"filters": {"status": "rejected"}}, "status"),
        ({"image_form": "painting"}, "image_form"),
    ],
)
def test_nonsense_names_its_field(items, site, admin_user, wanted, field):
    with pytest.raises(DomainError) as refused:
        exports.start(by=admin_user, site=site, **wanted)

    assert list(refused.value.fields) == [field]
