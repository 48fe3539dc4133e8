"""Evidence to those who may see it, in ranges, so that a player can seek.

Nothing is served from a public folder: every request asks ``media_access`` again. A browser has to
come back before it shows a copy a second time, and keeps none of what shows faces.
"""

import mimetypes
import re

from django.core.files.storage import default_storage
from django.http import HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from detection.models import Evidence
from hitlsite.errors import NotFound
from hitlsite.streaming import streamed
from review import selectors
from review.services import filmstrips, thumbnails
from review.views.access import reviewers_only

CHUNK_BYTES = 256 * 1024
LONGEST_POSITION = 18  # digits; a petabyte has 15
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)


@require_safe
@reviewers_only
def evidence(request, pk):
    """Stream the file of one evidence row."""
    shown = _visible_evidence(request, pk)
    owner = f"photo-{shown.photo_id}" if shown.photo_id else f"incident-{shown.incident_id}"
    file_name = f"{owner}-{shown.kind}{_suffix(shown.path)}"
    response = stream(request, shown.path, sha256=shown.sha256, file_name=file_name)
    return _kept(response, shown)


@require_safe
@reviewers_only
def evidence_thumb(request, pk):
    """Answer a small JPEG of one evidence row."""
    shown = _visible_evidence(request, pk)
    name = thumbnails.thumbnail(shown)
    tag = f"{shown.sha256}-thumb"
    return _kept(stream(request, name, sha256=tag, file_name=f"{shown.pk}.jpg"), shown)


@require_safe
@reviewers_only
def filmstrip(request, pk):
    """Answer the filmstrip of an item's clip, of the file that is shown now."""
    item = selectors.visible_items(request.user).filter(pk=pk).only("incident").first()
    incident = item.incident_id if item is not None else None
    clip = Evidence.objects.filter(incident=incident, kind=Evidence.Kind.CLIP).first()
    if incident is None or clip is None:
        raise NotFound("There is no such filmstrip.")
    shown = _visible_evidence(request, clip.pk)
    name = filmstrips.filmstrip(shown)
    tag = f"{shown.sha256}-filmstrip"
    return _kept(stream(request, name, sha256=tag, file_name=f"item-{pk}.jpg"), shown)


def _kept(response, shown):
    """Let a browser keep what is private, and ask again each time; nothing else leaves a trace."""
    is_private = selectors.is_file_private(shown)
    response["Cache-Control"] = "private, no-cache" if is_private else "private, no-store"
    return response


def _visible_evidence(request, pk):
    row = (
        Evidence.objects.visible_to(request.user)
        .filter(pk=pk)
        .select_related("incident__camera", "photo__camera")
        .first()
    )
    if row is None or not selectors.media_access(request.user, row):
        raise NotFound("There is no such evidence.")
    return row


def _suffix(name):
    return f".{name.rpartition('.')[2]}" if "." in name else ""


class UnsatisfiableRange(ValueError):
    """The range that was asked for lies behind the end of the file."""


def stream(request, name, *, sha256, file_name):
    """Answer a stored file whole, in part, or not at all where the browser has it.

    One range is honoured; several at once, or what cannot be read as a range, are answered with
    the whole file, as RFC 9110 (14.2) allows. The entity tag is strong: it is the content's hash.
    """
    etag = f'"{sha256}"'
    if _is_known(request, etag):
        return _labelled(HttpResponseNotModified(), etag)
    if not default_storage.exists(name):
        raise NotFound("The file of this evidence is missing from storage.", code="file_missing")
    size = default_storage.size(name)
    try:
        part = parse_range(_range_header(request, etag), size)
    except UnsatisfiableRange:
        response = _labelled(HttpResponse(status=416), etag)
        response["Content-Range"] = f"bytes */{size}"
        return response
    first, last = part or (0, size - 1)
    response = _body(request, name, first, last - first + 1)
    if part:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Type"] = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response["Content-Length"] = str(last - first + 1)
    response["Content-Disposition"] = f'inline; filename="{file_name}"'
    return _labelled(response, etag)


def parse_range(header, size):
    """Return the (first, last) byte that a Range header asks for, or None where it asks for all.

    Raises:
        UnsatisfiableRange: nothing of it lies in a file of ``size`` bytes.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if not match or match.groups() == ("", ""):
        return None
    start, end = (_position(digits) for digits in match.groups())
    if start is None:
        first, last = max(size - end, 0), size - 1
        if end == 0:
            raise UnsatisfiableRange(header)
    else:
        first, last = start, size - 1 if end is None else min(end, size - 1)
        if end is not None and end < start:
            return None
    if first >= size:
        raise UnsatisfiableRange(header)
    return first, last


def _position(digits):
    """Return a place in a file, None for none; all that lie behind any file count as one."""
    digits = digits.lstrip("0") or digits[:1]
    if digits == "":
        return None
    return int(digits) if len(digits) <= LONGEST_POSITION else 10**LONGEST_POSITION


def _range_header(request, etag):
    """Return the Range header if it counts: a part of another version must not be mixed in."""
    condition = request.headers.get("If-Range")
    if request.method != "GET" or (condition is not None and condition.strip() != etag):
        return ""
    return request.headers.get("Range", "")


def _is_known(request, etag):
    known = request.headers.get("If-None-Match", "")
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return known.strip() == "*" or etag in tags


def _labelled(response, etag):
    response["ETag"] = etag
    response["Accept-Ranges"] = "bytes"
    return response


def _body(request, name, start, length):
    """Return a response that reads ``length`` bytes in chunks, without blocking an event loop."""
    if request.method == "HEAD":
        return HttpResponse()
    return streamed(request, _chunks(name, start, length))


def _chunks(name, start, length):
    with default_storage.open(name, "rb") as stored:
        stored.seek(start)
        while length > 0:
            chunk = stored.read(min(CHUNK_BYTES, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk
