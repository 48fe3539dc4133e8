"""Small pictures of evidence, made when first asked for and named after what they show.

A thumbnail's name is the hash of the file that it was made from. Once a redacted copy takes an
original's place, the hash is another, and so is the thumbnail: an old one is never shown again,
and goes with the original.
"""

from datetime import timedelta
from io import BytesIO

from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone

from detection.models import Evidence, Photo
from detection.services.evidence import local_file
from hitlsite import storage
from hitlsite.errors import DomainError
from review.models import Redaction
from review.services import filmstrips

KIND = "thumb"
WIDTH_PX = 320
JPEG_QUALITY = 80
LOOK_BACK = timedelta(days=2)


def thumbnail(shown):
    """Return the storage name of the thumbnail of what a row shows now.

    Args:
        shown: Evidence, or a Photo.

    Raises:
        DomainError: the file is missing or cannot be decoded.
    """
    name = thumbnail_name(shown.camera.site_id, shown.sha256)
    if not default_storage.exists(name):
        is_clip = isinstance(shown, Evidence) and shown.is_clip
        with local_file(shown) as path:
            content = _jpeg(_first_frame(path) if is_clip else _picture(path))
        _store(shown, content)
    return name


def _store(shown, content):
    site_id = shown.camera.site_id
    scratch = storage.scratch_path(".jpg")
    try:
        scratch.write_bytes(content)
        storage.store_file(site_id, KIND, scratch, sha256=shown.sha256)
    except OSError as error:
        raise storage.disk_full(scratch.parent, error) from error
    finally:
        scratch.unlink(missing_ok=True)


def thumbnail_name(site_id, sha256):
    """Return where the thumbnail of a site's file of this content is kept."""
    return storage.content_path(site_id, KIND, sha256, ".jpg")


def forget(evidence):
    """Destroy the small pictures of what ``evidence`` no longer shows.

    That is the original, and every redacted copy in whose place another was put: it may be because
    of what that one left to be seen.
    """
    if evidence.sha256 == evidence.original_sha256:
        return
    site_id = evidence.camera.site_id
    copies = evidence.redactions.exclude(sha256="").values_list("sha256", "state")
    kept = {sha256 for sha256, state in copies if state != Redaction.State.REPLACED}
    gone = {sha256 for sha256, _ in copies} | {evidence.original_sha256}
    for sha256 in gone - kept - {evidence.sha256}:
        if not _is_shown(site_id, evidence, sha256):
            storage.delete(thumbnail_name(site_id, sha256))
            storage.delete(filmstrips.filmstrip_name(site_id, sha256))


def _is_shown(site_id, evidence, sha256):
    """Say whether another row of the site shows content that ``evidence`` showed before."""
    shown = Evidence.objects.filter(sha256=sha256)
    of_site = Q(incident__camera__site=site_id) | Q(photo__camera__site=site_id)
    if shown.filter(of_site).exists():
        return True
    # A photo that is no evidence can show the same as one that is, and as nothing else.
    photos = Photo.objects.filter(camera__site=site_id, sha256=sha256)
    return evidence.photo_id is not None and photos.exists()


def purge(at=None):
    """Destroy what is left of thumbnails whose originals were destroyed lately.

    ``forget`` does this when a redaction is applied; a request that was under way just then may
    have written one afterwards.
    """
    since = (at or timezone.now()) - LOOK_BACK
    gone = Evidence.objects.filter(original_destroyed_at__gte=since)
    for evidence in gone.select_related("incident__camera", "photo__camera").iterator(
        chunk_size=200
    ):
        forget(evidence)


def _picture(path):
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (WIDTH_PX * 2, WIDTH_PX * 2))
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError) as error:
        raise _unreadable(path) from error


def _first_frame(path):
    import av

    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0)).to_image()
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise _unreadable(path) from error


def _unreadable(path):
    return DomainError("evidence_unreadable", f"{path.name} cannot be decoded.")


def _jpeg(picture):
    from PIL import Image

    if picture.width > WIDTH_PX:
        height = max(1, round(picture.height * WIDTH_PX / picture.width))
        picture = picture.resize((WIDTH_PX, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    content = BytesIO()
    picture.save(content, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return content.getvalue()
