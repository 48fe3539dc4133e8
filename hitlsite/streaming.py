"""Long answers in pieces, under a threaded server and under an event loop alike."""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse


def streamed(request, chunks, **options):
    """Return a response that reads ``chunks`` (an iterator of bytes) as they are sent."""
    if isinstance(request, ASGIRequest):
        chunks = without_blocking(chunks)
    return StreamingHttpResponse(chunks, **options)


async def without_blocking(chunks):
    """Read chunks in a thread: an event loop would otherwise wait, or take them all at once."""
    following = sync_to_async(lambda: next(chunks, None))
    while (chunk := await following()) is not None:
        yield chunk
