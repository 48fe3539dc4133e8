"""Fetching, recording and verifying weights, against files that play the published ones."""

import hashlib
import json

import pytest

from detection.vision.weights import CATALOGUE, KnownWeights, fetch_models, known, verify_models
from hitlsite.errors import DomainError

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def published(tmp_path):
    """Return a function that builds a catalogue of files served from a folder."""
    folder = tmp_path / "published"
    folder.mkdir()

    def build(*entries):
        catalogue = []
        for name, content, digest in entries:
            if content is not None:
                (folder / name).write_bytes(content)
            url = (folder / name).as_uri()
            catalogue.append(KnownWeights(name, url, "finds things", "MIT", digest))
        return tuple(catalogue)

    return build


def test_what_is_missing_is_fetched_and_named_as_published(published, tmp_path):
    catalogue = published(("a.pt", CONTENT, DIGEST))
    told = []

    (status,) = fetch_models(tmp_path / "models", catalogue=catalogue, report=told.append)

    assert (status.status, status.sha256) == ("published", DIGEST)
    assert told == [status]
    assert (tmp_path / "models/a.pt").read_bytes() == CONTENT
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["a.pt"]


def test_a_checksum_nobody_publishes_is_recorded_and_kept_to(published, tmp_path):
    catalogue = published(("b.task", CONTENT, None))
    models = tmp_path / "models"

    assert fetch_models(models, catalogue=catalogue)[0].status == "recorded"
    assert json.loads((models / "checksums.json").read_text()) == {"b.task": DIGEST}
    (models / "b.task").write_bytes(b"other")
    assert verify_models(models, catalogue=catalogue)[0].status == "different"


def test_other_bytes_than_the_published_ones_are_thrown_away(published, tmp_path):
    catalogue = published(("a.pt", b"tampered", DIGEST))

    with pytest.raises(DomainError, match=r"a\.pt was not kept") as caught:
        fetch_models(tmp_path / "models", catalogue=catalogue)

    assert caught.value.code == "weights_different"
    assert list((tmp_path / "models").iterdir()) == []


def test_out_of_reach_it_says_which_file_goes_where(published, tmp_path):
    catalogue = published(("a.pt", CONTENT, DIGEST), ("b.pt", None, None), ("c.pt", None, None))
    models = tmp_path / "models"

    with pytest.raises(DomainError) as caught:
        fetch_models(models, catalogue=catalogue)

    assert caught.value.code == "weights_unreachable"
    assert f"{catalogue[1].url} as {models / 'b.pt'}" in caught.value.message
    assert f"{catalogue[2].url} as {models / 'c.pt'}" in caught.value.message
    assert "a.pt as" not in caught.value.message
    assert [p.name for p in models.iterdir()] == ["a.pt"]


def test_a_file_of_ones_own_is_left_alone(published, tmp_path):
    catalogue = published(("a.pt", CONTENT, DIGEST))
    models = tmp_path / "models"
    models.mkdir()
    (models / "a.pt").write_bytes(b"my own")

    (status,) = fetch_models(models, catalogue=catalogue)

    assert status.status == "different"
    assert (models / "a.pt").read_bytes() == b"my own"
    assert str(models / "a.pt") in status.sentence


@pytest.mark.parametrize(
    ("content", "digest", "status"),
    [(None, DIGEST, "missing"), (CONTENT, DIGEST, "published"), (CONTENT, None, "unrecorded")],
)
def test_every_known_file_has_a_status(published, tmp_path, content, digest, status):
    catalogue = published(("a.pt", CONTENT, digest))
    if content is not None:
        (tmp_path / "a.pt").write_bytes(content)

    (found,) = verify_models(tmp_path, catalogue=catalogue)

    assert found.status == status
    assert found.as_dict()["name"] == "a.pt"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DomainError, match=r"yolo99\.pt.*yolo11n\.pt"):
        known(["yolo99.pt"])


def test_the_catalogue_is_well_formed():
    assert len({w.name for w in CATALOGUE}) == len(CATALOGUE)
    assert all(w.url.startswith("https://") and w.url.endswith(w.name) for w in CATALOGUE)
    assert all(w.sha256 is None or len(bytes.fromhex(w.sha256)) == 32 for w in CATALOGUE)
    assert "yolo11n.pt" in {w.name for w in known()}
    assert [w.name for w in known(["yolov8n.pt"])] == ["yolov8n.pt"]
