import resource
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hitlsite.errors import DomainError
from review.privacy.redact import METHODS, redact_clip, redact_image
from review.privacy.regions import PADDING, Region
from tests.review.privacy.drawing import read_clip, scene, write_clip, write_image

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 320, 240
FACE_PX = (100, 60, 180, 140)
FACE = Region((100 / 320, 60 / 240, 180 / 320, 140 / 240), "yunet", 0.9)
LIMITED_WRITE = """
import resource, sys
from review.privacy.redact import redact_clip, redact_image
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
redact = {"image": redact_image, "clip": redact_clip}[sys.argv[1]]
from hitlsite.errors import DomainError
try:
    redact(sys.argv[2], sys.argv[3], (), "mask")
except DomainError as error:
    print(error.code, error.message)
"""


@pytest.fixture
def noise():
    return np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture
def noisy_picture(tmp_path, noise):
    return write_image(tmp_path / "noise.png", noise)


def inside(image, box=FACE_PX):
    left, top, right, bottom = box
    return image[top:bottom, left:right].astype(int)


def outside_padding(image):
    """Return the picture with the redacted part blackened."""
    pad = round(80 * PADDING) + 10
    rest = image.copy()
    rest[60 - pad : 140 + pad, 100 - pad : 180 + pad] = 0
    return rest.astype(int)


def redacted(src, dst, regions, method):
    redact_image(src, dst, regions, method)
    return cv2.imread(str(dst))


@pytest.mark.parametrize("method", METHODS)
def test_the_region_loses_its_detail_and_the_rest_keeps_it(method, noisy_picture, noise, tmp_path):
    image = redacted(noisy_picture, tmp_path / "out.jpg", [FACE], method)
    plain = redacted(noisy_picture, tmp_path / "plain.jpg", [], method)
    assert inside(image).std() < 0.2 * inside(plain).std()
    assert np.abs(outside_padding(image) - outside_padding(plain)).mean() < 1.0


@pytest.mark.parametrize("size", [9, 20, 37, 80, 150])
def test_pixelation_leaves_at_most_five_blocks_across_a_face(size, tmp_path):
    left, top = 61, 43
    ramp = np.interp(np.arange(WIDTH), (left, left + size), (0, 255)).astype(np.uint8)
    src = write_image(tmp_path / "ramp.png", np.dstack([np.tile(ramp, (HEIGHT, 1))] * 3))
    box = (left / WIDTH, top / HEIGHT, (left + size) / WIDTH, (top + size) / HEIGHT)
    image = redacted(src, tmp_path / "o.jpg", [Region(box, "yunet", 0.9)], "pixelate")
    line = image[top + size // 2, left : left + size].mean(axis=1)
    edges = np.flatnonzero(np.diff(line) > 20)
    blocks = 1 + np.count_nonzero(np.diff(edges, prepend=-9) > 1)
    assert 1 <= blocks <= 5


@pytest.mark.parametrize("size", [20, 60, 120])
def test_a_blur_spreads_a_point_over_a_whole_face(size, tmp_path):
    """A point at the face's centre still shows at both of its edges."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    spot = max(size // 5, 3)
    image[120 - spot : 120 + spot, 160 - spot : 160 + spot] = 255
    src = write_image(tmp_path / "spot.png", image)
    half = size / 2
    box = ((160 - half) / 320, (120 - half) / 240, (160 + half) / 320, (120 + half) / 240)
    out = redacted(src, tmp_path / "o.jpg", [Region(box, "yunet", 0.9)], "blur")
    line = out[120, int(160 - half) + 1 : int(160 + half) - 1].astype(int).sum(axis=1)
    assert line.min() > 0.25 * line.max()


def test_a_mask_is_solid(noisy_picture, tmp_path):
    assert inside(redacted(noisy_picture, tmp_path / "out.jpg", [FACE], "mask")).max() < 12


def test_a_residual_is_masked_whatever_the_method(noisy_picture, tmp_path):
    residual = Region(FACE.box_xyxy, "residual", 0.5)
    image = redacted(noisy_picture, tmp_path / "out.jpg", [residual], "blur")
    assert inside(image).max() < 12


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "box",
    [(0, 0, 1, 1), (0.99, 0.99, 1, 1), (0, 0, 0.001, 0.001), (-0.5, -0.5, 0.1, 0.1)],
    ids=["everything", "a corner", "a speck", "over the edge"],
)
def test_boxes_at_the_edges_are_redacted(method, box, noisy_picture, tmp_path):
    image = redacted(noisy_picture, tmp_path / "o.jpg", [Region(box, "drawn", 1.0)], method)
    sides = zip(box, (WIDTH, HEIGHT, WIDTH, HEIGHT), strict=True)
    left, top, right, bottom = (round(min(max(side, 0), 1) * px) for side, px in sides)
    covered = inside(image, (left, top, max(right, left + 1), max(bottom, top + 1)))
    assert covered.std() < 40


def test_two_regions_that_overlap_hide_both(noisy_picture, tmp_path):
    shifted = Region(tuple(side + 0.05 for side in FACE.box_xyxy), "head", 0.9)
    image = redacted(noisy_picture, tmp_path / "o.jpg", [FACE, shifted], "pixelate")
    assert inside(image).std() < 20
    assert inside(image, (116, 72, 196, 152)).std() < 20


def test_a_still_loses_its_metadata(tmp_path, noise):
    from PIL import Image

    photo = Image.fromarray(noise)
    exif = photo.getexif()
    exif[0x010E], exif[0x0112] = "taken by Ada", 6
    photo.save(tmp_path / "photo.jpg", exif=exif, comment=b"Ada")
    redact_image(tmp_path / "photo.jpg", tmp_path / "out.jpg", [FACE], "blur")
    with Image.open(tmp_path / "out.jpg") as out:
        assert (out.format, out.size, dict(out.getexif())) == ("JPEG", (HEIGHT, WIDTH), {})
    assert b"Ada" not in (tmp_path / "out.jpg").read_bytes()


def test_an_unknown_method_is_refused(noisy_picture, tmp_path):
    with pytest.raises(ValueError, match="emoji"):
        redact_image(noisy_picture, tmp_path / "out.jpg", [FACE], "emoji")
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "source_empty"), (b"nothing of the kind", "source_unreadable")]
)
@pytest.mark.parametrize("redact", [redact_image, redact_clip])
def test_what_cannot_be_read_is_named_and_nothing_is_written(redact, content, code, tmp_path):
    (tmp_path / "gate.bin").write_bytes(content)
    with pytest.raises(DomainError, match=r"gate\.bin") as refusal:
        redact(tmp_path / "gate.bin", tmp_path / "out.mp4", [FACE], "mask")
    assert refusal.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == ["gate.bin"]


def test_a_clip_keeps_its_times_its_length_and_its_size(tmp_path, walk):
    times = [100 * number + 7 * (number % 3) for number in range(len(walk))]
    src = write_clip(tmp_path / "in.mp4", walk, times=times)
    redact_clip(src, tmp_path / "out.mp4", [FACE], "blur")
    with av.open(str(src)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        old, new = before.streams.video[0], after.streams.video[0]
        assert (new.codec_context.name, new.pix_fmt) == ("h264", "yuv420p")
        assert (new.width, new.height) == (WIDTH, HEIGHT)
        assert new.frames == len(walk)
        assert float(new.duration * new.time_base) == pytest.approx(
            float(old.duration * old.time_base), abs=0.002
        )
    assert read_clip(tmp_path / "out.mp4")[0] == pytest.approx(read_clip(src)[0], abs=1e-6)


def test_a_clip_can_be_played_before_it_is_loaded_whole(tmp_path, walk):
    redact_clip(write_clip(tmp_path / "in.mp4", walk), tmp_path / "out.mp4", [], "blur")
    written = (tmp_path / "out.mp4").read_bytes()
    assert written.index(b"moov") < written.index(b"mdat")


@pytest.mark.parametrize("method", METHODS)
def test_every_frame_that_a_region_holds_for_is_redacted(method, tmp_path, noise):
    src = write_clip(tmp_path / "in.mp4", [noise] * 20)
    timed = Region(FACE.box_xyxy, "yunet", 0.9, 1.0)
    redact_clip(src, tmp_path / "out.mp4", [timed], method)
    times, images = read_clip(tmp_path / "out.mp4")
    for at, image in zip(times, images, strict=True):
        assert bool(inside(image).std() < 20) is (0.5 <= at <= 1.5), at


@pytest.mark.parametrize("method", METHODS)
def test_the_same_input_gives_the_same_bytes(method, tmp_path, walk):
    src = write_clip(tmp_path / "in.mp4", walk)
    still = write_image(tmp_path / "in.png", walk[0])
    for name in ("a", "b"):
        redact_clip(src, tmp_path / f"{name}.mp4", [FACE], method)
        redact_image(still, tmp_path / f"{name}.jpg", [FACE], method)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv422p"])
def test_colours_survive_whatever_the_pixel_format(pix_fmt, tmp_path, walk):
    src = write_clip(tmp_path / "in.mp4", walk[:5], pix_fmt=pix_fmt)
    redact_clip(src, tmp_path / "out.mp4", [FACE], "mask")
    before, after = read_clip(src)[1][4], read_clip(tmp_path / "out.mp4")[1][4]
    assert np.abs(outside_padding(before) - outside_padding(after)).mean() < 3


def test_an_odd_sized_clip_loses_at_most_a_line(tmp_path):
    image = scene((54, 60, 140))[:239, :319]
    src = write_clip(tmp_path / "in.mp4", [image] * 3, pix_fmt="yuv444p")
    redact_clip(src, tmp_path / "out.mp4", [FACE], "mask")
    images = read_clip(tmp_path / "out.mp4")[1]
    assert images[0].shape == (238, 318, 3)
    assert inside(images[0]).max() < 12


def test_the_file_that_was_there_stays_when_the_new_one_fails(tmp_path, walk):
    src = write_clip(tmp_path / "in.mp4", walk)
    src.write_bytes(src.read_bytes()[:-3000])
    (tmp_path / "out.mp4").write_bytes(b"as it was")
    with pytest.raises(DomainError):
        redact_clip(src, tmp_path / "out.mp4", [FACE], "mask")
    assert (tmp_path / "out.mp4").read_bytes() == b"as it was"
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.mp4"}


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no file size limits here")
@pytest.mark.parametrize("kind", ["image", "clip"])
def test_a_full_disk_is_said_and_leaves_nothing(kind, tmp_path, noise):
    src = (
        write_image(tmp_path / "in.png", noise)
        if kind == "image"
        else write_clip(tmp_path / "in.mp4", [noise] * 5)
    )
    folder = tmp_path / "full"
    folder.mkdir()
    dst = folder / ("out.jpg" if kind == "image" else "out.mp4")
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED_WRITE, kind, str(src), str(dst)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout.startswith("disk_full")
    assert str(folder) in ran.stdout
    assert list(folder.iterdir()) == []
