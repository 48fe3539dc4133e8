"""A long video worked on in stretches, so that an hour of it needs no more memory than a minute.

Each stretch is written small and with private zones black, is redacted and verified as a clip of
its own, and all are then put behind one another packet by packet: what plays is, byte for byte,
what was verified. What was seen just before and after a stretch counts in it as well.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from detection.vision.frames import SourceFrame
from detection.vision.recording import blackened, clip_size, private_mask
from detection.vision.video import FILE_OPTIONS, Sampler
from hitlsite.errors import DomainError
from review.privacy import media
from review.privacy.redact import X264_OPTIONS, redact_clip
from review.privacy.regions import LINK_SECONDS, Region

SECONDS = 30.0
WIDTH = 640
MOST_FPS = 30
TIME_BASE = Fraction(1, 90_000)
RATE = Fraction(MOST_FPS)  # what encoders are told; the times are the frames' own
DRAFT_OPTIONS = {"preset": "superfast", "crf": "17", "bf": "0", "g": "30"}
# A key frame twice a second: a player that is dragged along decodes few frames for each place.
SCRUB_OPTIONS = X264_OPTIONS | {"g": "15", "keyint_min": "15"}

redact_stretch = partial(redact_clip, encoder=SCRUB_OPTIONS, rate=RATE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some seconds of a video as a clip of its own, whose clock begins at its first frame.

    Attributes:
        first_seconds, last_seconds: of its first and last frame, on the video's clock.
        path: the draft, with faces; None where nobody wanted it.
    """

    index: int
    first_seconds: float
    last_seconds: float
    frames: int
    path: Path | None


def stretches(
    src: Path,
    folder: Path,
    *,
    polygons: Sequence = (),
    is_wanted: Callable[[int], bool] = lambda index: True,
) -> Iterator[Stretch]:
    """Yield the stretches of a video in order, each with a draft that the caller deletes.

    Args:
        folder: where drafts are written.
        polygons: private zones, (x, y) in 0..1.
        is_wanted: of the index of a stretch; the others are decoded and not written.

    Raises:
        DomainError: source_missing, source_empty, source_unreadable, the last also where a frame
            is damaged or missing; disk_full.
    """
    index, writer, size = 0, None, None
    try:
        for frame in _frames(src):
            size = size or clip_size(frame.width, frame.height, WIDTH)
            if writer is not None and frame.at_seconds >= writer.end_seconds:
                yield writer.finish()
                index, writer = index + 1, None
            if writer is None:
                path = Path(folder) / f"draft-{index:05d}.mp4" if is_wanted(index) else None
                end = (frame.at_seconds // SECONDS + 1) * SECONDS
                writer = _Writer(index, path, end, size, private_mask(*size, polygons))
            writer.add(frame)
        yield writer.finish()
    finally:
        if writer is not None:
            writer.close()


def _frames(src) -> Iterator[SourceFrame]:
    """Yield the frames of a video, at most MOST_FPS of each second; damage is an error."""
    with media.open_clip(src, options=FILE_OPTIONS) as container:
        rate = container.streams.video[0].average_rate
        is_fast = rate is not None and rate > MOST_FPS + 1
        sampler = Sampler(MOST_FPS) if is_fast else None
        for number, one in enumerate(media.clip_frames(container, Path(src).name)):
            if sampler is None or sampler.wants(one.at_seconds):
                yield SourceFrame(number, max(one.at_seconds, 0.0), picture=one.frame)


class _Writer:
    """The draft of one stretch under way; without a path it only counts."""

    def __init__(self, index, path, end_seconds, size, mask):
        self.end_seconds = end_seconds
        self._index, self._path = index, path
        self._size, self._mask = size, mask
        self._first = self._last = None
        self._count, self._container = 0, None

    def add(self, frame):
        if self._first is None:
            self._first = frame.at_seconds
        self._last = frame.at_seconds
        self._count += 1
        if self._path is None:
            return
        try:
            self._encode(frame)
        except OSError as error:
            raise _disk_full(self._path, error) from error

    def _encode(self, frame):
        if self._container is None:
            self._open()
        picture = frame.picture(*self._size)
        if self._mask is not None:
            picture = blackened(picture, self._mask)
        picture.pts = round((frame.at_seconds - self._first) / TIME_BASE)
        picture.time_base, picture.pict_type = TIME_BASE, 0
        self._container.mux(self._stream.encode(picture))

    def _open(self):
        self._container = av.open(str(self._path), "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=RATE, options=DRAFT_OPTIONS)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = self._stream.time_base = TIME_BASE
        self._stream.codec_context.thread_count = 2

    def finish(self) -> Stretch:
        if self._container is not None:
            try:
                self._container.mux(self._stream.encode())
                self.close()
            except OSError as error:
                raise _disk_full(self._path, error) from error
        return Stretch(self._index, self._first, self._last, self._count, self._path)

    def close(self):
        container, self._container = self._container, None
        if container is not None:
            container.close()


def _disk_full(path, error):
    return DomainError("disk_full", f"{path.name} cannot be written to {path.parent}: {error}.")


def regions_around(
    regions: Iterable[Region],
    before: tuple[Stretch, Iterable[Region]] | None,
    here: Stretch,
    after: tuple[Stretch, Iterable[Region]] | None,
) -> tuple[Region, ...]:
    """Return what counts in a stretch: its own regions, and those close to it on either side.

    Args:
        regions: of the stretch itself, on its clock.
        before, after: its neighbours with their regions, each on the neighbour's clock.
    """
    near = [*regions]
    length = here.last_seconds - here.first_seconds
    for other in (before, after):
        if other is None:
            continue
        stretch, found = other
        shift = stretch.first_seconds - here.first_seconds
        for region in found:
            if region.at_seconds is None:
                continue
            at_seconds = region.at_seconds + shift
            if -LINK_SECONDS <= at_seconds <= length + LINK_SECONDS:
                near.append(replace(region, at_seconds=at_seconds))
    return tuple(near)


def join(parts: Sequence[tuple[Path, float]], dst: Path) -> int:
    """Write clips behind one another without touching their pictures; return how many frames.

    Args:
        parts: (path, seconds of its first frame), in order; the first of all is put at 0.

    Raises:
        DomainError: parts_differ where two were not encoded alike; frames_lost; disk_full.
    """
    with media.written_whole(dst) as draft:
        count = _join(parts, draft)
        kept = media.count_frames(draft)
        if kept != count:
            raise DomainError("frames_lost", f"The copy has {kept} frames and not {count}.")
    return count


def _join(parts, draft):
    count, header = 0, None
    options = {"movflags": "+faststart", "video_track_timescale": str(TIME_BASE.denominator)}
    with av.open(str(draft), "w", format="mp4", container_options=options) as target:
        target.flags |= 0x0400  # AVFMT_FLAG_BITEXACT: no writer's name in the file
        for path, first_seconds in parts:
            with media.open_clip(path) as clip:
                source = clip.streams.video[0]
                if header is None:
                    header = source.codec_context.extradata
                    stream = target.add_stream_from_template(source)
                if source.codec_context.extradata != header or source.time_base != TIME_BASE:
                    raise DomainError("parts_differ", f"{path.name} is not like those before it.")
                shift = round(first_seconds / TIME_BASE) if count else 0
                for packet in clip.demux(source):
                    if not packet.size:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    target.mux(packet)
                    count += 1
    return count
