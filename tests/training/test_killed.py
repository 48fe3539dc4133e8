"""A worker that is killed in the middle leaves nothing that looks finished."""

import pytest

from tests.training.other_process import python

SETUP = """
import os, signal, django
django.setup()
from django.conf import settings
from django.core.management import call_command
settings.MIN_CONFIRMED, settings.DETECTOR = 3, "motion"
settings.MODEL_DIR = settings.DATA_DIR / "models"
from training.models import ExportRun
from training.services import exports
"""
KILLED = """
call_command("migrate", verbosity=0)
from tests import factories
from tests.cast import person
from tests.training.conftest import confirmed_item
site = factories.site("Harbour")
camera, admin = factories.camera(site), person("admin", "admin", site)
for number in range(4):
    confirmed_item(camera, admin, number)

def die(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

exports.run(exports.start(by=admin, site=site).pk, progress=die)
"""
AFTER = """
from review.models import TrainingItem
run = ExportRun.objects.get()
folder = settings.EXPORT_DIR / str(run.site_id)
print(run.state, run.attempts, TrainingItem.objects.filter(used_at__isnull=False).count())
print(sorted(path.name.split("-")[0] for path in folder.iterdir()))
print(exports.run_waiting())
ExportRun.objects.update(lease_expires_at="2026-01-01T00:00Z")
print(exports.run_waiting())
run.refresh_from_db()
print(run.state, run.attempts, run.item_count)
print([path.name for path in folder.iterdir()] == [run.name])
print(exports.verify(folder / run.name).problems)
"""


@pytest.mark.slow
def test_a_killed_worker_leaves_no_export_and_another_finishes_it(tmp_path):
    killed = python(SETUP + KILLED, tmp_path)
    assert killed.returncode == -9, killed.stderr

    after = python(SETUP + AFTER, tmp_path)
    assert after.returncode == 0, after.stderr
    assert after.stdout.splitlines() == [
        "running 1 0",
        "['.draft']",
        "0",
        "1",
        "done 2 4",
        "True",
        "[]",
    ]
