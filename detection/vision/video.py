"""Frames from wherever a camera's pictures come from, on one clock.

A video file, a stream and a folder of images all become the same thing: frames in presentation
order, each with seconds since the source began. Times come from presentation timestamps, never
from a frame number times an assumed rate, so a variable frame rate is right. Decoding is PyAV's,
because OpenCV's reader can end the whole process on a damaged file.
"""

import math
import queue
import threading
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import av

from detection.vision.frames import SourceFrame
from detection.vision.image_folder import ImageFolderSource
from hitlsite.errors import DomainError

__all__ = ["FrameSource", "Sampler", "SourceFrame", "open_source", "prefetch"]

STREAM_SCHEMES = frozenset({"http", "https", "rtmp", "rtsp", "rtsps", "srt", "udp"})
# Playlists and concat scripts could name other files of this machine, so only containers may open.
FILE_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,"
    "h264,hevc,m4v,mjpeg,mxf,dv,gif,yuv4mpegpipe"
)
FILE_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FILE_FORMATS}
STREAM_GAP_SECONDS = 10.0
STREAM_BACK_SECONDS = 0.5
# A last frame this much earlier than the container promises means that the file was cut off.
TRUNCATION_SECONDS = 1.0


class FrameSource(Protocol):
    """Where frames come from; ``damage`` is a sentence once frames were lost, else None."""

    width: int
    height: int
    duration_seconds: float | None
    average_fps: float | None
    damage: str | None

    def frames(self, start_seconds=0.0):
        """Yield frames in presentation order from the first at or after ``start_seconds``."""

    def close(self):
        """Release the decoder; ending the iteration early is allowed."""


def open_source(location, *, image_fps=1.0, image_times=None, timeout_seconds=15.0):
    """Open a video file, a stream address or a folder of images.

    Args:
        location: a path, or an rtsp/http/... address.
        image_fps: frames per second of a folder of images, in the order of their names.
        image_times: seconds of each image instead, rising.
        timeout_seconds: how long a stream may keep silent.

    Raises:
        DomainError: source_missing, source_empty or source_unreadable, naming the source.
    """
    scheme = urlsplit(str(location)).scheme
    if scheme in STREAM_SCHEMES:
        return _VideoSource(str(location), is_live=True, timeout_seconds=timeout_seconds)
    path = Path(location)
    if not path.exists():
        raise DomainError("source_missing", f"{path.name}: there is no such file or folder.")
    if path.is_dir():
        return ImageFolderSource(path, image_fps, image_times)
    if path.stat().st_size == 0:
        raise DomainError("source_empty", f"{path.name}: the file is empty.")
    return _VideoSource(str(path), is_live=False, timeout_seconds=timeout_seconds)


class _VideoSource:
    def __init__(self, location, *, is_live, timeout_seconds):
        self.name = _shown_name(location)
        self.damage = None
        self._location = location
        self._is_live = is_live
        self._timeout_seconds = timeout_seconds
        self._container = None
        self._first_frame = None
        self._broken_packets = 0
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    def frames(self, start_seconds=0.0):
        """Yield frames from ``start_seconds``; on a stream, whatever comes next."""
        if self._is_live:
            yield from self._live_frames()
            return
        wanted_from = start_seconds - 1e-6
        for frame in self._file_frames(start_seconds):
            if frame.at_seconds >= wanted_from:
                yield frame

    def close(self):
        """Close the container; a second call does nothing."""
        container, self._container = self._container, None
        self._first_frame = None
        if container is not None:
            container.close()

    def _read_header(self):
        stream = self._open()
        rate = stream.average_rate or stream.guessed_rate
        self.average_fps = float(rate) if rate else None
        self.duration_seconds = None if self._is_live else self._duration(stream)
        self._origin = stream.start_time
        picture = next(self._decoded(stream), None)
        if picture is None:
            raise self._unreadable("no frame in it can be decoded")
        if self._origin is None:
            self._origin = picture.pts or 0
        self._first_frame = picture if self._is_live else None
        shape = SourceFrame(0, 0.0, picture=picture)
        self.width, self.height = shape.width, shape.height

    def _open(self):
        self.close()
        options = dict(FILE_OPTIONS)
        if self._is_live:
            options = {"rtsp_transport": "tcp"}
        try:
            self._container = av.open(
                self._location, options=options, timeout=self._timeout_seconds
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._unreadable(_reason(error)) from error
        if not self._container.streams.video:
            raise self._unreadable("it has no video stream")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        return stream

    def _duration(self, stream):
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if self._container.duration:
            return self._container.duration / av.time_base
        return None

    def _decoded(self, stream):
        """Yield pictures; broken packets are counted and passed over."""
        for packet in self._packets(stream):
            try:
                yield from stream.decode(packet)
            except (av.FFmpegError, OSError):
                self._broken_packets += 1

    def _packets(self, stream):
        """Yield packets and at the end, come as it may, the one that empties the decoder."""
        packets = self._container.demux(stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError) as error:
                self.damage = f"{self.name}: reading stopped early ({_reason(error)})."
                yield None
                return

    def _file_frames(self, start_seconds):
        stream = self._open()
        self.damage, self._broken_packets = None, 0
        if start_seconds > 0:
            yield from self._frames_after_seek(stream, start_seconds)
        else:
            yield from self._timed(self._decoded(stream), stream, index=0)
        self._note_broken_packets()

    def _frames_after_seek(self, stream, start_seconds):
        offset = self._origin + int(start_seconds / stream.time_base)
        try:
            self._container.seek(max(offset, self._origin), stream=stream, backward=True)
            first = next(self._decoded(stream), None)
        except av.FFmpegError:
            first = None
        if first is None or self._at_seconds(first, stream, 0.0) > start_seconds:
            stream = self._open()
            yield from self._timed(self._decoded(stream), stream, index=0)
            return
        yield from self._timed(_chained(first, self._decoded(stream)), stream, index=None)

    def _timed(self, pictures, stream, index):
        """Give pictures their seconds; a picture that does not advance the clock is dropped."""
        last_at = -math.inf
        for picture in pictures:
            guess = 0.0 if last_at < 0 else last_at + 1 / (self.average_fps or 25.0)
            at_seconds = max(0.0, self._at_seconds(picture, stream, guess))
            if at_seconds > last_at:
                last_at = at_seconds
                yield SourceFrame(-1 if index is None else index, at_seconds, picture=picture)
            if index is not None:
                index += 1
        self._note_truncation(last_at)

    def _at_seconds(self, picture, stream, guess):
        if picture.pts is None:
            return guess
        return float((picture.pts - self._origin) * stream.time_base)

    def _live_frames(self):
        """Yield what the camera sends; a jump of its clock does not become a jump of ours."""
        stream = self._container.streams.video[0] if self._container else self._open()
        step = 1 / (self.average_fps or 25.0)
        shift, last_at = 0.0, -step
        first, self._first_frame = self._first_frame, None
        for index, picture in enumerate(_chained(first, self._decoded(stream))):
            at_seconds = self._at_seconds(picture, stream, last_at + step - shift) + shift
            if not -STREAM_BACK_SECONDS < at_seconds - last_at < STREAM_GAP_SECONDS:
                shift += last_at + step - at_seconds
                at_seconds = last_at + step
            if at_seconds > last_at:
                last_at = at_seconds
                yield SourceFrame(index, at_seconds, picture=picture)
        self.damage = self.damage or f"{self.name}: the stream ended."

    def _note_truncation(self, last_at):
        if self.damage or not self.duration_seconds or last_at < 0:
            return
        missing = self.duration_seconds - last_at - 1 / (self.average_fps or 25.0)
        if missing > TRUNCATION_SECONDS:
            self.damage = (
                f"{self.name}: ends at {last_at:.1f} s of {self.duration_seconds:.1f} s; "
                "the file is truncated."
            )

    def _note_broken_packets(self):
        if self._broken_packets and not self.damage:
            self.damage = f"{self.name}: {self._broken_packets} damaged packets were passed over."

    def _unreadable(self, reason):
        message = f"{self.name}: cannot be read as video: {reason}."
        return DomainError("source_unreadable", message)


class Sampler:
    """Choose the first frame in every period of ``1 / fps`` on the source's clock.

    The periods are fixed to the clock, so the choice does not depend on where reading began.
    Asking for more than the source has chooses every frame.

    Args:
        fps: samples per second.
        tolerance_seconds: how much before a period's start a frame already counts as in it:
            containers round their times, and cameras jitter.
    """

    def __init__(self, fps, *, tolerance_seconds=0.01):
        if not fps > 0:
            raise ValueError(f"fps must be above 0, not {fps}")
        self.fps = fps
        self._tolerance = min(tolerance_seconds, 0.4 / fps)
        self._last_period = None

    def wants(self, at_seconds):
        """Say whether this frame is a sample; to be asked once per frame, in order."""
        period = math.floor((at_seconds + self._tolerance) * self.fps + 1e-6)
        if self._last_period is not None and period <= self._last_period:
            return False
        self._last_period = period
        return True

    def state(self):
        """Return what a restarted sampler needs (JSON values)."""
        return {"last_period": self._last_period}

    def restore(self, state):
        """Continue from ``state()``."""
        self._last_period = state["last_period"]


def prefetch(frames, depth=16, prepare=None):
    """Yield ``frames`` decoded ahead in a thread of its own, at most ``depth`` of them.

    An error in the thread is raised here in its place. Leaving the loop early ends the thread.

    Args:
        prepare: called there with each frame, to compute ahead what will be asked of it.
    """
    waiting = queue.Queue(maxsize=depth)
    is_stopped = threading.Event()
    arguments = (frames, waiting, is_stopped, prepare)
    reader = threading.Thread(target=_read_ahead, args=arguments, daemon=True)
    reader.start()
    try:
        while True:
            frame, error = waiting.get()
            if error is not None:
                raise error
            if frame is None:
                return
            yield frame
    finally:
        is_stopped.set()
        while reader.is_alive():
            _drain(waiting)
            reader.join(0.02)


def _read_ahead(frames, waiting, is_stopped, prepare):
    ending = (None, None)
    try:
        for frame in frames:
            if prepare is not None:
                prepare(frame)
            waiting.put((frame, None))
            if is_stopped.is_set():
                break
    except BaseException as error:
        ending = (None, error)
    finally:
        if hasattr(frames, "close"):
            frames.close()
    waiting.put(ending)


def _drain(waiting):
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return


def _chained(first, rest):
    if first is not None:
        yield first
    yield from rest


def _reason(error):
    return getattr(error, "strerror", None) or str(error)


def _shown_name(location):
    """Return a file's name, or an address without its user, password and query."""
    parts = urlsplit(location)
    if parts.scheme not in STREAM_SCHEMES:
        return Path(location).name
    host = parts.hostname or ""
    if parts.port:
        host = f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
