"""Store evidence, swap it for its redacted copy, and destroy originals on time."""

from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from detection.models import Evidence
from hitlsite import storage
from hitlsite.errors import Conflict, DomainError


def seal_until(at=None):
    """Return until when an original is kept beside its redacted copy from ``at`` on."""
    keep = max(timedelta(seconds=settings.UNDO_SECONDS), timedelta(days=settings.KEEP_ORIGINAL_DAYS))
    return (at or timezone.now()) + keep


@contextmanager
def local_file(evidence):
    """Give the shown file as a local path; remote storages are copied for the time of the block."""
    path, is_copy = storage.local_copy(evidence.path)
    try:
        if not path.is_file():
            raise DomainError(
                "evidence_missing", f"The file of {evidence} is missing from storage."
            )
        yield path
    finally:
        if is_copy:
            path.unlink(missing_ok=True)


@transaction.atomic
def replace_with_redacted(evidence, *, path, sha256, byte_count, seal_until):
    """Show ``path`` from now on and seal the original beside it until ``seal_until``.

    A second redaction of the same file keeps the first original sealed and drops the copy
    between them.
    """
    row = Evidence.objects.select_for_update().get(pk=evidence.pk)
    intermediate = row.path if row.sealed_path else ""
    row.sealed_path = row.sealed_path or row.path
    row.sealed_until = seal_until
    row.path, row.sha256, row.byte_count = path, sha256, byte_count
    row.save(update_fields=["sealed_path", "sealed_until", "path", "sha256", "byte_count"])
    if intermediate and intermediate != path:
        transaction.on_commit(lambda: _delete_unless_shared(intermediate))
    evidence.refresh_from_db()


@transaction.atomic
def restore_original(evidence):
    """Show the sealed original again, byte for byte.

    Raises:
        Conflict: it has been destroyed, or was never replaced.
    """
    row = Evidence.objects.select_for_update().get(pk=evidence.pk)
    if not row.sealed_path:
        raise Conflict(f"The original of {row} is no longer kept.", code="original_destroyed")
    row.path, row.sha256, row.sealed_path = row.sealed_path, row.original_sha256, ""
    row.byte_count = storage.size_of(row.path)
    row.sealed_until = None
    row.save(update_fields=["path", "sha256", "sealed_path", "byte_count", "sealed_until"])
    evidence.refresh_from_db()


def purge_sealed(at=None):
    """Destroy the sealed originals whose time is up; return how many."""
    at = at or timezone.now()
    due = Evidence.objects.filter(sealed_until__lte=at).exclude(sealed_path="")
    destroyed = 0
    for evidence in due.iterator(chunk_size=200):
        with transaction.atomic():
            won = Evidence.objects.filter(pk=evidence.pk, sealed_path=evidence.sealed_path).update(
                sealed_path="", sealed_until=None, original_destroyed_at=at
            )
            if won:
                _delete_unless_shared(evidence.sealed_path)
                destroyed += 1
    return destroyed


def _delete_unless_shared(path):
    """Delete a stored file that no other evidence shows or keeps sealed."""
    shown = Evidence.objects.filter(path=path).exists()
    if not shown and not Evidence.objects.filter(sealed_path=path).exists():
        storage.delete(path)
