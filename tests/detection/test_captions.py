"""Captions come from an endpoint that may do what it likes; a session never notices."""

import logging
import socket
import threading

import pytest

from detection.models import Caption
from detection.services.captions import Captioner
from tests import factories
from tests.detection.captioning import frame, replies, says_words
from tests.review.receivers import drips, is_no_http, pours, receiver, says, says_nothing

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sk-not-for-logs"


@pytest.fixture(autouse=True)
def _switched_on(settings):
    settings.CAPTION_MODEL = "words-1"
    settings.CAPTION_KEY = KEY
    settings.CAPTION_ALLOW_PRIVATE = True
    settings.CAPTION_TIMEOUT = 5.0
    settings.FRAME_REDACTOR = "tests.detection.captioning.Encoder"


def base(server):
    return server.url.partition("/hook")[0]


def captioned(settings, url, times=(0.0,), **options):
    """Hand frames over one after another and return the captioner once its thread has ended."""
    settings.CAPTION_URL = url
    captioner = Captioner(factories.footage().pk, **options)
    for at_seconds in times:
        before = captioner.counts.stored + captioner.counts.failed
        captioner.see(frame(at_seconds), at_seconds)
        _until(lambda: captioner.counts.stored + captioner.counts.failed > before)  # noqa: B023
    captioner.close(wait_seconds=20)
    assert not captioner._thread.is_alive()
    return captioner


def _until(holds):
    waited = threading.Event()
    for _ in range(4000):
        if holds():
            return
        waited.wait(0.005)
    raise AssertionError("the captioner did nothing")


def test_off_without_an_address(settings):
    settings.CAPTION_URL = ""
    assert Captioner.for_footage(factories.footage()) is None


def test_on_with_one(settings):
    settings.CAPTION_URL = "https://words.example/v1"
    footage = factories.footage()
    assert Captioner.for_footage(footage).footage_id == footage.pk


def test_a_sentence_is_asked_for_and_stored(settings):
    with receiver(says_words("A man\n at a table.")) as server:
        captioned(settings, base(server) + "/v1", times=[4.0])
        ((headers, body),) = server.taken
    row = Caption.objects.get()
    assert (row.at_seconds, row.text, row.error) == (4.0, "A man at a table.", "")
    assert row.model == "words-1" and row.seconds_taken > 0
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert b"data:image/jpeg;base64," in body


def test_only_every_so_often(settings):
    with receiver(says_words("Somebody walks.")) as server:
        captioner = Captioner(factories.footage().pk)
        settings.CAPTION_URL = base(server)
        for at_seconds in (0.0, 1.0, 9.9):
            captioner.see(frame(at_seconds), at_seconds)
        captioner.close(wait_seconds=20)
    assert captioner.counts.handed_over == 1
    assert list(Caption.objects.values_list("at_seconds", flat=True)) == [0.0]


def test_a_moment_seen_twice_is_one_row(settings):
    with receiver(says_words("Somebody walks.")) as server:
        first = captioned(settings, base(server), times=[0.0])
        again = Captioner(first.footage_id)
        again.see(frame(), 0.0)
        again.close(wait_seconds=20)
    assert Caption.objects.count() == 1


def test_a_frame_that_comes_while_one_waits_is_dropped(settings):
    """The endpoint holds the first frame, the second waits, the third and fourth are dropped."""
    held = threading.Event()

    def slow(handler):
        held.set()
        handler.server.hold.wait(20)

    with receiver(slow) as server:
        settings.CAPTION_URL = base(server)
        captioner = Captioner(factories.footage().pk)
        captioner.see(frame(), 0.0)
        assert held.wait(20)
        for at_seconds in (10.0, 20.0, 30.0):
            captioner.see(frame(at_seconds), at_seconds)
        assert (captioner.counts.handed_over, captioner.counts.dropped) == (2, 2)
        server.hold.set()
        captioner.close(wait_seconds=20)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says(500), "answered 500"),
        (says(401), "answered 401"),
        (replies(b"<html>no</html>"), "no JSON"),
        (replies(b'{"error": "busy"}'), "no chat completion"),
        (says_words(" \n "), "no words"),
        (says_words(f"The key is {KEY}."), "repeats the key"),
        (is_no_http, "could not be reached"),
        (pours, "no JSON"),
    ],
)
def test_a_wrong_answer_is_an_error_and_no_more(settings, caplog, answer, told):
    with receiver(answer) as server, caplog.at_level(logging.DEBUG):
        captioned(settings, base(server))
    row = Caption.objects.get()
    assert row.text == "" and told in row.error
    assert KEY not in row.error and KEY not in caplog.text


@pytest.mark.parametrize("answer", [says_nothing, drips], ids=["silent", "dripping"])
def test_a_slow_answer_is_not_waited_for(settings, answer):
    settings.CAPTION_TIMEOUT = 0.4
    with receiver(answer) as server:
        captioned(settings, base(server))
    assert "within 0.4 s" in Caption.objects.get().error


def test_a_dead_endpoint_is_an_error(settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    captioned(settings, f"http://127.0.0.1:{port}/v1")
    assert "could not be reached" in Caption.objects.get().error


def test_errors_are_told_once_a_minute(settings):
    now = [0.0]
    with receiver(says(500)) as server:
        settings.CAPTION_URL = base(server)
        captioner = Captioner(factories.footage().pk, clock=lambda: now[0])
        for number, moment in enumerate((0.0, 30.0, 59.0, 60.0, 61.0), start=1):
            now[0] = moment
            captioner.see(frame(), 10.0 * number)
            _until(lambda: captioner.counts.failed == number)  # noqa: B023
        captioner.close(wait_seconds=20)
    assert captioner.counts.failed == 5
    assert list(Caption.objects.values_list("at_seconds", flat=True)) == [10.0, 40.0]


def test_a_private_address_is_not_asked_unless_that_is_allowed(settings):
    settings.CAPTION_ALLOW_PRIVATE = False
    with receiver(says_words("Somebody walks.")) as server:
        captioned(settings, base(server))
        assert server.taken == []
    assert "SECOND_LOOK_CAPTION_ALLOW_PRIVATE" in Caption.objects.get().error


def test_a_redirect_is_not_followed(settings):
    with receiver(says_words("inside")) as inside:
        with receiver(says(307, Location=inside.url)) as server:
            captioned(settings, base(server))
        assert inside.taken == []
    assert "not followed" in Caption.objects.get().error


@pytest.mark.parametrize(
    ("redactor", "told"),
    [("Refuser", "a face is still seen"), ("Breaker", "RuntimeError"), ("Nobody", "ImportError")],
)
def test_what_cannot_be_redacted_is_not_sent(settings, redactor, told):
    settings.FRAME_REDACTOR = f"tests.detection.captioning.{redactor}"
    with receiver(says_words("Somebody walks.")) as server:
        captioned(settings, base(server))
        assert server.taken == []
    assert told in Caption.objects.get().error


def test_the_next_frame_may_go_well(settings):
    answers = [says(500), says_words("Somebody walks.")]
    with receiver(lambda handler: answers.pop(0)(handler)) as server:
        captioned(settings, base(server), times=[0.0, 10.0])
    assert [row.text for row in Caption.objects.all()] == ["", "Somebody walks."]


def test_a_frame_that_cannot_be_read_harms_nobody(settings):
    class Unreadable:
        def image(self):
            raise OSError("damaged")

    settings.CAPTION_URL = "http://127.0.0.1:9/v1"
    captioner = Captioner(factories.footage().pk)
    captioner.see(Unreadable(), 0.0)
    captioner.close()
    assert captioner.counts.handed_over == 0


def test_footage_that_is_gone_harms_nobody(settings):
    with receiver(says_words("Somebody walks.")) as server:
        settings.CAPTION_URL = base(server)
        captioner = Captioner(factories.footage().pk + 1000)
        captioner.see(frame(), 0.0)
        captioner.close(wait_seconds=20)
        assert server.taken == []
    assert Caption.objects.count() == 0


def test_after_the_end_no_frame_is_taken(settings):
    with receiver(says_words("Somebody walks.")) as server:
        captioner = captioned(settings, base(server))
        captioner.see(frame(50.0), 50.0)
    assert captioner.counts.handed_over == 1
    captioner.close()


def test_an_end_without_any_frame(settings):
    Captioner(factories.footage().pk).close()
