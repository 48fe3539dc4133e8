"""What runs in a process of its own for mediapipe, which is native code that calls home.

Such a process gets pictures through a pipe, answers bytes, and has nothing else: where the system
allows, it leaves the network before the library is loaded. It ends when its pipe ends, when its
parent is gone, and when one picture takes longer than it may.

What goes over the pipes, little-endian: a picture is ``PICTURE`` (magic, height, width) and its
BGR bytes; an answer is ``ANSWER`` (magic, kind, length) and so many bytes. The first answer is
HELLO, one byte: 1 where the network is out of reach.
"""

import ctypes
import os
import select
import signal
import struct
import sys

PICTURE = struct.Struct("<4sII")
ANSWER = struct.Struct("<4sBI")
PICTURE_MAGIC, ANSWER_MAGIC = b"SLp1", b"SLa1"
HELLO, FOUND, FAILURE = 0, 1, 2
MOST_SIDE_PX = 16_384
WATCH_SECONDS = 1.0

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def leave_network():
    """Move this process into a network of its own, which leads nowhere; say whether it worked."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    return unshare(CLONE_NEWNET) == 0 or unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0


def _read(count, parent):
    """Read so many bytes from the pipe; leave quietly when nobody is there to write them."""
    parts = bytearray()
    while len(parts) < count:
        if not select.select([0], [], [], WATCH_SECONDS)[0]:
            if os.getppid() != parent:
                sys.exit(0)
            continue
        part = os.read(0, min(count - len(parts), 1 << 20))
        if not part:
            sys.exit(0)
        parts += part
    return parts


def _write(stream, kind, content):
    stream.write(ANSWER.pack(ANSWER_MAGIC, kind, len(content)) + content)
    stream.flush()


def serve(load, start_seconds, frame_seconds):
    """Serve pictures until the pipe ends; a limit that is passed ends the process.

    Args:
        load: called without a network; returns what maps an RGB picture, (H, W, 3) uint8, to the
            bytes of the answer.
        start_seconds, frame_seconds: how long loading, and one picture, may take.
    """
    parent = os.getppid()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not come between the answers
    is_alone = leave_network()
    signal.alarm(int(start_seconds))
    try:
        import numpy

        found_in = load()
    except Exception as error:
        _write(answers, FAILURE, str(error).encode()[:2000])
        return
    _write(answers, HELLO, bytes([is_alone]))
    while True:
        signal.alarm(0)
        magic, height, width = PICTURE.unpack(_read(PICTURE.size, parent))
        if magic != PICTURE_MAGIC or not 0 < max(height, width) <= MOST_SIDE_PX:
            return
        pixels = _read(height * width * 3, parent)
        signal.alarm(int(frame_seconds))
        try:
            bgr = numpy.frombuffer(pixels, numpy.uint8).reshape(height, width, 3)
            found = found_in(bgr[..., ::-1])
        except Exception as error:
            _write(answers, FAILURE, str(error).encode()[:2000])
            continue
        _write(answers, FOUND, found)
