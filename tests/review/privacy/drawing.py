"""Pictures, clips and detectors that the privacy tests draw for themselves."""

from fractions import Fraction

import av
import cv2
import numpy as np

from detection.vision.types import Detections

WIDTH, HEIGHT = 320, 240
HEAD_COLOUR, BODY_COLOUR = (40, 40, 220), (200, 120, 40)


def draw_person(image, left, top, height):
    """Draw a figure with a striped head, which any loss of detail makes grey."""
    head = height // 5
    body_width = height * 2 // 5
    cv2.rectangle(
        image, (left, top + head), (left + body_width, top + height), BODY_COLOUR, cv2.FILLED
    )
    x = left + (body_width - head) // 2
    image[top : top + head, x : x + head] = HEAD_COLOUR
    image[top : top + head : 2, x : x + head] = 255


def scene(*people):
    """Return a textured picture with people at (left, top, height)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    grey = (96 + 24 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.uint8)
    image = np.dstack([grey] * 3)
    for person in people:
        draw_person(image, *person)
    return image


def write_image(path, image):
    assert cv2.imwrite(str(path), image)
    return path


def write_clip(path, images, *, fps=10, times=None, pix_fmt="yuv420p"):
    """Write an MP4; ``times`` in milliseconds makes it vary its frame rate."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "g": "10"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.time_base = Fraction(1, 1000)
            frame.pts = times[number] if times else number * 1000 // fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_clip(path):
    """Return (times in seconds, pictures) of a clip."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.time for frame in frames], [f.to_ndarray(format="bgr24") for f in frames]


class ColourDetector:
    """Sees people by the colour of their bodies, so that it needs no weights.

    A box reaches one quarter of the body's height above the body: a drawn person whole. The
    detector does not look at the head, as real ones do not need to.
    """

    name, backend, input_size, precision = "colour", "torch", 0, "none"
    class_names, weights_sha256 = ("person",), None

    def __init__(self, class_name="person", score=0.9):
        self.class_name, self.score, self.calls = class_name, score, 0

    def detect(self, image, at_seconds):
        self.calls += 1
        near = np.abs(image.astype(int) - BODY_COLOUR).max(axis=2) < 40
        stats = cv2.connectedComponentsWithStats(near.astype(np.uint8))[2][1:]
        boxes = [
            (x / image.shape[1], max(y - h / 4, 0) / image.shape[0])
            + ((x + w) / image.shape[1], (y + h) / image.shape[0])
            for x, y, w, h, area in stats.tolist()
            if area > 200
        ]
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.full(len(boxes), self.score, np.float32),
            (self.class_name,) * len(boxes),
        )


class BreakingDetector(ColourDetector):
    """Raises from a given call on."""

    def __init__(self, after=0):
        super().__init__()
        self.after = after

    def detect(self, image, at_seconds):
        found = super().detect(image, at_seconds)
        if self.calls > self.after:
            raise RuntimeError("out of memory")
        return found
