"""What a vision model of somebody else's says of a running session's pictures, for people to read.

It must never slow the session: a session hands a frame over now and then and goes on. One thread of
its own hides what is private, asks the endpoint and stores the answer; a frame that comes while
another one waits is dropped. Whatever goes wrong is a row that says so, at most one a minute.
"""

import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from detection.models import Caption, Footage
from detection.services import excerpts
from detection.vision import caption_messages
from hitlsite import outbound
from hitlsite.errors import DomainError

logger = logging.getLogger(__name__)

ERROR_EVERY_SECONDS = 60.0
MOST_ANSWER_BYTES = 64 * 1024
_END = object()
_turns = None
_turns_lock = threading.Lock()


@dataclass
class Counts:
    """What became of the frames that were due."""

    handed_over: int = 0
    dropped: int = 0
    stored: int = 0
    failed: int = 0


class Captioner:
    """Ask for a sentence on a frame of one session every few seconds.

    Args:
        footage_id: whose frames these are.
        clock: seconds that only grow; by it errors are told at most once a minute.
    """

    def __init__(self, footage_id, *, clock=time.monotonic):
        self.footage_id = footage_id
        self.counts = Counts()
        self._clock = clock
        self._waiting = queue.Queue(maxsize=1)
        self._last_seconds = self._told_at = None
        self._redactor = self._thread = None
        self._is_closed = False

    @classmethod
    def for_footage(cls, footage):
        """Return the Captioner of a session of this footage, None where captions are off."""
        return cls(footage.pk) if settings.CAPTION_URL else None

    def see(self, frame, at_seconds):
        """Take a frame if one is due; it never waits and never raises.

        Args:
            frame: a SourceFrame.
        """
        try:
            if self._is_closed or not self._is_due(at_seconds):
                return
            self._last_seconds = at_seconds
            if self._waiting.full():
                self.counts.dropped += 1
                return
            # A copy: whoever else has the frame may draw into it.
            self._waiting.put_nowait((frame.image().copy(), at_seconds))
            self.counts.handed_over += 1
            self._start()
        except Exception:  # a sentence for people is worth no footage
            logger.warning("A frame of footage %s gets no caption.", self.footage_id, exc_info=True)

    def _is_due(self, at_seconds):
        if self._last_seconds is None or at_seconds < self._last_seconds:
            return True
        return at_seconds - self._last_seconds >= settings.CAPTION_EVERY_SECONDS

    def _start(self):
        if self._thread is None:
            name = f"captions-{self.footage_id}"
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()

    def close(self, wait_seconds=0.0):
        """Take no more frames; what was handed over is finished by the thread, which then ends.

        Args:
            wait_seconds: how long to wait for that.
        """
        self._is_closed = True
        if self._thread is None:
            return
        with suppress(queue.Full):  # the thread looks after each frame whether it was closed
            self._waiting.put_nowait(_END)
        if wait_seconds:
            self._thread.join(wait_seconds)

    def _work(self):
        try:
            while (taken := self._next()) is not _END:
                self._caption(*taken)
        except Exception:
            logger.warning("Captions of footage %s end.", self.footage_id, exc_info=True)
        finally:
            connection.close()  # this thread's own

    def _next(self):
        """Return what waits; once it is closed, nothing more is waited for."""
        if not self._is_closed:
            return self._waiting.get()
        try:
            return self._waiting.get_nowait()
        except queue.Empty:
            return _END

    def _caption(self, image, at_seconds):
        begun, text, error = time.perf_counter(), "", ""
        try:
            with _turn():
                text = self._asked(image)
        except DomainError as refusal:
            error = refusal.message
        except Exception as failure:  # a row says so, and the next frame may go well
            logger.warning("No caption of footage %s.", self.footage_id, exc_info=True)
            error = f"{type(failure).__name__} while the picture was prepared."
        try:
            self._store(at_seconds, text, error, time.perf_counter() - begun)
        except Exception:
            logger.warning("No caption of %s is stored.", self.footage_id, exc_info=True)
        finally:
            connection.close()

    def _asked(self, image):
        footage = Footage.objects.select_related("camera").get(pk=self.footage_id)
        polygons = excerpts.private_polygons(footage)
        # An idle connection for as long as a stranger takes to answer is one too many.
        connection.close()
        if self._redactor is None:
            self._redactor = import_string(settings.FRAME_REDACTOR)()
        return asked(self._redactor.jpeg(image, polygons))

    def _store(self, at_seconds, text, error, seconds_taken):
        if error:
            self.counts.failed += 1
            now = self._clock()
            if self._told_at is not None and now - self._told_at < ERROR_EVERY_SECONDS:
                return
            self._told_at = now
        row = Caption(
            footage_id=self.footage_id,
            at_seconds=at_seconds,
            text=text,
            error=error[:200],
            model=settings.CAPTION_MODEL[:100],
            seconds_taken=seconds_taken,
        )
        # A session that goes on from its checkpoint sees a moment twice.
        Caption.objects.bulk_create([row], ignore_conflicts=True)
        self.counts.stored += bool(text)


def asked(jpeg):
    """Return what the endpoint says of a picture that may be shown to anybody.

    Raises:
        DomainError: caption_failed, caption_unreadable.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if settings.CAPTION_KEY:
        headers["Authorization"] = f"Bearer {settings.CAPTION_KEY}"
    told = outbound.post(
        f"{settings.CAPTION_URL}/chat/completions",
        caption_messages.question(jpeg, settings.CAPTION_MODEL),
        headers,
        _rules(),
        timeout_seconds=settings.CAPTION_TIMEOUT,
        most_bytes=MOST_ANSWER_BYTES,
    )
    if not told.is_taken:
        raise DomainError("caption_failed", told.error)
    text = caption_messages.answer(told.body)
    if settings.CAPTION_KEY and settings.CAPTION_KEY in text:
        raise DomainError("caption_unreadable", "The answer repeats the key.")
    return text


def _rules():
    return outbound.Rules(
        purpose="caption",
        allows_private=settings.CAPTION_ALLOW_PRIVATE,
        # A model on this network seldom has a certificate.
        wants_https=settings.PRODUCTION and not settings.CAPTION_ALLOW_PRIVATE,
        setting="SECOND_LOOK_CAPTION_ALLOW_PRIVATE",
    )


def _turn():
    """Return what lets as many sessions of this process ask at once as the setting says."""
    global _turns
    with _turns_lock:
        if _turns is None:
            _turns = threading.BoundedSemaphore(settings.CAPTION_CONCURRENCY)
        return _turns
