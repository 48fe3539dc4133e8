"""The real size of a picture file, read from its head."""

import io

from PIL import Image, UnidentifiedImageError

from hitlsite.errors import DomainError

_ORIENTATION, _FIRST_ON_ITS_SIDE = 0x0112, 5


def size_of(content: bytes, name: str) -> tuple[int, int]:
    """Return (width, height) in pixels as the picture is shown, EXIF orientation applied.

    Raises:
        DomainError: unreadable_file, naming the file.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            orientation = image.getexif().get(_ORIENTATION, 1)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise DomainError("unreadable_file", f"{name} is not a readable picture.") from error
    turned = isinstance(orientation, int) and orientation >= _FIRST_ON_ITS_SIDE
    return (height, width) if turned else (width, height)
