"""Content-addressed files, per site: the name of a file is what is in it.

A file is written under a unique temporary name and renamed once it is whole, so that a crash or a
full disk leaves nothing that looks finished.
"""

import errno
import hashlib
import os
import shutil
import uuid
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage

from hitlsite.errors import DomainError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def disk_full(where, error):
    """Return the DomainError of a write that found no room, or ``error`` itself otherwise."""
    if getattr(error, "errno", None) in _NO_ROOM:
        return DomainError("disk_full", f"No space left on the disk of {where}.", status=507)
    return error


def sha256_of(path):
    """Return the sha256 of a local file as 64 hex digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_path(site_id, kind, sha256, suffix):
    """Return the storage name of a file of this content: ``sites/1/clip/ab/abcd....mp4``."""
    return f"sites/{site_id}/{kind}/{sha256[:2]}/{sha256}{suffix}"


def store_file(site_id, kind, path, *, suffix=None, sha256=None):
    """Move a local file into storage; return (name, sha256, size in bytes).

    The same content stored twice is stored once.
    """
    path = Path(path)
    sha256 = sha256 or sha256_of(path)
    size = path.stat().st_size
    name = content_path(site_id, kind, sha256, suffix or path.suffix)
    if not default_storage.exists(name):
        _put(name, path)
    path.unlink(missing_ok=True)
    return name, sha256, size


def store_bytes(site_id, kind, content, *, suffix):
    """Store bytes under their content's name; return (name, sha256, size in bytes)."""
    sha256 = hashlib.sha256(content).hexdigest()
    name = content_path(site_id, kind, sha256, suffix)
    if not default_storage.exists(name):
        if _is_local():
            scratch = scratch_path(suffix)
            try:
                scratch.write_bytes(content)
                _put(name, scratch)
            except OSError as error:
                raise disk_full(scratch.parent, error) from error
            finally:
                scratch.unlink(missing_ok=True)
        else:
            _save(name, ContentFile(content))
    return name, sha256, len(content)


def keep_shared(kind, path):
    """Copy a local file into storage for every site; return (name, sha256, size in bytes)."""
    path = Path(path)
    sha256 = sha256_of(path)
    name = f"shared/{kind}/{sha256[:2]}/{sha256}{path.suffix}"
    if not default_storage.exists(name):
        _put(name, path)
    return name, sha256, path.stat().st_size


def _put(name, path):
    if not _is_local():
        with path.open("rb") as stream:
            _save(name, File(stream))
        return
    target = Path(default_storage.path(name))
    partial = target.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, partial)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(target)
    except OSError as error:
        raise disk_full(target.parent, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _save(name, content):
    """Save under this very name.

    A name is its content's: where another worker was faster, the same bytes lie there already, and
    what a storage then kept under a name of its own choice is a copy that no row would ever name.
    """
    kept = default_storage.save(name, content)
    if kept == name:
        return
    default_storage.delete(kept)
    if not default_storage.exists(name):
        raise RuntimeError(f"The storage takes no file under the name {name}.")


def scratch_path(suffix=""):
    """Return a new path in the scratch folder; whoever asks deletes it."""
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    return settings.SCRATCH_DIR / f"{uuid.uuid4().hex}{suffix}"


def local_copy(name):
    """Return a local path that holds the stored file ``name``, and whether it must be deleted."""
    if _is_local():
        return Path(default_storage.path(name)), False
    target = scratch_path(Path(name).suffix)
    with default_storage.open(name, "rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    return target, True


def delete(name):
    """Remove a stored file; a missing one is fine."""
    if name and default_storage.exists(name):
        default_storage.delete(name)


def _is_local():
    return isinstance(default_storage, FileSystemStorage)


def size_of(name):
    """Return the size in bytes of a stored file."""
    return default_storage.size(name)
