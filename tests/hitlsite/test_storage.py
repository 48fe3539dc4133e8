"""Stored files: named by content, whole or absent."""

import subprocess
import sys
import textwrap

import pytest
from django.core.files.storage import default_storage

from hitlsite import storage

pytestmark = pytest.mark.usefixtures("data_dir")


def test_the_same_content_is_stored_once():
    first = storage.store_bytes(1, "frames", b"picture", suffix=".jpg")
    assert storage.store_bytes(1, "frames", b"picture", suffix=".jpg") == first
    with default_storage.open(first[0]) as stream:
        assert stream.read() == b"picture"


def test_sites_do_not_share_files():
    own, _, _ = storage.store_bytes(1, "frames", b"picture", suffix=".jpg")
    other, _, _ = storage.store_bytes(2, "frames", b"picture", suffix=".jpg")
    assert own != other


def test_a_file_moves_into_storage(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"film")
    name, sha256, size = storage.store_file(1, "clips", path)
    assert name.endswith(f"{sha256}.mp4")
    assert (size, path.exists()) == (4, False)
    local, is_copy = storage.local_copy(name)
    assert (local.read_bytes(), is_copy) == (b"film", False)


def test_deleting_a_missing_file_is_fine():
    storage.delete("sites/1/frames/aa/none.jpg")
    storage.delete("")


def test_a_full_disk_is_named_and_leaves_nothing(data_dir):
    script = f"""
        import os, resource
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        os.environ["SECOND_LOOK_DATA_DIR"] = {str(data_dir)!r}
        import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        import django; django.setup()
        from hitlsite import storage
        from hitlsite.errors import DomainError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            storage.store_bytes(1, "frames", b"x" * 5000, suffix=".jpg")
        except DomainError as error:
            print(error.code, error.message)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert "disk_full" in ended.stdout, ended.stderr
    assert "media" in ended.stdout or "scratch" in ended.stdout
    left = [path for path in data_dir.rglob("*") if path.is_file() and path.name != "secret_key"]
    assert left == []
