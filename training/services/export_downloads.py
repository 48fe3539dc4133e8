"""The files of a finished export, one by one or all in one archive, read in pieces."""

import zipfile
from pathlib import Path

from django.conf import settings

from hitlsite.errors import NotFound
from training.models import ExportRun

CHUNK_BYTES = 256 * 1024


def folder_of(export):
    """Return where a worker put an export.

    Raises:
        NotFound: it is not finished, or its files are not where this process can read them; the
            code files_elsewhere and the message say where they were written.
    """
    if export.state != ExportRun.State.DONE:
        raise NotFound(f"Export {export.pk} is not finished.")
    folder = settings.EXPORT_DIR / export.directory
    elsewhere = whereabouts(export)
    if elsewhere:
        raise NotFound(f"Export {export.pk}: {elsewhere}", code="files_elsewhere")
    return folder


def whereabouts(export):
    """Say where the files of a finished export are, "" where they can be fetched from here."""
    if export.directory.startswith("/"):
        return f"A command wrote it to {export.directory}."
    if (settings.EXPORT_DIR / export.directory).is_dir():
        return ""
    return (
        f"Its files are not on this machine. The worker that wrote them put them into exports/"
        f"{export.directory} of its own data folder; every machine sees them where all share one "
        f"SECOND_LOOK_DATA_DIR. If they were deleted, export again."
    )


def archive_name(export):
    return f"export_{export.name}.zip"


def open_download(export, name):
    """Return (chunks, size) of a file of an export, or of its archive with the pictures.

    The size of the archive is not known before it is made: None.

    Raises:
        NotFound: the export has no such file.
    """
    folder = folder_of(export)
    if name == archive_name(export):
        return archive_chunks(folder, export.name), None
    if name not in {row["name"] for row in export.files} or not (folder / name).is_file():
        raise NotFound(f"There is no file {name[:80]!r} in export {export.pk}.")
    return _chunks(folder / name), (folder / name).stat().st_size


def _chunks(path):
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


class _Outlet:
    """What a ZipFile writes to; ``taken`` hands on what has come together."""

    def __init__(self):
        self._parts = []

    def write(self, part):
        self._parts.append(bytes(part))
        return len(part)

    def flush(self):
        """Do nothing; a ZipFile calls this."""

    def taken(self):
        parts, self._parts = self._parts, []
        return b"".join(parts)


def archive_chunks(folder: Path, name: str):
    """Yield a ZIP of a folder, uncompressed, all below one folder of its own."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = zipfile.ZipInfo.from_file(path, f"export_{name}/{path.relative_to(folder)}")
            with archive.open(inside, "w", force_zip64=True) as member:
                for chunk in _chunks(path):
                    member.write(chunk)
                    yield outlet.taken()
    yield outlet.taken()
