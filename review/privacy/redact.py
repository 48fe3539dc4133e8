"""Making what lies inside regions unrecognisable, in stills and in every frame of a clip.

Each method throws the information away rather than scrambling it: pixelation keeps at most five
averages across a face, a blur keeps about as many and smooths between them, a mask keeps none.
Files are written under a temporary name and renamed when whole.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from hitlsite.errors import DomainError
from review.privacy import media
from review.privacy.regions import Region, Timeline, padded

METHODS = ("blur", "pixelate", "mask")
JPEG_QUALITY = 90
BLOCKS_ACROSS = 4  # a grid that is not aligned with the face then shows five at most
BLUR_CELLS_ACROSS = 4
BLUR_SIGMA_CELLS = 1.5
ALIKE = 1.3
X264_OPTIONS = {"preset": "veryfast", "crf": "23", "bf": "0", "sc_threshold": "0"}
X264_THREADS = 2  # a fixed number: the bytes depend on it, whatever the machine has
LUMA_BLACK, CHROMA_GREY = 16, 128


@dataclass(frozen=True, slots=True, order=True)
class _Patch:
    """A padded box in whole pixels, the longer side of what it hides, and how to hide it."""

    left: int
    top: int
    right: int
    bottom: int
    face_px: int
    method: str

    @property
    def area(self):
        return (self.right - self.left) * (self.bottom - self.top)

    def joined(self, other):
        """Return the smallest patch around both, as coarse as the coarser of them."""
        return _Patch(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
            max(self.face_px, other.face_px),
            self.method,
        )

    def halved(self):
        """Return the same patch on a chroma plane."""
        halves = (side // 2 for side in (self.left, self.top, self.right, self.bottom))
        return _Patch(*halves, math.ceil(self.face_px / 2), self.method)


def redact_image(src: Path, dst: Path, regions: Sequence[Region], method: str) -> None:
    """Write a JPEG of ``src`` with every region made unrecognisable and no metadata.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable, disk_full.
        ValueError: the method is none of METHODS.
    """
    _require(method)
    image = media.read_image(src)
    for patch in patches_of(regions, image.shape[1], image.shape[0], method):
        _hide(image, patch, black=0)
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    with media.written_whole(dst) as draft:
        draft.write_bytes(encoded.tobytes())


def redact_clip(
    src: Path,
    dst: Path,
    regions: Sequence[Region],
    method: str,
    *,
    encoder: dict = X264_OPTIONS,
    rate: Fraction | None = None,
) -> None:
    """Write an H.264 MP4 of ``src`` with every region hidden in every frame it holds for.

    Times and duration stay; sound and metadata do not. The same input gives the same bytes.

    Args:
        encoder: x264's settings.
        rate: frames a second that the encoder is told; the source's own by default.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable, disk_full; frames_lost when
            not every frame of the source is in the output.
        ValueError: the method is none of METHODS.
    """
    _require(method)
    timeline, count = Timeline(regions), 0
    with media.open_clip(src) as clip, media.written_whole(dst) as draft:
        stream = clip.streams.video[0]
        with _Writer(draft, stream, encoder, rate) as writer:
            for clip_frame in media.clip_frames(clip, Path(src).name):
                planes = _planes(clip_frame.frame)
                height, width = planes[0].shape
                held = timeline.at(clip_frame.at_seconds)
                for patch in patches_of(held, width, height, method):
                    _hide(planes[0], patch, black=LUMA_BLACK)
                    for plane in planes[1:]:
                        _hide(plane, patch.halved(), black=CHROMA_GREY)
                writer.add(planes, clip_frame)
                count += 1
        _require_whole(draft, count, Path(src).name)


def _require(method):
    if method not in METHODS:
        raise ValueError(f"The method {method!r} is none of {', '.join(METHODS)}.")


def _require_whole(written, count, name):
    """Refuse an output that is longer or shorter than its source: something else went wrong too."""
    kept = media.count_packets(written)
    if kept != count:
        raise DomainError(
            "frames_lost", f"The redacted copy of {name} has {kept} frames and not {count}."
        )


def patches_of(regions, width, height, method) -> list[_Patch]:
    """Return what is overwritten, in order, in even pixels; residuals are masked.

    Every padded region lies whole in one patch that is at least as coarse as it asks for.
    """
    patches = []
    for region in regions:
        x1, y1, x2, y2 = region.box_xyxy
        face_px = max((x2 - x1) * width, (y2 - y1) * height, 1.0)
        left, top, right, bottom = padded(region)
        patches.append(
            _Patch(
                math.floor(left * width / 2) * 2,
                math.floor(top * height / 2) * 2,
                min(math.ceil(right * width / 2) * 2, width),
                min(math.ceil(bottom * height / 2) * 2, height),
                math.ceil(face_px),
                "mask" if region.source == "residual" else method,
            )
        )
    return _merged(patches)


def _merged(patches) -> list[_Patch]:
    """Join patches that nearly coincide and drop those inside a coarser one.

    A face that stands still is sighted many times over; hiding it once is enough, and the
    joined patch covers all of what its parts cover.
    """
    kept: list[_Patch] = []
    for patch in sorted(set(patches), key=lambda one: (-one.area, one)):
        for position, other in enumerate(kept):
            joined = other.joined(patch)
            is_inside = joined.area == other.area and patch.face_px <= other.face_px
            is_alike = joined.area <= ALIKE * min(patch.area, other.area)
            if other.method == patch.method and (is_inside or is_alike):
                kept[position] = joined
                break
        else:
            kept.append(patch)
    return kept


def _hide(image: np.ndarray, patch: _Patch, *, black: int) -> None:
    """Overwrite a patch of a picture or plane in place; its surroundings are never read."""
    part = image[patch.top : patch.bottom, patch.left : patch.right]
    if not part.size:
        return
    if patch.method == "mask":
        part[:] = black
    elif patch.method == "pixelate":
        part[:] = _pixelated(part, max(math.ceil(patch.face_px / BLOCKS_ACROSS), 2))
    else:
        part[:] = _blurred(part, max(math.ceil(patch.face_px / BLUR_CELLS_ACROSS), 2))


def _cells(part: np.ndarray, cell_px: int) -> np.ndarray:
    """Return the averages of a patch over cells of at least ``cell_px`` a side."""
    across = max(part.shape[1] // cell_px, 1)
    down = max(part.shape[0] // cell_px, 1)
    return cv2.resize(part, (across, down), interpolation=cv2.INTER_AREA)


def _pixelated(part: np.ndarray, cell_px: int) -> np.ndarray:
    size = (part.shape[1], part.shape[0])
    grown = cv2.resize(_cells(part, cell_px), size, interpolation=cv2.INTER_NEAREST)
    return grown.reshape(part.shape)


def _blurred(part: np.ndarray, cell_px: int) -> np.ndarray:
    """Average over cells, then smooth across them: six sigma are wider than the face."""
    cells = cv2.GaussianBlur(
        _cells(part, cell_px), (0, 0), BLUR_SIGMA_CELLS, borderType=cv2.BORDER_REPLICATE
    )
    size = (part.shape[1], part.shape[0])
    return cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR).reshape(part.shape)


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return writable copies of Y, U and V, upright and cut to even sides."""
    frame_420 = frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")
    planes = []
    for number, plane in enumerate(frame_420.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        scale = 2 if number else 1
        width, height = (side // 2 * 2 // scale for side in (frame.width, frame.height))
        turned = media.upright(rows[:height, :width], frame)
        planes.append(np.array(turned, order="C"))
    return planes


class _Writer:
    """An MP4 under way, whose encoder is opened by its first frame."""

    def __init__(self, path: Path, source: av.VideoStream, encoder: dict, rate: Fraction | None):
        self._source = source
        self._encoder = encoder
        self._rate = rate or source.average_rate or Fraction(10)
        self._path = path
        self._stream = None
        self._container = None

    def __enter__(self):
        options = {
            "movflags": "+faststart",
            "video_track_timescale": str(self._source.time_base.denominator),
        }
        self._container = av.open(str(self._path), "w", format="mp4", container_options=options)
        self._container.flags |= 0x0400  # AVFMT_FLAG_BITEXACT: no writer's name in the file
        return self

    def __exit__(self, kind, _error, _trace):
        if kind is None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()

    def add(self, planes, clip_frame):
        height, width = planes[0].shape
        if self._stream is None:
            self._open(width, height)
        stacked = np.concatenate([plane.reshape(-1) for plane in planes])
        frame = av.VideoFrame.from_ndarray(
            stacked.reshape(height * 3 // 2, width), format="yuv420p"
        )
        frame.pts, frame.time_base = clip_frame.pts, self._source.time_base
        frame.duration = clip_frame.frame.duration
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _open(self, width, height):
        options = dict(self._encoder)
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._source.time_base
        stream.codec_context.thread_count = X264_THREADS
        given = self._source.codec_context
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(stream.codec_context, name, getattr(given, name))
        self._stream = stream
