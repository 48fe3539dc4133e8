"""Asking the process that runs mediapipe's face detector, and believing it only so far.

One such process is kept by every worker process. One that dies is started once more for the
picture it died on; one that hangs or answers nonsense is killed and the picture has no answer.
Whoever asks gets faces or an exception, never silence.
"""

import logging
import math
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from review.privacy.mediapipe_child import (
    ANSWER,
    ANSWER_MAGIC,
    FACE,
    FACES,
    FAILURE,
    HELLO,
    PICTURE,
    PICTURE_MAGIC,
)
from review.privacy.regions import clipped, has_area

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
CHILD = (sys.executable, "-m", "review.privacy.mediapipe_child")
START_SECONDS, FRAME_SECONDS = 60.0, 20.0
MOST_ANSWER_BYTES = 1_000_000
FARTHEST = 3.0
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR", "TZ")


class MediapipeError(Exception):
    """There is no answer about a picture, and why."""


class _ChildGone(MediapipeError):
    """The process ended; a new one may do better."""


class MediapipeFaces:
    """mediapipe's face detector behind a pipe. Threads take turns.

    Args:
        path: the model's file.
        score: faces at or above it are answered, 0..1.
        start_seconds, frame_seconds: how long loading, and one picture, may take.
        command: what to start in place of the real process; it is given the model's path, the
            score and the two limits.
    """

    def __init__(
        self,
        path: Path,
        score: float,
        *,
        start_seconds: float = START_SECONDS,
        frame_seconds: float = FRAME_SECONDS,
        command=CHILD,
    ):
        limits = (math.ceil(start_seconds) + 1, math.ceil(frame_seconds) + 1)
        self._command = [*command, str(path), str(score), *(str(limit) for limit in limits)]
        self._start_seconds, self._frame_seconds = start_seconds, frame_seconds
        self._child = None
        self._turn = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Return the process's number, None before the first picture."""
        return self._child.pid if self._child else None

    def faces(self, image: np.ndarray) -> list[tuple[tuple, float]]:
        """Return (box normalised, score) of every face in a BGR picture, duplicates included.

        Raises:
            MediapipeError: the process died twice, hung, or answered nonsense or a failure.
        """
        with self._turn:
            try:
                return self._ask(image)
            except _ChildGone:
                self._stop()
                logger.warning("The mediapipe process ended and is started once more.")
            try:
                return self._ask(image)
            except _ChildGone:
                self._stop()
                raise

    def close(self) -> None:
        """End the process; the next picture starts a new one."""
        with self._turn:
            self._stop()

    def _ask(self, image):
        try:
            if self._child is None:
                self._start()
            deadline = time.monotonic() + self._frame_seconds
            header = PICTURE.pack(PICTURE_MAGIC, *image.shape[:2])
            self._send(header + np.ascontiguousarray(image).tobytes(), deadline)
            kind, content = self._receive(deadline)
            if kind == FAILURE:
                raise MediapipeError(f"mediapipe failed: {content.decode(errors='replace')}")
            if kind != FACES:
                raise _nonsense()
            return _faces_of(content)
        except MediapipeError:
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
            raise _nonsense()
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
            raise _nonsense()
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


def _faces_of(content):
    if len(content) % FACE.size:
        raise _nonsense()
    faces = []
    for *box, score in FACE.iter_unpack(content):
        is_sane = all(math.isfinite(side) and abs(side) <= FARTHEST for side in box)
        if not (is_sane and 0.0 <= score <= 1.0 and box[0] < box[2] and box[1] < box[3]):
            raise _nonsense()
        if has_area(box):
            faces.append((clipped(box), score))
    return faces


def _nonsense():
    return MediapipeError("The mediapipe process answered nonsense.")


_kept: dict[tuple, MediapipeFaces] = {}
_said = set()
_lock = threading.Lock()


def kept(path: Path, score: float) -> MediapipeFaces:
    """Return the detector that this process keeps for a model."""
    with _lock:
        return _kept.setdefault((str(path), score), MediapipeFaces(path, score))


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
    """Leave the parent's process to the parent; a fork must not write into its pipes."""
    global _lock
    _lock = threading.Lock()
    _kept.clear()


os.register_at_fork(after_in_child=_forget)
