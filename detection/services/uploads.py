"""Take in what a device uploads: once, checked in a child process, stored before its row is.

The file goes into storage under the name of its content first and the row follows in one
transaction, so a crash between the two leaves a file that nothing points at and no half row.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from detection.models import Camera, Device, Footage, Photo, Segment
from detection.services import cameras, failures, photos
from detection.services import footage as footage_service
from detection.services.evidence import PHOTO_KIND
from hitlsite import audit, storage
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Job

VIDEO, PHOTO = "video", "photo"
KINDS = (VIDEO, PHOTO)
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
STATES = (QUEUED, RUNNING, DONE, FAILED)
EARLIEST_CAPTURE = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=1)
LONGEST_CLIENT_ID = 100
_SUFFIXES = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
}


@dataclass(frozen=True)
class Received:
    """A whole file as it arrived: where it lies for now, and what it was called."""

    path: Path
    name: str
    sha256: str
    byte_count: int


@dataclass(frozen=True)
class Upload:
    """What a device is told about an upload.

    Attributes:
        id: "v12" is footage 12, "p7" photo 7.
        error: why it failed; ``damage`` says what was lost of a video that was still taken.
        captured_at: time of the capture, the device's clock set right by its offset.
    """

    id: str
    kind: str
    client_id: str
    state: str
    error: str
    damage: str
    sha256: str
    received_bytes: int | None
    captured_at: datetime
    created_at: datetime

    @property
    def row_id(self):
        return int(self.id[1:])


def receive(device, received, *, kind, client_id, captured_at=None, clock_offset_seconds=0.0):
    """Store an upload and queue it; return (Upload, whether this call made it).

    What failed before is tried again when it is sent again.

    Args:
        captured_at: aware time by the device's clock. A photo's EXIF time comes before it; without
            either it is now.
        clock_offset_seconds: what has to be added to the device's clock.

    Raises:
        DomainError: too large (413), of a wrong type (415), unreadable or too long (422, 413),
            a client_id that stands for other bytes (409), a revoked device (403).
    """
    check_size(received.name, kind, received.byte_count)
    earlier = _earlier(device, kind, client_id, received.sha256)
    if earlier:
        return _tried_again(device, received, earlier), False
    take = _take_photo if kind == PHOTO else _take_video
    values = take(device.camera, received)
    told = _capture_columns(device.camera, values, captured_at, clock_offset_seconds)
    values |= {**told, "device": device, "client_id": client_id}
    with transaction.atomic():
        # Two equal uploads at once queue up here; the second then finds the first.
        Camera.objects.select_for_update(no_key=True).get(pk=device.camera_id)
        if Device.objects.filter(pk=device.pk, revoked_at__isnull=False).exists():
            raise Forbidden("This device was revoked.", code="device_revoked")
        earlier = _earlier(device, kind, client_id, received.sha256)
        if earlier:
            return earlier, False
        make = _make_photo if kind == PHOTO else _make_footage
        return make(device, received, values), True


def import_photo(camera, received, *, client_id):
    """Store a picture that an operator brings along; return (Photo, whether this call made it).

    It is checked, limited, turned upright and stripped as an upload is.

    Args:
        client_id: the name that it goes by elsewhere.

    Raises:
        DomainError: as ``receive``.
    """
    check_size(received.name, PHOTO, received.byte_count)
    found = Photo.objects.filter(camera=camera, received_sha256=received.sha256)
    earlier = found.first()
    if earlier:
        return earlier, False
    values = _take_photo(camera, received)
    values |= _capture_columns(camera, values, None, 0.0)
    with transaction.atomic():
        Camera.objects.select_for_update(no_key=True).get(pk=camera.pk)
        earlier = found.first()
        if earlier:
            return earlier, False
        origin, client_id = Photo.Origin.IMPORT, client_id[:LONGEST_CLIENT_ID]
        photo = Photo.objects.create(camera=camera, origin=origin, client_id=client_id, **values)
        photos.enqueue(photo, received_bytes=received.byte_count)
        detail = {"name": client_id, "received_sha256": received.sha256}
        audit.record("photo.imported", photo, site=camera.site, detail=detail)
    return photo, True


def take_unwatched(camera, received, *, by):
    """Store a video that a person sends to be measured only; return its Footage, the same once.

    It is checked and limited as a device's upload is, but nothing ingests it.

    Raises:
        DomainError: as ``receive``.
    """
    check_size(received.name, VIDEO, received.byte_count)
    found = _taken_footage(camera.pk).filter(sha256=received.sha256).order_by("pk")
    earlier = found.first()
    if earlier:
        return earlier
    values = _take_video(camera, received)
    values |= _capture_columns(camera, values, None, 0.0)
    return footage_service.create(camera, received.sha256, values, actor=by, is_watched=False)


def check_size(name, kind, byte_count):
    """Refuse an empty file or one past the limit of its kind."""
    if byte_count == 0:
        raise DomainError("upload_empty", f"{name}: the file is empty.", fields={"file": "empty"})
    limit = settings.UPLOAD_MAX_PHOTO_BYTES if kind == PHOTO else settings.UPLOAD_MAX_VIDEO_BYTES
    if byte_count > limit:
        raise too_large(name, limit)


def too_large(name, limit):
    """Return the refusal of a file of more than ``limit`` bytes."""
    message = f"{name}: it is too large; at most {limit:,} bytes are accepted."
    return DomainError("too_large", message, status=413)


def find(device, upload_id):
    """Return an upload of the device's camera by its id, or raise NotFound."""
    letter, pk = upload_id[:1], as_id(upload_id[1:])
    if letter == "v":
        row = _taken_footage(device.camera_id).filter(pk=pk).first()
        if row:
            return of_footage(row)
    if letter == "p":
        row = Photo.objects.filter(camera=device.camera_id, pk=pk).first()
        if row:
            return of_photo(row)
    raise NotFound(f"There is no upload {upload_id[:20]}.")


def of_footage(row):
    """Return what there is to tell about an uploaded video."""
    state, error = _ingestion_state(row)
    return Upload(
        id=f"v{row.pk}",
        kind=VIDEO,
        client_id=row.client_id,
        state=state,
        error=error,
        damage=row.damage,
        sha256=row.sha256,
        received_bytes=row.byte_count,
        captured_at=row.starts_at,
        created_at=row.created_at,
    )


def of_photo(row):
    """Return what there is to tell about an uploaded photo."""
    job = photos.job_of(row)
    state, error = DONE if row.detected_at else QUEUED, ""
    if job and not row.detected_at:
        state = FAILED if job.is_finished else job.state
        error = job.error_message if job.state == Job.State.FAILED else ""
    return Upload(
        id=f"p{row.pk}",
        kind=PHOTO,
        client_id=row.client_id,
        state=state,
        error=error,
        damage="",
        sha256=row.received_sha256,
        received_bytes=job.parameters.get("received_bytes") if job else None,
        captured_at=row.captured_at,
        created_at=row.created_at,
    )


def _ingestion_state(row):
    if row.ended_at:
        return DONE, ""
    segments = Segment.objects.filter(footage=row)
    failed = segments.filter(state=Segment.State.FAILED).first()
    if failed:
        return FAILED, failed.error_message
    has_begun = segments.exclude(state=Segment.State.QUEUED).exists()
    return (RUNNING if has_begun else QUEUED), ""


def _taken_footage(camera_id):
    """Return the camera's footage that came as one file; folders and streams have no such hash."""
    return Footage.objects.filter(
        camera=camera_id, kind__in=[Footage.Kind.UPLOAD, Footage.Kind.FILE]
    )


def _earlier(device, kind, client_id, sha256):
    """Return the Upload that the same request made before, or None.

    Raises:
        Conflict: the device has used this client_id for something else.
    """
    footage = Footage.objects.filter(device=device, client_id=client_id).first()
    photo = Photo.objects.filter(device=device, client_id=client_id).first()
    same = footage if kind == VIDEO else photo
    content = {VIDEO: "sha256", PHOTO: "received_sha256"}[kind]
    if footage or photo:
        if same is None or getattr(same, content) != sha256:
            message = f"client_id {client_id} already stands for another file of this device."
            raise Conflict(message, code="client_id_taken", fields={"client_id": message})
    elif kind == VIDEO:
        same = _taken_footage(device.camera_id).filter(sha256=sha256).order_by("pk").first()
    else:
        same = Photo.objects.filter(camera=device.camera_id, received_sha256=sha256).first()
    if same is None:
        return None
    return of_footage(same) if kind == VIDEO else of_photo(same)


@transaction.atomic
def _tried_again(device, received, upload):
    """Return the upload, queued again if it had failed; a file that was lost is put back."""
    if upload.kind == VIDEO and upload.state == QUEUED:
        row = Footage.objects.select_related("camera__site").get(pk=upload.row_id)
        footage_service.begin(row, actor=device.user)
    if upload.state != FAILED:
        return upload
    if upload.kind == PHOTO:
        photo = Photo.objects.select_related("camera__site", "device").get(pk=upload.row_id)
        photos.enqueue(photo, received_bytes=received.byte_count)
        return of_photo(photo)
    row = Footage.objects.select_related("camera__site").get(pk=upload.row_id)
    if row.kind == Footage.Kind.UPLOAD and not default_storage.exists(row.location):
        _take_video(row.camera, received)
    failures.requeue(row, by=device.user)
    return of_footage(row)


def _take_video(camera, received):
    """Check a video and move it into storage; return what its row will hold."""
    from detection.vision.probe import probe_upload

    probe = probe_upload(
        received.path,
        VIDEO,
        name=received.name,
        max_duration_seconds=settings.UPLOAD_MAX_VIDEO_SECONDS,
    )
    location, _, _ = storage.store_file(
        camera.site_id,
        "uploads",
        received.path,
        suffix=_SUFFIXES.get(probe.mime, ".video"),
        sha256=received.sha256,
    )
    return {
        "kind": Footage.Kind.UPLOAD,
        "location": location,
        "sha256": received.sha256,
        "byte_count": received.byte_count,
        "width": probe.width,
        "height": probe.height,
        "duration_seconds": probe.duration_seconds,
        "written_at": probe.captured_at,
    }


def _take_photo(camera, received):
    """Check a photo and store it upright, without metadata, its private zones blackened."""
    from detection.vision.probe import probe_upload, strip_photo

    limits = {"name": received.name, "max_pixels": settings.UPLOAD_MAX_PHOTO_PIXELS}
    probe = probe_upload(received.path, PHOTO, **limits)
    suffix = ".png" if probe.mime == "image/png" else ".jpg"
    private = cameras.private_polygons(camera)
    stripped = storage.scratch_path(suffix)
    try:
        width, height = strip_photo(received.path, stripped, private_polygons=private, **limits)
        path, sha256, _ = storage.store_file(camera.site_id, PHOTO_KIND, stripped)
    finally:
        stripped.unlink(missing_ok=True)
    return {
        "path": path,
        "sha256": sha256,
        "received_sha256": received.sha256,
        "width": width,
        "height": height,
        "written_at": probe.captured_at,
    }


def _capture_columns(camera, values, captured_at, clock_offset_seconds):
    """Settle when the capture was: what the file says, what the device said, or now.

    A time without a zone is the site's. A photo's own time comes first; a video's own is often
    that of its end, so it comes last. Nonsense in a file is passed over, from the device refused.
    """
    written_at = values.pop("written_at")
    if written_at is not None and timezone.is_naive(written_at):
        written_at = written_at.replace(tzinfo=ZoneInfo(camera.site.time_zone))
    offset = timedelta(seconds=clock_offset_seconds)
    column = "starts_at" if "location" in values else "captured_at"
    told = [captured_at, written_at] if column == "starts_at" else [written_at, captured_at]
    if captured_at is not None and not _is_plausible(captured_at, offset):
        message = "must lie after 1999 and not ahead of now, once the clock's offset is added"
        raise DomainError(
            "captured_at_invalid", f"captured_at {message}.", fields={"captured_at": message}
        )
    told = [moment for moment in told if moment is not None and _is_plausible(moment, offset)]
    at = told[0] + offset if told else timezone.now()
    return {column: at.astimezone(UTC), "clock_offset_seconds": clock_offset_seconds}


def _is_plausible(moment, offset):
    try:
        return EARLIEST_CAPTURE <= moment + offset <= timezone.now() + LATEST_AHEAD
    except OverflowError:
        return False


def _make_footage(device, received, values):
    row = footage_service.create(device.camera, received.sha256, values, actor=device.user)
    return of_footage(row)


def _make_photo(device, received, values):
    photo = Photo.objects.create(camera=device.camera, **values)
    photos.enqueue(photo, received_bytes=received.byte_count)
    audit.record(
        "photo.received",
        photo,
        actor=device.user,
        site=device.camera.site,
        detail={"client_id": photo.client_id, "received_sha256": received.sha256},
    )
    return of_photo(photo)


def first_segment(upload):
    """Return the id of the segment with which an uploaded video begins."""
    return Segment.objects.values_list("pk", flat=True).get(footage=upload.row_id, position=0)
