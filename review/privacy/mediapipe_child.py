"""A process of its own for mediapipe's face detector; see ``detection.vision.mediapipe_pipe``.

A picture is answered with the packed faces of the whole and of its tiles, duplicates included.
"""

import struct
import sys

from detection.vision.mediapipe_pipe import serve

FACE = struct.Struct("<5f")  # x1, y1, x2, y2 (normalised, may reach outside), score
# The network squeezes what it gets into 128 px: on the whole picture it sees near faces only.
TILES = ((0.0, 0.0, 1.0, 1.0),) + tuple(
    (left, top, left + 0.5, top + 0.5) for top in (0.0, 0.5) for left in (0.0, 0.25, 0.5)
)


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


def main(path, score, start_seconds, frame_seconds):
    """Serve pictures until the pipe ends."""
    serve(lambda: Detector(path, float(score)).faces, start_seconds, frame_seconds)


if __name__ == "__main__":
    main(*sys.argv[1:5])
