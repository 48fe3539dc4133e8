"""What a picture looks like as a whole: what tells copies of it, and whether it shows night.

Both are read from a picture decoded at a fraction of its size, which JPEG does in a fraction of
the time.
"""

import io
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image

from training.learning.duplicates import SIDE, signature

DECODED_PX = 256
# Mean luma of 255 below which a picture is dark, and below which one without colour was taken by
# infrared light: cameras drop colour in the dark, and their lamps leave the far parts black.
DARK_LUMA = 55.0
INFRARED_LUMA = 125.0
# Mean difference of the strongest and the weakest channel of a picture without colour.
COLOURLESS = 3.0


@dataclass(frozen=True, slots=True)
class Look:
    phash: str
    luma: float
    colour: float
    signature: bytes

    @property
    def is_night(self) -> bool:
        if self.luma < DARK_LUMA:
            return True
        return self.colour < COLOURLESS and self.luma < INFRARED_LUMA


def opened(content: bytes, side_px: int = DECODED_PX) -> Image.Image:
    """Decode a picture in RGB, at least ``side_px`` wide and high where it has as much.

    Raises:
        ValueError: it cannot be decoded.
    """
    try:
        image = Image.open(io.BytesIO(content))
        image.draft("RGB", (side_px, side_px))
        return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"it is no picture that can be read: {error}") from error


def look(content: bytes) -> Look:
    """Return the Look of an encoded picture.

    Raises:
        ValueError: it cannot be decoded.
    """
    image = opened(content)
    pixels = np.asarray(image)
    grey = np.asarray(image.convert("L"))
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    parts = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))
    return Look(
        str(imagehash.phash(image)),
        float(grey.mean()),
        float(spread.mean()),
        signature(parts),
    )
