"""The demo on a machine without network and without weights: still a loop to click through."""

import os
import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def offline():
    """Return the command prefix that cuts the network off, empty where the system forbids it."""
    unshare = shutil.which("unshare")
    prefix = [unshare, "--map-root-user", "--net"]
    if unshare and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
        return prefix
    return []


def test_the_demo_runs_without_network_and_weights(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(tmp_path / "data"),
        "SECOND_LOOK_MODEL_DIR": str(tmp_path / "no-weights"),
    }
    for name in ("DATABASE_URL", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY"):
        environment.pop(name, None)
    command = [*offline(), sys.executable, "manage.py", "demo", "--no-serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "3 items wait for review" in ended.stdout
    items = re.findall(r"ITEM .*", ended.stdout)
    assert len(items) == 3
    assert all("faces cannot be ruled out, redaction ready" in line for line in items)
    passwords = re.findall(r"sign in as \w+ +password (\S+)", ended.stdout)
    assert len(set(passwords)) == 3

    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "nothing to add" in again.stdout
    assert "password" not in again.stdout.replace("passwords were shown once", "")
