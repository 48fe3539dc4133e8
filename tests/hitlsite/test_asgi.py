"""Ordinary requests through the ASGI application, each in one thread of its own."""

import asyncio
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpResponse
from django.urls import path

from hitlsite.asgi import OneThread

seen = {}


def note(request):
    seen["view"] = threading.get_ident()
    return HttpResponse(request.body.upper(), status=int(request.GET.get("status", 200)))


def fail(request):
    raise RuntimeError("a view that breaks")


urlpatterns = [path("note", note), path("fail", fail)]


class Noting:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        seen["before"] = threading.get_ident()
        response = self.get_response(request)
        seen["after"] = threading.get_ident()
        return response


@pytest.fixture
def app(settings):
    settings.ROOT_URLCONF = settings.ERROR_URLCONF = __name__
    settings.MIDDLEWARE = [f"{__name__}.Noting", "django.middleware.common.CommonMiddleware"]
    settings.ALLOWED_HOSTS = ["testserver"]
    seen.clear()
    return OneThread()


def ask(app, target, body=b""):
    """Return (status, body) of one request."""
    address, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": address,
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver")],
    }

    async def talk():
        link = ApplicationCommunicator(app, scope)
        await link.send_input({"type": "http.request", "body": body})
        head = await link.receive_output(5)
        rest = await link.receive_output(5)
        return head["status"], rest["body"]

    return asyncio.run(talk())


@pytest.mark.parametrize("status", [200, 409])
def test_middleware_and_view_share_a_thread_that_is_not_the_loops(app, status):
    assert ask(app, f"/note?status={status}", b"words") == (status, b"WORDS")
    assert len(set(seen.values())) == 1
    assert seen.keys() == {"before", "view", "after"}
    assert seen["view"] != threading.get_ident()


def test_a_view_that_breaks_answers_500(app, settings, caplog):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    status, _ = ask(app, "/fail")
    assert status == 500
    assert "after" in seen
