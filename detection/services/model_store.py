"""The files of trained models: kept in storage by their content, used from a local copy.

A worker may be another machine than the one that trained: what it needs is fetched once, compared
with the hashes in the ledger, and only then given its place under the cache folder.
"""

import hashlib
import shutil
import uuid
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage

from hitlsite import storage
from hitlsite.errors import DomainError


def keep(paths):
    """Copy local files into storage; return [{"name", "path", "sha256", "byte_count"}] in order."""
    rows = []
    for path in map(Path, paths):
        name, sha256, size = storage.keep_shared("model", path)
        rows.append({"name": path.name, "path": name, "sha256": sha256, "byte_count": size})
    return rows


def local_folder(files):
    """Return a local folder that holds these files, fetched and compared on first use.

    Args:
        files: rows as ``keep`` returned them.

    Raises:
        DomainError: artifact_missing, artifact_damaged, each naming the file.
    """
    told = "\n".join(f"{row['name']} {row['sha256']}" for row in files)
    target = settings.CACHE_DIR / "models" / hashlib.sha256(told.encode()).hexdigest()[:32]
    if target.is_dir():
        return target
    draft = target.with_name(f".{uuid.uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        for row in files:
            _fetch(row, draft / row["name"])
        draft.rename(target)
    except OSError as error:
        # Another worker was faster, and its copy is as good.
        if not target.is_dir():
            raise storage.disk_full(target.parent, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _fetch(row, path):
    try:
        with default_storage.open(row["path"], "rb") as source, path.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    except FileNotFoundError as error:
        raise DomainError(
            "artifact_missing", f"The model file {row['name']} is missing from storage."
        ) from error
    if storage.sha256_of(path) != row["sha256"]:
        raise DomainError(
            "artifact_damaged",
            f"The model file {row['name']} is not the one that was stored; it is not used.",
        )


def main_path(folder, names):
    """Return what a detector is loaded from: the one file, or the folder of an OpenVINO model."""
    is_openvino = any(name.endswith(".xml") for name in names)
    return Path(folder) if is_openvino else Path(folder) / names[0]
