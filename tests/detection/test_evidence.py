"""Files that were replaced come back as they were, and are destroyed on time and once."""

from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone

from detection.models import Evidence
from detection.services import evidence as evidence_files
from hitlsite import audit, storage
from hitlsite.errors import Conflict
from hitlsite.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


def frame(camera, content=b"original"):
    incident = factories.incident(camera, with_files=False)
    return factories.evidence(incident, Evidence.Kind.FRAME_PEAK, content, at_seconds=1.0)


def replace(row, content, *, until=NOW):
    path, sha256, size = storage.store_bytes(1, "redacted", content, suffix=".jpg")
    return evidence_files.replace_with_redacted(
        row, path=path, sha256=sha256, byte_count=size, seal_until=until
    )


def purge(at=LATER, *, is_needed=lambda name: False):
    return evidence_files.purge_sealed(at, is_needed=is_needed)


def shown(row):
    row.refresh_from_db()
    content = default_storage.open(row.path).read()
    assert row.sha256 == storage.sha256_of(default_storage.path(row.path))
    assert row.byte_count == len(content)
    return content


def test_the_original_comes_back(camera):
    row = frame(camera)
    replace(row, b"redacted")
    between = replace(row, b"redacted again")
    evidence_files.restore_original(row)

    assert (shown(row), row.sealed_path, row.sealed_sha256) == (b"original", "", "")
    assert default_storage.open(between).read() == b"redacted"


def test_once_the_original_is_destroyed_the_first_copy_comes_back(camera):
    row = frame(camera)
    replace(row, b"redacted")
    assert purge() == 1
    replace(row, b"redacted again", until=LATER)
    evidence_files.restore_original(row)

    assert shown(row) == b"redacted"


def test_what_is_gone_from_storage_does_not_come_back(camera):
    row = frame(camera)
    with pytest.raises(Conflict):
        evidence_files.restore_original(row)
    replace(row, b"redacted")
    storage.delete(row.sealed_path)
    with pytest.raises(Conflict) as refusal:
        evidence_files.restore_original(row)

    assert (refusal.value.code, shown(row)) == ("original_destroyed", b"redacted")


def test_a_purge_destroys_what_is_due_and_says_so(camera):
    due, later = frame(camera), frame(camera, b"another")
    replace(due, b"redacted", until=NOW)
    replace(later, b"redacted too", until=LATER)
    names = due.sealed_path, later.sealed_path

    assert (purge(NOW), purge(NOW)) == (1, 0)
    assert [default_storage.exists(name) for name in names] == [False, True]
    due.refresh_from_db()
    assert (due.sealed_path, due.sealed_sha256, due.sealed_until) == ("", "", None)
    assert due.original_destroyed_at == NOW
    entry = AuditEntry.objects.get(action="original.destroyed")
    assert (entry.object_id, entry.actor, entry.site) == (str(due.pk), None, camera.site)
    assert entry.detail.content == {"sha256": due.original_sha256, "file_deleted": True}
    assert audit.verify().is_whole


def test_the_time_of_destruction_is_the_original_s(camera):
    row = frame(camera)
    replace(row, b"redacted")
    purge(NOW)
    replace(row, b"redacted again")
    purge(LATER)

    row.refresh_from_db()
    assert (row.original_destroyed_at, row.sealed_path) == (NOW, "")


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_file_that_other_evidence_stands_on_stays(camera, is_shown):
    first, second = frame(camera), frame(camera)
    assert first.path == second.path
    name = first.path
    replace(first, b"redacted")
    if not is_shown:
        replace(second, b"redacted", until=LATER + timedelta(days=1))
    purge()

    first.refresh_from_db()
    assert (first.sealed_path, default_storage.exists(name)) == ("", True)


def test_a_file_that_a_later_app_stands_on_stays(camera):
    row = frame(camera)
    name = row.path
    replace(row, b"redacted")

    assert purge(is_needed=lambda asked: asked == name) == 1
    assert default_storage.exists(name)


def test_rows_that_share_an_original_leave_none(camera):
    rows = [frame(camera) for _ in range(2)]
    name = rows[0].path
    for row in rows:
        replace(row, b"redacted")

    assert (purge(), default_storage.exists(name)) == (2, False)


def test_a_purge_in_the_middle_of_another_leaves_nothing(camera):
    """Whichever of two purges looks last finds nobody who still stands on the file."""
    rows = [frame(camera) for _ in range(2)]
    name, inner = rows[0].path, []
    for row in rows:
        replace(row, b"redacted")

    def is_needed(_):
        if not inner:
            inner.append(None)
            inner.append(purge())
        return False

    assert purge(is_needed=is_needed) + inner[1] == 2
    assert not default_storage.exists(name)
    assert AuditEntry.objects.filter(action="original.destroyed").count() == 2
    assert not Evidence.objects.exclude(sealed_path="").exists()


def test_one_that_cannot_be_deleted_does_not_keep_the_others(camera, monkeypatch, caplog):
    stuck, other = frame(camera), frame(camera, b"another")
    for row in (stuck, other):
        replace(row, b"redacted")
    names, delete = (stuck.sealed_path, other.sealed_path), FileSystemStorage.delete

    def refusing(self, name):
        if name == names[0]:
            raise PermissionError(name)
        delete(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", refusing)
    assert purge() == 1
    assert [default_storage.exists(name) for name in names] == [True, False]
    assert f"evidence {stuck.pk} was not destroyed" in caplog.text
    stuck.refresh_from_db()
    assert not stuck.is_sealed
    with pytest.raises(Conflict):
        evidence_files.restore_original(stuck)
    assert AuditEntry.objects.filter(action="original.destroyed").count() == 1

    monkeypatch.setattr(FileSystemStorage, "delete", delete)
    assert purge(NOW) == 1
    assert not default_storage.exists(names[0])


def test_what_was_sealed_for_longer_in_the_meantime_stays(camera, monkeypatch):
    first, second = frame(camera), frame(camera, b"another")
    for row in (first, second):
        replace(row, b"redacted")

    def prolong(name):
        replace(second, b"redacted again", until=LATER + timedelta(days=1))
        return False

    assert purge(is_needed=prolong) == 1
    second.refresh_from_db()
    assert second.is_sealed
    assert default_storage.open(second.sealed_path).read() == b"another"


def test_a_redaction_while_the_original_is_being_destroyed_does_not_keep_it(camera):
    row = frame(camera)
    name = row.path
    replace(row, b"redacted")

    def redact_again(_):
        replace(row, b"redacted again", until=LATER + timedelta(days=1))
        return False

    assert purge(is_needed=redact_again) == 1
    assert (shown(row), row.is_sealed, default_storage.exists(name)) == (
        b"redacted again",
        False,
        False,
    )


def test_only_what_nothing_stands_on_is_deleted(camera):
    row = frame(camera)
    replace(row, b"redacted", until=LATER)
    unused = storage.store_bytes(1, "redacted", b"nobody's", suffix=".jpg")[0]
    kept = storage.store_bytes(1, "redacted", b"somebody's", suffix=".jpg")[0]

    evidence_files.delete_unused(
        {"", unused, kept, row.path, row.sealed_path}, is_needed=lambda name: name == kept
    )

    assert not default_storage.exists(unused)
    assert all(default_storage.exists(name) for name in (kept, row.path, row.sealed_path))
