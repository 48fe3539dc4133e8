"""No file knows the machine it was written on, or where packages come from."""

import re

import pytest

from tests.architecture.tree import ROOT, files

# Written in pieces, so that this file passes its own test.
HOMES = "|".join(("home", "root", "Users", "work"))
MACHINE_PATH = re.compile(rf"(?<![\w.~/:-])/(?:{HOMES})/[\w.-]")
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org", "deb.debian" + ".org")
REGISTRY_HOST = re.compile("|".join(re.escape(host) for host in HOSTS))


def _lines(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def offending(pattern, root=ROOT):
    """Return "file:line text" for every line of a text file that the pattern finds."""
    return [
        f"{path.relative_to(root)}:{number} {line.strip()[:100]}"
        for path in files(root)
        for number, line in enumerate(_lines(path), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["paths", "registries"])
def test_no_file_names_a_machine(pattern):
    assert offending(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "FOLDER = '/" + "home/ada/film.mp4'"),
        (MACHINE_PATH, "cd /" + "work/main"),
        (REGISTRY_HOST, "index-url = https://" + HOSTS[0] + "/simple"),
    ],
)
def test_what_names_a_machine_is_found(tmp_path, pattern, text):
    (tmp_path / "notes.md").write_text(f"first\n{text}\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe" + text.encode())

    assert offending(pattern, tmp_path) == [f"notes.md:2 {text}"]


@pytest.mark.parametrize("text", ["see docs/home/index.md", "https://host/work/1", "~/work/x"])
def test_what_only_looks_like_a_path_passes(tmp_path, text):
    (tmp_path / "notes.md").write_text(text)

    assert offending(MACHINE_PATH, tmp_path) == []
