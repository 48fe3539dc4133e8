"""Stored files: named by content, whole or absent."""

import subprocess
import sys
import textwrap

import pytest
from django.core.files.storage import InMemoryStorage, default_storage
from storages.backends.s3 import S3Storage

from hitlsite import storage
from hitlsite.settings.storage import bucket_storage

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


@pytest.fixture
def overtaken(monkeypatch):
    """Every asker finds a name free, as two workers do that store the same content at once."""
    kept = InMemoryStorage()
    monkeypatch.setattr(storage, "default_storage", kept)
    exists = kept.exists
    asked = []

    def late(name):
        asked.append(name)
        return asked.count(name) > 1 and exists(name)

    return kept, lambda: monkeypatch.setattr(kept, "exists", late), asked


@pytest.mark.parametrize("how", ["bytes", "file"])
def test_of_two_racing_stores_one_object_stays(overtaken, tmp_path, how):
    kept, race, asked = overtaken

    def store():
        if how == "bytes":
            return storage.store_bytes(1, "frames", b"picture", suffix=".jpg")
        path = tmp_path / "picture.jpg"
        path.write_bytes(b"picture")
        return storage.store_file(1, "frames", path)

    first = store()
    race()
    assert store() == first
    assert asked.count(first[0]) > 1  # the storage itself saw that the name was taken
    folder, _, name = first[0].rpartition("/")
    assert kept.listdir(folder) == ([], [name])
    assert kept.open(first[0]).read() == b"picture"


def test_a_storage_that_renames_everything_is_found_out(monkeypatch):
    class Wayward(InMemoryStorage):
        def get_available_name(self, name, max_length=None):
            return f"{name}.kept"

    wayward = Wayward()
    monkeypatch.setattr(storage, "default_storage", wayward)
    with pytest.raises(RuntimeError, match=r"takes no file under the name sites/1/frames/.*\.jpg"):
        storage.store_bytes(1, "frames", b"picture", suffix=".jpg")
    assert not any(files for _, _, files in _walk(wayward))


def _walk(kept, folder=""):
    folders, files = kept.listdir(folder)
    yield folder, folders, files
    for name in folders:
        yield from _walk(kept, f"{folder}/{name}" if folder else name)


def test_a_bucket_keeps_the_name_that_it_is_given():
    options = bucket_storage("evidence")["OPTIONS"]
    name = storage.content_path(1, "frames", "ab" * 32, ".jpg")

    assert S3Storage(**options).get_available_name(name) == name


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
