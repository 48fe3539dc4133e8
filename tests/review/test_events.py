"""Server-sent events from a real server process, read as a browser reads them."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from hitlsite import people
from hitlsite.models import Membership
from review.models import TrainingItem
from review.selectors import live as selector
from review.selectors.live import Place, read_place
from review.services import live, tallies
from tests import factories
from tests.cast import person

PATIENCE_SECONDS = 20.0
SERVE = """
import uvicorn
from hitlsite import asgi
from review.services import live
from review.views.events import LiveEvents

app = LiveEvents(asgi.application._django, heartbeat_seconds=0.5)
uvicorn.run(app, fd={fd}, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
"""


class Stream:
    """An open stream of events; ``next`` waits for one of a kind."""

    def __init__(self, port, session, *, last=None, path="/events/", host="localhost"):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Cookie": f"sessionid={session}", "Host": host}
        if last:
            headers["Last-Event-ID"] = last
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.last = None

    def events(self):
        """Yield (kind, told) as they come, and ("heartbeat", None) for comments."""
        kind, until = None, time.monotonic() + PATIENCE_SECONDS
        while line := self.answer.readline():
            assert time.monotonic() < until, "what the test waits for does not come"
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                self.last = value
            elif name == "data":
                yield kind, json.loads(value)
            elif name == "" and value:
                yield "heartbeat", None

    def next(self, wanted):
        return next(told for kind, told in self.events() if kind == wanted)

    def has_ended(self):
        return all(kind == "heartbeat" or kind == "counts" for kind, _ in self.events())

    def close(self):
        self._connection.sock and self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()


@pytest.fixture(scope="module")
def server(django_db_setup):
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
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE.format(fd=listening.fileno())],
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
def port(server, transactional_db):
    return server[0]


@pytest.fixture
def session():
    """Return a function that signs somebody in and returns the key of the session."""

    def signed_in(user):
        client = Client()
        client.force_login(user)
        return client.cookies["sessionid"].value

    return signed_in


@pytest.fixture
def watch(port, session):
    """Return a function that opens a stream; all of them are closed in the end."""
    opened = []

    def watched(user=None, key=None, **options):
        opened.append(Stream(port, key or session(user), **options))
        return opened[-1]

    yield watched
    for one in opened:
        one.close()


def just_now(camera, **columns):
    source = factories.footage(camera, starts_at=timezone.now() - timedelta(seconds=30))
    return factories.incident(footage=source, with_files=False, **columns)


@pytest.mark.slow
class TestTheStream:
    def test_a_new_incident_is_told_and_what_was_there_is_not(self, watch, reviewer, camera):
        just_now(camera)
        stream = watch(reviewer)
        assert (stream.status, stream.answer.headers["Content-Type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        stream.next("counts")
        made = just_now(camera)
        told = stream.next("incident")
        assert (told["incident"], told["why"], told["camera"]) == (made.pk, made.why, "Gate")

    def test_samples_and_foreign_sites_are_not_told(self, watch, reviewer, camera):
        stream = watch(reviewer)
        stream.next("counts")
        just_now(factories.camera())
        just_now(camera, origin="audit_minute", inclusion_probability=0.1)
        made = just_now(camera)
        assert stream.next("incident")["incident"] == made.pk

    def test_needs_review_and_counts_are_told(self, watch, reviewer, camera):
        item = factories.item(just_now(camera))
        stream = watch(reviewer)
        assert stream.next("counts")["pending_review"] == 1
        TrainingItem.objects.filter(pk=item.pk).update(
            status="needs_review", decided_at=timezone.now()
        )
        tallies.recount(camera.site)
        assert stream.next("needs_review")["item"] == item.pk
        assert stream.next("counts")["needs_review"] == 1

    def test_it_goes_on_where_it_broke_off(self, watch, reviewer, camera):
        stream = watch(reviewer)
        stream.next("counts")
        just_now(camera)
        stream.next("incident")
        last = stream.last
        stream.close()
        missed = [just_now(camera).pk, just_now(camera).pk]
        again = watch(reviewer, last=last)
        assert [again.next("incident")["incident"] for _ in missed] == missed

    def test_quiet_times_have_a_heartbeat(self, watch, reviewer):
        stream = watch(reviewer)
        assert [kind for kind, _ in zip(stream.events(), range(3), strict=False)]
        assert stream.next("heartbeat") is None

    def test_it_ends_with_the_session(self, watch, session, reviewer):
        key = session(reviewer)
        stream = watch(key=key)
        stream.next("counts")
        Session.objects.all().delete()
        assert stream.has_ended()
        assert watch(key=key).status == 403

    @pytest.mark.parametrize("loss", ["membership", "password", "role", "account"])
    def test_it_ends_with_what_it_was_allowed_by(self, watch, session, reviewer, loss):
        key = session(reviewer)
        stream = watch(key=key)
        stream.next("counts")
        if loss == "membership":
            Membership.objects.filter(user=reviewer).delete()
        elif loss == "role":
            reviewer.groups.clear()
        elif loss == "account":
            get_user_model().objects.filter(pk=reviewer.pk).update(is_active=False)
        else:
            reviewer.set_password("another one")
            reviewer.save()
        assert stream.has_ended()

    def test_strangers_devices_and_wrong_hosts_get_nothing(self, watch, device_user, reviewer):
        assert watch(key="made-up").status == 403
        assert watch(device_user).status == 403
        assert watch(reviewer, host="evil.example").status == 400

    def test_one_person_watches_from_six_places(self, watch, session, reviewer, supervisor):
        key = session(reviewer)
        streams = [watch(key=key) for _ in range(live.MOST_A_PERSON)]
        assert {one.status for one in streams} == {200}
        refused = watch(key=key)
        assert refused.status == 429
        assert json.loads(refused.answer.read())["error"]["code"] == "too_many"
        assert watch(supervisor).status == 200
        streams[0].close()
        for _ in range(40):
            if watch(key=key).status == 200:
                return
            time.sleep(0.1)
        pytest.fail("the place that was given back is not free")

    def test_other_pages_are_djangos(self, port, session, reviewer):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/events/", headers={"Cookie": f"sessionid={session(reviewer)}"})
        assert connection.getresponse().status in (403, 405)

    def test_watchers_cost_no_threads(self, watch, session, site, server):
        """Forty people watch; the process has the threads that it had with one."""
        keys = [session(person(f"watcher {number}", people.REVIEWER, site)) for number in range(40)]
        first = watch(key=keys[0])
        first.next("counts")
        before = _threads(server[1])
        streams = [watch(key=key) for key in keys[1:]]
        for stream in streams:
            stream.next("counts")
        assert _threads(server[1]) - before <= 8


def _threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


@pytest.mark.django_db
class TestWithoutAnEventLoop:
    def test_a_browser_is_told_to_ask_no_more(self, client, reviewer):
        client.force_login(reviewer)
        assert client.get("/events/").status_code == 204

    def test_strangers_are_sent_to_the_login_page(self, client):
        assert client.get("/events/").status_code == 302

    def test_devices_may_not(self, client, device_user):
        client.force_login(device_user)
        assert client.get("/events/").status_code == 403

    def test_one_look_costs_the_same_for_any_number_of_sessions(
        self, site, session, django_assert_num_queries
    ):
        keys = [session(person(f"p{number}", people.REVIEWER, site)) for number in range(6)]
        place = selector.newest_place()
        for some in (keys[:1], keys):
            with django_assert_num_queries(7):
                found = selector.look(place, sessions=some)
            assert found.allowed == dict.fromkeys(some, frozenset({site.pk}))

    def test_superusers_watch_every_site(self, session, superuser, site):
        key = session(superuser)
        assert selector.allowed_sites([key]) == {key: frozenset({site.pk})}

    def test_a_lower_number_that_comes_to_sight_later_is_found(self, camera):
        first, second = just_now(camera), just_now(camera)
        place = Place(second.pk, timezone.now())
        assert [one.told["incident"] for one in selector.look(place).news] == [first.pk, second.pk]


@pytest.mark.parametrize(
    "text", ["", None, "x", "1", "1-", "-1", "1-2-3", "1-x", "٣-1", "9" * 17 + "-1"]
)
def test_a_place_that_is_none_of_ours_is_ignored(text):
    assert read_place(text) is None


def test_a_place_is_read_back():
    place = Place(7, timezone.now())
    assert read_place(str(place)) == place


def test_slow_readers_are_cut_off_and_start_anew():
    watcher = live.Watcher("key", "1", frozenset({1}))
    for number in range(live.MOST_WAITING + 1):
        news = selector.News("incident", str(number), 1, {}, Place(number, timezone.now()))
        watcher.tell(news)
    assert watcher.waiting.get_nowait() is None
    assert watcher.waiting.empty()
