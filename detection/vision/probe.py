"""What an untrusted upload really is.

Uploaded bytes are identified by their content and opened only in a child process with a limit on
memory, on processor time and on the clock: a file made to crash or to exhaust a decoder ends that
child and nothing else. The parent reads no more than the first bytes of the file itself.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hitlsite.errors import DomainError

MAX_PIXELS = 50_000_000
MAX_DURATION_SECONDS = 6 * 3600.0
MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 60
WALL_SECONDS = 90.0
HEADER_BYTES = 64
STATUS_OF_CODE = {"media_type_unsupported": 415, "media_unreadable": 422, "media_too_large": 413}
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
PHOTO_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class MediaProbe:
    """What a file holds.

    Attributes:
        kind: "photo" or "video".
        mime: media type by content.
        width, height: pixels, upright.
        duration_seconds: None for a photo.
        orientation: clockwise degrees already taken into account in width and height.
        captured_at: what the file says about its capture, None if it does not; without a time
            zone where the file names none.
    """

    kind: str
    mime: str
    width: int
    height: int
    duration_seconds: float | None
    orientation: int
    captured_at: datetime | None


def probe_upload(
    path,
    kind,
    *,
    name=None,
    max_pixels=MAX_PIXELS,
    max_duration_seconds=MAX_DURATION_SECONDS,
    memory_bytes=MEMORY_BYTES,
    cpu_seconds=CPU_SECONDS,
    wall_seconds=WALL_SECONDS,
):
    """Say what the file at ``path`` is, having decoded a picture of it in a child process.

    Args:
        path: the uploaded file; its name is not trusted.
        kind: "photo" or "video": what the sender says it is.
        name: what refusals call the file, if not by its name on disk.

    Raises:
        DomainError: media_type_unsupported (415), media_unreadable (422) or media_too_large (413).
    """
    path = Path(path).resolve()
    name = name or path.name
    mime = identified(path, kind, name=name)
    request = {
        "task": f"probe_{kind}",
        "path": str(path),
        "mime": mime,
        "max_pixels": max_pixels,
        "max_duration_seconds": max_duration_seconds,
    }
    answer = _in_child(name, request, (memory_bytes, cpu_seconds, wall_seconds))
    if answer["captured_at"]:
        answer["captured_at"] = datetime.fromisoformat(answer["captured_at"])
    return MediaProbe(kind=kind, mime=mime, **answer)


def strip_photo(
    path_in,
    path_out,
    *,
    name=None,
    private_polygons=(),
    max_pixels=MAX_PIXELS,
    memory_bytes=MEMORY_BYTES,
    cpu_seconds=CPU_SECONDS,
    wall_seconds=WALL_SECONDS,
):
    """Write an upright copy of a photo without any metadata, and return its (width, height).

    A PNG stays a PNG; everything else becomes JPEG.

    Args:
        private_polygons: normalised [(x, y), ...] of the upright picture, blackened in the copy.

    Raises:
        DomainError: as ``probe_upload``; nothing is left at ``path_out`` then.
    """
    path_in, path_out = Path(path_in).resolve(), Path(path_out).resolve()
    name = name or path_in.name
    mime = identified(path_in, "photo", name=name)
    request = {
        "task": "strip_photo",
        "path": str(path_in),
        "path_out": str(path_out),
        "private_polygons": [[list(point) for point in one] for one in private_polygons],
        "mime": mime,
        "max_pixels": max_pixels,
    }
    try:
        answer = _in_child(name, request, (memory_bytes, cpu_seconds, wall_seconds))
    except DomainError:
        path_out.unlink(missing_ok=True)
        raise
    return answer["width"], answer["height"]


def identified(path, kind, *, name=None):
    """Return the media type by the file's first bytes, if ``kind`` may be of that type."""
    name = name or Path(path).name
    with open(path, "rb") as stream:
        mime = sniffed(stream.read(HEADER_BYTES))
    if mime == "image/heic":
        message = (
            f"{name}: HEIC photos are not supported; "
            'set the phone to "most compatible" or send JPEG.'
        )
        raise _refusal("media_type_unsupported", message)
    is_expected = mime in PHOTO_TYPES if kind == "photo" else (mime or "").startswith("video/")
    if not is_expected:
        message = f"{name}: not a {kind} of a supported type ({mime or 'unknown content'})."
        raise _refusal("media_type_unsupported", message)
    return mime


def sniffed(header):
    """Return the media type that a file's first bytes belong to, None if unknown.

    >>> sniffed(b"\\x89PNG\\r\\n\\x1a\\n")
    'image/png'
    """
    if header[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if header[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if header[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(header[8:12])
    if header[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in header else "video/x-matroska"
    if header[4:8] == b"ftyp":
        return _sniffed_brand(header[8:12])
    if header[4:8] in (b"moov", b"mdat", b"wide"):
        return "video/quicktime"
    return None


def _sniffed_brand(brand):
    if brand in HEIC_BRANDS:
        return "image/heic"
    if brand in AVIF_BRANDS:
        return "image/avif"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _in_child(name, request, limits):
    """Run one task of ``probe_child`` and return its answer, or raise what it refuses."""
    memory_bytes, cpu_seconds, wall_seconds = limits
    request = {**request, "memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds}
    try:
        child = subprocess.run(
            [sys.executable, "-m", "detection.vision.probe"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=wall_seconds,
            env=_bare_environment(),
            cwd=REPOSITORY,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{name}: reading it took longer than {wall_seconds:g} s."
        raise _refusal("media_unreadable", message) from error
    answer = _answer_of(child)
    if answer is None:
        message = f"{name}: reading it crashed or needed too much memory or time."
        raise _refusal("media_unreadable", message)
    if "code" in answer:
        raise _refusal(answer["code"], f"{name}: {answer['reason']}.")
    return answer


def _bare_environment():
    """Return what Python needs to start: the product's secrets stay out of the child."""
    wanted = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
    return {variable: os.environ[variable] for variable in wanted if variable in os.environ}


def _answer_of(child):
    if child.returncode != 0:
        return None
    try:
        return json.loads(child.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return None


def _refusal(code, message):
    return DomainError(code, message, status=STATUS_OF_CODE[code])


if __name__ == "__main__":
    from detection.vision.probe_child import main

    main()
