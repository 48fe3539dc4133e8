"""What a reviewer asks for is put in place at once where it is ready, and by a worker otherwise."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from detection.models import Evidence
from detection.services.evidence import purge_sealed
from hitlsite import audit, storage
from hitlsite.errors import Conflict, DomainError, Forbidden
from hitlsite.models import AuditEntry
from review.models import Decision, Redaction, TrainingItem
from review.privacy.faces import FaceScanner
from review.selectors import is_file_private
from review.services import decisions, privacy, proposing, redactions
from review.services.redactions import is_copy_needed
from tests import factories
from tests.review.privacy.drawing import ColourDetector

pytestmark = pytest.mark.django_db
NOW = timezone.now()
WHOLE = [0.0, 0.0, 1.0, 1.0]
CORNER = [0.0, 0.0, 0.2, 0.2]


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera), privacy="faces")


@pytest.fixture
def clear_item(camera):
    incident = factories.incident(camera, with_files=False)
    factories.files_of(incident, has_person=False)
    return factories.item(incident, privacy="clear")


@pytest.fixture
def no_scanner(monkeypatch):
    """Fail where a request looks for faces itself."""

    def refused(*args, **kwargs):
        raise AssertionError("a request scanned or redacted by itself")

    monkeypatch.setattr("review.services.scanning.face_scanner", refused)
    monkeypatch.setattr("review.services.privacy.face_scanner", refused)


def shown_bytes(item):
    return [default_storage.open(row.path).read() for row in item.incident.evidence.all()]


def test_what_is_ready_is_put_in_place_at_once(item, reviewer, no_scanner):
    privacy.apply_redaction(item, by=reviewer, method="blur")

    assert (item.privacy, item.proposal) == ("redacted", "none")
    assert not item.is_being_redacted


@pytest.mark.parametrize(
    "asked", [{"method": "mask"}, {"drawn_regions": [CORNER]}, {"method": "blur"}]
)
def test_what_is_not_ready_is_left_to_a_worker(camera, reviewer, scanner, no_scanner, asked):
    proposal = "waiting" if asked == {"method": "blur"} else "ready"
    item = factories.item(factories.incident(camera), privacy="faces", proposal=proposal)
    before = shown_bytes(item)
    privacy.apply_redaction(item, by=reviewer, **asked)

    assert (item.privacy, item.is_being_redacted) == ("faces", True)
    assert shown_bytes(item) == before
    assert list(proposing.waiting_items()) == [item]
    proposing.propose_waiting(item.pk, scanner=scanner)

    item.refresh_from_db()
    assert (item.privacy, item.proposal, item.requested_redaction) == ("redacted", "none", None)
    applied = item.redactions.filter(state="applied")
    assert {(one.method, one.created_by) for one in applied} == {
        (asked.get("method", "blur"), reviewer)
    }
    acts = AuditEntry.objects.filter(object_id=str(item.pk)).order_by("sequence")
    assert [(entry.action, entry.actor) for entry in acts] == [
        ("redaction_requested", reviewer),
        ("redaction_proposed", None),
        ("item_redacted", reviewer),
    ]
    assert audit.verify().is_whole


def test_an_item_that_was_never_scanned_is_scanned_by_the_worker(
    camera, reviewer, scanner, no_scanner
):
    item = factories.item(factories.incident(camera), privacy="unscanned")
    privacy.apply_redaction(item, by=reviewer)
    assert (item.privacy, item.is_being_redacted) == ("unscanned", True)
    proposing.propose_waiting(item.pk, scanner=scanner)

    item.refresh_from_db()
    assert (item.privacy, item.proposal) == ("redacted", "none")


@pytest.mark.parametrize(("drawn", "privacy_after"), [((), "clear"), ([CORNER], "redacted")])
def test_a_request_before_a_scan_that_finds_nobody(camera, reviewer, scanner, drawn, privacy_after):
    incident = factories.incident(camera, with_files=False)
    factories.files_of(incident, has_person=False)
    item = factories.item(incident, privacy="unscanned")
    privacy.apply_redaction(item, by=reviewer, drawn_regions=drawn)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    privacy.scan_item(item, scanner=scanner)
    assert (item.privacy, item.status) == ("clear", "pending_review")
    proposing.propose_waiting(item.pk, scanner=scanner)

    item.refresh_from_db()
    assert (item.privacy, item.proposal, item.status) == (privacy_after, "none", "confirmed")


def test_a_confirmation_waits_for_what_was_drawn_on_a_clear_item(clear_item, reviewer, scanner):
    privacy.apply_redaction(clear_item, by=reviewer, drawn_regions=[CORNER])
    made = decisions.decide(clear_item.pk, by=reviewer, verdict="confirmed")
    clear_item.refresh_from_db()
    assert (made.effect, clear_item.status) == ("waiting", "pending_review")
    proposing.propose_waiting(clear_item.pk, scanner=scanner)

    clear_item.refresh_from_db()
    made.refresh_from_db()
    assert (clear_item.status, clear_item.privacy, made.effect) == (
        "confirmed",
        "redacted",
        "applied",
    )


def test_a_request_that_is_blocked_changes_no_file_and_voids_the_confirmation(
    clear_item, reviewer, broken_scanner
):
    before = shown_bytes(clear_item)
    privacy.apply_redaction(clear_item, by=reviewer, drawn_regions=[CORNER])
    decisions.decide(clear_item.pk, by=reviewer, verdict="confirmed")
    proposing.propose_waiting(clear_item.pk, scanner=broken_scanner)

    clear_item.refresh_from_db()
    assert (clear_item.proposal, clear_item.status) == ("blocked", "pending_review")
    assert (shown_bytes(clear_item), Decision.objects.get().effect) == (before, "void")
    assert clear_item.requested_redaction is None


def test_what_is_asked_for_meanwhile_is_done_next(camera, reviewer):
    """The worker is in the middle of one proposal when a reviewer asks for another."""
    item = factories.item(factories.incident(camera), privacy="faces", proposal="waiting")
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    class Interrupted(FaceScanner):
        is_asked = False

        def scan_image(self, *args, **kwargs):
            if not self.is_asked:
                self.is_asked = True
                privacy.apply_redaction(
                    TrainingItem.objects.get(pk=item.pk),
                    by=reviewer,
                    method="mask",
                    drawn_regions=[WHOLE],
                )
            return super().scan_image(*args, **kwargs)

    worker = Interrupted(yunet_path=None, person_detector=ColourDetector())
    proposing.propose_waiting(item.pk, scanner=worker)

    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")
    rows = item.redactions.all()
    assert {(row.method, row.state, len(row.drawn_regions)) for row in rows} == {
        ("mask", "applied", 1)
    }


def test_another_s_request_is_not_overwritten(item, reviewer, second_reviewer, scanner):
    privacy.apply_redaction(item, by=reviewer, drawn_regions=[CORNER])
    with pytest.raises(Conflict) as refusal:
        privacy.apply_redaction(item, by=second_reviewer, method="mask")
    assert refusal.value.code == "redaction_waiting"
    privacy.apply_redaction(item, by=reviewer, method="pixelate")
    proposing.propose_waiting(item.pk, scanner=scanner)

    assert set(item.redactions.filter(state="applied").values_list("method", flat=True)) == {
        "pixelate"
    }


def test_a_verdict_meanwhile_leaves_the_files_and_no_copies(item, reviewer, scanner):
    privacy.apply_redaction(item, by=reviewer, method="mask")
    stale = TrainingItem.objects.get(pk=item.pk)
    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="duplicate")
    kept = set(Redaction.objects.values_list("path", flat=True))

    assert privacy.propose(stale, scanner=scanner) == []
    _, files = default_storage.listdir("sites")
    folder = default_storage.path(f"sites/{item.site_id}/redacted")
    stored = {path.name for path in storage.Path(folder).rglob("*.*") if path.is_file()}
    assert files == []
    assert stored == {name.rpartition("/")[2] for name in kept}


def test_a_proposal_whose_files_are_gone_is_made_again(item, reviewer, scanner):
    for redaction in item.redactions.all():
        storage.delete(redaction.path)
    privacy.apply_redaction(item, by=reviewer)
    assert item.is_being_redacted
    proposing.propose_waiting(item.pk, scanner=scanner)

    item.refresh_from_db()
    assert item.privacy == "redacted"


def test_a_copy_that_is_deleted_before_it_has_a_row_is_made_again(
    item, reviewer, scanner, monkeypatch
):
    privacy.apply_redaction(item, by=reviewer, method="mask")
    store = storage.store_file

    def stored_and_deleted(*args, **kwargs):
        stored = store(*args, **kwargs)
        storage.delete(stored[0])
        return stored

    monkeypatch.setattr(storage, "store_file", stored_and_deleted)
    with pytest.raises(Conflict) as refusal:
        proposing.propose_waiting(item.pk, scanner=scanner)
    assert refusal.value.code == "copy_missing"
    monkeypatch.undo()
    proposing.propose_waiting(item.pk, scanner=scanner)

    item.refresh_from_db()
    assert item.privacy == "redacted"


@pytest.mark.parametrize("asked", [{"method": "smudge"}, {"drawn_regions": [[0, 0, 2, 2]]}])
def test_nonsense_is_refused_at_once(item, reviewer, asked):
    with pytest.raises(DomainError) as refusal:
        privacy.apply_redaction(item, by=reviewer, **asked)

    assert refusal.value.status == 422
    item.refresh_from_db()
    assert item.requested_redaction is None


def test_a_copy_that_another_item_proposes_outlives_the_purge(
    camera, reviewer, django_capture_on_commit_callbacks
):
    """Two items of the same pictures: the second has not applied what the first throws away."""
    first, second = (factories.item(factories.incident(camera), privacy="faces") for _ in range(2))
    names = [one.path for one in second.redactions.all()]
    assert names == [one.path for one in first.redactions.all()]
    privacy.apply_redaction(first, by=reviewer, at=NOW)
    purge_sealed(NOW + timedelta(hours=1), is_needed=is_copy_needed)
    for row in first.incident.evidence.all():
        _apply_other(first, row)
    first.redactions.filter(state="verified").update(state="replaced")
    with django_capture_on_commit_callbacks(execute=True):
        for row in first.incident.evidence.all():
            _apply_other(first, row)
    purge_sealed(NOW + timedelta(days=9), is_needed=is_copy_needed)

    assert all(default_storage.exists(name) for name in names)
    privacy.apply_redaction(second, by=reviewer)
    assert second.privacy == "redacted"


def _apply_other(item, row, content=b"masked"):
    """Put yet another copy in the place of what evidence shows."""
    suffix = ".mp4" if row.is_clip else ".jpg"
    name, sha256, size = storage.store_bytes(
        item.site_id, "redacted", content + str(row.pk).encode(), suffix=suffix
    )
    made = Redaction.objects.create(
        item=item,
        evidence=row,
        scan=item.scans.filter(evidence=row).last(),
        method="mask",
        state="verified",
        source_sha256=row.sha256,
        path=name,
        sha256=sha256,
        byte_count=size,
    )
    redactions._show(made, NOW)


def test_undoing_a_second_redaction_brings_back_the_first(item, reviewer, supervisor, redact):
    privacy.apply_redaction(item, by=reviewer, at=NOW)
    first = shown_bytes(item)
    purge_sealed(NOW + timedelta(hours=1), is_needed=is_copy_needed)
    redact(item, reviewer, method="mask", drawn_regions=[CORNER])
    assert shown_bytes(item) != first
    privacy.undo_redaction(item, by=reviewer)

    assert (shown_bytes(item), item.privacy) == (first, "redacted")
    for row in item.incident.evidence.all():
        assert storage.sha256_of(default_storage.path(row.path)) == row.sha256
        assert row.byte_count == default_storage.size(row.path)
        assert row.redactions.get(state="applied").sha256 == row.sha256
        assert is_file_private(row)
    privacy.apply_redaction(item, by=reviewer, method="mask")
    assert (item.privacy, item.proposal) == ("redacted", "none")


def test_an_original_among_first_copies_makes_the_item_shown_with_faces(item, reviewer, redact):
    """One file was purged and the others were not: the item is what the worst file is."""
    privacy.apply_redaction(item, by=reviewer, at=NOW)
    frame = item.incident.evidence.get(kind=Evidence.Kind.FRAME_PEAK)
    Evidence.objects.exclude(pk=frame.pk).update(sealed_until=NOW + timedelta(days=1))
    purge_sealed(NOW + timedelta(hours=1), is_needed=is_copy_needed)
    redact(item, reviewer, method="mask")
    privacy.undo_redaction(item, by=reviewer)

    assert (item.privacy, item.proposal) == ("faces", "ready")


def test_undoing_drops_what_was_asked_for_since(item, reviewer, scanner):
    before = shown_bytes(item)
    privacy.apply_redaction(item, by=reviewer)
    privacy.apply_redaction(item, by=reviewer, method="mask")
    privacy.undo_redaction(item, by=reviewer)

    assert proposing.propose_waiting(item.pk, scanner=scanner) is None
    assert (shown_bytes(item), item.requested_redaction) == (before, None)


@pytest.mark.parametrize(
    ("who", "seconds", "is_allowed"),
    [
        ("reviewer", 60, True),
        ("reviewer", 61, False),
        ("supervisor", 61, True),
        ("device_user", 1, False),
    ],
)
def test_sealed_originals_are_for_supervisors_once_the_undo_time_is_over(
    item, reviewer, settings, request, who, seconds, is_allowed
):
    settings.KEEP_ORIGINAL_DAYS = 1
    user, later = request.getfixturevalue(who), NOW + timedelta(seconds=seconds)
    before = shown_bytes(item)
    privacy.apply_redaction(item, by=reviewer, at=NOW)
    applied = item.redactions.filter(state="applied")

    assert privacy.may_undo(user, applied, at=later) is is_allowed
    if is_allowed:
        privacy.undo_redaction(item, by=user, at=later)
    else:
        with pytest.raises(Forbidden):
            privacy.undo_redaction(item, by=user, at=later)
    assert (shown_bytes(item) == before) is is_allowed


def test_a_verdict_is_undone_although_a_sealed_file_is_gone(item, reviewer):
    decisions.decide(item.pk, by=reviewer, verdict="confirmed", at=NOW)
    redacted = shown_bytes(item)
    storage.delete(item.incident.evidence.first().sealed_path)
    decisions.undo(by=reviewer, at=NOW + timedelta(seconds=5))

    item.refresh_from_db()
    assert (item.status, item.privacy, shown_bytes(item)) == (
        "pending_review",
        "redacted",
        redacted,
    )


def test_nobody_redacts_what_they_may_not_see(item, reviewer, supervisor, no_scanner):
    """An item that needs review shows its unredacted pictures to supervisors alone."""
    item.status = item.Status.NEEDS_REVIEW
    item.save(update_fields=["status"])

    with pytest.raises(Forbidden, match="may not see the pictures"):
        privacy.apply_redaction(item, by=reviewer, drawn_regions=[CORNER])
    item.refresh_from_db()
    assert item.requested_redaction is None
    assert privacy.apply_redaction(item, by=supervisor).privacy == "redacted"
