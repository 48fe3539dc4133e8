"""What every test of the review may rely on."""

import pytest


@pytest.fixture(autouse=True)
def _no_repeated_queries(settings):
    """Let no page, answer of the API or page of the admin ask again for every row."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.repeated_queries.watching"]
