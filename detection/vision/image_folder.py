"""A folder of images, read as if it were a very slow film."""

import cv2
import numpy as np

from detection.vision.frames import SourceFrame
from hitlsite.errors import DomainError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class ImageFolderSource:
    """A folder of images as a source of frames; see ``video.FrameSource``.

    Args:
        folder: its images are read in the order of their names, other files are left alone.
        image_fps: images per second.
        image_times: seconds of each image instead, rising.

    Raises:
        DomainError: source_empty or source_unreadable, naming the folder.
    """

    def __init__(self, folder, image_fps, image_times):
        self.name = folder.name
        self.damage = None
        if not image_fps > 0:
            raise ValueError(f"image_fps must be above 0, not {image_fps}")
        names = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        self._paths = sorted(names, key=lambda path: path.name)
        if not self._paths:
            raise DomainError("source_empty", f"{self.name}: there are no images in the folder.")
        self._times = self._checked_times(image_fps, image_times)
        images = map(_read_image, self._paths)
        first = next((image for image in images if image is not None), None)
        if first is None:
            raise DomainError("source_unreadable", f"{self.name}: none of its images can be read.")
        self.height, self.width = first.shape[:2]
        span = self._times[-1] - self._times[0]
        self.average_fps = (len(self._paths) - 1) / span if span > 0 else float(image_fps)
        self.duration_seconds = self._times[-1] + 1 / self.average_fps

    def _checked_times(self, image_fps, image_times):
        if image_times is None:
            return [position / image_fps for position in range(len(self._paths))]
        times = [float(at_seconds) for at_seconds in image_times]
        rises = all(later > earlier for earlier, later in zip(times, times[1:], strict=False))
        if len(times) != len(self._paths) or not rises:
            message = f"{self.name}: the times of its images must rise, one for each image."
            raise DomainError("source_unreadable", message)
        return times

    def frames(self, start_seconds=0.0):
        """Yield the images in the order of their names."""
        self.damage = None
        unread = []
        for index, (path, at_seconds) in enumerate(zip(self._paths, self._times, strict=True)):
            if at_seconds < start_seconds - 1e-6:
                continue
            image = _read_image(path)
            if image is None:
                unread.append(path.name)
                self.damage = f"{self.name}: could not read {', '.join(unread[:5])}."
                continue
            yield SourceFrame(index, at_seconds, image=image)

    def close(self):
        """Nothing is held open between images."""


def _read_image(path):
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
