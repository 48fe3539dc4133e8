"""A phone that uploads, and a short film for it."""

import pytest

from tests.detection import films
from tests.detection.uploading import Phone


@pytest.fixture(scope="session")
def visit(tmp_path_factory):
    """Return the bytes of a film of 12 s in which a person comes, stays and goes."""
    path = tmp_path_factory.mktemp("films") / "visit.mp4"
    return films.draw_film(path, visits=((2.0, 9.0),), seconds=12.0).read_bytes()


@pytest.fixture
def phone(camera):
    return Phone(camera)
