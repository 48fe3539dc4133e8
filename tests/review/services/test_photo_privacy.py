"""Photos and frames of a track are searched, redacted and given back like any other evidence."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from detection.models import Evidence, Photo
from detection.services.evidence import purge_sealed
from hitlsite.errors import DomainError
from review import selectors
from review.models import PrivacyScan
from review.privacy.faces import FaceScanner
from review.services import decisions, privacy, redactions
from tests import factories, photos
from tests.review.privacy.drawing import ColourDetector

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]
NOW = timezone.now()


@pytest.fixture
def item(camera, reviewer):
    content = factories.jpeg(factories.picture())
    return photos.marked(photos.photo(camera, content=content), reviewer)[1]


def the_file(item):
    (row,) = redactions.evidence_of(item)
    return row, default_storage.open(row.path).read()


def test_a_photo_is_searched_redacted_and_given_back(item, scanner, reviewer, outsider, redact):
    original = the_file(item)[1]
    privacy.scan_item(item, scanner=scanner)
    assert (item.privacy, item.proposal) == ("faces", "waiting")
    privacy.propose(item, scanner=scanner)
    assert item.proposal == "ready"
    privacy.apply_redaction(item, by=reviewer)

    row, shown = the_file(item)
    photo = Photo.objects.get(pk=item.photo_id)
    assert (item.privacy, shown != original) == ("redacted", True)
    assert (photo.path, photo.sha256) == (row.path, row.sha256)
    assert selectors.media_access(reviewer, row)
    assert not selectors.media_access(outsider, row)
    assert [look.result for look in privacy.check_item(item, scanner=scanner)] == ["clear"]

    privacy.undo_redaction(item, by=reviewer)
    row, shown = the_file(item)
    photo.refresh_from_db()
    assert (item.privacy, shown, photo.sha256) == ("faces", original, row.original_sha256)
    with pytest.raises(DomainError) as refusal:
        privacy.check_item(item, scanner=scanner)
    assert refusal.value.code == "not_private"


def test_the_original_of_a_photo_is_destroyed_in_time(item, scanner, reviewer, redact):
    privacy.scan_item(item, scanner=scanner)
    redact(item, reviewer)
    sealed = the_file(item)[0].sealed_path
    assert default_storage.exists(sealed)

    later = timezone.now() + timedelta(hours=1)
    assert purge_sealed(later, is_needed=redactions.is_copy_needed) == 1
    assert not default_storage.exists(sealed)
    row = the_file(item)[0]
    assert row.original_destroyed_at == later
    assert Photo.objects.get(pk=item.photo_id).path == row.path


def test_a_photo_whose_scan_failed_is_scanned_again(item, scanner, broken_scanner, reviewer):
    assert list(privacy.items_to_rescan()) == [item]
    privacy.scan_item(item, scanner=broken_scanner)
    assert item.privacy == "failed"
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    privacy.propose(item, scanner=broken_scanner)
    item.refresh_from_db()
    assert (item.status, item.proposal) == ("pending_review", "blocked")

    PrivacyScan.objects.update(scanned_at=NOW - timedelta(minutes=5))
    assert list(privacy.items_to_rescan(at=NOW)) == [item]
    privacy.scan_item(item, scanner=scanner)
    assert item.privacy == "faces"


def test_regions_that_are_drawn_on_a_photo_are_hidden(item, reviewer, redact, camera):
    empty = FaceScanner(yunet_path=None, person_detector=ColourDetector("car"))
    Evidence.objects.update(observations=[])
    privacy.scan_item(item, scanner=empty)
    assert item.privacy == "clear"
    redact(item, reviewer, scanner=empty, method="mask", drawn_regions=[[0.0, 0.0, 0.5, 0.5]])
    assert item.privacy == "redacted"
    assert item.redactions.get(state="applied").evidence.kind == "photo"


def test_frames_of_a_track_are_searched_with_the_item(camera, scanner, reviewer, redact):
    incident = factories.incident(camera)
    for position in (1, 2):
        factories.evidence(
            incident,
            Evidence.Kind.TRACK_FRAME,
            factories.jpeg(factories.picture(30.0 + position)),
            at_seconds=30.0 + position,
            position=position,
        )
    item = factories.item(incident, privacy="unscanned")
    privacy.scan_item(item, scanner=scanner)
    redact(item, reviewer)

    frames = Evidence.objects.filter(kind=Evidence.Kind.TRACK_FRAME)
    assert item.privacy == "redacted"
    assert all(row.sha256 != row.original_sha256 for row in frames)
    assert len(privacy.check_item(item, scanner=scanner)) == 6
