"""Receive an upload straight into the scratch folder: hashed, counted and cut off at its limit.

Django's own handlers would take any number of bytes first and ask afterwards.
"""

import hashlib
import tempfile

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from detection.services import uploads
from hitlsite import storage
from hitlsite.errors import DomainError

FILE_FIELD = "file"
# What the fields beside the file and the boundaries between them may add to a request.
OVERHEAD_BYTES = 1024**2


class ReceivedFile(TemporaryUploadedFile):
    """A file in the scratch folder that goes away when it is closed, unless it was moved."""

    def __init__(self, name, content_type):
        settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - the request closes it
            dir=settings.SCRATCH_DIR, prefix="upload-"
        )
        UploadedFile.__init__(self, file, name, content_type, 0)
        self.sha256 = ""

    def as_received(self):
        return uploads.Received(
            path=self.temporary_file_path(),
            name=self.name[:100],
            sha256=self.sha256,
            byte_count=self.size,
        )


class Receiver(FileUploadHandler):
    """Take the one file of a request; anything past its limit ends the request."""

    field = FILE_FIELD

    def new_file(self, field_name, file_name, *args, **kwargs):
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != self.field or hasattr(self, "file"):
            self._drop()
            message = f'Send one file, in the field "{self.field}".'
            raise DomainError("upload_ambiguous", message, fields={field_name[:60]: message})
        self._digest = hashlib.sha256()
        self._limit = settings.UPLOAD_MAX_VIDEO_BYTES
        try:
            self.file = ReceivedFile(file_name, self.content_type)
        except OSError as error:
            raise storage.disk_full(settings.SCRATCH_DIR, error) from error

    def receive_data_chunk(self, raw_data, start):
        if start == 0:
            self._limit = _limit_of(raw_data)
        if start + len(raw_data) > self._limit:
            self._drop()
            raise uploads.too_large(self.file_name, self._limit)
        self._digest.update(raw_data)
        try:
            self.file.write(raw_data)
        except OSError as error:
            self._drop()
            raise storage.disk_full(settings.SCRATCH_DIR, error) from error

    def file_complete(self, file_size):
        self.file.flush()
        self.file.seek(0)
        self.file.size = file_size
        self.file.sha256 = self._digest.hexdigest()
        return self.file

    def upload_interrupted(self):
        self._drop()

    def _drop(self):
        if hasattr(self, "file"):
            self.file.close()


def _limit_of(first_bytes):
    """Return how large a file that begins so may be, whatever it is said to be."""
    from detection.vision.probe import HEADER_BYTES, sniffed

    is_picture = (sniffed(first_bytes[:HEADER_BYTES]) or "").startswith("image/")
    return settings.UPLOAD_MAX_PHOTO_BYTES if is_picture else settings.UPLOAD_MAX_VIDEO_BYTES


def receive(request):
    """Read a multipart request whose file goes to a Receiver; return its fields and files.

    Raises:
        DomainError: too much of anything (413), more than one file (422), nonsense (400).
    """
    limit = settings.UPLOAD_MAX_VIDEO_BYTES
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > limit + OVERHEAD_BYTES:
        raise uploads.too_large("the request", limit)
    request._request.upload_handlers = [Receiver(request._request)]
    try:
        return request.data
    except RequestDataTooBig:
        raise uploads.too_large("the fields", settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from None
    except SuspiciousOperation as error:
        raise DomainError("malformed", str(error), status=400) from error
