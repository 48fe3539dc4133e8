"""Settings refuse nonsense at start, and name the variable."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from hitlsite.settings import env


@pytest.fixture(autouse=True)
def _own_table(monkeypatch):
    """Leave the table of variables, which another test compares with the README, as it is."""
    monkeypatch.setattr(env, "VARIABLES", dict(env.VARIABLES))


@pytest.mark.parametrize("raw", ["maybe", "2", "tru"])
def test_a_flag_takes_no_nonsense(monkeypatch, raw):
    monkeypatch.setenv("A_FLAG", raw)
    with pytest.raises(ImproperlyConfigured, match="A_FLAG"):
        env.flag("A_FLAG", False)


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("OFF", False), ("", False)])
def test_a_flag_reads_its_words(monkeypatch, raw, value):
    monkeypatch.setenv("A_FLAG", raw)
    assert env.flag("A_FLAG", True) is value


@pytest.mark.parametrize("raw", ["ten", "-1", "101", "nan"])
def test_a_number_keeps_its_limits(monkeypatch, raw):
    monkeypatch.setenv("A_NUMBER", raw)
    with pytest.raises(ImproperlyConfigured, match="A_NUMBER"):
        env.number("A_NUMBER", 5, minimum=0, maximum=100, kind=float)


def test_absent_variables_have_their_defaults(monkeypatch):
    monkeypatch.delenv("A_NUMBER", raising=False)
    assert env.number("A_NUMBER", 5, minimum=0) == 5
    assert env.words("SOME_WORDS", ("a", "b")) == ["a", "b"]
    assert env.text("A_TEXT", "x") == "x"


def test_no_connection_outlives_its_request():
    assert connection.settings_dict["CONN_MAX_AGE"] == 0


ASKING = """
import django, threading
django.setup()
from django.db import connection
servers = []
def ask():
    with connection.cursor() as cursor:
        servers.append(cursor.execute("SELECT pg_backend_pid()").fetchone()[0])
    connection.close()
for _ in range(6):
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
if connection.pool:
    connection.close_pool()
print(len(servers), len(set(servers)))
"""


@pytest.mark.parametrize(("pool", "told"), [("1", "6 1"), ("0", "6 6")])
def test_a_pool_keeps_connections_for_the_next_request(tmp_path, postgres_url, pool, told):
    variables = {
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(tmp_path),
        "DATABASE_URL": postgres_url,
        "DATABASE_POOL": pool,
    }
    command = [sys.executable, "-c", ASKING]
    ended = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.strip() == told, ended.stderr


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PRODUCTION": "1"}, "SECRET_KEY"),
        ({"PRODUCTION": "1", "SECRET_KEY": "k" * 50, "DEBUG": "1"}, "DEBUG"),
        ({"PRODUCTION": "1", "SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"LEASE_SECONDS": "soon"}, "LEASE_SECONDS"),
        ({"REDACTION_METHOD": "none"}, "REDACTION_METHOD"),
    ],
)
def test_an_unsafe_or_senseless_configuration_does_not_start(tmp_path, variables, named):
    ended = checked(tmp_path, variables)
    assert ended.returncode != 0
    assert named in ended.stderr


def checked(folder, variables, *options):
    """Run the start-up checks in a process of its own, with these variables and none of ours."""
    ours = ("SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL", "DJANGO_ALLOW_ASYNC_UNSAFE")
    environment = {
        **{key: value for key, value in os.environ.items() if key not in ours},
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(folder),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", *options],
        env=environment,
        capture_output=True,
        text=True,
    )


IN_PRODUCTION = {
    "PRODUCTION": "1",
    "SECRET_KEY": "".join(chr(65 + number * 7 % 58) for number in range(60)),
    "ALLOWED_HOSTS": "look.example",
}


def test_a_configuration_for_production_has_nothing_to_be_warned_of(tmp_path):
    parts = {
        "DATABASE_URL": "postgresql://look:secret@127.0.0.1:1/look",
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    ended = checked(tmp_path, {**IN_PRODUCTION, **parts}, "--deploy", "--fail-level", "WARNING")
    assert ended.returncode == 0, ended.stderr
    assert "no issues" in ended.stdout


def test_the_embedded_parts_are_warned_of_in_production(tmp_path):
    ended = checked(tmp_path, IN_PRODUCTION, "--deploy")
    assert ended.returncode == 0, ended.stderr
    assert "hitlsite.W1" in ended.stderr
    assert "hitlsite.W2" in ended.stderr


def test_the_folder_of_static_files_is_there_before_anybody_looks():
    from django.conf import settings

    assert settings.STATIC_ROOT.is_dir()
