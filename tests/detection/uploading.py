"""What a phone does, for tests: files drawn in memory, and requests with a device's token."""

import io
import struct
import zlib

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image
from rest_framework.test import APIClient

from detection.models import Footage, Photo
from detection.services import devices
from hitlsite.models import Job

ORIENTATION, POINTER, DATE_TAKEN, ZONE_TAKEN, MAKER = 0x0112, 0x8769, 0x9003, 0x9011, 0x010F
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def photo(shade=20, *, size=(40, 24), orientation=None, taken=None, zone=None, form="JPEG"):
    """Draw a photo, its left half bright, and return its bytes."""
    image = Image.new("RGB", size, (10, shade, 200))
    image.paste((250, 250, 250), (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[MAKER] = "Telltale"
    if orientation:
        exif[ORIENTATION] = orientation
    if taken:
        exif.get_ifd(POINTER)[DATE_TAKEN] = taken
    if zone:
        exif.get_ifd(POINTER)[ZONE_TAKEN] = zone
    content = io.BytesIO()
    image.save(content, form, exif=exif)
    return content.getvalue()


def bomb(side=30_000):
    """Return a PNG of a few hundred bytes that claims side x side pixels."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class Phone:
    """A device of a camera with its token; ``send`` uploads, ``ask`` asks what became of it."""

    def __init__(self, camera, name="phone"):
        self.device, self.token = devices.add_device(camera, name)
        self.client = APIClient()
        self.client.credentials(HTTP_AUTHORIZATION=f"Token {self.token}")

    def send(self, content, kind="photo", client_id="a1", *, name=None, **fields):
        file = SimpleUploadedFile(name or {"video": "film.mp4"}.get(kind, "photo.jpg"), content)
        values = {"file": file, "kind": kind, "client_id": client_id, **fields}
        values = {key: value for key, value in values.items() if value is not None}
        return self.client.post(reverse("api_uploads"), values, format="multipart")

    def ask(self, upload_id):
        return self.client.get(reverse("api_upload", args=[upload_id]))


def stored_files():
    return sorted(path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file())


def scratch_files():
    return sorted(settings.SCRATCH_DIR.rglob("*"))


def assert_nothing_is_left():
    """Fail where a refused upload left a row or a file."""
    assert (Footage.objects.count(), Photo.objects.count(), Job.objects.count()) == (0, 0, 0)
    assert stored_files() == scratch_files() == []


def code_of(response):
    return response.status_code, response.json()["error"]["code"]
