"""A worker is killed in the middle of an ingestion through the queue, and started again."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.slow

RULES = """
zones:
  - {name: table, kind: restricted, polygon: [[0.40, 0.78], [0.75, 0.78], [0.75, 1.0], [0.40, 1.0]]}
rules:
  - {kind: restricted_zone_entry, zones: [table], classes: [person]}
  - {kind: loitering, zones: [table], classes: [person], threshold_seconds: 15}
"""
TOLD = """
    SELECT i.key, i.state, i.opened_at_seconds, i.closed_at_seconds,
           (SELECT count(*) FROM detection_rulehit h WHERE h.incident_id = i.id),
           (SELECT count(*) FROM detection_incidentevent e WHERE e.incident_id = i.id),
           (SELECT group_concat(sha256) FROM
              (SELECT sha256 FROM detection_evidence v WHERE v.incident_id = i.id ORDER BY kind))
    FROM detection_incident i ORDER BY i.opened_at_seconds
"""


@pytest.fixture
def installation(tmp_path, model_dir):
    """Return the environment of an installation of its own, with its database in place."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(tmp_path / "data"),
        "SECOND_LOOK_MODEL_DIR": str(model_dir),
        "LEASE_SECONDS": "3",
        "SEGMENT_SECONDS": "30",
    }
    for name in ("DATABASE_URL", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY"):
        environment.pop(name, None)
    manage(environment, "migrate", "--verbosity", "0")
    (tmp_path / "rules.yaml").write_text(RULES)
    return environment


def manage(environment, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )


def start_worker(environment, log):
    return subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "hitlsite", "worker", "-P", "solo", "-Q", "ingest"],
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def ask(environment, query):
    path = f"file:{environment['SECOND_LOOK_DATA_DIR']}/db.sqlite3?mode=ro"
    with sqlite3.connect(path, uri=True, timeout=20) as connection:
        return connection.execute(query).fetchall()


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.05)


@contextmanager
def worker(environment, log):
    process = start_worker(environment, log)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_same_incidents_none_twice_none_lost(installation, tmp_path, footage):
    film = str(footage / "one-by-one-person-detection.mp4")
    options = ["--video", film, "--config", str(tmp_path / "rules.yaml"), "--queue"]
    is_open = "SELECT count(*) FROM detection_incident WHERE state = 'open'"
    done = "SELECT count(*) FROM detection_footage WHERE ended_at IS NOT NULL"
    with (tmp_path / "worker.log").open("w") as log:
        manage(installation, "watch", *options, "--camera", "Undisturbed")
        with worker(installation, log):
            wait_for(lambda: ask(installation, done) == [(1,)], 240, "the undisturbed run")
        wanted = ask(installation, TOLD)
        assert len(wanted) == 6
        manage(installation, "watch", *options, "--camera", "Disturbed")
        with worker(installation, log):
            wait_for(lambda: ask(installation, is_open) != [(0,)], 120, "an open incident")
        assert ask(installation, done) == [(1,)], "killed too late to show anything"
        time.sleep(3.1)  # the dead worker's lease
        with worker(installation, log):
            wait_for(lambda: ask(installation, done) == [(2,)], 240, "the rest")
    found = ask(installation, TOLD)
    assert len(found) == 12
    assert sorted(found) == sorted(wanted * 2)
