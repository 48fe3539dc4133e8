"""Where the pictures of a footage can be read: uploads live in storage, the rest where it was."""

from contextlib import contextmanager

from detection.models import Footage
from hitlsite import storage


@contextmanager
def local_path(footage):
    """Give the path or address that opens a footage.

    An upload in remote storage is copied for the time of the block.
    """
    if footage.kind != Footage.Kind.UPLOAD:
        yield footage.location
        return
    path, is_copy = storage.local_copy(footage.location)
    try:
        yield path
    finally:
        if is_copy:
            path.unlink(missing_ok=True)


@contextmanager
def opened(footage):
    """Give the FrameSource of a footage and close it after the block."""
    from detection.vision.video import open_source

    with local_path(footage) as path:
        source = open_source(path)
        try:
            yield source
        finally:
            source.close()
