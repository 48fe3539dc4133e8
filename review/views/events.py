"""News for open pages, as server-sent events.

Django would keep a thread for as long as such an answer lasts, so the stream is an ASGI application
of its own, in front of Django's. Where there is no event loop (a WSGI server, the development
server) the view below answers 204 instead, after which a browser asks no more.
"""

import asyncio
import json

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from review.selectors import live as place_reader
from review.services import live
from review.views.access import reviewers_only

PATHS = ("/events", "/events/")
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 5000
TRY_AGAIN_SECONDS = 60
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'"),
)


@require_safe
@reviewers_only
def events(request):
    """Say that there is no stream here."""
    return HttpResponse(status=204)


class LiveEvents:
    """The ASGI application: the stream of events, and Django for everything else."""

    def __init__(self, django, *, board=None, heartbeat_seconds=HEARTBEAT_SECONDS):
        self._django = django
        self._board = board or live.Board()
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] not in PATHS or not _is_ours(scope):
            return await self._django(scope, receive, send)
        return await self._answer(ASGIRequest(scope, None), receive, send)

    async def _answer(self, request, receive, send):
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        place = place_reader.read_place(request.headers.get("Last-Event-ID"))
        try:
            watcher = await self._board.join(session, place=place) if session else None
        except live.TooMany:
            message = f"You have these pages open in {live.MOST_A_PERSON} places already."
            retry = (b"retry-after", str(TRY_AGAIN_SECONDS).encode())
            return await _refuse(send, 429, "too_many", message, retry)
        if watcher is None:
            return await _refuse(send, 403, "forbidden", "Sign in as a reviewer of a site.")
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            await _send(send, f"retry: {RETRY_MILLISECONDS}\n\n")
            await self._pass_on(watcher, gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._board.leave(watcher)
        return None

    async def _pass_on(self, watcher, gone, send):
        """Send what the watcher is told until the client has gone or the watch is over."""
        while True:
            following = asyncio.create_task(watcher.waiting.get())
            done, _ = await asyncio.wait(
                {following, gone},
                timeout=self._heartbeat_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if following not in done:
                following.cancel()
            if gone in done:
                return
            if following not in done:
                await _send(send, ": still here\n\n")
                continue
            message = following.result()
            if message is None:
                return
            await _send(send, spelled(*message))


def _is_ours(scope):
    """Say whether a request is one to stream to; Django refuses or redirects the others."""
    if scope["method"] != "GET":
        return False
    request = ASGIRequest(scope, None)
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return request.is_secure() or not settings.SECURE_SSL_REDIRECT


def spelled(kind, told, place):
    """Return one event as the lines of a stream."""
    number = f"id: {place}\n" if place is not None else ""
    return f"{number}event: {kind}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"


async def _until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send, text):
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _refuse(send, status, code, message, *headers):
    body = json.dumps({"error": {"code": code, "message": message, "fields": {}}}).encode()
    told = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
