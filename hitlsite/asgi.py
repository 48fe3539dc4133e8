"""The ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hitlsite.settings")

application = get_asgi_application()

from review.views.events import LiveEvents  # noqa: E402  needs the applications that are ready now

application = LiveEvents(application)
