"""Captions: sentences on pictures by somebody else's vision model; off unless an address is set."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from hitlsite.settings import env

CAPTION_URL = env.text("SECOND_LOOK_CAPTION_URL").rstrip("/")
CAPTION_MODEL = env.text("SECOND_LOOK_CAPTION_MODEL")
CAPTION_KEY = env.text("SECOND_LOOK_CAPTION_KEY")
CAPTION_EVERY_SECONDS = env.number(
    "SECOND_LOOK_CAPTION_EVERY_SECONDS", 10.0, minimum=1, maximum=86_400, kind=float
)
CAPTION_TIMEOUT = env.number(
    "SECOND_LOOK_CAPTION_TIMEOUT", 10.0, minimum=0.1, maximum=120, kind=float
)
CAPTION_CONCURRENCY = env.number("SECOND_LOOK_CAPTION_CONCURRENCY", 1, minimum=1, maximum=16)
CAPTION_ALLOW_PRIVATE = env.flag("SECOND_LOOK_CAPTION_ALLOW_PRIVATE", False)

# What hides faces in a picture before it is sent; detection knows it by this name alone.
FRAME_REDACTOR = "review.services.outgoing_frames.FrameRedactor"

if CAPTION_URL:
    try:
        _parts = urlsplit(CAPTION_URL)
        _is_address = _parts.scheme in ("http", "https") and bool(_parts.hostname)
    except ValueError:
        _is_address = False
    # The address is not said again: there may be a secret in it.
    if not _is_address:
        raise ImproperlyConfigured(
            "SECOND_LOOK_CAPTION_URL must begin with https:// or http:// and name a host."
        )
    if not CAPTION_MODEL:
        raise ImproperlyConfigured(
            "SECOND_LOOK_CAPTION_MODEL must name the model that SECOND_LOOK_CAPTION_URL serves."
        )
if not (CAPTION_KEY.isascii() and CAPTION_KEY.isprintable()):
    raise ImproperlyConfigured("SECOND_LOOK_CAPTION_KEY must be printable ASCII.")
