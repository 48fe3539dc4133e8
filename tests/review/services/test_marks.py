"""Marks send photos for retraining: who may, what stands, what becomes of the item."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connections
from django.utils import timezone

from detection.models import Evidence, Photo
from hitlsite import audit, storage
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review import selectors, tasks
from review.models import Annotation, Decision, ItemTally, Mark, TrainingItem
from review.selectors import photos as library
from review.services import conversion, decisions, marks, privacy, queue
from review.services.photo_items import is_put_aside
from tests import factories, photos
from tests.cast import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def tally(item):
    rows = ItemTally.objects.filter(site=item.site_id).values_list("status", "count")
    return {status: count for status, count in rows if count}


def waits(item, user):
    page = selectors.items_page(user, filters={"status": "pending_review"})
    return item.pk in [one.pk for one in page.items]


class TestMarking:
    def test_the_photo_becomes_an_item_with_its_own_file_as_evidence(self, photo, reviewer):
        files = sorted(default_storage.listdir("sites")[0])
        mark, item = photos.marked(photo, reviewer, note=" two were missed ")

        assert (mark.reason, mark.note, mark.marked_by) == (
            "missed_detection",
            "two were missed",
            reviewer,
        )
        evidence = Evidence.objects.get()
        assert (evidence.photo, evidence.incident, evidence.kind) == (photo, None, "photo")
        assert (evidence.path, evidence.sha256) == (photo.path, photo.sha256)
        assert evidence.original_sha256 == photo.sha256
        assert evidence.byte_count == storage.size_of(photo.path)
        assert [one["class_name"] for one in evidence.observations] == ["person"]
        assert (item.photo, item.incident, item.camera) == (photo, None, photo.camera)
        assert (item.category, item.collection_method, item.severity) == (
            "unknown",
            "manual",
            "info",
        )
        assert item.provenance["photo"]["received_sha256"] == photo.received_sha256
        assert item.provenance["deployment"]["backend"] == "onnxruntime"
        assert item.provenance["mark"]["reason"] == "missed_detection"
        assert item.evidence == [evidence]
        assert tally(item) == {"pending_review": 1}
        assert waits(item, reviewer)
        assert sorted(default_storage.listdir("sites")[0]) == files
        actions = list(
            AuditEntry.objects.order_by("sequence").values_list("action", "actor", "site")
        )
        owned = reviewer.pk, photo.camera.site_id
        assert actions == [("item_created", *owned), ("photo_marked", *owned)]
        assert audit.verify().is_whole

    def test_without_detections(self, camera, reviewer):
        _, item = photos.marked(photos.photo(camera, found=()), reviewer)
        assert item.provenance["deployment"] is None
        assert item.evidence[0].observations == []

    def test_the_same_reason_again_answers_the_mark_that_stands(
        self, photo, reviewer, second_reviewer
    ):
        mark, _ = photos.marked(photo, reviewer, note="left")
        entries = AuditEntry.objects.count()
        for by, note in ((reviewer, "left"), (reviewer, ""), (second_reviewer, "right")):
            again = marks.mark(photo.pk, by=by, reason="missed_detection", note=note)
            assert (again.pk, again.note) == (mark.pk, "left")
        assert (Mark.objects.count(), TrainingItem.objects.count()) == (1, 1)
        assert AuditEntry.objects.count() == entries

    def test_another_s_mark_is_theirs(self, photo, reviewer, second_reviewer):
        photos.marked(photo, reviewer)
        with pytest.raises(Conflict, match="Ada Byron marked") as refused:
            marks.mark(photo.pk, by=second_reviewer, reason="wrong_class")
        assert refused.value.code == "already_marked"
        assert Mark.objects.get().reason == "missed_detection"

    @pytest.mark.parametrize(
        ("reason", "note"), [("wrong_class", ""), ("missed_detection", "the bag")]
    )
    def test_one_s_own_mark_is_corrected_and_both_stay_on_record(
        self, photo, reviewer, reason, note
    ):
        first, item = photos.marked(photo, reviewer)
        second = marks.mark(photo.pk, by=reviewer, reason=reason, note=note)
        first.refresh_from_db()
        assert (first.unmarked_by, first.unmarked_at) == (reviewer, second.marked_at)
        assert (second.reason, second.note, second.unmarked_at) == (reason, note, None)
        assert TrainingItem.objects.get() == item
        assert tally(item) == {"pending_review": 1}
        assert AuditEntry.objects.filter(action="photo_marked").count() == 2

    @pytest.mark.parametrize(
        ("reason", "note", "field"),
        [
            ("", "", "reason"),
            ("ugly", "", "reason"),
            (None, "", "reason"),
            (["other"], "", "reason"),
            ("other", "a\x00b", "note"),
            ("other", "x" * 501, "note"),
            ("other", "\ud800", "note"),
            ("other", 7, "note"),
        ],
    )
    def test_what_cannot_be_stored_is_refused(self, photo, reviewer, reason, note, field):
        with pytest.raises(DomainError) as refused:
            marks.mark(photo.pk, by=reviewer, reason=reason, note=note)
        assert (refused.value.status, list(refused.value.fields)) == (422, [field])
        assert Mark.objects.count() == TrainingItem.objects.count() == 0

    def test_a_photo_without_its_file_is_refused_whole(self, photo, reviewer):
        storage.delete(photo.path)
        with pytest.raises(Conflict, match=f"photo {photo.pk}") as refused:
            marks.mark(photo.pk, by=reviewer, reason="other")
        assert refused.value.code == "photo_missing"
        assert Mark.objects.count() == TrainingItem.objects.count() == 0
        assert not AuditEntry.objects.exists()

    @pytest.mark.parametrize("pk", [0, 999_999, 2**63, "7x", "", None, "١"])
    def test_there_is_no_such_photo(self, photo, reviewer, pk):
        with pytest.raises(NotFound):
            marks.mark(pk, by=reviewer, reason="other")

    def test_the_database_holds_one_standing_mark(self, photo, reviewer):
        photos.marked(photo, reviewer)
        with pytest.raises(IntegrityError):
            Mark.objects.create(
                photo=photo, reason="other", marked_by=reviewer, marked_at=timezone.now()
            )


class TestWhoMay:
    def test_another_site_s_photo_is_not_there(self, photo, outsider):
        for act in (marks.mark, marks.unmark):
            options = {"reason": "other"} if act is marks.mark else {}
            with pytest.raises(NotFound):
                act(photo.pk, by=outsider, **options)

    def test_a_device_sees_no_photos(self, photo, device_user):
        with pytest.raises(NotFound):
            marks.mark(photo.pk, by=device_user, reason="other")

    def test_without_the_permission(self, photo, reviewer):
        from django.contrib.auth.models import Group

        photos.marked(photo, reviewer)
        group = Group.objects.get(name="reviewer")
        group.permissions.remove(
            *group.permissions.filter(codename__in=["add_mark", "change_mark"])
        )
        reviewer = type(reviewer).objects.get(pk=reviewer.pk)
        with pytest.raises(Forbidden):
            marks.mark(photo.pk, by=reviewer, reason="other")
        with pytest.raises(Forbidden):
            marks.unmark(photo.pk, by=reviewer)
        assert library.photo_for(reviewer, photo.pk).standing_mark is not None


class TestUnmarking:
    def test_the_item_leaves_the_queue_and_the_next_mark_brings_it_back(
        self, photo, reviewer, second_reviewer
    ):
        mark, item = photos.marked(photo, reviewer)
        photos.looked_at(item)
        at = timezone.now() + timedelta(minutes=5)

        assert marks.unmark(photo.pk, by=second_reviewer, at=at) == mark
        item.refresh_from_db()
        mark.refresh_from_db()
        assert (mark.unmarked_by, mark.unmarked_at) == (second_reviewer, at)
        assert (mark.marked_by, mark.reason) == (reviewer, "missed_detection")
        assert is_put_aside(item)
        assert not waits(item, reviewer)
        assert tally(item) == {"rejected": 1}
        assert queue.claim(reviewer) == []
        assert not Decision.objects.exists()
        assert library.marked_count(reviewer) == 0

        _, again = photos.marked(photo, reviewer, reason="other")
        assert again == item
        assert (again.status, again.privacy) == ("pending_review", "clear")
        assert tally(item) == {"pending_review": 1}
        assert waits(item, reviewer)
        assert (Mark.objects.count(), Evidence.objects.count()) == (2, 1)
        assert audit.verify().is_whole

    def test_unmarking_twice_is_fine(self, photo, reviewer):
        photos.marked(photo, reviewer)
        marks.unmark(photo.pk, by=reviewer)
        entries = AuditEntry.objects.count()
        assert marks.unmark(photo.pk, by=reviewer) is None
        assert AuditEntry.objects.count() == entries

    def test_who_has_it_on_the_screen_is_told(self, photo, reviewer, second_reviewer):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item)
        version = item.version
        marks.unmark(photo.pk, by=second_reviewer)
        with pytest.raises(Conflict):
            decisions.decide(item.pk, by=reviewer, verdict="confirmed", version=version)

    def test_annotations_stay(self, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        drawn = Annotation.objects.create(
            item=item,
            evidence=photo.evidence,
            version=1,
            boxes=[{"label": 0, "box_xyxy": [0.1, 0.1, 0.2, 0.2], "origin": "drawn"}],
            annotated_by=reviewer,
            annotated_at=timezone.now(),
        )
        marks.unmark(photo.pk, by=reviewer)
        assert Annotation.objects.get() == drawn

    def test_what_a_person_decided_stays_decided(self, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        photos.looked_at(item)
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        for status in ("confirmed", "rejected"):
            TrainingItem.objects.filter(pk=item.pk).update(status=status)
            marks.unmark(photo.pk, by=reviewer)
            marks.mark(photo.pk, by=reviewer, reason="other")
            item.refresh_from_db()
            assert item.status == status
            assert item.decided_at is not None

    def test_a_confirmation_that_waits_for_its_redaction_is_void(self, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        given = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        assert given.effect == "waiting"
        marks.unmark(photo.pk, by=reviewer)
        given.refresh_from_db()
        assert given.effect == "void"


class Clear:
    """A scanner that finds nothing."""

    def scan_image(self, path, *, person_boxes):
        from review.privacy.faces import FaceScan

        self.boxes = [one.box_xyxy for one in person_boxes]
        return FaceScan("clear", (), ("drawn",), 1, "")


class TestScanning:
    @pytest.fixture
    def scanner(self, monkeypatch):
        scanner = Clear()
        monkeypatch.setattr("review.services.scanning.face_scanner", lambda: scanner)
        return scanner

    def test_the_task_scans_once(
        self, photo, reviewer, scanner, eager_tasks, django_capture_on_commit_callbacks
    ):
        mark, item = photos.marked(photo, reviewer)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.scan_soon(mark)
        item.refresh_from_db()
        assert (item.privacy, item.scans.count()) == ("clear", 1)
        assert scanner.boxes == [factories.PERSON_BOX]
        tasks.scan_marked(item.pk)
        assert item.scans.count() == 1
        with django_capture_on_commit_callbacks() as callbacks:
            tasks.scan_soon(mark)
        assert callbacks == []

    def test_a_lost_message_is_made_up_for(self, photo, reviewer, scanner):
        _, item = photos.marked(photo, reviewer)
        assert [one.pk for one in conversion.convert_ready().rescanned] == [item.pk]
        item.refresh_from_db()
        assert item.privacy == "clear"

    def test_a_photo_that_is_no_longer_marked_is_not_scanned(self, photo, reviewer, scanner):
        _, item = photos.marked(photo, reviewer)
        marks.unmark(photo.pk, by=reviewer)
        assert marks.scan_marked(item.pk) is None
        assert conversion.convert_ready().rescanned == []


class TestEveryReferenceFollowsTheRedaction:
    @pytest.fixture
    def item(self, photo, reviewer):
        _, item = photos.marked(photo, reviewer)
        return photos.looked_at(item, privacy="faces")

    def test_confirming_points_the_photo_at_the_redacted_file(self, photo, item, reviewer):
        original = photo.path
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        photo.refresh_from_db()
        evidence = Evidence.objects.get()
        assert (photo.path, photo.sha256) == (evidence.path, evidence.sha256)
        assert photo.path != original
        assert evidence.sealed_path == original

    def test_undoing_points_it_back(self, photo, item, reviewer):
        before = photo.path, photo.sha256
        content = default_storage.open(photo.path).read()
        given = decisions.decide(item.pk, by=reviewer, verdict="confirmed")
        decisions.undo(by=reviewer, decision_id=given.pk)
        photo.refresh_from_db()
        assert (photo.path, photo.sha256) == before
        assert default_storage.open(photo.path).read() == content

    def test_the_original_is_destroyed_on_time(self, photo, item, reviewer, settings):
        original = photo.path
        privacy.apply_redaction(item, by=reviewer)
        Evidence.objects.update(sealed_until=timezone.now() - timedelta(seconds=1))
        tasks.purge_sealed_originals()
        assert not default_storage.exists(original)
        photo.refresh_from_db()
        assert default_storage.exists(photo.path)
        assert AuditEntry.objects.filter(action="original.destroyed").get().site == item.site

    def test_but_not_while_another_photo_shows_the_same(self, camera, reviewer):
        content = factories.jpeg(factories.picture(3.3))
        first, second = (photos.photo(camera, content=content) for _ in range(2))
        assert first.path == second.path
        _, item = photos.marked(first, reviewer)
        photos.looked_at(item, privacy="faces")
        privacy.apply_redaction(item, by=reviewer)
        Evidence.objects.update(sealed_until=timezone.now() - timedelta(seconds=1))
        tasks.purge_sealed_originals()
        second.refresh_from_db()
        assert default_storage.exists(second.path)


class TestKept:
    def test_what_is_marked_open_confirmed_used_or_drawn_on_is_kept(self, camera, reviewer):
        plain, marked, aside, confirmed, used, drawn = (photos.photo(camera) for _ in range(6))
        items = {one.pk: photos.marked(one, reviewer)[1] for one in (marked, aside, used, drawn)}
        marks.unmark(aside.pk, by=reviewer)
        _, item = photos.marked(confirmed, reviewer)
        TrainingItem.objects.filter(pk=item.pk).update(status="confirmed", privacy="clear")
        marks.unmark(confirmed.pk, by=reviewer)
        marks.unmark(used.pk, by=reviewer)
        TrainingItem.objects.filter(pk=items[used.pk].pk).update(used_at=timezone.now())
        Annotation.objects.create(
            item=items[drawn.pk],
            evidence=drawn.evidence,
            version=1,
            is_negative=True,
            annotated_by=reviewer,
            annotated_at=timezone.now(),
        )
        marks.unmark(drawn.pk, by=reviewer)
        kept = set(library.kept_photos(Photo.objects.all()))
        assert kept == {marked, confirmed, used, drawn}
        assert plain not in kept

    def test_a_marked_photo_cannot_be_deleted(self, photo, reviewer):
        from django.db.models import ProtectedError

        photos.marked(photo, reviewer)
        with pytest.raises(ProtectedError):
            photo.delete()


@pytest.mark.sql
@pytest.mark.django_db(transaction=True)
def test_four_people_at_once_leave_one_mark_and_one_item(photo, site):
    people = [person(f"reviewer-{number}", "reviewer", site) for number in range(4)]
    start = threading.Barrier(4)

    def act(by):
        start.wait(timeout=20)
        try:
            return marks.mark(photo.pk, by=by, reason="other").pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        given = set(pool.map(act, people))
    assert given == {Mark.objects.get().pk}
    assert tally(TrainingItem.objects.get()) == {"pending_review": 1}
    assert audit.verify().is_whole
