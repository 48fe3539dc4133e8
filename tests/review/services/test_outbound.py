"""A POST goes where it was told to, nowhere else, and is over when its time is."""

import ipaddress
import socket
import time

import pytest

from hitlsite.errors import DomainError
from review.services import outbound
from tests.review.receivers import drips, is_no_http, pours, receiver, says, says_nothing

FORBIDDEN = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
]


@pytest.fixture
def private(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True


@pytest.mark.parametrize("text", FORBIDDEN)
def test_addresses_of_this_network_are_forbidden(text):
    assert not outbound.is_allowed(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_addresses_of_the_internet_are_allowed(text):
    assert outbound.is_allowed(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org:99999/",
        "https://example.org/a b",
        "https://example.org/\r\nX: 1",
        "https://[::1]/",
        "http://127.0.0.1:8000/",
        "http://169.254.169.254/latest/meta-data",
        "",
    ],
)
def test_an_address_that_must_not_be_is_refused(url):
    with pytest.raises(DomainError) as caught:
        outbound.checked_url(url)
    assert caught.value.fields["url"]


def test_production_wants_https(settings):
    outbound.checked_url("http://example.org/")
    settings.PRODUCTION = True
    with pytest.raises(DomainError, match="https"):
        outbound.checked_url("http://example.org/")


def test_a_name_that_leads_home_is_refused_when_it_is_resolved():
    with receiver() as server:
        url = server.url.replace("127.0.0.1", "localhost")
        answer = outbound.post(url, b"{}", {})
        assert answer.status is None
        assert "private address" in answer.error
        assert server.taken == []


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch, private):
    """A name that resolves to another address the second time is not asked a second time."""
    asked, real = [], socket.getaddrinfo
    with receiver() as server:
        port = server.server_address[1]

        def rebinding(host, *args, **options):
            asked.append(host)
            answer = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
            return real(answer, *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        assert outbound.post(f"http://hooks.example:{port}/", b"{}", {}).is_taken
        assert asked == ["hooks.example"]
        headers, _ = server.taken[0]
        assert headers["Host"] == f"hooks.example:{port}"


def test_what_is_sent_arrives(private):
    with receiver() as server:
        answer = outbound.post(server.url, b'{"a": 1}', {"X-Test": "yes"})
        ((headers, body),) = server.taken
    assert (answer.status, answer.error, answer.is_taken) == (200, "", True)
    assert (body, headers["X-Test"]) == (b'{"a": 1}', "yes")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(private, status):
    with receiver() as other, receiver(says(status, Location=other.url)) as server:
        answer = outbound.post(server.url, b"{}", {})
        assert answer.status == status
        assert "not followed" in answer.error
        assert other.taken == []


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_a_refusal_is_told(private, status):
    with receiver(says(status)) as server:
        answer = outbound.post(server.url, b"{}", {})
    assert (answer.status, answer.is_taken) == (status, False)
    assert str(status) in answer.error


@pytest.mark.parametrize("answer", [says_nothing, drips], ids=["silent", "dripping"])
def test_a_slow_receiver_is_cut_off_in_time(private, answer):
    started = time.monotonic()
    with receiver(answer) as server:
        told = outbound.post(server.url, b"{}", {}, timeout_seconds=0.6)
        taken = time.monotonic() - started
    assert told.status is None
    assert "within 0.6 s" in told.error
    assert 0.5 < taken < 3.0


def test_of_an_endless_answer_only_the_beginning_is_read(private):
    with receiver(pours) as server:
        answer = outbound.post(server.url, b"{}", {}, timeout_seconds=5.0)
        assert answer.is_taken
        # What lies in the buffers of both sides was never asked for.
        assert server.poured < 64 * outbound.MOST_ANSWER_BYTES


def test_nobody_there_is_told(private):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answer = outbound.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert answer.status is None
    assert "could not be reached" in answer.error


def test_what_speaks_no_http_is_told(private):
    with receiver(is_no_http) as server:
        assert outbound.post(server.url, b"{}", {}).status is None


def test_a_certificate_that_nobody_vouches_for_is_refused(private):
    with receiver() as server:
        answer = outbound.post(server.url.replace("http:", "https:"), b"{}", {})
        assert answer.status is None
        assert server.taken == []
