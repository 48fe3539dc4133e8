import io
import struct
import zlib
from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image

from detection.vision.probe import probe_upload, sniffed, strip_photo
from hitlsite.errors import DomainError
from tests.detection.vision.scenes import counted_image, write_video

ORIENTATION, POINTER, DATE_TAKEN, ZONE_TAKEN, MAKER = 0x0112, 0x8769, 0x9003, 0x9011, 0x010F


def photo(path, *, size=(40, 24), orientation=None, taken=None, zone=None, form="JPEG"):
    image = Image.new("RGB", size, (10, 20, 200))
    image.paste((250, 250, 250), (0, 0, size[0] // 2, size[1] // 2))
    exif = Image.Exif()
    exif[MAKER] = "Telltale"
    if orientation:
        exif[ORIENTATION] = orientation
    if taken:
        exif.get_ifd(POINTER)[DATE_TAKEN] = taken
    if zone:
        exif.get_ifd(POINTER)[ZONE_TAKEN] = zone
    image.save(path, form, exif=exif)
    return path


def huge_png(path, side):
    """Write a PNG that claims side x side pixels in a few hundred bytes."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(100))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
    return path


def refusal_of(function, *args, **options):
    with pytest.raises(DomainError) as refusal:
        function(*args, **options)
    return refusal.value


class TestPhoto:
    def test_orientation_time_and_zone_are_read(self, tmp_path):
        path = photo(
            tmp_path / "upload.bin",
            orientation=6,
            taken="2026:03:04 05:06:07",
            zone="+02:00",
        )
        probe = probe_upload(path, "photo")
        assert (probe.kind, probe.mime) == ("photo", "image/jpeg")
        assert (probe.width, probe.height, probe.orientation) == (24, 40, 90)
        assert probe.duration_seconds is None
        zone = timezone(timedelta(hours=2))
        assert probe.captured_at == datetime(2026, 3, 4, 5, 6, 7, tzinfo=zone)

    @pytest.mark.parametrize(("form", "mime"), [("PNG", "image/png"), ("WEBP", "image/webp")])
    def test_other_types_are_known_by_content(self, tmp_path, form, mime):
        probe = probe_upload(photo(tmp_path / "wrong.jpg", form=form), "photo")
        assert (probe.mime, probe.captured_at) == (mime, None)

    @pytest.mark.parametrize("taken", ["0000:00:00 00:00:00", "yesterday", "2026:13:40 99:00:00"])
    def test_a_nonsense_time_is_no_time(self, tmp_path, taken):
        assert probe_upload(photo(tmp_path / "a.jpg", taken=taken), "photo").captured_at is None

    def test_half_a_photo_is_unreadable(self, tmp_path, rng_image):
        path = tmp_path / "half.jpg"
        path.write_bytes(rng_image[: len(rng_image) // 2])
        error = refusal_of(probe_upload, path, "photo")
        assert (error.code, error.status) == ("media_unreadable", 422)
        assert "half.jpg" in error.message

    def test_too_many_pixels_are_refused_before_decoding(self, tmp_path):
        error = refusal_of(probe_upload, huge_png(tmp_path / "bomb.png", 30_000), "photo")
        assert (error.code, error.status) == ("media_too_large", 413)
        assert "50 megapixels" in error.message

    def test_too_little_memory_ends_the_child_only(self, tmp_path):
        path = huge_png(tmp_path / "big.png", 7_000)
        error = refusal_of(probe_upload, path, "photo", memory_bytes=120 * 1024**2)
        assert error.code == "media_unreadable"

    def test_the_clock_ends_the_child(self, tmp_path):
        path = photo(tmp_path / "slow.jpg")
        error = refusal_of(probe_upload, path, "photo", wall_seconds=0.01)
        assert error.code == "media_unreadable"
        assert "longer than" in error.message

    @pytest.fixture
    def rng_image(self):
        content = io.BytesIO()
        Image.effect_noise((200, 200), 80).save(content, "JPEG")
        return content.getvalue()


class TestVideo:
    def test_size_length_and_rotation(self, tmp_path):
        probe = probe_upload(self.rotated(tmp_path), "video")
        assert (probe.kind, probe.mime) == ("video", "video/mp4")
        assert (probe.width, probe.height, probe.orientation) == (96, 160, 90)
        assert probe.duration_seconds == pytest.approx(1.0, abs=0.07)

    @staticmethod
    def rotated(folder):
        images = [counted_image(number) for number in range(10)]
        times = [number / 10 for number in range(10)]
        return write_video(folder / "clip.mp4", images, times, rotation=-90)

    def test_too_long(self, tmp_path):
        error = refusal_of(
            probe_upload,
            self.rotated(tmp_path),
            "video",
            max_duration_seconds=0.5,
            name="IMG_1.MOV",
        )
        assert (error.code, error.status) == ("media_too_large", 413)
        assert "IMG_1.MOV" in error.message

    def test_too_many_pixels(self, tmp_path):
        error = refusal_of(probe_upload, self.rotated(tmp_path), "video", max_pixels=1000)
        assert error.code == "media_too_large"

    def test_garbage_behind_a_true_beginning(self, tmp_path):
        path = tmp_path / "garbage.mp4"
        path.write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 20)
        assert refusal_of(probe_upload, path, "video").code == "media_unreadable"

    def test_real_footage(self, footage):
        probe = probe_upload(footage / "one-by-one-person-detection.mp4", "video")
        assert (probe.width, probe.height) == (768, 432)
        assert probe.duration_seconds == pytest.approx(139.4)


class TestWrongTypes:
    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"", "photo"),
            (b"hello", "photo"),
            (b"hello", "video"),
            (b"#EXTM3U\n", "video"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "photo"),
            (b"GIF89a" + bytes(20), "photo"),
            (b"\xff\xd8\xff\xe0" + bytes(60), "video"),
            (b"\x00\x00\x00\x18ftypisom" + bytes(60), "photo"),
        ],
    )
    def test_content_decides_not_the_name(self, tmp_path, content, kind):
        path = tmp_path / ("upload.jpg" if kind == "photo" else "upload.mp4")
        path.write_bytes(content)
        error = refusal_of(probe_upload, path, kind)
        assert (error.code, error.status) == ("media_type_unsupported", 415)
        assert path.name in error.message

    @pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
    def test_heic_is_refused_in_words_that_help(self, tmp_path, brand):
        path = tmp_path / "IMG_0001.HEIC"
        path.write_bytes(b"\x00\x00\x00\x18ftyp" + brand + bytes(60))
        error = refusal_of(probe_upload, path, "photo")
        assert error.code == "media_type_unsupported"
        assert "HEIC" in error.message
        assert "JPEG" in error.message

    @pytest.mark.parametrize(
        ("header", "mime"),
        [
            (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "video/webm"),
            (b"\x1a\x45\xdf\xa3\x42\x82\x88matroska", "video/x-matroska"),
            (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
            (b"\0\0\0\x14ftypavif", "image/avif"),
        ],
    )
    def test_sniffed(self, header, mime):
        assert sniffed(header) == mime


class TestStripPhoto:
    @pytest.mark.parametrize(
        ("form", "out_form"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "JPEG")]
    )
    def test_upright_and_without_metadata(self, tmp_path, form, out_form):
        source = photo(tmp_path / "in", orientation=6, taken="2026:03:04 05:06:07", form=form)
        target = tmp_path / "out"
        assert strip_photo(source, target) == (24, 40)
        with Image.open(target) as image:
            assert image.format == out_form
            assert image.size == (24, 40)
            assert not image.getexif()
            assert image.convert("L").getpixel((18, 4)) > 200
        assert b"Telltale" not in target.read_bytes()

    def test_damage_leaves_nothing(self, tmp_path):
        source = photo(tmp_path / "in.jpg", size=(400, 400))
        source.write_bytes(source.read_bytes()[:-1500])
        assert refusal_of(strip_photo, source, tmp_path / "out.jpg").code == "media_unreadable"
        assert not (tmp_path / "out.jpg").exists()
