"""One frame of footage, converted only as far as somebody asks.

Most decoded frames are never looked at: they pass through the pre-roll ring and are dropped. A
frame therefore keeps the decoder's own picture and turns it into BGR, into a small grey image or
into an encodable picture when that is asked for, and not before.
"""

import threading

import av
import cv2
import numpy as np

_local = threading.local()


class SourceFrame:
    """One decoded frame with its presentation time.

    Attributes:
        index: decode order from the start of the source, -1 where unknown (after a seek).
        at_seconds: presentation time on the source's clock.
        width, height: pixels, upright.
    """

    __slots__ = (
        "_image",
        "_picture",
        "_quarter_turns",
        "_small",
        "at_seconds",
        "height",
        "index",
        "width",
    )

    def __init__(self, index, at_seconds, *, picture=None, image=None):
        self.index = index
        self.at_seconds = at_seconds
        self._picture = picture
        self._image = image
        self._small = {}
        self._quarter_turns = 0
        if picture is None:
            self.height, self.width = image.shape[:2]
            return
        self.width, self.height = picture.width, picture.height
        if picture.rotation:
            self._quarter_turns = round(picture.rotation / 90) % 4
        if self._quarter_turns % 2:
            self.width, self.height = self.height, self.width

    @classmethod
    def from_image(cls, image, at_seconds, index=-1):
        """Wrap a (H, W, 3) uint8 BGR array, such as a photo or a rendered scene."""
        return cls(index, at_seconds, image=np.ascontiguousarray(image))

    def image(self):
        """Return the frame as (H, W, 3) uint8 BGR, upright; converted once."""
        if self._image is None:
            converted = reformatter().reformat(self._picture, format="bgr24", threads=1)
            self._image = _turned(converted.to_ndarray(), self._quarter_turns)
        return self._image

    def small_gray(self, width):
        """Return luma as (h, w) uint8, reduced by a whole factor to at most ``width`` columns.

        A whole factor keeps the area average cheap; up to factor - 1 rows and columns are cut off
        at the right and at the bottom. Kept for the next caller who asks for the same width.
        """
        small = self._small.get(width)
        if small is None:
            small = self._small[width] = self._reduced_luma(width)
        return small

    def _reduced_luma(self, width):
        luma = self._luma()
        factor = max(1, -(-self.width // width))
        rows, columns = luma.shape[0] // factor, luma.shape[1] // factor
        if rows == 0 or columns == 0:
            return np.ascontiguousarray(luma)
        luma = luma[: rows * factor, : columns * factor]
        return cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA)

    def picture(self, width, height):
        """Return an upright ``av.VideoFrame`` in yuv420p of exactly this size (even numbers).

        It may be the decoder's own picture: copy before writing into it.
        """
        if self._picture is None:
            return _picture_of_image(self._image, width, height)
        turned = self._quarter_turns % 2
        size = (height, width) if turned else (width, height)
        scaled = reformatter().reformat(
            self._picture, *size, format="yuv420p", interpolation="BILINEAR", threads=1
        )
        if not self._quarter_turns:
            return scaled
        return _turned_picture(scaled, self._quarter_turns)

    def raw(self):
        """Return the same frame without its converted image, to be held at small cost."""
        if self._picture is None or self._image is None:
            return self
        return SourceFrame(self.index, self.at_seconds, picture=self._picture)

    def reduced(self, width, height):
        """Return the frame at a smaller, even size, so that a ring of large frames stays small."""
        return SourceFrame(self.index, self.at_seconds, picture=self.picture(width, height))

    def _luma(self):
        picture = self._picture
        if picture is None:
            return cv2.cvtColor(self._image, cv2.COLOR_BGR2GRAY)
        if not _has_luma_plane(picture.format):
            return cv2.cvtColor(self.image(), cv2.COLOR_BGR2GRAY)
        return _turned(plane_array(picture.planes[0]), self._quarter_turns)


def plane_array(plane):
    """Return a view of an 8-bit plane as (height, width) uint8; writes go to the picture."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def reformatter():
    """Return this thread's converter: making one anew costs more than a conversion."""
    if not hasattr(_local, "reformatter"):
        _local.reformatter = av.video.reformatter.VideoReformatter()
    return _local.reformatter


def _has_luma_plane(picture_format):
    is_planar = picture_format.name.startswith(("yuv4", "yuvj4", "nv12", "nv21", "gray"))
    return is_planar and picture_format.components[0].bits == 8


def _turned(array, quarter_turns):
    if not quarter_turns:
        return array
    return np.ascontiguousarray(np.rot90(array, quarter_turns))


def _turned_picture(picture, quarter_turns):
    planes = [_turned(plane_array(plane), quarter_turns) for plane in picture.planes[:3]]
    height, width = planes[0].shape
    turned = av.VideoFrame(width, height, "yuv420p")
    for target, plane in zip(turned.planes, planes, strict=True):
        plane_array(target)[:] = plane
    return turned


def _picture_of_image(image, width, height):
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    picture = av.VideoFrame.from_ndarray(image, format="bgr24")
    return reformatter().reformat(picture, format="yuv420p", threads=1)
