"""The demo that learns, on a machine without network and without weights."""

import json
import os
import re
import subprocess
import sys

import cv2
import pytest

from tests.flows.test_demo import offline
from training.services import demo_learning

pytestmark = pytest.mark.slow

ROW = re.compile(
    r"(before|after) \((?P<detector>[^)]+)\) +(?P<incidents>\d+) +(?P<in_view>\d+) +(?P<found>\d+)"
    r" +(?P<boxes>\d+) +(?P<recall>\S+) +(?P<precision>\S+) +(?P<called>.*)"
)


def test_the_demo_learns_to_find_people(tmp_path):
    folder = tmp_path / "data"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(folder),
        "SECOND_LOOK_MODEL_DIR": str(tmp_path / "no-weights"),
    }
    for name in ("DATABASE_URL", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY"):
        environment.pop(name, None)
    environment.pop("OMP_NUM_THREADS", None)
    command = [*offline(), sys.executable, "manage.py", "demo", "--learn", "--no-serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    told = ended.stdout

    assert "The renderer's own boxes stand in for the reviewer" in told
    epochs = re.findall(r"epoch (\d+): loss", told)
    assert epochs == [str(n + 1) for n in range(demo_learning.PARAMETERS["epochs"])]
    assert "The gate says promote." in told
    assert "object-detector-1 is deployed" in told
    before, after = (one.groupdict() for one in ROW.finditer(told))
    assert (before["detector"], before["called"]) == ("motion", "moving")
    assert (after["detector"], after["called"]) == ("object-detector-1", "person")
    assert int(after["incidents"]) > 0
    assert float(after["recall"]) > 0.8
    assert float(after["precision"]) > 0.8
    for name in ("before.jpg", "after.jpg", "before-and-after.jpg"):
        assert str(folder / "demo" / name) in told
        assert cv2.imread(str(folder / "demo" / name)) is not None

    again = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "0 new" in again.stdout
    assert "Unchanged: object-detector run 1" in again.stdout
    assert "object-detector-1 serves already" in again.stdout
    assert not re.search(r"epoch \d+: loss", again.stdout)
    history = (folder / "training_history.log").read_text().splitlines()
    kinds = [json.loads(line)["event_type"] for line in history]
    assert kinds == ["TRAINING_STARTED", "TRAINING_COMPLETED"]
