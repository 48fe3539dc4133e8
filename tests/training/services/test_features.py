"""Features of videos: asked for once, and the same to the byte however often it was stopped."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.conf import settings as live
from django.db import connection
from django.utils import timezone

from detection.models import Footage
from hitlsite import jobs, people
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from tests import factories
from tests.cast import person
from tests.training import walking
from training.models import FeatureSet
from training.services import feature_extraction, feature_sources, features

pytestmark = pytest.mark.usefixtures("data_dir")
YOLO = {"detector": "yolo", "trigger": "command"}


@pytest.fixture(autouse=True)
def _measuring(monkeypatch):
    walking.measuring(monkeypatch)


@pytest.fixture
def video(tmp_path):
    return walking.video(tmp_path)


@pytest.fixture
def footage(site, video):
    return features.register_video(video, site_name=site.name, camera_name="Table")


@pytest.fixture
def done(footage):
    return extracted(footage)


def extracted(footage, **asked):
    (row,) = features.ask(footage_ids=[footage.pk], **{**YOLO, **asked})
    return features.extract_now(row.pk)


def actions():
    return list(AuditEntry.objects.order_by("sequence").values_list("action", flat=True))


def test_every_frame_becomes_a_row(done, footage):
    assert (done.state, done.frames, done.site) == ("done", 30, footage.camera.site)
    assert done.sources == walking.SOURCES
    table = features.table_of(done)
    assert table.frame_index.tolist() == list(range(30))
    assert table.times == pytest.approx(np.arange(30) / 10)
    x = table.values[:, table.names.index("person_x")]
    assert (np.diff(x) > 0).all()
    figures = done.figures
    assert figures["seconds"] == pytest.approx(3.0)
    assert figures["frames_per_second"] == pytest.approx(10.0)
    assert figures["missing"]["person_x"] == 0.0
    assert figures["missing"]["person_vx"] == pytest.approx(1 / 30, abs=1e-4)
    assert len(figures["plot"]["at"]) == 30 and figures["warnings"] == []
    assert figures["plot"]["values"]["person_vx"][0] is None
    assert not feature_extraction.folder_of(done).exists()
    assert actions()[-2:] == ["features.asked", "features.extracted"]


def test_every_nth_frame(footage):
    row = extracted(footage, sample_rate=4)

    assert features.table_of(row).frame_index.tolist() == list(range(0, 30, 4))
    assert row.figures["frames_decoded"] == 30


def test_what_is_done_is_returned_and_not_made_twice(done, footage, monkeypatch):
    (again,) = features.ask(footage_ids=[footage.pk], **YOLO)
    (other,) = features.ask(footage_ids=[footage.pk], sample_rate=2, **YOLO)
    monkeypatch.setattr(
        feature_sources, "expected", lambda mode, camera: {"detector": {"sha256": "c" * 64}}
    )
    (newer,) = features.ask(footage_ids=[footage.pk], **YOLO)

    assert again.pk == done.pk
    assert len({done.pk, other.pk, newer.pk}) == 3


def test_many_videos_are_one_group_and_each_asked_once(site, tmp_path):
    rows = [
        features.register_video(walking.video(tmp_path, f"{seed}.mp4", frames=4 + seed))
        for seed in (1, 2)
    ]
    pks = [row.pk for row in rows]

    asked = features.ask(footage_ids=[*pks, pks[0]], **YOLO)

    assert [row.footage_id for row in asked] == pks
    assert asked[0].group is not None and asked[0].group == asked[1].group
    assert feature_extraction.run_waiting() == 2
    assert set(FeatureSet.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.django_db(transaction=True)
def test_two_asks_at_once_start_one_extraction(footage):
    found, ready = [], threading.Barrier(2)

    def ask():
        ready.wait()
        try:
            found.extend(row.pk for row in features.ask(footage_ids=[footage.pk], **YOLO))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 2 and len(set(found)) == 1
    assert FeatureSet.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"detector": "eyes"}, "detector"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": True}, "sample_rate"),
        ({"sample_rate": 10**6}, "sample_rate"),
        ({"footage_ids": []}, "footage"),
    ],
)
def test_nonsense_is_refused_by_its_field(footage, asked, field):
    with pytest.raises(DomainError) as refused:
        features.ask(**{"footage_ids": [footage.pk], **YOLO, **asked})

    assert field in refused.value.fields and not FeatureSet.objects.exists()


def test_a_stream_has_no_features(site):
    stream = factories.footage(factories.camera(site), kind=Footage.Kind.STREAM)

    with pytest.raises(DomainError, match="no video file"):
        features.ask(footage_ids=[stream.pk], **YOLO)


def test_who_may_not_is_told_and_a_foreign_video_does_not_exist(footage, site, reviewer):
    stranger = person("stranger", people.SUPERVISOR, factories.site("Far"))

    with pytest.raises(Forbidden):
        features.ask(by=reviewer, footage_ids=[footage.pk], **YOLO)
    with pytest.raises(NotFound):
        features.ask(by=stranger, footage_ids=[footage.pk], **YOLO)
    with pytest.raises(NotFound):
        features.register_video(footage.location, site_name=site.name, by=stranger)
    assert not FeatureSet.objects.exists()


def test_a_video_that_has_become_unreadable_fails_with_the_reason(footage, video):
    video.write_bytes(b"overwritten")

    row = extracted(footage)

    assert row.state == "failed" and row.error_code == "source_unreadable"
    assert "walk.mp4" in row.error_message
    assert actions()[-1] == "features.refused"


def test_a_cut_off_video_is_measured_as_far_as_it_goes(site, tmp_path):
    path = walking.video(tmp_path, frames=60)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])

    row = extracted(features.register_video(path))

    assert row.state == "done" and 0 < row.frames < 60
    assert row.figures["damage"] and row.figures["damage"] in row.figures["warnings"]


def test_a_full_disk_is_named_and_tried_again(footage, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("detection.vision.feature_tables.merge", full)
        row = extracted(footage)
    assert (row.state, row.error_code) == ("queued", "disk_full") and row.not_before
    assert "No space left" in row.error_message

    FeatureSet.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    row = features.extract_now(row.pk)

    assert row.state == "done" and row.attempts == 2


class Stopped(Exception):
    """What ends a worker in these tests."""


def stopped_at(monkeypatch, frame):
    """Let the next extraction end when it measures this frame, parts of seven frames before it."""
    from detection.vision import feature_tables

    measured = []
    real = walking.BrightThings.detect

    def detect(self, image, at_seconds=0.0):
        measured.append(at_seconds)
        if len(measured) > frame:
            raise Stopped
        return real(self, image, at_seconds)

    monkeypatch.setattr(
        feature_tables.FeatureWriter.__init__, "__kwdefaults__", {"part_rows": 7, "state_of": None}
    )
    monkeypatch.setattr(walking.BrightThings, "detect", detect)
    return measured


@pytest.mark.parametrize("frame", [0, 3, 7, 20, 29])
def test_stopped_in_the_middle_it_goes_on_and_has_the_same_bytes(done, footage, monkeypatch, frame):
    FeatureSet.objects.update(sources={})  # as if other models had measured it
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        stopped_at(patched, frame)
        features.extract_now(row.pk)
    row.refresh_from_db()
    assert row.state == "queued"

    FeatureSet.objects.filter(pk=row.pk).update(not_before=None)
    with monkeypatch.context() as patched:
        measured = stopped_at(patched, 10**6)
        again = features.extract_now(row.pk)

    assert again.state == "done" and again.sha256 == done.sha256
    assert len(measured) == 30 - frame // 7 * 7


def test_parts_of_other_models_are_not_gone_on_from(done, footage, monkeypatch):
    (row,) = features.ask(footage_ids=[footage.pk], sample_rate=3, **YOLO)
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        stopped_at(patched, 8)
        features.extract_now(row.pk)
    FeatureSet.objects.filter(pk=row.pk).update(
        not_before=None, sources={"detector": {"sha256": "c" * 64}}
    )

    with monkeypatch.context() as patched:
        measured = stopped_at(patched, 10**6)
        again = features.extract_now(row.pk)

    assert again.state == "done" and len(measured) == 10
    assert again.sources == walking.SOURCES


def test_cancelled_while_it_goes_on_it_leaves_nothing(footage, admin_user, site):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)

    def cancel(done, total, message):
        if message == "measuring" and done == 10:
            features.cancel(row.pk, by=admin_user)

    ended = features.extract_now(row.pk, cancel)
    row.refresh_from_db()

    assert row.state == "cancelled" and (ended is None or ended.state == "cancelled")
    assert not row.path and not feature_extraction.folder_of(row).exists()
    with pytest.raises(Conflict):
        features.cancel(row.pk, by=admin_user)


def test_cancelled_or_failed_it_can_be_tried_again(footage, admin_user, reviewer, video):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    features.cancel(row.pk, by=admin_user)
    with pytest.raises(Forbidden):
        features.retry(row.pk, by=reviewer)

    features.retry(row.pk, by=admin_user)
    assert features.extract_now(row.pk).state == "done"

    with pytest.raises(Conflict, match="neither"):
        features.retry(row.pk, by=admin_user)


def test_retry_gives_way_to_another_that_waits(footage, admin_user):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    features.cancel(row.pk, by=admin_user)
    features.ask(footage_ids=[footage.pk], **YOLO)

    with pytest.raises(Conflict, match="Another extraction"):
        features.retry(row.pk, by=admin_user)

    row.refresh_from_db()
    assert row.state == "cancelled"


def test_a_row_that_another_worker_has_is_left_alone(footage):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    jobs.claim(FeatureSet.objects.all(), row.pk)

    assert features.extract_now(row.pk) is None
    assert feature_extraction.run_waiting() == 0
    with pytest.raises(NotFound):
        features.extract_now(row.pk + 1)


def test_a_lost_worker_is_followed_by_another(footage):
    (row,) = features.ask(footage_ids=[footage.pk], **YOLO)
    jobs.claim(FeatureSet.objects.all(), row.pk)
    FeatureSet.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    assert feature_extraction.run_waiting() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("done", 2)


def test_parts_that_nobody_needs_are_removed(done):
    left = feature_extraction.folder_of(done)
    left.mkdir(parents=True)
    (left / "part-000000.parquet").write_bytes(b"old")

    feature_extraction.run_waiting()

    assert not left.exists()


def test_a_damaged_or_missing_file_is_not_read(done):
    path = live.MEDIA_ROOT / done.path
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(DomainError) as refused:
        features.table_of(done)
    assert refused.value.code == "features_damaged"

    path.unlink()
    with pytest.raises(DomainError) as refused:
        features.table_of(done)
    assert refused.value.code == "features_missing"


def test_features_from_elsewhere_are_taken_once(done, site, tmp_path, admin_user, reviewer):
    copy = tmp_path / "theirs.parquet"
    copy.write_bytes((live.MEDIA_ROOT / done.path).read_bytes())
    with pytest.raises(Forbidden):
        features.import_parquet(copy, site=site, by=reviewer)

    taken = features.import_parquet(copy, site=site, by=admin_user)
    again = features.import_parquet(copy, site=site, by=admin_user)

    assert taken.pk == again.pk and taken.footage is None and taken.sources == {}
    assert (taken.detector, taken.sample_rate, taken.frames) == ("yolo", 1, 30)
    assert taken.name == "walk.mp4" and copy.exists()
    theirs, ours = features.table_of(taken), features.table_of(done)
    assert np.array_equal(theirs.values, ours.values, equal_nan=True)


def test_a_table_from_elsewhere_without_its_columns_is_refused_by_name(site, tmp_path):
    import polars

    path = tmp_path / "theirs.parquet"
    polars.DataFrame({"t": [0.0, 0.1], "num_people": [1.0, 1.0]}).write_parquet(path)

    with pytest.raises(DomainError, match="frame_index"):
        features.import_parquet(path, site=site)
    assert not FeatureSet.objects.exists()
