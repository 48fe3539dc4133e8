"""How pixels and frames become shares, body heights and seconds."""

from dataclasses import dataclass

from detection.rules.documents import is_number, shorten
from hitlsite.errors import DomainError

# A person's height as a share of the frame's: somebody in the middle distance of a camera that
# looks over a room. Nobody measured it at the camera in question, so each use of it is told.
BODY_HEIGHT_SHARE = 0.25
FRAME_RATE = 25.0
LARGEST_SIDE = 100_000


@dataclass(frozen=True, slots=True)
class Scale:
    """What there is to convert with.

    Attributes:
        frame_size: (width, height) in pixels; None when nobody knows.
        body_height_share: a person's height as a share of the frame's.
        fps: frames a second that a count of frames stands for.
    """

    frame_size: tuple[int, int] | None = None
    body_height_share: float = BODY_HEIGHT_SHARE
    fps: float = FRAME_RATE

    @classmethod
    def checked(cls, frame_size=None, body_height_share=BODY_HEIGHT_SHARE, fps=FRAME_RATE):
        """Return a scale, or raise DomainError that names the number that makes no sense."""
        if frame_size is not None:
            frame_size = _check_size(frame_size)
        _check_number(body_height_share, "A person's height", 0.01, 1.0, "of the frame's height")
        _check_number(fps, "The frame rate", 0.1, 1000.0, "frames a second")
        return cls(frame_size, float(body_height_share), float(fps))

    def name_frame(self) -> str:
        width, height = self.frame_size
        return f"{width}x{height}"

    def body_heights(self, pixels: float) -> float:
        """Return a length in pixels as a number of body heights."""
        return pixels / (self.body_height_share * self.frame_size[1])

    def share(self, point) -> list[float]:
        """Return a point (x, y) in pixels as shares of the picture's width and height."""
        return [point[0] / self.frame_size[0], point[1] / self.frame_size[1]]


def _check_size(value):
    try:
        width, height = value
    except (TypeError, ValueError):
        width = height = None
    for side in (width, height):
        if type(side) is not int or not 1 <= side <= LARGEST_SIDE:
            message = (
                f"The frame size must be two whole numbers of pixels from 1 to {LARGEST_SIDE}, "
                f"it is {shorten(value)}."
            )
            raise DomainError("frame_size_invalid", message)
    return (width, height)


def _check_number(value, what, least, most, unit):
    if not is_number(value) or not least <= value <= most:
        message = f"{what} must be a number from {least:g} to {most:g} {unit}, "
        raise DomainError("scale_invalid", f"{message}it is {shorten(value)}.")
