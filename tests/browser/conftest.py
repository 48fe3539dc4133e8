"""A signed-in browser that fails the test when the page complains."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from tests import factories
from tests.browser.boxing import *  # noqa: F403
from tests.browser.editing import *  # noqa: F403


@pytest.fixture(autouse=True)
def _live(live_server, data_dir):
    """Serve the pages from files and a database of this test's own."""


@pytest.fixture
def complaints(page):
    """Collect what the browser complains of: scripts, the security policy, failed requests."""
    found = []
    page.on(
        "console",
        lambda line: line.type in ("error", "warning") and found.append(line.text),
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "response",
        lambda answer: answer.status >= 500 and found.append(f"{answer.status} {answer.url}"),
    )
    return found


@pytest.fixture
def visit(page, live_server, complaints):
    """Open a page by its name."""
    page.set_default_timeout(15_000)
    page.set_viewport_size({"width": 1440, "height": 900})

    def opened(name, *args, query=""):
        page.goto(f"{live_server.url}{reverse(name, args=args)}{query}")
        return page

    return opened


@pytest.fixture
def sign_in(page, live_server, client, settings):
    """Give the browser a session of this user."""

    def signed_in(user):
        client.force_login(user)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}
        page.context.add_cookies([cookie])

    return signed_in


@pytest.fixture
def items(camera):
    """Three pending items, the most urgent first; the first shows faces."""
    zone = {"name": "entrance", "kind": "restricted", "polygon": [[0.3, 0.2], [0.7, 0.2], [0.7, 1]]}
    source = factories.footage(camera, configuration={"zones": [zone]})
    part = factories.segment(source)
    made = [
        factories.incident(footage=source, segment=part, severity=severity)
        for severity in ("high", "medium", "low")
    ]
    return [factories.item(one, privacy="faces" if one is made[0] else "clear") for one in made]


@pytest.fixture
def screenshots(tmp_path):
    """Return the folder that pictures of the pages go to."""
    folder = Path(os.environ.get("SCREENSHOT_DIR") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
