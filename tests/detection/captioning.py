"""Vision endpoints that run in a thread, and a redactor that only encodes."""

import json

import numpy as np

from detection.vision.frames import SourceFrame
from hitlsite.errors import DomainError


class Encoder:
    """Hides nothing: for frames that show nobody."""

    def jpeg(self, image, private_polygons):
        import cv2

        return cv2.imencode(".jpg", image)[1].tobytes()


class Refuser:
    """Finds a face that cannot be hidden."""

    def jpeg(self, image, private_polygons):
        raise DomainError("frame_not_private", "The picture was not sent: a face is still seen.")


class Breaker:
    def jpeg(self, image, private_polygons):
        raise RuntimeError("no such weights")


def replies(body, status=200):
    """Return what makes a receiver answer these bytes."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def says_words(text):
    return replies(json.dumps({"choices": [{"message": {"content": text}}]}).encode())


def frame(at_seconds=0.0):
    return SourceFrame.from_image(np.full((48, 64, 3), 90, np.uint8), at_seconds)
