"""A training worker that is killed at any stage leaves what serves alone; another one finishes."""

import pytest

from tests.training.other_process import python

SETUP = """
import os, signal, django
django.setup()
from django.conf import settings
from django.core.management import call_command
from detection.services import serving
from tests.training import toy_work
from training.models import Evaluation, ModelVersion, TrainingRun
from training.services import promotion, runs, slot_work
slot_work.of = lambda slot: toy_work
SLOT = toy_work.SLOT
"""
KILLED = """
call_command("migrate", verbosity=0)
dataset = toy_work.dataset(groups=40)
first = runs.start(slot=SLOT, trigger="command", parameters={"border": 0.3}).run
promotion.promote(runs.execute(first.pk).version.pk, by=None, purpose="to tell high from low")

def die(run):
    if run.stage == "%s":
        os.kill(os.getpid(), signal.SIGKILL)

runs.execute(runs.start(slot=SLOT, trigger="command").run.pk, listener=die)
"""
AFTER = """
run = TrainingRun.objects.first()
print(run.state, serving.champion(SLOT).name)
print(runs.run_waiting())
TrainingRun.objects.filter(pk=run.pk).update(lease_expires_at="2026-01-01T00:00Z")
print(runs.run_waiting())
run.refresh_from_db()
print(run.state, run.attempts, run.version.judgements.count(), ModelVersion.objects.count())
print(serving.champion(SLOT).name)
"""


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["preparing", "training", "exporting", "evaluating", "judging"])
def test_a_killed_run_is_finished_by_another_worker(tmp_path, stage):
    killed = python(SETUP + KILLED % stage, tmp_path)
    assert killed.returncode == -9, killed.stderr

    after = python(SETUP + AFTER, tmp_path)
    assert after.returncode == 0, after.stderr
    assert after.stdout.splitlines() == [
        "running lod-policy-1",
        "0",
        "1",
        "done 2 1 2",
        "lod-policy-1",
    ]
