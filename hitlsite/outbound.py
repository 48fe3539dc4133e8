"""POST to an address that somebody typed in, without being led where it must not go.

The name is resolved once, the address that it resolves to is checked, and the connection is made to
that very address: a name that answers differently the second time gains nothing. Redirects are not
followed, proxies are not asked, the answer is read to a limit, and the whole exchange ends at a
deadline however slowly the other side speaks.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from hitlsite.errors import DomainError

TIMEOUT_SECONDS = 5.0
MOST_ANSWER_BYTES = 64 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}
# Addresses of the old internet inside those of the new one; Python knows the other forms.
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Rules:
    """Where a POST may go.

    Attributes:
        purpose: begins the codes of refusals, as in "webhook_url".
        allows_private: whether addresses of this network may be connected to.
        wants_https: whether plain http is refused.
        setting: which variable allows private addresses, for the sentence that refuses one.
    """

    purpose: str
    allows_private: bool
    wants_https: bool
    setting: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: an HTTP status, or None and why there is none.

    Attributes:
        body: its first bytes, as many as were asked for.
    """

    status: int | None
    error: str = ""
    body: bytes = b""

    @property
    def is_taken(self):
        return self.status is not None and 200 <= self.status < 300


def checked_url(url, rules):
    """Return a URL as (scheme, host, port, path with query).

    Raises:
        DomainError: <purpose>_url, saying what is wrong with it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(rules, "This is no address.") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise _refused(rules, "The address must begin with https:// and name a host.")
    if rules.wants_https and parts.scheme != "https":
        raise _refused(rules, "In production the address must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise _refused(rules, "The address must not hold a name or a password.")
    if any(ord(sign) <= 32 or ord(sign) > 126 for sign in url):
        raise _refused(rules, "The address holds a blank, or a sign that must be percent-encoded.")
    _refuse_forbidden_literal(parts.hostname, rules)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme], path


def _refuse_forbidden_literal(host, rules):
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if not is_allowed(address, rules):
        raise _refused(rules, f"{host} is a private address; {rules.setting} allows them.")


def _refused(rules, message):
    return DomainError(f"{rules.purpose}_url", message, fields={"url": message})


def is_allowed(address, rules):
    """Say whether an ip_address may be connected to: of the open internet, and of one host."""
    if rules.allows_private:
        return True
    if address.version == 6:
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo:
            inner = address.teredo[1]
        if address in TRANSLATED:
            inner = ipaddress.ip_address(address.packed[-4:])
        if inner is not None:
            return is_allowed(inner, rules)
    return address.is_global and not (address.is_multicast or address.is_reserved)


def post(
    url, body, headers, rules, *, timeout_seconds=TIMEOUT_SECONDS, most_bytes=MOST_ANSWER_BYTES
):
    """POST bytes to a URL and return the Answer; nothing that the other side does raises."""
    deadline = time.monotonic() + timeout_seconds
    try:
        scheme, host, port, path = checked_url(url, rules)
        address = resolve(host, port, rules)
        with _Connected(scheme, host, address, deadline) as connection:
            connection.request("POST", path, body=body, headers=headers)
            answer = _read(connection.getresponse(), most_bytes)
    except DomainError as error:
        return Answer(None, error.message)
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer = Answer(None, _said(error))
    # What was cut off may look whole.
    if time.monotonic() >= deadline:
        return Answer(None, f"There was no answer within {timeout_seconds:g} s.")
    return answer


def resolve(host, port, rules):
    """Return the socket address to connect to: the first of the host's that is allowed.

    Raises:
        DomainError: <purpose>_address, where none is.
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, _, _, _, address in found:
        if is_allowed(ipaddress.ip_address(address[0].partition("%")[0]), rules):
            return family, address
    message = f"{host} leads to a private address; {rules.setting} allows them."
    raise DomainError(f"{rules.purpose}_address", message)


class _Connected:
    """A connection to just this address, cut at the deadline whatever is going on."""

    def __init__(self, scheme, host, address, deadline):
        self._host, (self._family, self._address) = host, address
        self._deadline = deadline
        self._is_secure = scheme == "https"
        self._socket = self._timer = None

    def __enter__(self):
        left = max(0.01, self._deadline - time.monotonic())
        self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        self._timer = threading.Timer(left, self._cut)
        self._timer.daemon = True
        self._timer.start()
        try:
            self._socket.settimeout(left)
            self._socket.connect(self._address)
            if self._is_secure:
                context = ssl.create_default_context()
                # Shaken hands with only once the timer can reach the socket that does it.
                self._socket = context.wrap_socket(
                    self._socket, server_hostname=self._host, do_handshake_on_connect=False
                )
                self._socket.do_handshake()
        except BaseException:
            self.__exit__()
            raise
        kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
        connection = kind(self._host, self._address[1])
        connection.sock = self._socket
        return connection

    def __exit__(self, *error):
        self._timer.cancel()
        self._socket.close()

    def _cut(self):
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _read(response, most_bytes):
    body, status = response.read(most_bytes), response.status
    if 200 <= status < 300:
        return Answer(status, body=body)
    if 300 <= status < 400:
        return Answer(status, f"It answered {status}: redirects are not followed.")
    return Answer(status, f"It answered {status}.")


def _said(error):
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"It could not be reached: {reason}."[:300]
