"""A worker that is killed while it freezes leaves no part of a dataset."""

import pytest

from tests.training.other_process import python

SETUP = """
import os, signal, django
django.setup()
from django.core.management import call_command
from training.models import Dataset, DatasetEntry, GroupSplit
from training.services import dataset_storing, datasets
"""
KILLED = """
call_command("migrate", verbosity=0)
from tests import factories
from tests.cast import person
from tests.training import labelled
site = factories.site("Harbour")
camera, admin = factories.camera(site), person("admin", "admin", site)
labelled.days(camera, admin, 4)

def die(*args, **columns):
    os.kill(os.getpid(), signal.SIGKILL)

WHEN
datasets.freeze_now(datasets.freeze(slot="object-detector").pk, progress)
"""
WHEN = {
    "while it reads": "progress = lambda done, total, message: done == 3 and die()",
    "while it stores": "progress, dataset_storing.jobs.finish = None, die",
}
AFTER = """
from review.models import TrainingItem
dataset = Dataset.objects.get()
used = TrainingItem.objects.filter(used_at__isnull=False)
print(dataset.state, DatasetEntry.objects.count(), GroupSplit.objects.count(), used.count())
print(datasets.run_waiting())
Dataset.objects.update(lease_expires_at="2026-01-01T00:00Z")
print(datasets.run_waiting())
dataset.refresh_from_db()
print(dataset.state, dataset.attempts, DatasetEntry.objects.count(), GroupSplit.objects.count())
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", list(WHEN))
def test_a_killed_worker_leaves_nothing_and_another_finishes(tmp_path, when):
    killed = python(SETUP + KILLED.replace("WHEN", WHEN[when]), tmp_path)
    assert killed.returncode == -9, killed.stderr

    after = python(SETUP + AFTER, tmp_path)
    assert after.returncode == 0, after.stderr
    assert after.stdout.splitlines() == ["running 0 0 0", "0", "1", "done 2 8 4"]
