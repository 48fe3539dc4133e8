"""A process of its own for mediapipe's face detector, which is native code that calls home.

It gets pictures through a pipe, answers boxes, and has nothing else: where the system allows, it
leaves the network before the library is loaded. It ends when its pipe ends, when its parent is
gone, and when one picture takes longer than it may.

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
FACE = struct.Struct("<5f")  # x1, y1, x2, y2 (normalised, may reach outside), score
PICTURE_MAGIC, ANSWER_MAGIC = b"SLp1", b"SLa1"
HELLO, FACES, FAILURE = 0, 1, 2
MOST_SIDE_PX = 16_384
WATCH_SECONDS = 1.0

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
# The network squeezes what it gets into 128 px: on the whole picture it sees near faces only.
TILES = ((0.0, 0.0, 1.0, 1.0),) + tuple(
    (left, top, left + 0.5, top + 0.5) for top in (0.0, 0.5) for left in (0.0, 0.25, 0.5)
)


def leave_network():
    """Move this process into a network of its own, which leads nowhere; say whether it worked."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    return unshare(CLONE_NEWNET) == 0 or unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0


class Detector:
    """mediapipe's detector over a picture and its tiles."""

    def __init__(self, path, score):
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._mediapipe = mediapipe
        with open(path, "rb") as stream:
            model = BaseOptions(model_asset_buffer=stream.read())
        self._detector = vision.FaceDetector.create_from_options(
            vision.FaceDetectorOptions(base_options=model, min_detection_confidence=score)
        )

    def faces(self, rgb):
        """Return packed FACE rows of a picture, (H, W, 3) uint8."""
        height, width = rgb.shape[:2]
        return b"".join(
            self._tile(rgb, tile) for tile in TILES if min(height, width) > 64 or tile is TILES[0]
        )

    def _tile(self, rgb, tile):
        import numpy

        height, width = rgb.shape[:2]
        left, top = round(tile[0] * width), round(tile[1] * height)
        part = rgb[top : round(tile[3] * height), left : round(tile[2] * width)]
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=numpy.ascontiguousarray(part)
        )
        rows = []
        for face in self._detector.detect(image).detections:
            box = face.bounding_box
            x, y = left + box.origin_x, top + box.origin_y
            corners = (x / width, y / height, (x + box.width) / width, (y + box.height) / height)
            rows.append(FACE.pack(*corners, min(max(face.categories[0].score, 0.0), 1.0)))
        return b"".join(rows)


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


def main(path, score, start_seconds, frame_seconds):
    """Serve pictures until the pipe ends; a limit that is passed ends the process."""
    parent = os.getppid()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not come between the answers
    is_alone = leave_network()
    signal.alarm(int(start_seconds))
    try:
        import numpy

        detector = Detector(path, float(score))
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
            found = detector.faces(bgr[..., ::-1])
        except Exception as error:
            _write(answers, FAILURE, str(error).encode()[:2000])
            continue
        _write(answers, FACES, found)


if __name__ == "__main__":
    main(*sys.argv[1:5])
