"""Store evidence, swap it for its redacted copy, and destroy originals on time.

Files are named after their content, so several rows may stand on one file. Rows of later apps are
not known here: whoever has such rows says with ``is_needed`` which files they stand on.

A photo that became evidence has a file of its own columns; they follow its evidence in the same
transaction, so that no row leads to the original of a redacted photo.
"""

import logging
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import DateTimeField, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.models import Evidence, Photo
from hitlsite import audit, storage
from hitlsite.errors import Conflict, DomainError

logger = logging.getLogger(__name__)

PHOTO_KIND = "photos"


def seal_until(at=None):
    """Return until when an original is kept beside its redacted copy from ``at`` on."""
    keep = max(
        timedelta(seconds=settings.UNDO_SECONDS), timedelta(days=settings.KEEP_ORIGINAL_DAYS)
    )
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
    """Show ``path`` from now on and seal what was shown before until ``seal_until``.

    A second redaction of the same file keeps the file that is sealed already; one that is being
    destroyed goes on being destroyed, and this redaction cannot be undone.

    Returns:
        The name of the copy between them, for ``delete_unused`` after the commit; "" for none.
    """
    row = Evidence.objects.select_for_update().get(pk=evidence.pk)
    between = row.path if row.sealed_path else ""
    if row.is_sealed or not row.sealed_path:
        row.sealed_until = seal_until
    if not row.sealed_path:
        row.sealed_path, row.sealed_sha256 = row.path, row.sha256
    row.path, row.sha256, row.byte_count = path, sha256, byte_count
    row.save(
        update_fields=[
            "sealed_path",
            "sealed_sha256",
            "sealed_until",
            "path",
            "sha256",
            "byte_count",
        ]
    )
    _follow(row)
    evidence.refresh_from_db()
    return "" if between == path else between


def _follow(row):
    """Let the photo behind a row of evidence show what the row shows."""
    if row.photo_id:
        Photo.objects.filter(pk=row.photo_id).update(path=row.path, sha256=row.sha256)


def is_restorable(evidence):
    """Say whether what was shown before the redaction is still kept, row and file."""
    return evidence.is_sealed and default_storage.exists(evidence.sealed_path)


@transaction.atomic
def restore_original(evidence):
    """Show the sealed file again, byte for byte.

    Raises:
        Conflict: it has been destroyed, or nothing was ever replaced.
    """
    row = Evidence.objects.select_for_update().get(pk=evidence.pk)
    if not is_restorable(row):
        raise Conflict(f"The original of {row} is no longer kept.", code="original_destroyed")
    row.path, row.sha256 = row.sealed_path, row.sealed_sha256
    row.byte_count = storage.size_of(row.path)
    row.sealed_path, row.sealed_sha256, row.sealed_until = "", "", None
    row.save(
        update_fields=[
            "path",
            "sha256",
            "byte_count",
            "sealed_path",
            "sealed_sha256",
            "sealed_until",
        ]
    )
    _follow(row)
    evidence.refresh_from_db()


def purge_sealed(at=None, *, is_needed):
    """Destroy the sealed files whose time is up; return how many.

    A row first loses ``sealed_until``, for good: from then on nobody can bring its file back. Only
    then is the file deleted and the row cleared. What fails, or is cut short, is logged and done
    again by the next purge; it does not keep the others.

    Args:
        is_needed: says of a stored name whether rows of later apps stand on it.
    """
    at = at or timezone.now()
    is_due = Q(sealed_until__lte=at) | Q(sealed_until__isnull=True)
    due = Evidence.objects.filter(is_due).exclude(sealed_path="").order_by("pk")
    destroyed = 0
    for pk in list(due.values_list("pk", flat=True)):
        try:
            if due.filter(pk=pk).update(sealed_until=None):
                destroyed += _destroy(pk, at, is_needed)
        except Exception:  # one file that cannot be deleted must not keep the others
            logger.exception("The sealed original of evidence %d was not destroyed.", pk)
    return destroyed


def _destroy(pk, at, is_needed):
    """Delete the file that a row gave up, and clear the row; return whether this call did.

    The deletion cannot be rolled back. It runs last but for the row and its audit entry, and a
    failure after it leaves a row that the next purge clears.
    """
    with transaction.atomic(durable=True):
        owners = "incident__camera__site", "photo__camera__site"
        row = Evidence.objects.select_related(*owners).get(pk=pk)
        is_deleted = _delete_unless_needed(row.sealed_path, is_needed)
        won = Evidence.objects.filter(
            pk=pk, sealed_path=row.sealed_path, sealed_until__isnull=True
        ).exclude(sealed_path="")
        first_time = Coalesce("original_destroyed_at", Value(at, output_field=DateTimeField()))
        if not won.update(sealed_path="", sealed_sha256="", original_destroyed_at=first_time):
            return False
        audit.record(
            "original.destroyed",
            row,
            site=row.camera.site,
            detail={"sha256": row.sealed_sha256, "file_deleted": is_deleted},
            at=at,
        )
    return True


def delete_unused(names, *, is_needed):
    """Delete stored files that no row stands on any more; call it once the change is committed.

    Looking and deleting share one transaction, so that the look is as late as it can be. A store
    of the same content that found the file a moment ago, and has no row yet, is still missed.
    """
    for name in set(names) - {""}:
        with transaction.atomic():
            _delete_unless_needed(name, is_needed)


def _delete_unless_needed(name, is_needed):
    stands = Q(path=name) | Q(sealed_path=name, sealed_until__isnull=False)
    if not name or Evidence.objects.filter(stands).exists() or is_needed(name):
        return False
    if _is_of_photos(name) and Photo.objects.filter(path=name).exists():
        return False
    storage.delete(name)
    return True


def _is_of_photos(name):
    """Say whether a stored file may be an unredacted photo: only then are photos asked."""
    return f"/{PHOTO_KIND}/" in name
