"""A frozen dataset: what is in it, what it is known by, and what it refuses."""

import errno
import json
from collections import Counter
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage

from detection.models import Photo
from detection.slots import OBJECT_DETECTOR
from hitlsite import jobs, storage
from hitlsite.errors import Conflict, NotFound
from hitlsite.models import AuditEntry
from review.models import Mark
from tests import factories
from tests.training import labelled
from training.models import Dataset, DatasetEntry, GroupSplit
from training.services import datasets

pytestmark = pytest.mark.usefixtures("data_dir")


def frozen(*sites, by=None, **options):
    asked = datasets.freeze(slot=OBJECT_DETECTOR, by=by, sites=sites or None, options=options)
    return datasets.freeze_now(asked.pk)


def entries(dataset, *splits):
    found = dataset.entries.order_by("position")
    return list(found.filter(split__in=splits) if splits else found)


def test_a_dataset_holds_every_picture_once(site, camera, reviewer):
    items = labelled.days(camera, reviewer, 6)

    dataset = frozen(site)

    assert (dataset.state, dataset.error_message) == ("done", "")
    assert (dataset.number, dataset.test_revision) == (1, 1)
    rows = entries(dataset)
    assert [row.position for row in rows] == list(range(12))
    assert {row.item_id for row in rows} == {item.pk for item in items}
    assert dataset.class_names == ["person"]
    by_group = {row.group: row.split for row in rows}
    assert all(row.split == by_group[row.group] for row in rows)
    assert set(by_group.values()) == {"train", "val", "test"}
    assert dict(GroupSplit.objects.values_list("group", "split")) == by_group


def test_the_manifest_is_stored_under_its_hash(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)

    dataset = frozen(site)

    with default_storage.open(dataset.manifest_path, "rb") as stored:
        content = stored.read()
    assert dataset.manifest_sha256 in dataset.manifest_path
    header, *lines = [json.loads(line) for line in content.decode().splitlines()]
    assert header["slot"] == OBJECT_DETECTOR and header["sites"] == [site.pk]
    assert [line["sha256"] for line in lines] == [row.sha256 for row in entries(dataset)]


def test_the_counts_tell_what_is_in_it(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)

    counts = frozen(site).counts

    assert counts["entries"] == 8 and sum(counts["by_split"].values()) == 8
    (person,) = counts["classes"]
    assert sum(person[split] for split in ("train", "val", "test")) == 4
    assert sum(counts["negatives"].values()) == 4
    assert counts["cameras"][0]["name"] == "Gate"
    assert sum(counts["light"]["day"].values()) == 8
    assert sum(counts["origins"]["field"].values()) == 8
    assert any("too few for each" in told for told in counts["warnings"])


def test_items_are_used_from_then_on(site, camera, reviewer):
    items = labelled.days(camera, reviewer, 4)

    frozen(site)

    for item in items:
        item.refresh_from_db()
        assert item.used_at is not None


def test_the_same_content_is_the_same_dataset(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    first = frozen(site)
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])

    again = datasets.freeze_now(asked.pk)

    assert again.pk == first.pk
    assert Dataset.objects.count() == 1
    told = AuditEntry.objects.get(action="dataset.unchanged")
    assert told.object_id == str(asked.pk) and told.detail.content["same_as"] == first.pk


def test_groups_keep_their_splits(site, camera, reviewer):
    labelled.days(camera, reviewer, 5)
    first = frozen(site)
    before = {row.group: row.split for row in entries(first)}
    for day in range(5, 9):
        labelled.picture(camera, reviewer, day=day)
    labelled.picture(camera, reviewer, day=0)

    second = frozen(site)

    after = {row.group: row.split for row in entries(second)}
    assert {group: after[group] for group in before} == before
    assert second.number == 2 and second.previous == first
    assert second.counts["changes"]["added"] == 5
    assert second.counts["changes"]["removed"] == second.counts["changes"]["relabelled"] == 0


def test_a_corrected_test_is_a_new_revision(site, camera, reviewer):
    labelled.days(camera, reviewer, 5)
    first = frozen(site)
    row = next(row for row in entries(first, "test") if row.label["boxes"])
    labelled.annotate(row.item, row.evidence, reviewer, boxes=(("person", (0.1, 0.1, 0.2, 0.2)),))

    second = frozen(site)

    assert second.test_revision == 2 and second.test_sha256 != first.test_sha256
    assert second.counts["test_changes"] == {"added": 0, "corrected": 1, "erased": 0}


def test_more_to_train_on_leaves_the_test_as_it_is(site, camera, reviewer):
    labelled.days(camera, reviewer, 5)
    first = frozen(site)
    group = entries(first, "train")[0]
    day = (group.captured_at.date() - factories.STARTS_AT.date()).days
    labelled.picture(camera, reviewer, day=day)

    second = frozen(site)

    assert (second.test_revision, second.test_sha256) == (1, first.test_sha256)
    assert second.counts["test_changes"] == {"added": 0, "corrected": 0, "erased": 0}


def test_a_renamed_class_is_no_new_test(site, camera, reviewer, admin_user):
    from review.services import label_classes

    labelled.days(camera, reviewer, 4)
    first = frozen(site)
    label_classes.rename(labelled.classes(site)["person"].pk, "human", by=admin_user)

    second = frozen(site)

    assert second.class_names == ["human"] and second.taxonomy[0]["former"] == ["person"]
    assert second.test_revision == first.test_revision == 1
    assert second.counts["changes"]["relabelled"] == 0


def test_copies_of_what_judges_do_not_train(site, camera, reviewer):
    images = {}
    for day in range(6):
        images[day] = labelled.scene(1000 + day)
        content = factories.jpeg(images[day])
        labelled.picture(camera, reviewer, day=day, content=content)
    first = frozen(site)
    splits = {
        (row.captured_at.date() - factories.STARTS_AT.date()).days: row.split
        for row in entries(first)
    }
    train = next(day for day, split in splits.items() if split == "train")
    tested = next(day for day, split in splits.items() if split == "test")
    validated = next(day for day, split in splits.items() if split == "val")
    for day in (tested, validated):
        content = labelled.resaved(images[day])
        labelled.picture(camera, reviewer, day=train, content=content)
    assert frozen(site) == first
    first.refresh_from_db()
    assert first.counts["again"]["copies"] == {"train": 2, "val": 0}
    labelled.picture(camera, reviewer, day=train)

    second = frozen(site)

    assert second.counts["copies"] == {"train": 2, "val": 0}
    assert len(second.counts["copy_examples"]) == 2
    held = Counter(row.split for row in entries(second))
    assert held == Counter(splits.values()) + Counter(train=1)


def test_marked_photos_never_judge(site, camera, reviewer):
    items = labelled.days(camera, reviewer, 6, each=3)
    first = frozen(site)
    for split in ("train", "test"):
        item = entries(first, split)[0].item
        Mark.objects.create(
            photo=item.photo, reason="other", marked_by=reviewer, marked_at=factories.STARTS_AT
        )

    second = frozen(site)

    assert len(entries(second)) == len(items)
    assert second.counts["marked"] == {"train": 1, "beside": 1}
    assert len(entries(second, "marked")) == 1


def test_rendered_pictures_only_train(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    rendered = factories.camera(site, "Rendered")
    labelled.days(rendered, reviewer, 4)

    dataset = frozen(site, synthetic_cameras=[rendered.pk])

    synthetic = dataset.entries.filter(origin="synthetic")
    assert {row.split for row in synthetic} == {"train"} and synthetic.count() == 8
    again = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])
    assert again.options == {"synthetic_cameras": [rendered.pk]}


def test_three_frames_a_track(site, camera, reviewer):
    for _ in range(4):
        labelled.frames(camera, reviewer, count=5)

    dataset = frozen(site)

    assert Counter(row.group for row in entries(dataset)).most_common(1)[0][1] == 3
    assert dataset.counts["caps"]["track"] == 8


def test_no_camera_is_most_of_what_trains(site, reviewer):
    for number in range(6):
        camera = factories.camera(site, f"Camera {number}")
        for day in range(20 if number == 0 else 6):
            labelled.picture(camera, reviewer, day=day)

    dataset = frozen(site)

    training = Counter(row.camera_id for row in entries(dataset, "train"))
    assert max(training.values()) <= 0.2 * sum(training.values())
    assert dataset.counts["caps"]["camera"] > 0
    assert frozen(site, camera_share=1.0).counts["caps"]["camera"] == 0


def test_a_full_disk_waits_and_is_tried_again(site, camera, reviewer, monkeypatch):
    labelled.days(camera, reviewer, 4)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(storage.shutil, "copyfile", full)
        dataset = frozen(site)
    assert (dataset.state, dataset.error_code) == ("queued", "disk_full")
    assert not DatasetEntry.objects.exists()

    Dataset.objects.update(not_before=None)
    assert datasets.run_waiting() == 1
    dataset.refresh_from_db()
    assert (dataset.state, dataset.error_code) == ("done", "")


def test_a_file_that_changes_meanwhile_is_no_part_of_it(site, camera, reviewer, monkeypatch):
    items = labelled.days(camera, reviewer, 4)
    read = datasets.store

    def changing(*args):
        evidence = items[0].photo.evidence
        type(evidence).objects.filter(pk=evidence.pk).update(sha256="0" * 64)
        return read(*args)

    monkeypatch.setattr(datasets, "store", changing)
    dataset = frozen(site)

    assert (dataset.state, dataset.error_code) == ("queued", "items_moved")
    assert not GroupSplit.objects.exists()


def test_two_freezes_agree_on_the_groups(site, camera, reviewer, monkeypatch):
    """The second reads its pins before the first has stored them, and makes its splits again."""
    labelled.days(camera, reviewer, 6)
    other = factories.camera(factories.site("Depot"), "Dock")
    labelled.days(other, reviewer, 4)
    one = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site])
    two = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site, other.site])
    store, came_between = datasets.store, []

    def interrupted(dataset, *args):
        if dataset.pk == one.pk and not came_between:
            came_between.append(True)
            GroupSplit.objects.create(slot=OBJECT_DETECTOR, group="none", split="train")
            came_between.append(datasets.freeze_now(two.pk))
        return store(dataset, *args)

    monkeypatch.setattr(datasets, "store", interrupted)
    first, second = datasets.freeze_now(one.pk), came_between[1]

    assert first.state == second.state == "done"
    assert first.previous == second
    splits = {row.group: row.split for row in entries(second)}
    assert all(splits[row.group] == row.split for row in entries(first))


def test_a_freeze_is_cancelled_and_stores_nothing(site, camera, reviewer, admin_user, monkeypatch):
    labelled.days(camera, reviewer, 4)
    asked = datasets.freeze(slot=OBJECT_DETECTOR, by=admin_user)
    store = datasets.store

    def cancelled(dataset, *args):
        datasets.cancel(dataset.pk, by=admin_user)
        return store(dataset, *args)

    monkeypatch.setattr(datasets, "store", cancelled)
    ended = datasets.freeze_now(asked.pk)

    assert ended.state == "cancelled" and not DatasetEntry.objects.exists()
    with pytest.raises(Conflict):
        datasets.cancel(asked.pk, by=admin_user)


def test_a_lost_worker_is_followed_by_another(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    asked = datasets.freeze(slot=OBJECT_DETECTOR)
    lost = jobs.claim(Dataset.objects.all(), asked.pk)
    assert datasets.freeze_now(asked.pk) is None
    Dataset.objects.update(lease_expires_at=lost.started_at - timedelta(seconds=1))

    assert datasets.run_waiting() == 1

    lost.refresh_from_db()
    assert (lost.state, lost.attempts) == ("done", 2)


def test_progress_is_told(site, camera, reviewer):
    labelled.days(camera, reviewer, 4)
    told = []
    asked = datasets.freeze(slot=OBJECT_DETECTOR)

    datasets.freeze_now(asked.pk, lambda *step: told.append(step))

    assert (8, 8, "reading pictures") in told


def test_a_click_twice_is_one_freeze(site, admin_user):
    first = datasets.freeze(slot=OBJECT_DETECTOR, by=admin_user, sites=[site])

    assert datasets.freeze(slot=OBJECT_DETECTOR, by=admin_user, sites=[site]) == first
    assert AuditEntry.objects.filter(action="dataset.asked").count() == 1


def test_a_dataset_of_two_sites_is_seen_by_members_of_both(site, admin_user, reviewer):
    other = factories.site("Depot")
    asked = datasets.freeze(slot=OBJECT_DETECTOR, sites=[site, other])

    assert not Dataset.objects.visible_to(admin_user).exists()
    with pytest.raises(NotFound):
        datasets.cancel(asked.pk, by=admin_user)


def test_imports_are_told_apart(site, camera, reviewer):
    labelled.days(camera, reviewer, 4, origin=Photo.Origin.IMPORT)

    assert set(frozen(site).counts["origins"]) == {"import"}
