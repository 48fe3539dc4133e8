"""Settings refuse nonsense at start, and name the variable."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from hitlsite.settings import env


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
    environment = {
        **{key: value for key, value in os.environ.items() if key not in ("SECRET_KEY",)},
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "SECOND_LOOK_DATA_DIR": str(tmp_path),
        **variables,
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], env=environment, capture_output=True, text=True
    )
    assert ended.returncode != 0
    assert named in ended.stderr
