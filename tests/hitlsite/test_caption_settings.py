"""Captions are off by themselves; a half-told endpoint refuses to start, and no key is said."""

import importlib

import pytest
from django.core.exceptions import ImproperlyConfigured

from hitlsite.settings import captions, env

PREFIX = "SECOND_LOOK_CAPTION_"


@pytest.fixture
def read(monkeypatch):
    """Return what reads the settings anew with these variables; all is as it was afterwards."""
    monkeypatch.setattr(env, "VARIABLES", dict(env.VARIABLES))
    before = dict(vars(captions))

    def reading(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)
        return importlib.reload(captions)

    yield reading
    vars(captions).update(before)


def test_off_by_themselves(read, monkeypatch):
    monkeypatch.delenv(f"{PREFIX}URL", raising=False)
    told = read()
    assert told.CAPTION_URL == ""
    assert (told.CAPTION_EVERY_SECONDS, told.CAPTION_TIMEOUT) == (10.0, 10.0)
    assert (told.CAPTION_CONCURRENCY, told.CAPTION_ALLOW_PRIVATE) == (1, False)


def test_on_with_an_endpoint_and_a_model(read):
    told = read(URL="https://words.example/v1/", MODEL="words-1", KEY="k", ALLOW_PRIVATE="yes")
    assert told.CAPTION_URL == "https://words.example/v1"
    assert (told.CAPTION_MODEL, told.CAPTION_KEY) == ("words-1", "k")
    assert told.CAPTION_ALLOW_PRIVATE is True


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"URL": "words.example/v1", "MODEL": "m"}, "URL"),
        ({"URL": "file:///etc/passwd", "MODEL": "m"}, "URL"),
        ({"URL": "https://[::1", "MODEL": "m"}, "URL"),
        ({"URL": "https://words.example/v1"}, "MODEL"),
        ({"EVERY_SECONDS": "0"}, "EVERY_SECONDS"),
        ({"TIMEOUT": "soon"}, "TIMEOUT"),
        ({"CONCURRENCY": "1.5"}, "CONCURRENCY"),
        ({"ALLOW_PRIVATE": "perhaps"}, "ALLOW_PRIVATE"),
    ],
)
def test_nonsense_is_named(read, variables, named):
    with pytest.raises(ImproperlyConfigured, match=PREFIX + named):
        read(**variables)


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel"])
def test_a_key_that_no_header_takes_is_refused_and_not_said(read, key):
    with pytest.raises(ImproperlyConfigured, match=f"{PREFIX}KEY") as caught:
        read(KEY=key)
    assert key not in str(caught.value)
