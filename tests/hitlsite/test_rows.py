"""A row that is inserted by itself reads back as one that was saved."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict

from hitlsite import rows
from hitlsite.models import AuditDetail, AuditEntry, AuditHead, Site

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def entry(sequence, site=None):
    return AuditEntry(
        sequence=sequence,
        site=site,
        action="tried",
        object_type="hitlsite.site",
        object_id="ünïcode '; --",
        at=AT,
        detail_sha256="0" * 64,
        previous_sha256=f"{sequence:064d}",
        sha256="2" * 64,
    )


def test_reads_back_as_a_saved_one():
    site = Site.objects.create(name="Harbour")
    inserted, saved = entry(1, site), entry(2, site)
    rows.insert(inserted)
    saved.save(force_insert=True)
    assert inserted.pk
    assert not inserted._state.adding
    found, like = AuditEntry.objects.get(pk=inserted.pk), AuditEntry.objects.get(pk=saved.pk)
    its_own = {"id", "sequence", "previous_sha256"}
    assert model_to_dict(found, exclude=its_own) == model_to_dict(like, exclude=its_own)
    assert found.at == AT


@pytest.mark.parametrize("content", [None, {}, {"note": 'a "quoted" – note', "n": [1, 2.5, None]}])
def test_json_and_null_are_kept(content):
    owner = entry(1)
    rows.insert(owner)
    rows.insert(AuditDetail(entry=owner, salt="s", content=content))
    found = AuditDetail.objects.get(entry=owner)
    assert found.content == content
    assert found.blanked_at is None
    assert AuditDetail.objects.filter(content__isnull=content is None).count() == 1


def test_defaults_are_filled_in():
    head = AuditHead(pk=None, sha256="3" * 64)
    rows.insert(head)
    assert AuditHead.objects.get(pk=head.pk).sequence == 0


def test_what_a_constraint_forbids_is_refused():
    rows.insert(entry(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(entry(1))
    assert AuditEntry.objects.count() == 1
