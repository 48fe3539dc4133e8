"""Streams of cameras from a real server process: they stay open, go on, and end when they must."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session

from detection.api.streams import MOST_A_PERSON
from detection.models import Segment
from hitlsite.models import Membership
from tests import factories
from tests.detection.test_task_feed import champion, end, say  # noqa: F401
from tests.review.test_events import Stream, session  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SERVE = """
import uvicorn
from hitlsite import asgi
from detection.api import streams

streams.CHECK_SECONDS = streams.HEARTBEAT_SECONDS = 1.0
behind = asgi.application._django._behind
app = streams.CameraStreams(behind, look_seconds=0.2, longest_seconds={longest})
uvicorn.run(app, fd={fd}, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
"""


@pytest.fixture(scope="module", params=[60.0])
def server(request, django_db_setup):
    """Return (port, process number) of a server process on the tests' own database."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        pytest.skip("the server process is given a file")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "hitlsite.settings",
        "DATABASE_URL": f"sqlite:///{database['NAME']}",
        "SECOND_LOOK_DATA_DIR": str(django_settings.DATA_DIR),
        "SECRET_KEY": django_settings.SECRET_KEY,
    }
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        number = listening.getsockname()[1]
        code = SERVE.format(fd=listening.fileno(), longest=request.param)
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=django_settings.BASE_DIR,
            env=environment,
            pass_fds=[listening.fileno()],
        )
    try:
        yield number, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) is not None


@pytest.fixture
def row(camera):
    found = factories.footage(camera)
    factories.segment(found, state=Segment.State.RUNNING)
    return found


@pytest.fixture
def listen(server, session, row):  # noqa: F811
    """Return a function that opens the stream of the camera; all are closed in the end."""
    opened = []

    def listening(user=None, key=None, **options):
        path = f"/api/v1/cameras/{row.camera_id}/stream/"
        opened.append(Stream(server[0], key or session(user), path=path, **options))
        return opened[-1]

    yield listening
    for one in opened:
        one.close()


def test_what_is_said_later_is_heard_and_the_rest_after_a_break(
    listen,
    reviewer,
    row,
    champion,  # noqa: F811
):
    say(row, champion, (2.0, "idle", 0.9))
    stream = listen(reviewer)
    assert stream.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert not {"X-Listener", "X-Place", "X-Camera"} & set(stream.answer.headers)
    assert stream.next("sample")["t"] == 2.0
    say(row, champion, (2.5, "idle", 0.9), (3.0, "work", 0.8))
    assert stream.next("sample")["t"] == 2.5
    last = stream.last
    stream.close()
    say(row, champion, (3.5, "work", 0.8))
    end(row)
    again = listen(reviewer, last=last)
    kinds = [kind for kind, _ in zip((kind for kind, _ in again.events()), range(5), strict=False)]
    assert kinds == ["segment", "sample", "sample", "segment", "finished"]


def test_the_check_of_rights_tells_news_too_and_a_quiet_stream_beats(
    listen,
    reviewer,
    row,
    champion,  # noqa: F811
):
    stream = listen(reviewer)
    assert stream.next("heartbeat") is None
    for number in range(12):
        say(row, champion, (2.0 + number, "idle", 0.9))
        assert stream.next("sample")["t"] == 2.0 + number
        time.sleep(0.15)


@pytest.mark.parametrize("loss", ["session", "membership", "role"])
def test_it_ends_with_what_it_was_allowed_by(listen, session, reviewer, loss):  # noqa: F811
    stream = listen(key=session(reviewer))
    assert stream.status == 200
    if loss == "session":
        Session.objects.all().delete()
    elif loss == "membership":
        Membership.objects.filter(user=reviewer).delete()
    else:
        reviewer.groups.clear()
    assert stream.has_ended()


def test_strangers_get_the_views_own_answers(listen, outsider, device_user):
    assert listen(key="made-up").status == 401
    refused = listen(outsider)
    assert refused.status == 404
    assert json.loads(refused.answer.read())["error"]["code"] == "camera_unknown"
    assert listen(device_user).status == 403


def test_one_person_listens_from_six_places(listen, session, reviewer, supervisor):  # noqa: F811
    key = session(reviewer)
    streams = [listen(key=key) for _ in range(MOST_A_PERSON)]
    assert {one.status for one in streams} == {200}
    assert listen(key=key).status == 429
    assert listen(supervisor).status == 200
    streams[0].close()
    for _ in range(60):
        if listen(key=key).status == 200:
            return
        time.sleep(0.1)
    pytest.fail("the place that was given back is not free")


@pytest.mark.parametrize("server", [1.5], indirect=True)
def test_a_connection_has_its_time(listen, reviewer):
    stream = listen(reviewer)
    assert stream.has_ended()
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")


def test_listeners_cost_no_threads(listen, reviewer, supervisor, server):
    first = listen(reviewer)
    first.next("heartbeat")
    before = len(os.listdir(f"/proc/{server[1]}/task"))
    streams = [listen(user) for user in (reviewer, supervisor) for _ in range(5)]
    for stream in streams:
        stream.next("heartbeat")
    assert len(os.listdir(f"/proc/{server[1]}/task")) - before <= 8
