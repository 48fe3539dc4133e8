"""Asking a process that runs mediapipe, and believing it only so far.

One such process of each kind is kept by every worker process. One that dies is started once more
for the picture it died on; one that hangs or answers nonsense is killed and the picture has no
answer. Whoever asks gets an answer or an exception, never silence.
"""

import logging
import math
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detection.vision.mediapipe_pipe import (
    ANSWER,
    ANSWER_MAGIC,
    FAILURE,
    FOUND,
    HELLO,
    MOST_SIDE_PX,
    PICTURE,
    PICTURE_MAGIC,
)

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, FRAME_SECONDS = 60.0, 20.0
MOST_ANSWER_BYTES = 1_000_000
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "TZ")


class MediapipeError(Exception):
    """There is no answer about a picture, and why."""


class _ChildGone(MediapipeError):
    """The process ended; a new one may do better."""


def child_of(module: str) -> tuple[str, ...]:
    """Return the command that runs a module of the project in a process of its own."""
    return sys.executable, "-m", module


def nonsense() -> MediapipeError:
    return MediapipeError("The mediapipe process answered nonsense.")


class MediapipeProcess:
    """mediapipe behind a pipe. Threads take turns.

    Args:
        command: what to start; it is given the two limits as its last arguments.
        start_seconds, frame_seconds: how long loading, and one picture, may take.
    """

    def __init__(
        self,
        command,
        *,
        start_seconds: float = START_SECONDS,
        frame_seconds: float = FRAME_SECONDS,
    ):
        limits = (math.ceil(start_seconds) + 1, math.ceil(frame_seconds) + 1)
        self._command = [*command, *(str(limit) for limit in limits)]
        self._start_seconds, self._frame_seconds = start_seconds, frame_seconds
        self._leave_to_parent()
        _all.add(self)

    @property
    def pid(self) -> int | None:
        """Return the process's number, None before the first picture."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the process; the next picture starts a new one."""
        with self._turn:
            self._stop()

    def answer(self, image: np.ndarray, understood: Callable):
        """Return what ``understood`` makes of the bytes that answer a BGR picture.

        Raises:
            MediapipeError: the process died twice, hung, or answered nonsense or a failure; the
                picture is larger than any may be.
            ValueError: it is no picture, (H, W, 3) uint8.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"{image.dtype} {image.shape} is no BGR picture.")
        if max(image.shape) > MOST_SIDE_PX:
            height, width = image.shape[:2]
            raise MediapipeError(f"A picture of {width} x {height} is too large for mediapipe.")
        with self._turn:
            try:
                return self._ask(image, understood)
            except _ChildGone:
                logger.warning("The mediapipe process ended and is started once more.")
            return self._ask(image, understood)

    def _leave_to_parent(self):
        """Know of no process: after a fork, that of the parent is the parent's alone."""
        self._child = None
        self._turn = threading.Lock()

    def _ask(self, image, understood):
        try:
            if self._child is None:
                self._start()
            deadline = time.monotonic() + self._frame_seconds
            header = PICTURE.pack(PICTURE_MAGIC, *image.shape[:2])
            self._send(header + np.ascontiguousarray(image).tobytes(), deadline)
            kind, content = self._receive(deadline)
            if kind == FAILURE:
                raise MediapipeError(f"mediapipe failed: {content.decode(errors='replace')}")
            if kind != FOUND:
                raise nonsense()
            return understood(content)
        except BaseException:
            # Whatever interrupts a picture, its answer must not be read as that of the next.
            self._stop()
            raise

    def _start(self):
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "GLOG_minloglevel": "3"}
        self._child = subprocess.Popen(
            self._command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment,
        )
        for pipe in (self._child.stdin, self._child.stdout):
            os.set_blocking(pipe.fileno(), False)
        kind, content = self._receive(time.monotonic() + self._start_seconds)
        if kind == FAILURE:
            reason = content.decode(errors="replace")
            raise MediapipeError(f"mediapipe's model could not be loaded: {reason}")
        if kind != HELLO or len(content) != 1:
            raise nonsense()
        _say_once(is_alone=content == b"\1")

    def _stop(self):
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()

    def _send(self, content, deadline):
        rest = memoryview(content)
        while rest:
            self._wait(writing=True, deadline=deadline)
            try:
                rest = rest[os.write(self._child.stdin.fileno(), rest[: 1 << 20]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _ChildGone("The mediapipe process ended.") from error

    def _receive(self, deadline):
        """Return (kind, content) of one answer."""
        magic, kind, length = ANSWER.unpack(self._read(ANSWER.size, deadline))
        if magic != ANSWER_MAGIC or length > MOST_ANSWER_BYTES:
            raise nonsense()
        return kind, self._read(length, deadline)

    def _read(self, count, deadline):
        parts = b""
        while len(parts) < count:
            self._wait(writing=False, deadline=deadline)
            try:
                part = os.read(self._child.stdout.fileno(), count - len(parts))
            except BlockingIOError:
                continue
            if not part:
                raise _ChildGone("The mediapipe process ended.")
            parts += part
        return parts

    def _wait(self, *, writing, deadline):
        left = deadline - time.monotonic()
        waits = ([], [self._child.stdin], []) if writing else ([self._child.stdout], [], [])
        if left <= 0 or not any(select.select(*waits, left)):
            raise MediapipeError("The mediapipe process did not answer in time.")


_all: weakref.WeakSet[MediapipeProcess] = weakref.WeakSet()
_kept: dict[tuple, MediapipeProcess] = {}
_said = set()
_lock = threading.Lock()


def kept(kind, *arguments):
    """Return the ``kind(*arguments)`` that this process keeps, a MediapipeProcess."""
    with _lock:
        key = (kind, *arguments)
        if key not in _kept:
            _kept[key] = kind(*arguments)
        return _kept[key]


def _say_once(*, is_alone):
    if is_alone not in _said:
        _said.add(is_alone)
        if is_alone:
            logger.info("mediapipe runs in a process without a network.")
        else:
            logger.warning(
                "mediapipe runs in a process that could not leave the network: this system does"
                " not allow it. SECOND_LOOK_MEDIAPIPE=0 runs without mediapipe."
            )


def _forget():
    """Leave the parent's processes to the parent; a fork must not write into their pipes."""
    global _lock
    _lock = threading.Lock()
    _kept.clear()
    for one in list(_all):
        one._leave_to_parent()


os.register_at_fork(after_in_child=_forget)
