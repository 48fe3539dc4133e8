"""The filmstrip that an item opens on: eight moments of its clip in one small picture.

A strip is named after the hash of the clip that it shows, as thumbnails are: once a redacted copy
takes the original's place, the strip is another one, and the original's is destroyed with it.
Workers make it when an item is scanned and when a redaction is proposed, so that no page waits.
"""

import logging
from io import BytesIO

from django.core.files.storage import default_storage

from detection.models import Evidence
from detection.services.evidence import local_file
from hitlsite import storage
from hitlsite.errors import DomainError
from review.models import Redaction

logger = logging.getLogger(__name__)

KIND = "filmstrip"
FRAMES = 8
FRAME_WIDTH_PX = 320
LARGEST_BYTES = 150_000
QUALITIES = (78, 66, 54, 42, 30, 18)
SMALLER = 0.75  # of the width, where even the lowest quality is too large


def columns(evidence):
    """Return how many frames of a clip stand in a row: upright pictures fit all in one."""
    return 4 if evidence.width >= evidence.height else FRAMES


def moments(evidence):
    """Return the times of the frames on the clip's own clock, in seconds: evenly over its length.

    >>> from types import SimpleNamespace
    >>> moments(SimpleNamespace(at_seconds=27.0, end_seconds=35.0))[:3]
    [0.5, 1.5, 2.5]
    """
    length = max((evidence.end_seconds or evidence.at_seconds) - evidence.at_seconds, 0.0)
    return [round(length * (place + 0.5) / FRAMES, 3) for place in range(FRAMES)]


def filmstrip(evidence):
    """Return the storage name of the filmstrip of the clip that ``evidence`` shows now.

    Raises:
        DomainError: the clip is missing or cannot be decoded.
    """
    name = filmstrip_name(_site_id(evidence), evidence.sha256)
    if not default_storage.exists(name):
        with local_file(evidence) as path:
            _store(evidence, path, evidence.sha256)
    return name


def filmstrip_name(site_id, sha256):
    """Return where the filmstrip of a site's clip of this content is kept."""
    return storage.content_path(site_id, KIND, sha256, ".jpg")


def prepare(item):
    """Make the strips that an item's page needs now, and once its proposal is put in place.

    A clip that cannot be decoded has none; the page says so, and nothing else is kept by it.
    """
    clips = Evidence.objects.filter(incident__item=item, kind=Evidence.Kind.CLIP).select_related(
        "incident__camera"
    )
    for evidence in clips:
        try:
            filmstrip(evidence)
            _prepare_proposed(evidence)
        except (DomainError, OSError) as error:
            logger.warning("%s of item %d has no filmstrip: %s", evidence, item.pk, error)


def _prepare_proposed(evidence):
    ready = evidence.redactions.filter(state=Redaction.State.VERIFIED).exclude(path="")
    for redaction in ready:
        if not default_storage.exists(filmstrip_name(_site_id(evidence), redaction.sha256)):
            path, is_copy = storage.local_copy(redaction.path)
            try:
                _store(evidence, path, redaction.sha256)
            finally:
                if is_copy:
                    path.unlink(missing_ok=True)


def _site_id(evidence):
    return evidence.incident.camera.site_id


def _store(evidence, path, sha256):
    content = _sheet(_frames(path, moments(evidence)), columns(evidence))
    scratch = storage.scratch_path(".jpg")
    try:
        scratch.write_bytes(content)
        storage.store_file(_site_id(evidence), KIND, scratch, sha256=sha256)
    except OSError as error:
        raise storage.disk_full(scratch.parent, error) from error
    finally:
        scratch.unlink(missing_ok=True)


def _frames(path, times):
    """Return one picture for each time: the first frame that is not before it, else the last."""
    import av

    found, picture = [], None
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            start = float((stream.start_time or 0) * stream.time_base)
            for frame in container.decode(stream):
                picture, at_seconds = frame, (frame.time or 0.0) - start
                due = [one for one in times[len(found) :] if one <= at_seconds + 1e-6]
                if due:
                    found += [_small(frame)] * len(due)
                if len(found) == len(times):
                    break
            if picture is None:
                raise DomainError("evidence_unreadable", f"{path.name} holds no picture.")
            found += [_small(picture)] * (len(times) - len(found))
    except (av.FFmpegError, IndexError) as error:
        raise DomainError("evidence_unreadable", f"{path.name} cannot be decoded.") from error
    return found


def _small(frame):
    height = max(2, round(frame.height * FRAME_WIDTH_PX / frame.width / 2) * 2)
    if frame.width < frame.height:
        # Eight upright pictures in a row are as wide as four lying ones.
        return frame.reformat(width=FRAME_WIDTH_PX // 2, height=height // 4 * 2).to_image()
    return frame.reformat(width=FRAME_WIDTH_PX, height=height).to_image()


def _sheet(pictures, across):
    """Return JPEG bytes of the pictures side by side, 150 kB at most."""
    from PIL import Image

    width, height = pictures[0].size
    rows = -(-len(pictures) // across)
    sheet = Image.new("RGB", (width * across, height * rows))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % across * width, place // across * height))
    while True:
        for quality in QUALITIES:
            content = BytesIO()
            sheet.save(content, "JPEG", quality=quality, optimize=True, progressive=False)
            if content.tell() <= LARGEST_BYTES:
                return content.getvalue()
        sheet = sheet.resize((round(sheet.width * SMALLER), round(sheet.height * SMALLER)))
