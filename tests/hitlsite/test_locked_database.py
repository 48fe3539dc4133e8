"""A database that another process holds: one line, exit code 2, and no long wait."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.detection import films

TIMEOUT_SECONDS = 0.5


@pytest.fixture
def environment(tmp_path):
    names = {
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(tmp_path / "data"),
        "DATABASE_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    }
    wanted = {**os.environ, **names}
    for name in ("DATABASE_URL", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY"):
        wanted.pop(name, None)
    return wanted


def manage(environment, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_watch_says_so_and_stores_nothing(environment, tmp_path, lock):
    film = films.draw_film(tmp_path / "visit.mp4", visits=(), seconds=2)
    assert manage(environment, "migrate", "--verbosity", "0").returncode == 0
    database = f"{environment['SECOND_LOOK_DATA_DIR']}/db.sqlite3"
    watch = ["watch", "--video", str(film), "--camera", "Door", "--detector", "motion"]
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute(lock)
        started = time.monotonic()
        ended = manage(environment, *watch)
        seconds_taken = time.monotonic() - started
        other.execute("ROLLBACK")
        assert ended.returncode == 2, ended.stderr
        assert ended.stderr.splitlines() == [
            "CommandError: The database is locked: another process has been writing to it for "
            "0.5 s. Try again once it is done."
        ]
        assert ended.stdout == ""
        assert seconds_taken < 60
        assert other.execute("SELECT count(*) FROM detection_camera").fetchone() == (0,)
    assert manage(environment, *watch).returncode == 0
