"""Odd files for photos: whatever is taken is drawn anew, and nothing else of it is stored."""

import io

import pytest
from django.core.files.storage import default_storage
from PIL import Image, PngImagePlugin

from detection.models import Photo
from tests.detection.uploading import (
    HEIC,
    ORIENTATION,
    SVG,
    assert_nothing_is_left,
    bomb,
    code_of,
    photo,
    stored_files,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

TAIL = b"PK\x03\x04<html><script>alert(document.cookie)</script></html>Telltale"
GPS_POINTER = 0x8825


def kept(phone, content, *, name="photo.jpg"):
    """Upload and return (the photo, its stored bytes, the picture in it)."""
    response = phone.send(content, name=name)
    assert response.status_code == 201, response.json()
    row = Photo.objects.get()
    with default_storage.open(row.path, "rb") as stored:
        content = stored.read()
    image = Image.open(io.BytesIO(content))
    image.load()
    return row, content, image


def encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def moving(form):
    frames = [Image.new("RGB", (40, 24), (40 * number, 90, 200)) for number in range(4)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_polyglot_loses_what_is_behind_the_picture(phone, form):
    row, content, image = kept(phone, photo(form=form) + TAIL)
    for part in (b"PK\x03\x04", b"<html", b"<script", b"Telltale"):
        assert part not in content
    assert image.size == (row.width, row.height) == (40, 24)


def test_what_is_written_into_a_picture_s_segments_is_gone(phone):
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", "<script>alert(1)</script>")
    drawn = Image.new("RGB", (40, 24), (10, 20, 200))
    _, content, image = kept(phone, encoded(drawn, "PNG", pnginfo=said))
    assert b"script" not in content
    assert image.info == {}


def test_a_comment_of_a_jpeg_is_gone(phone):
    drawn = Image.new("RGB", (40, 24), (10, 20, 200))
    _, content, _ = kept(phone, encoded(drawn, "JPEG", comment=b"<?php system($_GET[0]); ?>"))
    assert b"<?php" not in content


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_of_a_moving_picture_the_first_frame_is_kept(phone, form):
    _, content, image = kept(phone, moving(form))
    assert getattr(image, "n_frames", 1) == 1
    assert b"acTL" not in content
    assert b"ANIM" not in content
    red, green, _ = image.convert("RGB").getpixel((20, 12))
    assert red < 12
    assert abs(green - 90) < 12


@pytest.mark.parametrize(
    ("mode", "form"), [("CMYK", "JPEG"), ("L", "JPEG"), ("P", "PNG"), ("1", "PNG"), ("LA", "PNG")]
)
def test_every_kind_of_colour_becomes_one_that_is_read(phone, mode, form):
    drawn = Image.new("RGB", (40, 24), (240, 240, 240)).convert(mode)
    row, _, image = kept(phone, encoded(drawn, form))
    assert image.mode in ("RGB", "L", "LA", "RGBA")
    assert image.size == (row.width, row.height)
    assert min(image.convert("RGB").getpixel((20, 12))) > 200


def test_sixteen_bits_a_pixel(phone):
    drawn = Image.new("I;16", (40, 24), 60_000)
    _, _, image = kept(phone, encoded(drawn, "PNG"))
    assert image.mode in ("RGB", "L", "LA", "RGBA")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_and_without_its_place(phone, orientation):
    drawn = Image.new("RGB", (40, 24), (10, 20, 200))
    drawn.paste((250, 250, 250), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif.get_ifd(GPS_POINTER).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    row, content, image = kept(phone, encoded(drawn, "JPEG", exif=exif, quality=95))
    assert image.size == ((24, 40) if orientation >= 5 else (40, 24)) == (row.width, row.height)
    assert dict(image.getexif()) == {}
    assert b"Exif" not in content
    # Where the bright corner of the stored picture comes to stand, by the meaning of the number.
    corners = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1)}
    right, low = corners.get(orientation, (0, 1))
    place = (row.width - 4 if right else 3, row.height - 4 if low else 3)
    assert min(image.getpixel(place)) > 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (bomb(7_072), 413, "media_too_large"),
        (bomb(65_000), 413, "media_too_large"),
        (SVG, 415, "media_type_unsupported"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>" + SVG, 415, "media_type_unsupported"),
        (HEIC, 415, "media_type_unsupported"),
        (b"GIF89a" + bytes(100), 415, "media_type_unsupported"),
        (b"<html>" + photo(), 415, "media_type_unsupported"),
        (TAIL + photo(), 415, "media_type_unsupported"),
        (photo()[: len(photo()) // 2], 422, "media_unreadable"),
        (photo(form="PNG")[:60], 422, "media_unreadable"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(8), 422, "media_unreadable"),
    ],
    ids=[
        "just past 50 megapixels",
        "bomb",
        "svg",
        "svg with a mark",
        "heic",
        "gif",
        "html before",
        "zip before",
        "half a jpeg",
        "half a png",
        "no webp",
    ],
)
def test_what_is_no_photo_leaves_nothing(phone, content, status, code):
    response = phone.send(content, name="holiday.jpg")
    assert code_of(response) == (status, code)
    assert_nothing_is_left()


def test_a_picture_of_fifty_megapixels_in_few_bytes_is_taken_and_bounded(phone):
    """Within the limit it is decoded, in a child with bounds of its own, and stays small."""
    image = Image.new("L", (7_000, 7_000), 120)
    content = encoded(image, "PNG")
    assert len(content) < 100_000
    row, _, kept_image = kept(phone, content)
    assert kept_image.size == (row.width, row.height) == (7_000, 7_000)
    assert len(stored_files()) == 1


def test_a_file_name_is_only_said_never_used(phone):
    row, _, _ = kept(phone, photo(), name="../../<b>evil</b>.php")
    assert row.path.endswith(".jpg")
    assert "evil" not in row.path
