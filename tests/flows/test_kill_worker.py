"""A worker is killed in the middle of an ingestion through the queue, and started again."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg
import pytest

pytestmark = pytest.mark.slow

RULES = """
zones:
  - {name: table, kind: restricted, polygon: [[0.40, 0.78], [0.75, 0.78], [0.75, 1.0], [0.40, 1.0]]}
rules:
  - {kind: restricted_zone_entry, zones: [table], classes: [person]}
  - {kind: loitering, zones: [table], classes: [person], threshold_seconds: 15}
"""
INCIDENTS = """
    SELECT id, key, state, opened_at_seconds, closed_at_seconds,
           (SELECT count(*) FROM detection_rulehit h WHERE h.incident_id = i.id),
           (SELECT count(*) FROM detection_incidentevent e WHERE e.incident_id = i.id)
    FROM detection_incident i ORDER BY id
"""
FILES = "SELECT incident_id, kind, sha256 FROM detection_evidence ORDER BY incident_id, kind"


@pytest.fixture(params=["embedded", "PostgreSQL and Redis"])
def installation(request, tmp_path, model_dir):
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
    if request.param != "embedded":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
        environment["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
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
    """Return a query's rows, asked beside the product as a stranger would."""
    if "DATABASE_URL" in environment:
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            return connection.execute(query).fetchall()
    path = f"file:{environment['SECOND_LOOK_DATA_DIR']}/db.sqlite3?mode=ro"
    with sqlite3.connect(path, uri=True, timeout=20) as connection:
        return connection.execute(query).fetchall()


def told(environment):
    """Return what is stored of every incident and its files, ids left out."""
    files = {}
    for incident_id, kind, sha256 in ask(environment, FILES):
        files.setdefault(incident_id, []).append((kind, sha256))
    return sorted((*columns, files.get(pk)) for pk, *columns in ask(environment, INCIDENTS))


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
    # Weights of one form only: what serves best is measured, and two sessions may measure it apart.
    options = ["--video", film, "--config", str(tmp_path / "rules.yaml"), "--queue"]
    options += ["--detector", "yolo11n_int8_openvino_model"]
    is_open = "SELECT count(*) FROM detection_incident WHERE state = 'open'"
    done = "SELECT count(*) FROM detection_footage WHERE ended_at IS NOT NULL"
    with (tmp_path / "worker.log").open("w") as log:
        manage(installation, "watch", *options, "--camera", "Undisturbed")
        with worker(installation, log):
            wait_for(lambda: ask(installation, done) == [(1,)], 240, "the undisturbed run")
        wanted = told(installation)
        assert len(wanted) == 6
        manage(installation, "watch", *options, "--camera", "Disturbed")
        with worker(installation, log):
            wait_for(lambda: ask(installation, is_open) != [(0,)], 120, "an open incident")
        assert ask(installation, done) == [(1,)], "killed too late to show anything"
        time.sleep(3.1)  # the dead worker's lease
        with worker(installation, log):
            wait_for(lambda: ask(installation, done) == [(2,)], 240, "the rest")
    found = told(installation)
    assert len(found) == 12
    assert found == sorted(wanted * 2)
