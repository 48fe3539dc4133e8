import cv2
import numpy as np
import pytest

from hitlsite.errors import DomainError
from review.privacy import detail, redact
from review.privacy.faces import FaceScan, FaceScanner
from review.privacy.redact import METHODS, redact_clip, redact_image
from review.privacy.regions import Region
from review.privacy.verify import redact_and_verify_clip, redact_and_verify_image
from tests.review.privacy.drawing import ColourDetector, scene, write_clip, write_image

SIDE_PX = {"small": 12, "middle": 40, "large": 150}
REAL_HIDE = redact._hide


def textured(seed=1):
    """Return a picture with detail of every size, as real ones have, and no drawn edges."""
    noise = np.random.default_rng(seed)
    image = np.full((240, 320), 128.0)
    for size in (2, 4, 8, 16, 32):
        rough = noise.normal(size=(240 // size + 1, 320 // size + 1)) * (4 + size**0.8)
        image += cv2.resize(rough, (320, 240), interpolation=cv2.INTER_CUBIC)
    return np.dstack([image.clip(0, 255).astype(np.uint8)] * 3)


def region(side_px, *, left_px=100, top_px=60, at_seconds=None):
    box = (left_px / 320, top_px / 240, (left_px + side_px) / 320, (top_px + side_px) / 240)
    return Region(box, "yunet", 0.9, at_seconds)


def write(kind, folder, *, images=None):
    images = [textured()] * 12 if images is None else images
    if kind == "clip":
        return write_clip(folder / "in.mp4", images)
    return write_image(folder / "in.png", images[0])


def redacted(kind, src, regions, method="blur"):
    """Redact and verify with a detector that sees nobody, so that only this guard can refuse."""
    scan = FaceScan("faces", tuple(regions), ("head",), 1)
    run, suffix = {
        "image": (redact_and_verify_image, "jpg"),
        "clip": (redact_and_verify_clip, "mp4"),
    }[kind]
    dst = src.with_name(f"out.{suffix}")
    scanner = FaceScanner(yunet_path=None, person_detector=ColourDetector())
    return run(src, dst, scan, method, scanner), dst


class HidesNothing:
    def __call__(self, image, patch, *, black):
        pass


class HidesTheFirstFrame:
    def __init__(self):
        self.planes = 0

    def __call__(self, image, patch, *, black):
        self.planes += 1
        if self.planes <= 3:
            REAL_HIDE(image, patch, black=black)


class HidesBeside:
    def __call__(self, image, patch, *, black):
        part = image[patch.top : patch.bottom, : patch.left]
        part[:] = black


class HidesHalf:
    def __call__(self, image, patch, *, black):
        middle = (patch.left + patch.right) // 2
        image[patch.top : patch.bottom, patch.left : middle] = black


class BlursTooWeakly:
    def __call__(self, image, patch, *, black):
        part = image[patch.top : patch.bottom, patch.left : patch.right]
        part[:] = cv2.GaussianBlur(part, (0, 0), max(patch.face_px / 30, 0.4))


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side_px", SIDE_PX.values(), ids=SIDE_PX)
def test_what_is_hidden_passes(side_px, method, kind, tmp_path):
    report, dst = redacted(kind, write(kind, tmp_path), [region(side_px)], method)
    assert (report.verified, report.error) == (True, "")
    assert dst.exists()


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("side_px", SIDE_PX.values(), ids=SIDE_PX)
@pytest.mark.parametrize("fault", [HidesNothing, HidesBeside])
def test_what_is_not_hidden_is_refused(fault, side_px, method, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "_hide", fault())
    report, dst = redacted(kind, write(kind, tmp_path), [region(side_px)], method)
    assert (report.verified, report.residuals) == (False, ())
    assert "was to be hidden" in report.error
    assert not dst.exists()
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("side_px", [40, 150])
@pytest.mark.parametrize("fault", [BlursTooWeakly, HidesHalf])
def test_what_is_hidden_too_little_is_refused(fault, side_px, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "_hide", fault())
    report, dst = redacted(kind, write(kind, tmp_path), [region(side_px)])
    assert (report.verified, "still there" in report.error) == (False, True)
    assert not dst.exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_clip_hidden_in_its_first_frame_only_is_refused(method, tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "_hide", HidesTheFirstFrame())
    report, dst = redacted("clip", write("clip", tmp_path), [region(40)], method)
    assert report.error == (
        "What was to be hidden at 0.3 s, 38% from the left and 33% from the top, is still there."
    )
    assert not (report.verified or dst.exists())


def test_a_refusal_of_a_still_names_the_place(tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "_hide", HidesNothing())
    report, _ = redacted("image", write("image", tmp_path), [region(40)])
    assert report.error == (
        "What was to be hidden 38% from the left and 33% from the top is still there."
    )


@pytest.mark.parametrize("fps", [2, 10, 25])
def test_one_region_of_many_that_shows_for_a_second_is_found(fps, tmp_path, monkeypatch):
    """The regions of every sighting have their turn, whatever the clip's rate."""
    images = [textured()] * (4 * fps)
    src = write_clip(tmp_path / "in.mp4", images, fps=fps)
    shown = region(30, left_px=200, top_px=150, at_seconds=2.0)
    hidden = [region(20, left_px=20 + 40 * n, top_px=20) for n in range(6)]

    def forgets(image, patch, *, black):
        if patch.face_px not in (30, 15):
            REAL_HIDE(image, patch, black=black)

    monkeypatch.setattr(redact, "_hide", forgets)
    report, _ = redacted("clip", src, [*hidden, shown])
    assert "67% from the left" in report.error


@pytest.mark.parametrize("kind", ["image", "clip"])
def test_a_flat_place_has_nothing_to_keep(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(redact, "_hide", HidesNothing())
    flat = [np.full((240, 320, 3), 90, np.uint8)] * 4
    assert redacted(kind, write(kind, tmp_path, images=flat), [region(40)])[0].verified


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("method", METHODS)
def test_a_mask_across_a_patch_is_no_detail_of_it(method, kind, tmp_path):
    regions = [region(60), Region(region(60, left_px=130).box_xyxy, "residual", 0.9)]
    assert redacted(kind, write(kind, tmp_path), regions, method)[0].verified


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("method", METHODS)
def test_what_was_hidden_before_may_be_hidden_again(method, kind, tmp_path):
    regions = [region(60), region(40, left_px=110), region(30, left_px=220)]
    _, dst = redacted(kind, write(kind, tmp_path), regions, method)
    assert redacted(kind, dst.replace(tmp_path / f"in{dst.suffix}"), regions, method)[0].verified


@pytest.mark.parametrize("kind", ["image", "clip"])
@pytest.mark.parametrize("place", [[redact], [redact, detail]], ids=["one", "both"])
def test_a_plan_that_forgets_a_region_is_refused(place, kind, tmp_path, monkeypatch):
    """Also where what is compared is planned by the same fault."""
    for module in place:
        monkeypatch.setattr(module, "patches_of", lambda *args: [])
    assert not redacted(kind, write(kind, tmp_path), [region(40)])[0].verified


def test_an_edge_along_those_of_the_blocks_may_stay(tmp_path):
    image = np.full((240, 320, 3), 60, np.uint8)
    image[:, 120:] = 200
    src = write("image", tmp_path, images=[image])
    drawn = Region((100 / 320, 60 / 240, 139 / 320, 99 / 240), "drawn", 1.0)
    report, dst = redacted("image", src, [drawn], "pixelate")
    after, before = cv2.imread(str(dst))[60:100, 100:140], image[60:100, 100:140]
    assert np.abs(after.astype(int) - before).mean() < 3
    assert report.verified


def test_regions_at_the_edge_and_overlapping_pass(tmp_path):
    regions = [region(50, left_px=0, top_px=0), region(80, left_px=230, top_px=150), region(80)]
    regions.append(region(20, left_px=120, top_px=80))
    for method in METHODS:
        assert redacted("clip", write("clip", tmp_path), regions, method)[0].verified, method


@pytest.mark.parametrize(
    ("kind", "run", "hold"),
    [
        ("image", redact_image, detail.require_hidden_image),
        ("clip", redact_clip, detail.require_hidden_clip),
    ],
)
def test_a_copy_of_another_size_is_refused(kind, run, hold, tmp_path):
    dst = tmp_path / "out.mp4"
    run(write(kind, tmp_path, images=[scene()[:200, :300]] * 4), dst, [], "blur")
    src = write(kind, tmp_path, images=[scene()] * 4)
    with pytest.raises(DomainError) as refusal:
        hold(src, dst, [region(40)], "blur")
    assert refusal.value.code == "not_alike"
    assert src.name in refusal.value.message


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([0, 100, 250, 300], "0.2 s"),
        ([0, 100, 200, 300, 400], "many frames"),
        ([0, 100, 200], "many frames"),
    ],
)
def test_a_copy_out_of_step_is_refused(times, said, tmp_path):
    src = write_clip(tmp_path / "in.mp4", [scene()] * 4)
    dst = write_clip(tmp_path / "out.mp4", [scene()] * len(times), times=times)
    with pytest.raises(DomainError) as refusal:
        detail.require_hidden_clip(src, dst, [], "blur")
    assert refusal.value.code == "not_alike"
    assert said in refusal.value.message


@pytest.mark.parametrize(("pix_fmt", "width"), [("yuv444p", 319), ("yuv422p", 320)])
def test_a_clip_of_odd_sides_is_held_against_what_can_be_written(pix_fmt, width, tmp_path):
    images = [textured()[:239, :width]] * 4
    src = write_clip(tmp_path / "in.mp4", images, pix_fmt=pix_fmt)
    assert redacted("clip", src, [region(40)])[0].verified


@pytest.mark.parametrize("content", [b"", b"junk"])
@pytest.mark.parametrize("hold", [detail.require_hidden_image, detail.require_hidden_clip])
def test_a_file_that_cannot_be_read_is_an_error(hold, content, tmp_path):
    (tmp_path / "in").write_bytes(content)
    for src in (tmp_path / "in", tmp_path / "gone"):
        with pytest.raises(DomainError):
            hold(src, tmp_path / "in", [region(40)], "blur")
