"""Whatever goes wrong, nothing unredacted is confirmed, shown or exported, and a retry works.

Every test breaks one thing, lets people and workers do what they would do, asserts that the files
stayed where they are, mends it, and asserts that the item then goes its way.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.db import connections
from django.utils import timezone

from detection.models import Evidence
from detection.services import evidence as evidence_files
from hitlsite import storage
from hitlsite.errors import DomainError
from hitlsite.models import Job, Membership
from review import selectors
from review.models import TrainingItem
from review.privacy import redact as redacting
from review.privacy.faces import FaceScanner
from review.services import decisions, privacy, proposing, redactions, scanning
from tests import factories
from tests.review.privacy.drawing import BreakingDetector, ColourDetector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files(data_dir):
    """Keep every file of these tests in a folder of their own."""


@pytest.fixture
def item(camera):
    return factories.item(factories.incident(camera), privacy="unscanned")


@pytest.fixture
def onlooker(site):
    """Return somebody who reads the items of the site, and may not see what is unredacted."""
    user = get_user_model().objects.create_user("onlooker", is_staff=True)
    user.user_permissions.add(
        Permission.objects.get(codename="view_trainingitem", content_type__app_label="review")
    )
    Membership.objects.create(site=site, user=user)
    return get_user_model().objects.get(pk=user.pk)


def people_scanner(detector=None):
    return FaceScanner(yunet_path=None, person_detector=detector or ColourDetector())


def assert_nothing_gets_out(item, onlooker, scanner):
    item = TrainingItem.objects.get(pk=item.pk)
    assert item.status != "confirmed"
    assert item not in selectors.trainable_items(item.site)
    shown_unredacted = False
    for row in redactions.evidence_of(item):
        if row.sha256 == row.original_sha256:
            assert not selectors.media_access(onlooker, row)
            shown_unredacted = True
        else:
            assert row.redactions.filter(state="applied", sha256=row.sha256).exists()
    if shown_unredacted:
        with pytest.raises(DomainError) as refusal:
            privacy.check_item(item, scanner=scanner)
        assert refusal.value.code == "not_private"


def assert_a_retry_works(item, onlooker, reviewer, scanner):
    Job.objects.update(lease_expires_at=timezone.now())
    item = TrainingItem.objects.get(pk=item.pk)
    privacy.scan_item(item, scanner=scanner)
    if not item.is_private:
        privacy.propose(item, scanner=scanner)
    item = TrainingItem.objects.get(pk=item.pk)
    if item.status != "confirmed":
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    item = TrainingItem.objects.get(pk=item.pk)
    assert (item.status, item.privacy) == ("confirmed", "redacted")
    assert item in selectors.trainable_items(item.site)
    assert all(selectors.media_access(onlooker, row) for row in redactions.evidence_of(item))
    assert {look.result for look in privacy.check_item(item, scanner=scanner)} == {"clear"}


def let_everybody_try(item, reviewer, scanner):
    """Scan, confirm and propose, as tasks and reviewers would."""
    privacy.scan_item(item, scanner=scanner)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    with contextlib.suppress(DomainError):
        privacy.propose(TrainingItem.objects.get(pk=item.pk), scanner=scanner)


# What breaks the scan: each returns the scanner to use and what mends it.


def detector_that_raises(item, folder, model_dir):
    return people_scanner(BreakingDetector()), None


def detector_that_raises_in_the_middle(item, folder, model_dir):
    return people_scanner(BreakingDetector(after=5)), None


def truncated_face_model(item, folder, model_dir):
    path = folder / scanning.FACE_MODEL
    whole = (model_dir / scanning.FACE_MODEL).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return FaceScanner(yunet_path=path, person_detector=ColourDetector()), None


def truncated_mediapipe_model(item, folder, model_dir):
    path = folder / scanning.MEDIAPIPE_MODEL
    whole = (model_dir / scanning.MEDIAPIPE_MODEL).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    scanner = FaceScanner(yunet_path=None, mediapipe_path=path, person_detector=ColourDetector())
    return scanner, None


def unreadable_face_model(item, folder, model_dir):
    path = folder / scanning.FACE_MODEL
    path.write_bytes(b"")
    return FaceScanner(yunet_path=path, person_detector=ColourDetector()), None


def clip_cut_in_the_middle(item, folder, model_dir):
    return people_scanner(), _spoiled(item, "clip", lambda whole: whole[: len(whole) // 2])


def picture_that_is_none(item, folder, model_dir):
    return people_scanner(), _spoiled(item, "frame_peak", lambda whole: b"\xff\xd8\xff\xe0 none")


def clip_that_is_empty(item, folder, model_dir):
    return people_scanner(), _spoiled(item, "clip", lambda whole: b"")


def storage_that_is_gone(item, folder, model_dir):
    root = Path(default_storage.path("sites"))
    root.rename(folder / "elsewhere")

    def mend():
        shutil.rmtree(root, ignore_errors=True)
        (folder / "elsewhere").rename(root)

    return people_scanner(), mend


def _spoiled(item, kind, spoil):
    """Store other bytes as an evidence's file, the row and its hash with them."""
    row = item.incident.evidence.get(kind=kind)
    before = {name: getattr(row, name) for name in ("path", "sha256", "original_sha256")}
    whole = default_storage.open(row.path).read()
    suffix = Path(row.path).suffix
    path, sha256, _ = storage.store_bytes(item.site_id, "frame", spoil(whole), suffix=suffix)
    Evidence.objects.filter(pk=row.pk).update(path=path, sha256=sha256, original_sha256=sha256)
    return lambda: Evidence.objects.filter(pk=row.pk).update(**before)


@pytest.mark.parametrize(
    "fault",
    [
        detector_that_raises,
        detector_that_raises_in_the_middle,
        truncated_face_model,
        truncated_mediapipe_model,
        unreadable_face_model,
        clip_cut_in_the_middle,
        picture_that_is_none,
        clip_that_is_empty,
        storage_that_is_gone,
    ],
)
def test_a_scan_that_breaks(fault, item, onlooker, reviewer, tmp_path, model_dir):
    scanner, mend = fault(item, tmp_path, model_dir)
    let_everybody_try(item, reviewer, scanner)

    assert TrainingItem.objects.get(pk=item.pk).privacy == "failed"
    assert_nothing_gets_out(item, onlooker, scanner)
    if mend:
        mend()
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


@pytest.mark.parametrize("weights", ["missing", "truncated"])
def test_person_weights_that_cannot_be_used(
    weights, item, onlooker, reviewer, settings, tmp_path, model_dir
):
    settings.MODEL_DIR, settings.DETECTOR = tmp_path, "yolo11n.pt"
    if weights == "truncated":
        whole = (model_dir / "yolo11n.pt").read_bytes()
        (tmp_path / "yolo11n.pt").write_bytes(whole[: len(whole) // 2])
    let_everybody_try(item, reviewer, None)

    assert TrainingItem.objects.get(pk=item.pk).privacy == "failed"
    assert_nothing_gets_out(item, onlooker, None)
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


def test_no_model_at_all(item, onlooker, reviewer, settings, tmp_path):
    """What moves is hidden whole then, in place of what no detector can tell."""
    settings.MODEL_DIR, settings.DETECTOR = tmp_path, "motion"
    privacy.scan_item(item)
    assert item.privacy == "failed"
    assert_nothing_gets_out(item, onlooker, None)
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


class FullDisk:
    """A file system of four kilobytes, all of them taken, in place of a folder."""

    folder = None

    def __call__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
        if os.geteuid() or not shutil.which("mount") or subprocess.call(command):
            pytest.skip("no file system can be mounted here")
        self.folder = folder
        with contextlib.suppress(OSError):
            (folder / "filler").write_bytes(b"x" * 8192)

    def make_room(self):
        if self.folder is not None:
            subprocess.check_call(["umount", "-l", str(self.folder)])
            self.folder = None


@pytest.fixture
def full_disk():
    disk = FullDisk()
    yield disk
    disk.make_room()


@pytest.mark.parametrize("which", ["scratch", "storage"])
def test_a_disk_that_is_full(which, item, onlooker, reviewer, settings, full_disk, tmp_path):
    privacy.scan_item(item, scanner=people_scanner())
    folders = {
        "scratch": Path(settings.SCRATCH_DIR),
        "storage": Path(default_storage.path(f"sites/{item.site_id}/redacted")),
    }
    full_disk(folders[which])
    let_everybody_try(item, reviewer, people_scanner())

    item.refresh_from_db()
    assert item.proposal == "blocked"
    assert "space" in item.redactions.first().error.lower()
    assert_nothing_gets_out(item, onlooker, people_scanner())
    full_disk.make_room()
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


def test_a_storage_that_takes_nothing_more(item, onlooker, reviewer, monkeypatch):
    def refused(*args, **kwargs):
        raise storage.disk_full("the bucket", OSError(28, "No space left on device"))

    monkeypatch.setattr(storage, "_put", refused)
    let_everybody_try(item, reviewer, people_scanner())
    assert_nothing_gets_out(item, onlooker, people_scanner())
    assert item.redactions.filter(state="blocked", path="").count() == 4

    monkeypatch.undo()
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


@pytest.mark.parametrize("every", [2, 7])
def test_a_copy_that_lost_frames(every, item, onlooker, reviewer, monkeypatch):
    add, count = redacting._Writer.add, [0]

    def lossy(self, planes, clip_frame):
        count[0] += 1
        if count[0] % every:
            add(self, planes, clip_frame)

    monkeypatch.setattr(redacting._Writer, "add", lossy)
    let_everybody_try(item, reviewer, people_scanner())

    blocked = item.redactions.get(evidence__kind="clip")
    assert (blocked.state, "frames" in blocked.error) == ("blocked", True)
    assert_nothing_gets_out(item, onlooker, people_scanner())
    monkeypatch.undo()
    assert_a_retry_works(item, onlooker, reviewer, people_scanner())


def dying_before(monkeypatch, place, name):
    """Have the process killed as it is about to run a function."""

    def dies(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(place, name, dies)


def dying_after(monkeypatch, place, name, *, calls=1):
    run, count = getattr(place, name), [0]

    def runs_and_dies(*args, **kwargs):
        result = run(*args, **kwargs)
        count[0] += 1
        if count[0] == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    monkeypatch.setattr(place, name, runs_and_dies)


KILLS = {
    "while a copy is written": lambda m: dying_after(m, redacting._Writer, "add", calls=5),
    "after the first copy is stored": lambda m: dying_after(m, storage, "store_file"),
    "after all copies are stored": lambda m: dying_before(m, redactions, "replace_proposals"),
    "with the rows of the proposal": lambda m: dying_after(m, redactions, "replace_proposals"),
    "before the first swap": lambda m: dying_before(m, evidence_files, "replace_with_redacted"),
    "after the first swap": lambda m: dying_after(m, evidence_files, "replace_with_redacted"),
    "after the third swap": lambda m: dying_after(
        m, evidence_files, "replace_with_redacted", calls=3
    ),
    "after all swaps": lambda m: dying_after(m, redactions, "apply_verified"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", KILLS)
def test_a_worker_that_is_killed(point, item, onlooker, reviewer, monkeypatch):
    scanner = people_scanner()
    privacy.scan_item(item, scanner=scanner)
    decisions.decide(item.pk, by=reviewer, verdict="confirmed")
    connections.close_all()
    pid = os.fork()
    if not pid:
        try:
            KILLS[point](monkeypatch)
            proposing.propose_waiting(item.pk, scanner=scanner)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL

    assert_nothing_gets_out(item, onlooker, scanner)
    assert_a_retry_works(item, onlooker, reviewer, scanner)
