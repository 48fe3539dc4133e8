"""Write the audit chain and walk it.

Each entry's hash covers the hash before it and a digest of its details, the details salted so
that a short note cannot be guessed from its digest.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from hitlsite import rows
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, NotFound
from hitlsite.models import AuditDetail, AuditEntry, AuditHead

GENESIS_SHA256 = "0" * 64


def canonical_json(content):
    """Return the one spelling of a JSON value: sorted keys, no spaces, non-ASCII kept."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder
    )


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _detail_sha256(salt, content):
    return _sha256(salt + canonical_json(content))


def _entry_sha256(entry):
    return _sha256(
        canonical_json(
            {
                "sequence": entry.sequence,
                "site": entry.site_id,
                "actor": entry.actor_id,
                "action": entry.action,
                "object_type": entry.object_type,
                "object_id": entry.object_id,
                "at": entry.at.isoformat(),
                "detail": entry.detail_sha256,
                "previous": entry.previous_sha256,
            }
        )
    )


def hold():
    """Wait until the head of the chain is this transaction's alone, and return it.

    ``record`` does so itself. Whoever changes rows that every act of a site changes holds the head
    before them: two acts that took both in different orders would wait for each other for ever.
    """
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        AuditHead.objects.get_or_create(pk=1, defaults={"sha256": GENESIS_SHA256})
        head = AuditHead.objects.select_for_update().get(pk=1)
    return head


def record(action, subject, *, actor=None, site=None, detail=None, at=None):
    """Append one entry about ``subject`` (a saved model instance) to the chain.

    ``site`` is a Site or the number of one.

    Must run inside the transaction of the change that it records; the lock on the chain's head is
    held until that transaction ends.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs into the transaction of what it records.")
    head = hold()
    content = json.loads(canonical_json(detail or {}))
    salt = secrets.token_hex(16)
    entry = AuditEntry(
        sequence=head.sequence + 1,
        site_id=getattr(site, "pk", site),
        actor=actor,
        action=action,
        object_type=subject._meta.label_lower,
        object_id=str(subject.pk),
        at=at or timezone.now(),
        detail_sha256=_detail_sha256(salt, content),
        previous_sha256=head.sha256,
    )
    entry.sha256 = _entry_sha256(entry)
    rows.insert(entry)
    rows.insert(AuditDetail(entry=entry, salt=salt, content=content))
    AuditHead.objects.filter(pk=1).update(sequence=entry.sequence, sha256=entry.sha256)
    return entry


@transaction.atomic
def blank(sequence, *, reason, actor=None, at=None):
    """Erase what an entry says about people; its place in the chain stays, and the act is recorded.

    Returns the AuditEntry that records it.

    Raises:
        NotFound: there is no entry of this number.
        Conflict: its details were erased before.
        DomainError: there is no reason.
    """
    reason, at = reason.strip(), at or timezone.now()
    if not reason:
        raise DomainError("reason_missing", "Say why the details are erased.")
    entry = AuditEntry.objects.filter(sequence=as_id(sequence)).first()
    if entry is None:
        raise NotFound(f"There is no audit entry {str(sequence)[:20]}.")
    written = AuditDetail.objects.filter(entry=entry, blanked_at__isnull=True)
    if not written.update(salt="", content=None, blanked_at=at):
        raise Conflict(f"The details of entry {sequence} were erased before.")
    return record(
        "audit.blanked", entry, actor=actor, site=entry.site, detail={"reason": reason}, at=at
    )


@dataclass(frozen=True)
class ChainReport:
    entries: int
    head_sha256: str
    broken_at: int | None = None
    reason: str = ""

    @property
    def is_whole(self):
        return self.broken_at is None


def verify(*, expected_head=None):
    """Walk the whole chain and report the first broken link.

    Args:
        expected_head: a head hash kept elsewhere; it must stand somewhere in the chain, so that
            a chain cut short or rewritten from some point on is found.
    """
    previous, sequence, seen_head = GENESIS_SHA256, 0, expected_head in (None, GENESIS_SHA256)
    entries = AuditEntry.objects.order_by("sequence").select_related("detail")
    for entry in entries.iterator(chunk_size=2000):
        reason = _break_in(entry, sequence + 1, previous)
        if reason:
            return ChainReport(sequence, previous, sequence + 1, reason)
        previous, sequence = entry.sha256, entry.sequence
        seen_head = seen_head or entry.sha256 == expected_head
    head = AuditHead.objects.filter(pk=1).first()
    if head and (head.sequence, head.sha256) != (sequence, previous):
        return ChainReport(sequence, previous, sequence + 1, "entries are missing at the end")
    if not seen_head:
        return ChainReport(sequence, previous, sequence, "the given head is not in the chain")
    return ChainReport(sequence, previous)


def _break_in(entry, sequence, previous):
    if entry.sequence != sequence:
        return f"entry {sequence} is missing"
    if entry.previous_sha256 != previous:
        return "it does not follow the entry before it"
    if entry.sha256 != _entry_sha256(entry):
        return "its columns were altered"
    detail = getattr(entry, "detail", None)
    if detail is None:
        return "its detail row is gone"
    if detail.blanked_at is None and (
        _detail_sha256(detail.salt, detail.content) != entry.detail_sha256
    ):
        return "its details were altered"
    return ""
