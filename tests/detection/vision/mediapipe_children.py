"""Processes that stand in for mediapipe's: they greet, read pictures and run given code."""

import sys
import textwrap

from detection.vision.mediapipe_pipe import ANSWER, ANSWER_MAGIC, FAILURE, FOUND, HELLO

HELLO_ANSWER = ANSWER.pack(ANSWER_MAGIC, HELLO, 1) + b"\1"
_READS_PICTURES = """
def read(count):
    parts = b''
    while len(parts) < count:
        part = os.read(0, count - len(parts))
        if not part: sys.exit()
        parts += part
    return parts
while True:
    _, height, width = struct.unpack('<4sII', read(12))
"""


def answer(content, kind=FOUND, magic=ANSWER_MAGIC, length=None):
    return ANSWER.pack(magic, kind, len(content) if length is None else length) + content


def failure(sentence):
    return writes(answer(sentence.encode(), kind=FAILURE))


def writes(content):
    return f"os.write(1, {content!r})"


def dies_once(folder, body):
    """Return code that ends the process in the first picture and later runs ``body``."""
    once = str(folder / "died")
    return (
        f"if not os.path.exists({once!r}):\n"
        f"    open({once!r}, 'w').close()\n"
        "    os._exit(9)\n" + textwrap.dedent(body)
    )


def command(folder, body, *, hello=HELLO_ANSWER, reads_pixels=True):
    """Write a process that runs ``body`` for every picture; return the command that starts it."""
    script = folder / f"child-{len(list(folder.glob('child-*')))}.py"
    in_loop = "read(height * width * 3)\n" * reads_pixels + textwrap.dedent(body)
    script.write_text(
        "import os, struct, sys, time\n"
        f"os.write(1, {hello!r})\n" + _READS_PICTURES + textwrap.indent(in_loop, "    ")
    )
    return sys.executable, str(script)
