"""Receive a video with its labels: the video as a device's upload is, the labels within a limit."""

import io

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers

from detection.api.receiving import OVERHEAD_BYTES, Receiver
from detection.services import uploads
from hitlsite.errors import DomainError
from training.services.feature_files import MOST_LABEL_BYTES

VIDEO, LABELS = "video", "labels"


class VideoReceiver(Receiver):
    """Take the file of the field "video"; any other goes to the next handler."""

    field = VIDEO
    _is_ours = False

    def new_file(self, field_name, *args, **kwargs):
        self._is_ours = field_name == VIDEO
        if self._is_ours:
            super().new_file(field_name, *args, **kwargs)
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data, start):
        return super().receive_data_chunk(raw_data, start) if self._is_ours else raw_data

    def file_complete(self, file_size):
        return super().file_complete(file_size) if self._is_ours else None


class LabelsReceiver(FileUploadHandler):
    """Take the file of the field "labels" into memory; any other field is refused."""

    def new_file(self, field_name, file_name, *args, **kwargs):
        super().new_file(field_name, file_name, *args, **kwargs)
        if field_name != LABELS:
            message = f'Files go into the fields "{VIDEO}" and "{LABELS}".'
            raise DomainError("upload_ambiguous", message, fields={field_name[:60]: message})
        self._content = io.BytesIO()
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data, start):
        if start + len(raw_data) > MOST_LABEL_BYTES:
            raise uploads.too_large(self.file_name, MOST_LABEL_BYTES)
        self._content.write(raw_data)

    def file_complete(self, file_size):
        self._content.seek(0)
        return InMemoryUploadedFile(
            self._content, LABELS, self.file_name, self.content_type, file_size, self.charset
        )


def prepare(request, limit):
    """Let our handlers take the files of a Django request, before anybody reads its body.

    Raises:
        DomainError: it announces more than ``limit`` bytes for the video (413).
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    most = limit + MOST_LABEL_BYTES + OVERHEAD_BYTES
    if announced.isdigit() and int(announced) > most:
        raise uploads.too_large("the request", limit)
    request.upload_handlers = [VideoReceiver(request), LabelsReceiver(request)]
