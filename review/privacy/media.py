"""Reading the evidence files that privacy work looks at, and refusing what cannot be read whole.

A file that decodes only in part may hide a face in the part that did not, so damage is an error
here and never a shorter clip.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from hitlsite.errors import DomainError


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One decoded frame and its time on the clip's clock, which starts at 0."""

    at_seconds: float
    pts: int
    frame: av.VideoFrame

    def bgr(self) -> np.ndarray:
        """Return the picture, (H, W, 3) uint8, upright."""
        return np.ascontiguousarray(upright(self.frame.to_ndarray(format="bgr24"), self.frame))


def upright(plane: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Turn a picture or one of its planes as the frame's rotation metadata asks."""
    return np.rot90(plane, k=round(frame.rotation / 90) % 4)


def read_image(path: Path) -> np.ndarray:
    """Read a still, (H, W, 3) uint8 BGR, its EXIF orientation applied.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable; each names the file.
    """
    encoded = _encoded(path)
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or not image.size:
        raise DomainError("source_unreadable", f"{Path(path).name} is not a readable picture.")
    return image


def _encoded(path: Path) -> bytes:
    path = Path(path)
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise DomainError("source_missing", f"{path.name} cannot be read.") from error
    if not encoded:
        raise DomainError("source_empty", f"{path.name} is empty.")
    return encoded


@contextmanager
def open_clip(path: Path, *, options: dict | None = None):
    """Open a clip for reading; yields PyAV's container, which has one video stream at least.

    Args:
        options: of the demuxer, such as which formats may open.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable; each names the file.
    """
    path = Path(path)
    try:
        if not path.stat().st_size:
            raise DomainError("source_empty", f"{path.name} is empty.")
        container = av.open(str(path), options=options or {})
    except (FileNotFoundError, PermissionError) as error:
        raise DomainError("source_missing", f"{path.name} cannot be read.") from error
    except (av.FFmpegError, OSError) as error:
        raise DomainError("source_unreadable", f"{path.name} is not a readable clip.") from error
    with container:
        if not container.streams.video:
            raise DomainError("source_unreadable", f"{path.name} has no pictures.")
        yield container


def clip_frames(container, name: str) -> Iterator[ClipFrame]:
    """Yield every frame of a clip in presentation order.

    Raises:
        DomainError: source_unreadable when a frame is damaged, has no time, goes back in time,
            or fewer frames come out than the clip says it has.
    """
    stream = container.streams.video[0]
    # Left to itself the decoder paints over damage, and several threads hide it.
    stream.thread_type = "NONE"
    stream.codec_context.options = {"err_detect": "explode"}
    start, count, last_pts = stream.start_time, 0, None
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt or frame.pts is None:
                raise _damaged(name, count)
            start = frame.pts if start is None else start
            if last_pts is not None and frame.pts <= last_pts:
                raise _damaged(name, count)
            last_pts, count = frame.pts, count + 1
            pts = frame.pts - start
            yield ClipFrame(float(pts * stream.time_base), pts, frame)
    except (av.FFmpegError, OSError) as error:
        raise _damaged(name, count) from error
    if not count or count < stream.frames:
        raise _damaged(name, count)


def count_frames(path: Path) -> int:
    """Return how many frames a clip holds, having decoded every one of them.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable; each names the file.
    """
    with open_clip(path) as container:
        return sum(1 for _ in clip_frames(container, Path(path).name))


def count_packets(path: Path) -> int:
    """Return how many frames a clip of ours says it holds, without decoding any.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable; each names the file.
    """
    with open_clip(path) as container:
        try:
            return sum(1 for packet in container.demux(video=0) if packet.size)
        except (av.FFmpegError, OSError) as error:
            raise _damaged(Path(path).name, 0) from error


def _damaged(name: str, count: int) -> DomainError:
    return DomainError("source_unreadable", f"{name} is damaged after {count} whole frames.")


@contextmanager
def written_whole(path: Path):
    """Yield a temporary path beside ``path`` that becomes it on success and vanishes on failure.

    Raises:
        DomainError: disk_full, naming the folder, when the file could not be written.
    """
    path = Path(path)
    draft = path.with_name(f".{path.stem}.{os.getpid()}.{os.urandom(4).hex()}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:
        raise DomainError(
            "disk_full", f"{path.name} cannot be written to {path.parent}: {error.strerror}."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
