"""The README says what there is: variables with their defaults, commands, targets, files."""

import re

import pytest
from django.conf import settings
from django.core.management import get_commands

from hitlsite.settings import env
from tests.architecture.tree import APPS, ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Said in words: a path of this machine, a choice of another variable, or nothing at all.
DEFAULTS_IN_WORDS = {
    "SECOND_LOOK_DATA_DIR",
    "SECOND_LOOK_MODEL_DIR",
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "SECRET_KEY",
    "SSL_REDIRECT",
    "TRAINING_HISTORY_LOG",
}


def rows():
    """Return {variable: default} as the configuration table has them."""
    section = TEXT.split("## Configuration")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1])
    return found


def test_every_variable_that_the_settings_read_is_in_the_table():
    # The endpoint is read only where there is a bucket.
    assert set(rows()) == set(env.VARIABLES) | {"S3_ENDPOINT_URL"}


def test_the_defaults_are_those_of_the_code():
    said = rows()
    wrong = {
        name: (said[name], default)
        for name, default in env.VARIABLES.items()
        if name not in DEFAULTS_IN_WORDS and said[name] != _written(default)
    }
    assert wrong == {}


def _written(default):
    if default == "":
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_command_of_ours_is_in_the_table():
    section = TEXT.split("| command |")[1].split("\n\n")[0]
    said = set(re.findall(r"`(\w+)`(?=[,\s|])", "".join(re.findall(r"^\| [^|]*\|", section, re.M))))
    ours = {name for name, app in get_commands().items() if app in APPS}
    assert said == ours


@pytest.mark.parametrize("document", PAGES, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_make_target_and_link_exists(document):
    text = document.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z][a-z-]*)\b(?=[`\s\n]*(?:$|#|ARGS|`))", text, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in link or (document.parent / link).exists(), link


def test_the_data_folder_is_ignored_by_git():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"/var/", "/.venv/"} <= set(ignored)
    assert settings.BASE_DIR == ROOT
