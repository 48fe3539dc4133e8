"""What is read of many files at once is what one look at each of them says."""

import pytest

from detection.models import Evidence
from review.models import PrivacyScan, Redaction, TrainingItem
from review.selectors import is_file_private
from review.services import first_looks, privacy
from review.services.file_records import FileRecords, ItemFiles
from tests import factories, photos

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


@pytest.fixture
def items(camera, reviewer):
    """One item of every privacy, one whose files changed since, and one of a photo."""
    made = [
        factories.item(factories.incident(camera), privacy=privacy)
        for privacy in ("clear", "faces", "redacted", "failed", "clear")
    ]
    Evidence.objects.filter(incident=made[-1].incident).update(sha256="9" * 64)
    _mark, of_photo = photos.marked(photos.photo(camera), reviewer)
    return [*made, of_photo]


def test_they_say_the_same_as_one_by_one(items):
    files = ItemFiles(TrainingItem.objects.filter(pk__in=[item.pk for item in items]))
    rows = [row for item in items for row in files.of(item)]
    assert {row.pk for row in rows} == set(Evidence.objects.values_list("pk", flat=True))

    told = [(files.records.is_private(row), files.records.needed(row)) for row in rows]
    assert told == [
        (is_file_private(row), first_looks.needed_for(row.pk, row.sha256)) for row in rows
    ]
    assert {is_private for is_private, _ in told} == {True, False}


def test_the_last_scan_of_a_file_counts(camera):
    item = factories.item(factories.incident(camera))
    row = item.incident.evidence.first()
    assert FileRecords([row]).is_private(row)

    PrivacyScan.objects.create(item=item, evidence=row, file_sha256=row.sha256, result="faces")
    assert not FileRecords([row]).is_private(row)


def test_a_redaction_hides_what_it_says(camera):
    item = factories.item(factories.incident(camera), privacy="redacted")
    row = item.incident.evidence.first()
    hidden = Redaction.objects.get(evidence=row).regions
    assert [one.as_dict() for one in FileRecords([row]).regions(row)] == hidden


def test_it_costs_the_same_for_many_items(camera, django_assert_num_queries):
    items = [factories.item(factories.incident(camera)) for _ in range(5)]
    with django_assert_num_queries(3):
        files = ItemFiles(items)
        for item in items:
            privacy.check_item(item, rescan=False, files=files)
