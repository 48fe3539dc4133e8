"""What may teach the object detector, and what is true of it."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from detection.models import Photo
from review.models import Mark, TrainingItem
from review.services import label_classes
from tests import factories
from tests.training import labelled
from training.services import annotated_pictures
from training.services.run_report import Silent

pytestmark = pytest.mark.usefixtures("data_dir")


def gathered(*sites, **options):
    return annotated_pictures.gather(options, sites, Silent())


def test_a_photo_becomes_a_candidate(site, camera, reviewer):
    item = labelled.picture(camera, reviewer)

    found = gathered(site)

    (one,) = found.candidates
    assert one.label == {"boxes": [["person", *labelled.BOX]], "exhaustive": ["person"]}
    assert (one.item_id, one.camera_id, one.site_id) == (item.pk, camera.pk, site.pk)
    assert (one.origin, one.group) == ("field", f"camera-{camera.pk}-2026-03-02")
    assert (one.sha256, one.path) == (item.photo.sha256, item.photo.path)
    assert len(one.phash) == 16 and len(one.signature) == 1024
    assert one.is_night is False
    assert [row["name"] for row in found.taxonomy] == ["person"]
    assert found.left_out == {}


def test_the_day_is_that_of_the_site(site, camera, reviewer):
    site.time_zone = "Pacific/Auckland"
    site.save()
    labelled.picture(camera, reviewer, captured_at=factories.STARTS_AT + timedelta(hours=5))

    assert gathered(site).candidates[0].group.endswith("2026-03-03")


def test_frames_of_an_incident_belong_to_its_footage_and_track(site, camera, reviewer):
    item = labelled.frames(camera, reviewer, count=2)

    found = gathered(site).candidates

    footage = item.incident.footage_id
    assert {one.group for one in found} == {f"footage-{footage}"}
    assert {one.track for one in found} == {f"footage-{footage}-track-7"}
    assert [one.captured_at for one in found] == [
        factories.STARTS_AT + timedelta(seconds=seconds) for seconds in (30, 31)
    ]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"status": "pending_review"}, "not_confirmed"),
        ({"status": "rejected"}, "not_confirmed"),
        ({"mode": TrainingItem.Mode.GOLD}, "gold_item"),
        ({"exhaustive": ()}, "not_exhaustive"),
    ],
)
def test_what_may_not_teach_is_counted(site, camera, reviewer, columns, reason):
    labelled.picture(camera, reviewer, **columns)

    found = gathered(site)

    assert found.candidates == []
    assert found.left_out[reason] == 1


def test_what_another_item_stands_for_is_left_out(site, camera, reviewer):
    first = labelled.picture(camera, reviewer)
    labelled.picture(camera, reviewer, represented_by=first)

    found = gathered(site)

    assert [one.item_id for one in found.candidates] == [first.pk]
    assert found.left_out == {"represented": 1}


def test_a_rejection_of_the_category_says_nothing_against_the_boxes(site, camera, reviewer):
    item = labelled.picture(camera, reviewer, status="rejected")
    factories.decision(item, reviewer, verdict="rejected", reason="wrong_class", effect="applied")

    assert len(gathered(site).candidates) == 1


def test_what_was_never_looked_through_stays(site, camera, reviewer):
    item = labelled.picture(camera, reviewer)
    item.scans.all().delete()

    assert gathered(site).left_out == {"not_private": 1}


def test_boxes_of_classes_that_are_not_listed_stay_behind(site, camera, reviewer):
    boxes = (("person", labelled.BOX), ("dog", (0.5, 0.5, 0.6, 0.6)))
    labelled.picture(camera, reviewer, boxes=boxes, exhaustive=("person",))

    found = gathered(site)

    assert [box[0] for box in found.candidates[0].label["boxes"]] == ["person"]
    assert found.left_out == {"boxes_of_unlisted_classes": 1}
    assert [row["name"] for row in found.taxonomy] == ["person"]


def test_a_reviewed_negative_lists_only_classes_that_there_are_examples_of(site, camera, reviewer):
    labelled.picture(camera, reviewer, day=1)
    labelled.picture(camera, reviewer, boxes=(), exhaustive=("person", "zebra"))

    negative = gathered(site).candidates[1]

    assert negative.label == {"boxes": [], "exhaustive": ["person"]}


@pytest.mark.parametrize(
    ("harm", "reason"),
    [("delete", "file_missing"), ("alter", "file_altered"), ("scramble", "file_unreadable")],
)
def test_a_damaged_file_is_counted_and_stops_nothing(site, camera, reviewer, harm, reason):
    content = b"not a picture at all" if harm == "scramble" else None
    if content:
        item = labelled.picture(camera, reviewer)
        path, sha256, _ = labelled.storage.store_bytes(site.pk, "photos", content, suffix=".jpg")
        item.photo.evidence.__class__.objects.update(path=path, sha256=sha256)
        item.scans.update(file_sha256=sha256)
    else:
        item = labelled.picture(camera, reviewer)
    if harm == "delete":
        default_storage.delete(item.photo.path)
    if harm == "alter":
        with open(default_storage.path(item.photo.path), "ab") as stream:
            stream.write(b"x")
    labelled.picture(camera, reviewer)

    found = gathered(site)

    assert len(found.candidates) == 1
    assert found.left_out == {reason: 1}


def test_marked_photos_say_so_until_the_mark_is_taken_back(site, camera, reviewer):
    item = labelled.picture(camera, reviewer)
    mark = Mark.objects.create(
        photo=item.photo, reason="other", marked_by=reviewer, marked_at=factories.STARTS_AT
    )
    assert gathered(site).candidates[0].is_marked

    mark.unmarked_at = factories.STARTS_AT
    mark.save()
    assert not gathered(site).candidates[0].is_marked


def test_rendered_cameras_are_named(site, camera, reviewer):
    labelled.picture(camera, reviewer)

    (one,) = gathered(site, synthetic_cameras=[camera.pk]).candidates

    assert one.origin == "synthetic"


def test_an_import_without_a_time_stands_by_itself(site, camera, reviewer):
    for _ in range(2):
        labelled.picture(camera, reviewer, origin=Photo.Origin.IMPORT, captured_at=timezone.now())
    labelled.picture(camera, reviewer, origin=Photo.Origin.IMPORT)

    found = gathered(site).candidates

    assert [one.origin for one in found] == ["import"] * 3
    assert len({one.group for one in found}) == 3
    assert [one.captured_at is None for one in found] == [True, True, False]
    assert found[2].group == f"camera-{camera.pk}-2026-03-02"


@pytest.mark.parametrize(
    ("look", "is_night"),
    [({}, False), ({"darkness": 140}, True), ({"grey": True, "darkness": 60}, True)],
)
def test_dark_and_infrared_pictures_are_of_the_night(site, camera, reviewer, look, is_night):
    content = factories.jpeg(labelled.scene(3, **look))
    labelled.picture(camera, reviewer, content=content)

    assert gathered(site).candidates[0].is_night is is_night


def test_one_name_at_two_sites_is_one_class(site, camera, reviewer):
    other = factories.camera(factories.site("Depot"))
    labelled.classes(other.site, "dog")
    labelled.picture(camera, reviewer)
    labelled.picture(other, reviewer)

    found = gathered(site, other.site)

    assert [row["name"] for row in found.taxonomy] == ["person"]
    assert len(found.taxonomy[0]["label_classes"]) == 2
    assert {one.label["boxes"][0][0] for one in found.candidates} == {"person"}


def test_a_merge_counts_where_both_classes_were_listed(site, camera, reviewer, admin_user):
    boxes = (("lorry", labelled.BOX),)
    labelled.picture(camera, reviewer, boxes=boxes, exhaustive=("lorry", "truck"))
    labelled.picture(camera, reviewer, boxes=boxes, exhaustive=("lorry",))
    named = labelled.classes(site)
    label_classes.merge(named["lorry"].pk, named["truck"].pk, by=admin_user)
    labelled.picture(camera, reviewer, boxes=(("truck", labelled.BOX),), exhaustive=("truck",))

    found = gathered(site)

    assert [one.label["boxes"][0][0] for one in found.candidates] == ["truck", "truck"]
    assert found.left_out == {"not_exhaustive": 1}
    assert found.taxonomy[0]["former"] == ["lorry"]


def test_imports_count_as_whole_where_somebody_says_so(site, camera, reviewer):
    imported = {"origin": Photo.Origin.IMPORT, "exhaustive": ()}
    labelled.picture(camera, reviewer, boxes=(("fox", labelled.BOX),), **imported)
    labelled.picture(camera, reviewer, boxes=(("dog", labelled.BOX),), **imported)
    labelled.picture(camera, reviewer, boxes=(("cat", labelled.BOX),), exhaustive=())

    assert gathered(site).left_out == {"not_exhaustive": 3}
    found = gathered(site, whole_imports=True)

    assert [one.label["exhaustive"] for one in found.candidates] == [["dog", "fox"]] * 2
    assert found.left_out == {"not_exhaustive": 1}
