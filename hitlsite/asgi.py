"""The ASGI entry point."""

import os

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitlsite.settings")
django.setup(set_prefix=False)

# They need the applications that are ready now.
from detection.api.streams import CameraStreams  # noqa: E402
from hitlsite import garbage  # noqa: E402
from review.views.events import LiveEvents  # noqa: E402


class OneThread(ASGIHandler):
    """Take a request through middleware and view in one go, in the thread that is its own.

    Nothing here is asynchronous but the event streams, which never come this way. Django's own
    handler passes the view back to the event loop and from there to the same thread once more,
    and a busy process makes every request wait for that.
    """

    def load_middleware(self, is_async=False):
        super().load_middleware(is_async=False)

    async def get_response_async(self, request):
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


application = LiveEvents(CameraStreams(OneThread()))
garbage.look_seldom()
