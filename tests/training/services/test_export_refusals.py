"""Exports that are refused, fail or lose their worker, and where an operator lets them go."""

import resource

import numpy as np
import pytest

from detection.models import Evidence
from hitlsite import jobs
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import AuditEntry
from review.models import TrainingItem
from tests import factories
from tests.training.conftest import confirmed_item, finished
from training.models import ExportRun
from training.services import exports

pytestmark = pytest.mark.django_db


def test_too_few_items_are_refused_before_anything_is_queued(
    exports_here, site, camera, reviewer, admin_user
):
    confirmed_item(camera, reviewer, 1)
    with pytest.raises(DomainError, match="Only 1 of 3") as refused:
        exports.start(by=admin_user, site=site)

    assert (refused.value.code, refused.value.status) == ("too_few_confirmed", 409)
    assert not ExportRun.objects.exists()


@pytest.mark.parametrize(
    "filters",
    [
        {"items": [10**30]},
        {"items": [-1]},
        {"items": [True]},
        {"items": ["x"]},
        {"items": 7},
        {"camera": 10**30},
        {"camera": "9" * 5000},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"until": 2026},
        {"category": "party"},
        {"colour": "red"},
    ],
)
def test_filters_that_make_no_sense_name_their_field(items, site, admin_user, filters):
    with pytest.raises(DomainError) as refused:
        exports.start(by=admin_user, site=site, filters=filters)

    assert refused.value.code == "invalid"
    assert list(refused.value.fields) == list(filters)
    assert len(refused.value.message) < 200


def test_the_last_day_that_is_taken_is_counted_to_its_end(items, site, admin_user):
    run = exports.start(by=admin_user, site=site, filters={"until": "8999-12-31"})

    assert run.filters == {"until": "8999-12-31"}


def test_too_few_that_pass_the_check_are_refused_as_a_whole(
    items, site, admin_user, settings, exports_here
):
    for item in items[:2]:
        (settings.MEDIA_ROOT / item.incident.evidence.get().path).unlink()
    run = exports.run(exports.start(by=admin_user, site=site).pk)

    assert (run.state, run.error_code) == ("failed", "too_few_confirmed")
    assert "Only 2 of 3" in run.error_message and "missing_file: 2" in run.error_message
    assert not list(exports_here.rglob("*.json*"))
    assert AuditEntry.objects.filter(action="export.refused", object_id=str(run.pk)).exists()


@pytest.mark.parametrize(
    ("who", "error"), [("reviewer", Forbidden), ("supervisor", Forbidden), ("outsider", NotFound)]
)
def test_only_admins_of_the_site_export(items, site, request, who, error):
    with pytest.raises(error):
        exports.start(by=request.getfixturevalue(who), site=site)


def test_asking_twice_queues_once(items, site, admin_user):
    first, second = (exports.start(by=admin_user, site=site) for _ in range(2))

    assert first == second


def test_an_unscanned_picture_stops_the_whole_export(items, site, admin_user, exports_here):
    items[2].redactions.update(state="undone")
    run = exports.run(exports.start(by=admin_user, site=site).pk)

    assert (run.state, run.error_code) == ("failed", "not_private")
    assert f"Item {items[2].pk}" in run.error_message
    assert "peak" in run.error_message
    assert not list(exports_here.rglob("*"))[1:]


def test_a_face_that_nobody_hid_stops_the_whole_export(
    items, site, camera, reviewer, admin_user, exports_here, material, model_dir, settings
):
    settings.MODEL_DIR = model_dir
    photograph = material / "images/coco128/images/train2017/000000000389.jpg"
    bad = confirmed_item(camera, reviewer, 50, content=photograph.read_bytes(), regions=())
    run = exports.run(exports.start(by=admin_user, site=site).pk)

    assert (run.state, run.error_code) == ("failed", "not_private")
    assert f"Item {bad.pk}" in run.error_message and "face" in run.error_message
    assert not list(exports_here.rglob("*.jpg"))
    assert not TrainingItem.objects.filter(used_at__isnull=False).exists()


def test_a_full_disk_leaves_nothing(items, site, camera, reviewer, admin_user, exports_here):
    noise = np.random.default_rng(1).integers(0, 255, (700, 900, 3), np.uint8)
    confirmed_item(camera, reviewer, 30, content=factories.jpeg(noise))
    run = exports.start(by=admin_user, site=site, image_form="data_url")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        run = exports.run(run.pk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (run.state, run.error_code) == ("failed", "disk_full")
    assert str(exports_here) in run.error_message
    assert list((exports_here / str(site.pk)).iterdir()) == []


def test_an_item_that_is_reopened_meanwhile_is_not_exported(items, site, admin_user, exports_here):
    run = exports.start(by=admin_user, site=site)

    def reopen(done, total):
        TrainingItem.objects.filter(pk=items[0].pk).update(status="pending_review", version=2)

    exports.run(run.pk, progress=reopen)
    run.refresh_from_db()
    assert (run.state, run.error_code) == ("queued", "items_moved")
    assert list((exports_here / str(site.pk)).iterdir()) == []

    assert exports.run_waiting() == 0
    ExportRun.objects.update(not_before=None)
    assert exports.run_waiting() == 1
    run.refresh_from_db()
    assert (run.state, run.item_count) == ("done", len(items) - 1)


def test_a_lost_lease_publishes_nothing(items, site, admin_user, exports_here):
    run = exports.start(by=admin_user, site=site)

    def take_over(done, total):
        ExportRun.objects.filter(pk=run.pk).update(lease_holder="somebody else")

    exports.run(run.pk, progress=take_over)
    run.refresh_from_db()
    assert (run.state, run.lease_holder) == ("running", "somebody else")
    assert list((exports_here / str(site.pk)).iterdir()) == []
    assert not TrainingItem.objects.filter(used_at__isnull=False).exists()


def test_a_failure_of_the_code_is_tried_again(items, site, admin_user, exports_here):
    run = exports.start(by=admin_user, site=site)

    def break_down(done, total):
        raise RuntimeError("the lamp went out")

    with pytest.raises(RuntimeError):
        exports.run(run.pk, progress=break_down)
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 1)
    assert "lamp" in run.error_message


def test_a_finished_export_is_not_run_again(items, site, admin_user):
    assert exports.run(finished(admin_user, site).pk) is None


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_a_given_folder_is_made(items, site, out):
    export = exports.export_to(out / "new/folder", site=site)

    assert export.created_by is None
    assert export.directory == str(out / "new/folder")
    assert exports.verify(out / "new/folder").problems == []


def test_a_folder_with_an_export_gets_another_beside_it(items, site, camera, reviewer, out):
    exports.export_to(out, site=site)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    confirmed_item(camera, reviewer, 40)
    exports.export_to(out, site=site)
    exports.export_to(out, site=site)

    assert all(path.read_bytes() == content for path, content in before.items())
    assert len(list(out.glob("manifest_*.json"))) == 3
    report = exports.verify(out)
    assert (report.exports, report.problems) == (3, [])


def test_a_picture_in_the_way_is_never_overwritten(items, site, out):
    name = items[0].incident.evidence.get().sha256
    (out / "images").mkdir()
    mine = out / f"images/{name}.jpg"
    mine.write_bytes(b"mine")
    with pytest.raises(DomainError, match=name):
        exports.export_to(out, site=site)

    assert [path for path in out.rglob("*") if path.is_file()] == [mine]
    assert mine.read_bytes() == b"mine"


def test_a_file_is_no_folder(items, site, out):
    (out / "file").write_text("")
    with pytest.raises(DomainError, match="is not a folder"):
        exports.export_to(out / "file", site=site)


def test_a_stopped_command_is_not_taken_over_by_a_worker(items, site, out):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exports.export_to(out / "out", site=site, progress=stop)
    ExportRun.objects.update(lease_expires_at="2026-01-01T00:00Z")

    assert exports.run_waiting() == 0
    assert ExportRun.objects.get().error_code == "command_stopped"
    assert list(out.iterdir()) == []


def test_a_clip_that_was_altered_leaves_its_item_out(items, site, admin_user, settings):
    clip = factories.evidence(
        items[0].incident, Evidence.Kind.CLIP, b"a clip", at_seconds=27.0, end_seconds=30.0
    )
    (settings.MEDIA_ROOT / clip.path).write_bytes(b"another clip")

    assert finished(admin_user, site).rejected == {"altered_file": 1}


def test_the_sweeper_requeues_what_lost_its_worker(items, site, admin_user, exports_here):
    run = exports.start(by=admin_user, site=site)
    jobs.claim(ExportRun.objects.all(), run.pk)
    draft = exports_here / f"{site.pk}/.draft-{run.pk}-0badcafe"
    (draft / "images").mkdir(parents=True)
    assert exports.run_waiting() == 0

    ExportRun.objects.filter(pk=run.pk).update(lease_expires_at="2026-01-01T00:00Z")
    assert exports.run_waiting() == 1
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("done", 2)
    assert [path.name for path in (exports_here / str(site.pk)).iterdir()] == [run.name]
