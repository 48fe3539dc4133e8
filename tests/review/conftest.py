"""What every test of the review may rely on."""

import pytest

from tests import photos


@pytest.fixture(autouse=True)
def _no_repeated_queries(settings):
    """Let no page, answer of the API or page of the admin ask again for every row."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]


@pytest.fixture
def photo(camera):
    return photos.photo(camera)


@pytest.fixture
def signed_in(client, reviewer):
    client.force_login(reviewer)
    return client
