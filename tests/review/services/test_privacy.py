"""Every file of an item is scanned, hidden and looked at again; whatever fails counts as faces."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from detection.models import Evidence
from hitlsite import storage
from hitlsite.errors import Conflict, DomainError, Forbidden
from review.models import Decision, PrivacyScan, Redaction, TrainingItem
from review.privacy.faces import FaceScanner
from review.selectors import is_file_private
from review.services import decisions, privacy
from review.services.scanning import FACE_MODEL
from tests import factories
from tests.review.privacy.drawing import ColourDetector

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera), privacy="unscanned")


@pytest.fixture
def empty_item(camera):
    incident = factories.incident(camera, with_files=False)
    factories.files_of(incident, has_person=False)
    return factories.item(incident, privacy="unscanned")


def states(item):
    return set(item.redactions.values_list("state", flat=True))


def test_a_person_counts_as_a_face(item, scanner):
    privacy.scan_item(item, scanner=scanner)

    assert (item.privacy, item.proposal) == ("faces", "waiting")
    scans = item.scans.all()
    assert {scan.result for scan in scans} == {"faces"}
    assert {scan.evidence_id for scan in scans} == {row.pk for row in item.incident.evidence.all()}
    assert all(scan.regions and scan.detectors == ["head"] for scan in scans)


def test_an_empty_scene_is_clear(empty_item, scanner):
    privacy.scan_item(empty_item, scanner=scanner)

    assert (empty_item.privacy, empty_item.proposal) == ("clear", "none")
    assert all(is_file_private(row) for row in empty_item.incident.evidence.all())


def test_tracks_count_although_the_detector_sees_nobody(camera, model_dir):
    incident = factories.incident(camera, with_files=False)
    factories.files_of(incident, class_name="visitor")
    item = factories.item(incident, privacy="unscanned")

    privacy.scan_item(item, scanner=FaceScanner(yunet_path=model_dir / FACE_MODEL))

    clip = item.scans.get(evidence__kind="clip")
    assert (clip.result, item.privacy) == ("faces", "faces")
    # Observations are on the footage's clock, regions on the clip's.
    times = {region["at_seconds"] for region in clip.regions if region["source"] == "head"}
    assert min(times) == pytest.approx(0.0, abs=1e-6)
    assert max(times) == pytest.approx(1.8, abs=1e-6)


def test_a_tracked_bag_is_no_face(camera, model_dir):
    incident = factories.incident(camera, with_files=False, class_name="backpack")
    factories.files_of(incident, has_person=False)
    Evidence.objects.update(observations=[])
    item = factories.item(incident, privacy="unscanned")
    privacy.scan_item(item, scanner=FaceScanner(yunet_path=model_dir / FACE_MODEL))

    assert item.privacy == "clear"


def _missing_file(item):
    storage.delete(item.incident.evidence.get(kind="frame_peak").path)
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


def _altered_file(item):
    name = item.incident.evidence.get(kind="frame_peak").path
    with open(default_storage.path(name), "ab") as stream:
        stream.write(b"x")
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


def _truncated_clip(item):
    clip = item.incident.evidence.get(kind="clip")
    whole = default_storage.open(clip.path).read()
    path, sha256, size = storage.store_bytes(1, "clip", whole[: len(whole) // 2], suffix=".mp4")
    Evidence.objects.filter(pk=clip.pk).update(path=path, sha256=sha256, byte_count=size)
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


def _no_files(item):
    Evidence.objects.all().delete()
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


def _nonsense_observations(item):
    Evidence.objects.filter(kind="frame_open").update(observations=[{"box": 1}])
    return FaceScanner(yunet_path=None, person_detector=ColourDetector())


@pytest.mark.parametrize(
    "spoil",
    [
        _missing_file,
        _altered_file,
        _truncated_clip,
        _no_files,
        _nonsense_observations,
    ],
)
def test_what_cannot_be_scanned_fails_and_is_never_confirmed(empty_item, reviewer, spoil):
    scanner = spoil(empty_item)
    privacy.scan_item(empty_item, scanner=scanner)

    assert (empty_item.privacy, empty_item.proposal) == ("failed", "waiting")
    assert all(scan.error for scan in empty_item.scans.filter(result="failed"))
    decisions.decide(empty_item.pk, by=reviewer, verdict="confirmed")
    privacy.propose(empty_item, scanner=scanner)
    empty_item.refresh_from_db()
    assert (empty_item.status, empty_item.proposal) == ("pending_review", "blocked")
    assert Decision.objects.get().effect == "void"


def test_a_scanner_that_breaks_is_a_failed_scan(empty_item, broken_scanner):
    privacy.scan_item(empty_item, scanner=broken_scanner)

    assert empty_item.privacy == "failed"
    assert "out of memory" in empty_item.scans.first().error


def test_without_weights_the_scan_fails(empty_item, settings, tmp_path):
    settings.MODEL_DIR, settings.DETECTOR = tmp_path, "motion"
    privacy.scan_item(empty_item)

    assert empty_item.privacy == "failed"


def test_failed_scans_are_repeated_some_time_later_and_not_for_ever(
    empty_item, scanner, broken_scanner
):
    assert list(privacy.items_to_rescan()) == [empty_item]
    for _ in range(3):
        privacy.scan_item(empty_item, scanner=broken_scanner)
        assert list(privacy.items_to_rescan()) == []
        PrivacyScan.objects.update(scanned_at=NOW - timedelta(minutes=5))
        repeated = list(privacy.items_to_rescan(at=NOW))

    assert repeated == []
    privacy.scan_item(empty_item, scanner=scanner)
    assert empty_item.privacy == "clear"


def test_a_proposal_is_verified_and_leaves_the_originals(item, scanner):
    shown = dict(Evidence.objects.values_list("pk", "sha256"))
    privacy.scan_item(item, scanner=scanner)
    drafts = privacy.propose(item, scanner=scanner)

    assert (item.proposal, item.privacy, states(item)) == ("ready", "faces", {"verified"})
    assert len(drafts) == 4
    assert all(default_storage.exists(one.path) for one in drafts)
    assert dict(Evidence.objects.values_list("pk", "sha256")) == shown


def test_a_waiting_confirmation_takes_effect_with_the_proposal(item, scanner, reviewer):
    privacy.scan_item(item, scanner=scanner)
    made = decisions.decide(item.pk, by=reviewer, verdict="confirmed", category="aggression")
    privacy.propose(item, scanner=scanner)
    made.refresh_from_db()

    assert (item.status, item.privacy, item.category) == ("confirmed", "redacted", "aggression")
    assert (made.effect, item.decided_at is not None) == ("applied", True)


def test_a_waiting_confirmation_takes_effect_when_the_scan_is_clear(empty_item, scanner, reviewer):
    made = decisions.decide(empty_item.pk, by=reviewer, verdict="confirmed")
    assert made.effect == "waiting"
    privacy.scan_item(empty_item, scanner=scanner)

    assert (empty_item.status, empty_item.privacy) == ("confirmed", "clear")


def test_a_proposal_that_comes_too_late_changes_nothing(item, scanner, reviewer):
    privacy.scan_item(item, scanner=scanner)
    stale = TrainingItem.objects.get(pk=item.pk)
    decisions.decide(item.pk, by=reviewer, verdict="rejected", reason="duplicate")

    assert privacy.propose(stale, scanner=scanner) == []
    assert not Redaction.objects.exists()


def test_a_reviewer_s_redaction_swaps_every_file(item, scanner, reviewer):
    originals = {row.pk: row.sha256 for row in item.incident.evidence.all()}
    privacy.scan_item(item, scanner=scanner)
    privacy.propose(item, scanner=scanner)
    privacy.apply_redaction(item, by=reviewer, at=NOW)

    assert (item.privacy, item.proposal, states(item)) == ("redacted", "none", {"applied"})
    for row in item.incident.evidence.all():
        assert row.sha256 != originals[row.pk] == row.original_sha256
        assert row.sealed_until == NOW + timedelta(seconds=60)
        assert storage.sha256_of(default_storage.path(row.path)) == row.sha256


def test_another_method_starts_from_the_original(item, scanner, reviewer, redact):
    privacy.scan_item(item, scanner=scanner)
    redact(item, reviewer)
    originals = {row.pk: row.original_sha256 for row in item.incident.evidence.all()}
    redact(item, reviewer, method="mask")

    applied = item.redactions.filter(state="applied")
    assert {one.method for one in applied} == {"mask"}
    assert {one.evidence_id: one.source_sha256 for one in applied} == originals
    assert states(item) == {"applied", "replaced"}


def test_drawn_regions_are_hidden_too(empty_item, scanner, reviewer, redact):
    privacy.scan_item(empty_item, scanner=scanner)
    frame = empty_item.incident.evidence.get(kind="frame_peak")
    region = {"box_xyxy": [0.0, 0.0, 0.5, 0.5], "evidence": frame.pk}
    redact(empty_item, reviewer, method="mask", drawn_regions=[region])

    redaction = empty_item.redactions.get()
    assert (redaction.evidence, redaction.state, empty_item.privacy) == (
        frame,
        "applied",
        "redacted",
    )
    assert redaction.drawn_regions == [{**region, "at_seconds": None}]


def test_what_no_detector_could_look_at_is_private_once_all_that_moves_is_hidden(item, reviewer):
    blind = FaceScanner(yunet_path=None)
    privacy.scan_item(item, scanner=blind)
    assert item.privacy == "failed"
    privacy.propose(item, scanner=blind)
    assert (item.privacy, item.proposal) == ("failed", "ready")
    assert {one["source"] for one in item.redactions.first().regions} >= {"moving"}

    decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    item.refresh_from_db()
    assert (item.status, item.privacy) == ("confirmed", "redacted")


def test_redacting_takes_permission_an_open_item_and_something_to_hide(
    camera, empty_item, scanner, reviewer, device_user
):
    privacy.scan_item(empty_item, scanner=scanner)
    with pytest.raises(Forbidden):
        privacy.apply_redaction(empty_item, by=device_user)
    with pytest.raises(Conflict) as refusal:
        privacy.apply_redaction(empty_item, by=reviewer)
    assert (refusal.value.code, empty_item.privacy) == ("nothing_to_redact", "clear")
    assert TrainingItem.objects.get().proposal == "none"
    with pytest.raises(DomainError) as refusal:
        privacy.apply_redaction(empty_item, by=reviewer, method="smudge")
    assert list(refusal.value.fields) == ["method"]
    decisions.decide(empty_item.pk, by=reviewer, verdict="confirmed")
    empty_item.refresh_from_db()
    with pytest.raises(Conflict) as refusal:
        privacy.apply_redaction(empty_item, by=reviewer)
    assert refusal.value.code == "already_decided"


def test_undoing_a_redaction_brings_back_the_same_bytes(item, scanner, reviewer, redact):
    def files():
        return [default_storage.open(row.path).read() for row in item.incident.evidence.all()]

    before = files()
    privacy.scan_item(item, scanner=scanner)
    redact(item, reviewer)
    assert files() != before
    privacy.undo_redaction(item, by=reviewer)

    assert (files(), item.privacy, item.proposal) == (before, "faces", "ready")
    with pytest.raises(Conflict) as refusal:
        privacy.undo_redaction(item, by=reviewer)
    assert refusal.value.code == "nothing_to_undo"


def test_the_check_before_leaving_looks_at_the_bytes(item, scanner, reviewer, redact):
    with pytest.raises(DomainError, match="unscanned"):
        privacy.check_item(item, scanner=scanner)
    privacy.scan_item(item, scanner=scanner)
    with pytest.raises(DomainError, match="faces"):
        privacy.check_item(item, scanner=scanner)
    redact(item, reviewer)

    assert {look.result for look in privacy.check_item(item, scanner=scanner)} == {"clear"}
    assert privacy.check_item(item, rescan=False) == []
    frame = item.incident.evidence.get(kind="frame_peak")
    with open(default_storage.path(frame.path), "ab") as stream:
        stream.write(b"x")
    for rescan in (True, False):
        with pytest.raises(DomainError, match="at peak score") as refusal:
            privacy.check_item(item, scanner=scanner, rescan=rescan)
        assert (refusal.value.code, refusal.value.status) == ("not_private", 409)


def test_the_check_refuses_what_better_detectors_find(empty_item, camera, scanner):
    incident = factories.incident(camera, with_files=False)
    factories.files_of(incident)
    fooled = factories.item(incident, privacy="clear", status="confirmed")

    with pytest.raises(DomainError, match="a face is seen"):
        privacy.check_item(fooled, scanner=scanner)


def test_the_check_refuses_a_file_that_nobody_looked_at(camera, scanner):
    item = factories.item(factories.incident(camera), privacy="clear")
    item.scans.filter(evidence__kind="clip").delete()

    with pytest.raises(DomainError, match="'clip' was never verified"):
        privacy.check_item(item, rescan=False)
