"""Viewing copies: nobody watches a frame that was not verified, whatever goes wrong on the way."""

import shutil

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from detection.models import Zone
from detection.services import evidence
from hitlsite import storage
from hitlsite.errors import Conflict, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.models import ViewingCopy
from review.privacy import stretches
from review.privacy.faces import FaceScanner
from review.services import redactions, viewing_copies
from tests import factories
from tests.review.privacy.drawing import ColourDetector, read_clip, scene, write_clip

pytestmark = pytest.mark.django_db
State = ViewingCopy.State
CLOSE = "head-pose-face-detection-female-and-male-preview.mp4"


@pytest.fixture(autouse=True)
def _own_files(data_dir, monkeypatch):
    """Keep files in a folder of the test, and stretches short."""
    monkeypatch.setattr(stretches, "SECONDS", 1.0)


def video(camera, path, **columns):
    return factories.footage(
        camera,
        location=str(path),
        sha256=storage.sha256_of(path),
        byte_count=path.stat().st_size,
        **columns,
    )


@pytest.fixture
def walk(camera, tmp_path):
    """Return footage of three seconds with one person who walks."""
    pictures = [scene((20 + 5 * step, 60, 140)) for step in range(30)]
    return video(camera, write_clip(tmp_path / "walk.mp4", pictures), duration_seconds=3.0)


def made(footage, by, scanner):
    copy = viewing_copies.ask(footage, by)
    return viewing_copies.make_now(copy.pk, scanner=scanner)


def path_of(copy):
    return default_storage.path(copy.path)


def heads(pictures):
    """Return in how many pictures the stripes of a drawn head can be seen."""
    return sum(
        int((abs(np.diff(picture[:, :, 0].astype(int), axis=0)) > 110).sum() > 40)
        for picture in pictures
    )


def left_behind(settings):
    return [path.name for path in settings.SCRATCH_DIR.rglob("*") if path.is_file()]


def test_a_copy_has_the_times_of_its_video_and_no_face(walk, reviewer, scanner, settings):
    told = []
    asked = viewing_copies.ask(walk, reviewer)
    copy = viewing_copies.make_now(
        asked.pk, scanner=scanner, progress=lambda done, total: told.append((done, total))
    )
    assert (copy.state, copy.error_message) == (State.DONE, "")
    assert (copy.progress_done, copy.progress_total) == (3, 3)
    assert told[0] == (1, 3) and told[-1] == (3, 3)
    assert copy.sha256 == storage.sha256_of(path_of(copy))
    assert copy.regions_found > 0
    times, pictures = read_clip(path_of(copy))
    assert times == pytest.approx(read_clip(walk.location)[0], abs=1e-3)
    assert (heads(read_clip(walk.location)[1]), heads(pictures)) == (30, 0)
    assert left_behind(settings) == []
    actions = AuditEntry.objects.filter(object_id=str(copy.pk)).values_list("action", flat=True)
    assert {"viewing_copy_asked", "viewing_copy_made"} <= set(actions)


def test_a_copy_is_small_and_has_a_key_frame_twice_a_second(camera, reviewer, scanner, tmp_path):
    import cv2

    pictures = [cv2.resize(scene(), (1280, 722)) for _ in range(20)]
    wide = video(camera, write_clip(tmp_path / "wide.mp4", pictures))
    copy = made(wide, reviewer, scanner)
    from review.privacy import media

    with media.open_clip(path_of(copy)) as clip:
        frames = [one.frame for one in media.clip_frames(clip, "copy")]
    assert (frames[0].width, frames[0].height) == (640, 360)
    keys = [place for place, frame in enumerate(frames) if frame.key_frame]
    assert max(b - a for a, b in zip(keys, keys[1:], strict=False)) <= 15
    with open(path_of(copy), "rb") as stored:
        assert b"moov" in stored.read(4096), "its index lies in front, so that playing starts"


def test_a_face_at_the_border_of_two_stretches_is_hidden_on_both_sides(camera, reviewer, tmp_path):
    """A head that is seen from the first frame of a stretch on counts half a second before."""
    pictures = [scene() if step < 10 else scene((120, 60, 140)) for step in range(20)]
    footage = video(camera, write_clip(tmp_path / "late.mp4", pictures))
    copy = made(footage, reviewer, FaceScanner(yunet_path=None, person_detector=ColourDetector()))
    assert copy.state == State.DONE
    pictures = read_clip(path_of(copy))[1]
    part = np.s_[60:88, 134:162]
    untouched, hidden = pictures[2][part].astype(int), pictures[8][part].astype(int)
    fine = [abs(np.diff(one, axis=1)).mean() for one in (untouched, hidden)]
    assert fine[1] < fine[0] / 2, "the wall where the head is going to be is blurred already"
    assert heads(pictures) == 0


def test_private_zones_are_black_and_a_zone_drawn_later_ends_the_copy(
    walk, reviewer, scanner, client
):
    polygon = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.3], [0.0, 0.3]]
    Zone.objects.create(camera=walk.camera, name="desk", kind=Zone.Kind.PRIVATE, polygon=polygon)
    copy = made(walk, reviewer, scanner)
    assert max(picture[4:40, 4:80].max() for picture in read_clip(path_of(copy))[1]) < 24
    client.force_login(reviewer)
    address = reverse("review:viewing_copy_file", args=[walk.pk])
    assert client.get(address).status_code == 200

    other = [[0.5, 0.5], [0.9, 0.5], [0.9, 0.9], [0.5, 0.9]]
    Zone.objects.create(camera=walk.camera, name="till", kind=Zone.Kind.PRIVATE, polygon=other)
    assert client.get(address).status_code == 404
    assert client.get(reverse("review:viewing_copy", args=[walk.pk])).json()["state"] == "outdated"
    before = copy.path
    again = made(walk, reviewer, scanner)
    assert again.pk == copy.pk and again.path != before
    assert client.get(address).status_code == 200


def test_a_zone_that_is_drawn_while_it_is_made_refuses_it(walk, reviewer, scanner, settings):
    polygon = [[0.0, 0.0], [0.3, 0.0], [0.3, 0.3], [0.0, 0.3]]

    def draw(done, total):
        walk.camera.zones.get_or_create(name="desk", kind=Zone.Kind.PRIVATE, polygon=polygon)

    asked = viewing_copies.ask(walk, reviewer)
    copy = viewing_copies.make_now(asked.pk, scanner=scanner, progress=draw)
    assert (copy.state, copy.error_code, copy.path) == (State.FAILED, "zones_changed", "")
    # What shows the zone is not kept where no row would ever tell of it.
    assert list(settings.DATA_DIR.rglob("viewing/*/*.mp4")) == []


@pytest.mark.parametrize("what", ["breaking", "none"])
def test_a_scan_that_fails_blocks_the_copy(what, walk, reviewer, broken_scanner, settings):
    scanner = broken_scanner if what == "breaking" else FaceScanner(yunet_path=None)
    copy = made(walk, reviewer, scanner)
    assert (copy.state, copy.error_code, copy.path) == (State.FAILED, "scan_failed", "")
    assert left_behind(settings) == []
    assert "From 0.0 to 0.9 s" in copy.error_message


def test_faces_that_remain_block_the_copy(walk, reviewer, scanner, settings, monkeypatch):
    """A redaction that hides nothing must not pass, wherever the fault lies."""
    from functools import partial

    from review.privacy.redact import redact_clip

    def idle(src, dst, regions, method, **settings):
        redact_clip(src, dst, (), method, **settings)

    monkeypatch.setattr(stretches, "redact_stretch", partial(idle, rate=stretches.RATE))
    copy = made(walk, reviewer, scanner)
    assert (copy.state, copy.error_code, copy.path) == (State.FAILED, "faces_remain", "")
    assert left_behind(settings) == []


@pytest.mark.parametrize("damage", ["cut", "garbled", "empty", "replaced", "gone"])
def test_a_damaged_video_is_refused_by_name(damage, walk, reviewer, scanner, settings):
    from pathlib import Path

    path = Path(walk.location)
    content = bytearray(path.read_bytes())
    asked = viewing_copies.ask(walk, reviewer)
    if damage == "gone":
        path.unlink()
    else:
        middle = len(content) // 2
        if damage == "garbled":
            content[middle : middle + 600] = b"\x99" * 600
        elif damage == "replaced":
            content[-1] ^= 1
        path.write_bytes({"cut": content[:middle], "empty": b""}.get(damage, content))
        if damage in ("cut", "garbled"):  # that is how it came in
            sha256 = storage.sha256_of(path)
            type(walk).objects.update(sha256=sha256, byte_count=path.stat().st_size)
    copy = viewing_copies.make_now(asked.pk, scanner=scanner)
    assert (copy.state, copy.path) == (State.FAILED, "")
    wanted = {"replaced": "footage_altered", "gone": "footage_gone", "empty": "footage_gone"}
    assert copy.error_code == wanted.get(damage, "source_unreadable")
    assert left_behind(settings) == []


class Killed(BaseException):
    pass


def test_what_is_killed_in_the_middle_serves_nothing_and_is_gone_on_from(
    walk, reviewer, scanner, settings, client
):
    def die(done, total):
        if done >= 2:
            raise Killed

    asked = viewing_copies.ask(walk, reviewer)
    with pytest.raises(Killed):
        viewing_copies.make_now(asked.pk, scanner=scanner, progress=die)
    client.force_login(reviewer)
    assert client.get(reverse("review:viewing_copy_file", args=[walk.pk])).status_code == 404
    folder = viewing_copies.folder_of(asked)
    (folder / "draft-00002.mp4").write_bytes(b"left by a worker that lost its power")
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.mp4")}
    assert len(kept) == 2
    assert viewing_copies.make_now(asked.pk, scanner=scanner) is None, "its lease still runs"

    ViewingCopy.objects.update(lease_expires_at="2026-01-01T00:00Z")
    looks = []

    class Counting(FaceScanner):
        def scan_clip(self, path, **kwargs):
            looks.append(path.name)
            return super().scan_clip(path, **kwargs)

    counting = Counting(yunet_path=None, person_detector=ColourDetector())
    copy = viewing_copies.make_now(asked.pk, scanner=counting)
    assert copy.state == State.DONE
    assert {name for name in looks if name.startswith("draft")} == {"draft-00002.mp4"}
    pictures = read_clip(path_of(copy))[1]
    assert (len(pictures), heads(pictures)) == (30, 0)
    assert left_behind(settings) == []


def test_a_part_that_was_tampered_with_is_made_again(walk, reviewer, scanner):
    def die(done, total):
        if done >= 2:
            raise Killed

    asked = viewing_copies.ask(walk, reviewer)
    with pytest.raises(Killed):
        viewing_copies.make_now(asked.pk, scanner=scanner, progress=die)
    part = viewing_copies.folder_of(asked) / "part-00000.mp4"
    shutil.copyfile(walk.location, part)
    ViewingCopy.objects.update(lease_expires_at="2026-01-01T00:00Z")
    copy = viewing_copies.make_now(asked.pk, scanner=scanner)
    assert copy.state == State.DONE
    assert heads(read_clip(path_of(copy))[1]) == 0


def test_a_lost_worker_is_swept_and_leftovers_go(walk, reviewer, scanner, settings):
    stray = settings.SCRATCH_DIR / "viewing-copy-999"
    stray.mkdir(parents=True)
    (stray / "draft-00000.mp4").write_bytes(b"x")
    assert viewing_copies.run_waiting() == 0
    assert not stray.exists()


def test_asking_twice_makes_one_and_a_failed_one_is_made_again(walk, reviewer, broken_scanner):
    first = viewing_copies.ask(walk, reviewer)
    assert viewing_copies.ask(walk, reviewer) == first
    assert AuditEntry.objects.filter(action="viewing_copy_asked").count() == 1
    viewing_copies.make_now(first.pk, scanner=broken_scanner)
    again = viewing_copies.ask(walk, reviewer)
    assert (again.state, again.attempts, again.error_message) == (State.QUEUED, 0, "")


def test_who_may_ask(walk, reviewer, outsider, device_user):
    with pytest.raises(NotFound):
        viewing_copies.ask(walk, outsider)
    with pytest.raises(Forbidden):
        viewing_copies.ask(walk, device_user)


@pytest.mark.parametrize("kind", ["stream", "images", "import"])
def test_what_keeps_no_video_is_refused(kind, camera, reviewer):
    with pytest.raises(Conflict, match="footage|video|pictures"):
        viewing_copies.ask(factories.footage(camera, kind=kind), reviewer)


def test_the_file_of_a_copy_is_no_leftover_of_anything_else(walk, reviewer, scanner):
    copy = made(walk, reviewer, scanner)
    evidence.delete_unused({copy.path}, is_needed=redactions.is_copy_needed)
    viewing_copies.delete_unused(copy.path)
    assert default_storage.exists(copy.path)
    path = copy.path
    copy.delete()
    viewing_copies.delete_unused(path)
    assert not default_storage.exists(path)


@pytest.mark.slow
def test_faces_of_real_footage_are_not_found_again(camera, reviewer, footage, model_dir, settings):
    settings.MODEL_DIR = model_dir
    from review.services.scanning import face_scanner

    scanner = face_scanner()
    source = video(camera, footage / CLOSE)
    assert scanner.scan_clip(footage / CLOSE).result == "faces"
    copy = made(source, reviewer, scanner)
    assert (copy.state, copy.error_message) == (State.DONE, "")
    assert copy.regions_found > 0
    for is_second in (False, True):
        scan = scanner.scan_clip(path_of(copy), is_second=is_second)
        faces = [one for one in scan.regions if one.source in ("yunet", "mediapipe")]
        assert (faces, scan.error) == ([], "")
