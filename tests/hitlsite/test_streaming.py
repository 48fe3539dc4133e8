"""Pieces arrive in their order, whatever kind of server sends them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from django.test import AsyncRequestFactory, RequestFactory

from hitlsite.streaming import streamed

PIECES = [b"a", b"", b"b"]


def test_a_threaded_server_reads_the_pieces_themselves():
    response = streamed(RequestFactory().get("/"), iter(PIECES), content_type="text/plain")

    assert not response.is_async
    assert list(response.streaming_content) == PIECES
    assert response["Content-Type"] == "text/plain"


def test_an_event_loop_gets_the_same_pieces():
    response = streamed(AsyncRequestFactory().get("/"), iter(PIECES))

    async def gather():
        return [piece async for piece in response.streaming_content]

    assert response.is_async
    # In a thread of its own: a browser test of the same process leaves a loop in this one.
    with ThreadPoolExecutor() as pool:
        assert pool.submit(asyncio.run, gather()).result() == PIECES
