"""What a camera's task classifier says, as server-sent events.

The view answers with what is new and ends, after which a browser asks again from the last event
that it got: that is all there is under a threaded server. Under an event loop ``CameraStreams``
stands in front of Django. It has the same view answer first, so that whoever may not listen hears
so from it, then keeps the connection and looks for news itself: a listener costs no thread and no
connection to the database while nothing happens.
"""

import asyncio
import json
import re
import time
from collections import Counter

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.views import APIView

from detection.models import Camera
from detection.services import task_feed
from hitlsite.api.serializers import refusals
from hitlsite.bounds import as_id
from hitlsite.errors import Forbidden, NotFound

PATH = re.compile(r"/api/v1/cameras/[0-9]{1,18}/stream/?")
SEE = ("detection.view_camera", "detection.view_tasklog")
# Told to those alone who may see them elsewhere too.
SEE_TOO = {"caption": "detection.view_caption", "incident": "detection.view_incident"}
CONTENT_TYPE = "text/event-stream; charset=utf-8"
RETRY_MILLISECONDS = 2000
LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
# So often a listener's rights are looked at again, and so long a connection lasts at most.
CHECK_SECONDS = 30.0
LONGEST_SECONDS = 600.0
MOST_A_PERSON, MOST_IN_ALL = 6, 100
TRY_AGAIN_SECONDS = 60
# What the view tells the application in front of it; no client sees these.
_LISTENER, _CAMERA, _PLACE, _HIDES = b"x-listener", b"x-camera", b"x-place", b"x-hides"
_INTERNAL = {_LISTENER, _CAMERA, _PLACE, _HIDES}


class AnyAccept(BaseContentNegotiation):
    """Answer refusals as JSON also to those who only asked for events."""

    def select_parser(self, request, parsers):
        return parsers[0]

    def select_renderer(self, request, renderers, format_suffix=None):
        return renderers[0], renderers[0].media_type


class CameraStreamView(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="cameras_stream",
        summary="What people do before a camera, as server-sent events",
        description=(
            "`sample` {t, task_prediction, task_confidence, footage, caption?, caption_t?}, "
            "`segment` {start, end, task_prediction, task_confidence, footage} once it has ended, "
            "`incident` {incident, state: opened or closed, t, category, severity, why, footage}, "
            "`finished` {footage, is_whole, damage}. Every event has an id; the header "
            "`Last-Event-ID` goes on behind it, without loss or repetition. A connection lasts "
            "ten minutes at most, and six of a person are open at once. A threaded server answers "
            "with what is new and ends."
        ),
        parameters=[
            OpenApiParameter(
                "task_model",
                description="name of a deployment; without it, whatever serves the camera",
            ),
            OpenApiParameter("Last-Event-ID", location=OpenApiParameter.HEADER),
        ],
        responses={(200, "text/event-stream"): OpenApiTypes.STR, **refusals(404)},
    )
    def get(self, request, pk):
        camera = Camera.objects.visible_to(request.user).filter(pk=as_id(pk)).first()
        if camera is None:
            raise NotFound("There is no such camera.", code="camera_unknown")
        if not request.user.has_perms(SEE):
            raise Forbidden("You may not see what people do before cameras.")
        place = task_feed.read_place(request.headers.get("Last-Event-ID"))
        hides = [kind for kind, may in SEE_TOO.items() if not request.user.has_perm(may)]
        task_model = request.query_params.get("task_model", "")
        feed = task_feed.Feed(camera.pk, task_model=task_model, place=place, hides=hides)
        begin = f"retry: {RETRY_MILLISECONDS}\nid: {feed.place}\n\n"
        answer = HttpResponse(begin + spelled(feed.look()), content_type=CONTENT_TYPE)
        answer["Cache-Control"] = "no-store"
        answer["X-Accel-Buffering"] = "no"
        answer["X-Listener"] = str(request.user.pk)
        answer["X-Camera"] = str(camera.pk)
        answer["X-Place"] = str(feed.place)
        answer["X-Hides"] = ",".join(hides)
        return answer


def spelled(events):
    """Return events as the lines of a stream."""
    return "".join(
        f"id: {event.place}\nevent: {event.kind}\n"
        f"data: {json.dumps(event.told, ensure_ascii=False)}\n\n"
        for event in events
    )


class CameraStreams:
    """The ASGI application: streams of cameras, and the one behind it for everything else."""

    def __init__(self, behind, *, look_seconds=LOOK_SECONDS, longest_seconds=LONGEST_SECONDS):
        self._behind = behind
        self._look_seconds, self._longest_seconds = look_seconds, longest_seconds
        self._listeners = Counter()

    async def __call__(self, scope, receive, send):
        is_ours = scope["type"] == "http" and scope["method"] == "GET"
        if not is_ours or not PATH.fullmatch(scope["path"]):
            return await self._behind(scope, receive, send)
        answer = await self._asked(scope)
        told = answer.told
        if not answer.is_stream:
            return await answer.pass_on(send)
        listener = told[_LISTENER]
        if self._listeners[listener] >= MOST_A_PERSON or self._listeners.total() >= MOST_IN_ALL:
            return await _refuse(send)
        self._listeners[listener] += 1
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await answer.pass_on(send, goes_on=True)
            await self._go_on(scope, answer, gone, send)
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            self._listeners[listener] -= 1
        return None

    async def _asked(self, scope, place=None):
        """Return what the view answers, asked as the client asked, from a place on."""
        unwanted = {b"accept-encoding"} | ({b"last-event-id"} if place else set())
        headers = [pair for pair in scope["headers"] if pair[0] not in unwanted]
        if place:
            headers.append((b"last-event-id", place))
        answer = _Answer()
        await self._behind({**scope, "headers": headers}, _receiver(), answer.take)
        return answer

    async def _go_on(self, scope, answer, gone, send):
        """Look for news until the client has gone, may not listen any more, or has had its time."""
        place, began = answer.told[_PLACE], time.monotonic()
        checked = spoke = began
        while time.monotonic() - began < self._longest_seconds:
            done, _ = await asyncio.wait({gone}, timeout=self._look_seconds)
            if done:
                return
            if time.monotonic() - checked >= CHECK_SECONDS:
                checked = time.monotonic()
                answer = await self._asked(scope, place)
                if not answer.is_stream:
                    return
                text, place = answer.news, answer.told[_PLACE]
            else:
                text, place = await _in_thread(_look, scope, answer.told, place)
            if not text and time.monotonic() - spoke >= HEARTBEAT_SECONDS:
                text = ": still here\n\n"
            if text:
                spoke = time.monotonic()
                await _send(send, text)


class _Answer:
    """What the view answered."""

    def __init__(self):
        self._start, self._body = None, b""

    async def take(self, message):
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    @property
    def told(self):
        headers = self._start["headers"] if self._start else ()
        return {name.lower(): value for name, value in headers}

    @property
    def is_stream(self):
        return _LISTENER in self.told and self._start["status"] == 200

    @property
    def news(self):
        """Return the events without what a stream begins with."""
        return self._body.decode().partition("\n\n")[2]

    async def pass_on(self, send, *, goes_on=False):
        dropped = _INTERNAL | ({b"content-length"} if goes_on else set())
        headers = [pair for pair in self._start["headers"] if pair[0].lower() not in dropped]
        await send({**self._start, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": goes_on})


def _look(scope, told, place):
    """Return (events as text, the place behind them).

    Args:
        told: headers of what the view answered.
    """
    from django.http import QueryDict

    task_model = QueryDict(scope["query_string"]).get("task_model", "")
    try:
        start = task_feed.read_place(place.decode())
        camera, hides = int(told[_CAMERA]), told[_HIDES].decode().split(",")
        feed = task_feed.Feed(camera, task_model=task_model, place=start, hides=hides)
        events = feed.look()
    except (DatabaseError, NotFound):
        return "", place  # the next check says it, or it was a moment's trouble
    return spelled(events), str(feed.place).encode()


def _receiver():
    """Return the receiving end of a request without a body, whose client stays."""
    is_asked = False

    async def receive():
        nonlocal is_asked
        if is_asked:
            await asyncio.Event().wait()
        is_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _in_thread(function, *args):
    """Run a function of the database in a thread, which keeps no connection afterwards."""

    def run():
        try:
            return function(*args)
        finally:
            connection.close()

    return await sync_to_async(run, thread_sensitive=False)()


async def _until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send, text):
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _refuse(send):
    message = f"You listen from {MOST_A_PERSON} places already, or too many people listen."
    body = json.dumps({"error": {"code": "too_many", "message": message, "fields": {}}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"retry-after", str(TRY_AGAIN_SECONDS).encode()),
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body})
