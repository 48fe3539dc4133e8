"""The audit chain: what it proves, and what it survives."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from hitlsite import audit
from hitlsite.errors import DomainError
from hitlsite.models import AuditDetail, AuditEntry, AuditHead, Site

pytestmark = [pytest.mark.django_db, pytest.mark.sql]


@pytest.fixture
def site():
    return Site.objects.create(name="Harbour")


@pytest.fixture
def chain(site):
    with transaction.atomic():
        return [
            audit.record("site.changed", site, site=site, detail={"note": f"naïve {n}"})
            for n in range(4)
        ]


def test_an_empty_chain_is_whole():
    assert audit.verify().is_whole


def test_a_written_chain_is_whole_and_ends_in_its_head(chain):
    report = audit.verify()
    assert report.is_whole
    assert (report.entries, report.head_sha256) == (4, chain[-1].sha256)


def test_an_entry_outside_a_transaction_is_refused(site, monkeypatch):
    connection = transaction.get_connection()
    monkeypatch.setattr(connection, "in_atomic_block", False)
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record("site.changed", site)


def test_blanked_details_keep_the_chain_whole(chain, site):
    made = audit.blank(2, reason="asked to be forgotten")
    assert audit.verify().is_whole
    detail = AuditDetail.objects.get(entry=chain[1])
    assert (detail.content, detail.salt) == (None, "")
    assert (made.action, made.object_id, made.site) == ("audit.blanked", str(chain[1].pk), site)
    assert made.detail.content == {"reason": "asked to be forgotten"}
    assert "naïve 0" in str(AuditDetail.objects.get(entry=chain[0]).content)


@pytest.mark.parametrize(
    ("sequence", "reason", "error"),
    [
        (99, "asked", "no audit entry 99"),
        (10**30, "asked", "no audit entry"),
        (-1, "asked", "no audit entry -1"),
        (1, " ", "Say why"),
        (2, "asked again", "erased before"),
    ],
)
def test_blanking_is_refused(chain, sequence, reason, error):
    audit.blank(2, reason="asked")
    before = AuditEntry.objects.count()
    with pytest.raises(DomainError, match=error):
        audit.blank(sequence, reason=reason)
    assert AuditEntry.objects.count() == before
    assert AuditDetail.objects.get(entry=chain[0]).content


def test_the_command_blanks_and_says_where_it_is_written(chain):
    out = io.StringIO()
    call_command("blank_audit", entry=3, reason="asked", stdout=out)
    assert "entry 5 says so" in out.getvalue()
    assert audit.verify(expected_head=out.getvalue().split()[-1]).is_whole
    with pytest.raises(CommandError, match="no audit entry 77") as refused:
        call_command("blank_audit", entry=77, reason="asked", stdout=out)
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda e: AuditEntry.objects.filter(pk=e.pk).update(action="x"), "columns"),
        (lambda e: AuditEntry.objects.filter(pk=e.pk).update(object_id="9"), "columns"),
        (lambda e: AuditDetail.objects.filter(entry=e).update(content={"a": 1}), "details"),
        (lambda e: (AuditDetail.objects.filter(entry=e).delete(), e.delete()), "missing"),
        (lambda e: AuditDetail.objects.filter(entry=e).delete(), "gone"),
    ],
)
def test_a_change_is_found_at_its_place(chain, tamper, reason):
    tamper(chain[2])
    report = audit.verify()
    assert report.broken_at == chain[2].sequence
    assert reason in report.reason


def test_a_chain_cut_short_is_found(chain):
    AuditDetail.objects.filter(entry=chain[-1]).delete()
    chain[-1].delete()
    assert "end" in audit.verify().reason


def test_a_rewritten_chain_lacks_the_head_kept_elsewhere(chain):
    kept = chain[-1].sha256
    assert audit.verify(expected_head=kept).is_whole
    AuditDetail.objects.filter(entry=chain[-1]).delete()
    chain[-1].delete()
    AuditHead.objects.update(sequence=3, sha256=chain[2].sha256)
    assert audit.verify().is_whole
    assert not audit.verify(expected_head=kept).is_whole


def test_the_command_says_whole_or_where_it_breaks(chain):
    out = io.StringIO()
    call_command("verify_audit", stdout=out)
    assert chain[-1].sha256 in out.getvalue()
    AuditEntry.objects.filter(pk=chain[0].pk).update(actor=None, action="forged")
    with pytest.raises(CommandError, match="broken at entry 1"):
        call_command("verify_audit", stdout=out)
