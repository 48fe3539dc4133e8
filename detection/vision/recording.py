"""Evidence as it happens: clips with a pre-roll, and stills with their boxes.

A clip shows what led up to an incident, so the last seconds are always kept, as the decoder's own
pictures. Clips are encoded while frames pass by and are written to disk in one piece when they
end: a crash or a full disk leaves no half file.
"""

import errno
import hashlib
import time
import uuid
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from detection.vision.drawing import draw_boxes
from detection.vision.frames import plane_array
from detection.vision.video import Sampler
from hitlsite.errors import DomainError

__all__ = ["ClipFile", "EvidenceRecorder", "draw_boxes", "encode_jpeg"]

TIME_BASE = Fraction(1, 90_000)
# Larger pictures are reduced when they enter the ring: 3 s of 4K would hold 370 MB.
RING_PIXELS = 1920 * 1088
RING_SLACK_SECONDS = 0.5
# Room for an index entry a frame at the front of the file, so that playing starts at once.
INDEX_BYTES_PER_FRAME = 48
FULL_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Of the settings tried on footage of a room these take half the time of plain "superfast" at a
# tenth more bytes; a key frame every 50 frames keeps seeking quick.
ENCODER_OPTIONS = {
    "preset": "superfast",
    "crf": "27",
    "profile": "high",
    "bf": "0",
    "threads": "2",
    "x264-params": "aq-mode=0:rc-lookahead=0:mbtree=0:weightp=0:subme=0:scenecut=0:keyint=50",
}


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A finished clip on disk; times are seconds on the source's clock."""

    key: str
    path: Path
    start_seconds: float
    end_seconds: float
    width: int
    height: int
    frames: int
    sha256: str


class EvidenceRecorder:
    """Cut clips around incidents out of a passing source.

    Feed it every decoded frame, in order. One of another size than the first is fitted into the
    clip's, so that normalised boxes and private polygons lie where they should. Take what is
    ``finished()`` before asking for ``state()``: the state knows the clips that still run, not
    those that wait to be taken.

    Args:
        scratch_dir: folder for finished clips.
        width, height: size of the source's frames in pixels.
        clip_fps: frames a second at most.
        pre_seconds, post_seconds: what a clip shows before its opening and after its close.
        max_seconds: length of a clip at most.
        max_width: wider sources are scaled down.
        private_polygons: polygons of (x, y) in 0..1, blackened in every clip.

    Attributes:
        encode_seconds: time spent on encoding and writing so far.
        encoded_frames: frames encoded so far.
    """

    def __init__(
        self,
        scratch_dir,
        *,
        width,
        height,
        clip_fps=10.0,
        pre_seconds=3.0,
        post_seconds=3.0,
        max_seconds=60.0,
        max_width=960,
        private_polygons=(),
    ):
        self.scratch_dir = Path(scratch_dir)
        self.width, self.height = clip_size(width, height, max_width)
        self.clip_fps = clip_fps
        self.pre_seconds, self.post_seconds = pre_seconds, post_seconds
        self.max_seconds = max_seconds
        self.encode_seconds = 0.0
        self.encoded_frames = 0
        self._mask = private_mask(self.width, self.height, private_polygons)
        self._sampler = Sampler(clip_fps, tolerance_seconds=0.3 / clip_fps)
        self._ring = deque()
        self._clips = {}
        self._finished = []
        self._last_seconds = None
        self._resume_seconds = None

    def blacken(self, private_polygons):
        """Blacken these polygons from now on, in place of those before."""
        self._mask = private_mask(self.width, self.height, private_polygons)

    def add(self, frame):
        """Take the next decoded frame; costs next to nothing while no clip is open."""
        at_seconds = self._last_seconds = frame.at_seconds
        self._finish_due(at_seconds)
        if not self._sampler.wants(at_seconds):
            return
        if frame.width * frame.height > RING_PIXELS:
            frame = frame.reduced(self.width, self.height)
        frame = frame.raw()
        self._ring.append(frame)
        oldest = at_seconds - self.pre_seconds - RING_SLACK_SECONDS
        while self._ring[0].at_seconds < oldest:
            self._ring.popleft()
        for clip in self._clips.values():
            self._feed(clip, frame)

    def open(self, key, at_seconds):
        """Start the clip ``key`` with its pre-roll; opening a closing clip again keeps it going."""
        if key in self._clips:
            self._clips[key].close_at_seconds = None
            return
        clip = self._clips[key] = self._new_clip(key, max(0.0, at_seconds - self.pre_seconds))
        for frame in self._ring:
            self._feed(clip, frame)

    def close(self, key, at_seconds):
        """Let the clip run ``post_seconds`` past ``at_seconds``; an unknown key does nothing."""
        clip = self._clips.get(key)
        if clip is None:
            return
        clip.close_at_seconds = at_seconds + self.post_seconds
        if self._last_seconds is not None:
            self._finish_due(self._last_seconds)

    def finished(self):
        """Return the clips that ended since the last call."""
        clips, self._finished = self._finished, []
        return clips

    def flush(self):
        """End every clip, because the source has ended, and return what is finished."""
        for key in list(self._clips):
            self._finish(key)
        return self.finished()

    def state(self):
        """Return what a restarted recorder needs (JSON values)."""
        clips = {
            key: {"start_seconds": clip.start_seconds, "close_at_seconds": clip.close_at_seconds}
            for key, clip in self._clips.items()
        }
        return {"at_seconds": self._last_seconds, "clips": clips}

    def restore(self, state):
        """Continue from ``state()``: then ``add()`` frames from ``resume_from_seconds()`` on."""
        self._last_seconds = None
        self._ring.clear()
        self._clips = {
            key: self._new_clip(key, saved["start_seconds"], saved["close_at_seconds"])
            for key, saved in state["clips"].items()
        }
        starts = [saved["start_seconds"] for saved in state["clips"].values()]
        if state["at_seconds"] is not None:
            starts.append(max(0.0, state["at_seconds"] - self.pre_seconds - RING_SLACK_SECONDS))
        self._resume_seconds = min(starts, default=None)

    def resume_from_seconds(self):
        """Return where reading must begin for clips and pre-roll to be whole, None if anywhere."""
        return self._resume_seconds

    def discard(self):
        """Drop every clip, and delete the finished files that nobody took."""
        for clip in self._clips.values():
            clip.abandon()
        self._clips.clear()
        self._ring.clear()
        for finished in self.finished():
            finished.path.unlink(missing_ok=True)

    def _new_clip(self, key, start_seconds, close_at_seconds=None):
        index_bytes = int(self.max_seconds * self.clip_fps + 2) * INDEX_BYTES_PER_FRAME + 4096
        clip = _Clip(key, start_seconds, self.width, self.height, self.clip_fps, index_bytes)
        clip.close_at_seconds = close_at_seconds
        return clip

    def _feed(self, clip, frame):
        elapsed = frame.at_seconds - clip.start_seconds
        if not -1e-6 <= elapsed < self.max_seconds - 1e-6:
            return
        started = time.perf_counter()
        picture = frame.picture(self.width, self.height)
        if self._mask is not None:
            picture = blackened(picture, self._mask)
        clip.write(picture, frame.at_seconds)
        self.encoded_frames += 1
        self.encode_seconds += time.perf_counter() - started

    def _finish_due(self, at_seconds):
        for key, clip in list(self._clips.items()):
            end = clip.start_seconds + self.max_seconds
            if clip.close_at_seconds is not None:
                end = min(end, clip.close_at_seconds)
            if at_seconds > end:
                self._finish(key)

    def _finish(self, key):
        clip = self._clips.pop(key)
        if not clip.frames:
            clip.abandon()
            return
        started = time.perf_counter()
        content = clip.finish()
        path = self._store(content)
        self.encode_seconds += time.perf_counter() - started
        self._finished.append(
            ClipFile(
                key=key,
                path=path,
                start_seconds=clip.first_seconds,
                end_seconds=clip.last_seconds,
                width=self.width,
                height=self.height,
                frames=clip.frames,
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )

    def _store(self, content):
        path = self.scratch_dir / f"{uuid.uuid4().hex}.mp4"
        partial = path.with_suffix(".part")
        try:
            self.scratch_dir.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.rename(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno not in FULL_DISK_ERRORS:
                raise
            message = f"{self.scratch_dir}: the disk is full; the clip could not be written."
            raise DomainError("disk_full", message, status=507) from error
        return path


class _Clip:
    """One running encoder that writes to memory."""

    def __init__(self, key, start_seconds, width, height, fps, index_bytes):
        self.key = key
        self.start_seconds = start_seconds
        self.close_at_seconds = None
        self.frames = 0
        self.first_seconds = self.last_seconds = None
        self._size = (width, height)
        self._rate = Fraction(fps).limit_denominator(1000)
        self._index_bytes = index_bytes
        self._content = BytesIO()
        self._container = None

    def write(self, picture, at_seconds):
        """Encode one yuv420p picture of the clip's size."""
        if self._container is None:
            self._start(at_seconds)
        elif at_seconds <= self.last_seconds:
            return
        self.frames += 1
        self.last_seconds = at_seconds
        picture.pts = round((at_seconds - self.first_seconds) / TIME_BASE)
        picture.time_base = TIME_BASE
        picture.pict_type = 0
        self._container.mux(self._stream.encode(picture))

    def finish(self):
        """End the encoder and return the whole file."""
        self._container.mux(self._stream.encode())
        self._container.close()
        return self._content.getvalue()

    def abandon(self):
        """Drop what was encoded."""
        if self._container is not None:
            self.finish()
        self._content = BytesIO()

    def _start(self, at_seconds):
        self.first_seconds = at_seconds
        self._container = av.open(
            self._content,
            "w",
            format="mp4",
            options={"moov_size": str(self._index_bytes), "fflags": "+bitexact"},
        )
        self._stream = self._container.add_stream(
            "libx264", rate=self._rate, options=ENCODER_OPTIONS
        )
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._stream.time_base = TIME_BASE


def clip_size(width, height, max_width):
    """Return an even (width, height) in pixels, no wider than ``max_width``, same shape."""
    scale = min(1.0, max_width / width)
    return max(2, int(width * scale) // 2 * 2), max(2, round(height * scale / 2) * 2)


def private_mask(width, height, polygons):
    """Return (height, width) bool, true inside any of the normalised polygons, or None."""
    if not polygons:
        return None
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        corners = np.asarray(polygon, np.float64) * (width, height)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    return mask.astype(bool)


def blackened(picture, mask):
    """Return a copy of a yuv420p picture that is black where ``mask`` (height, width) is true."""
    copy = av.VideoFrame.from_ndarray(picture.to_ndarray(), format="yuv420p")
    luma, *chroma = copy.planes
    plane_array(luma)[mask] = 16
    height, width = mask.shape
    quarter = mask.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))
    for plane in chroma:
        plane_array(plane)[quarter] = 128
    return copy


def encode_jpeg(image, *, quality=90):
    """Return a (H, W, 3) uint8 BGR array as JPEG bytes."""
    is_encoded, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_encoded:
        raise ValueError(f"an array of shape {image.shape} cannot be written as JPEG")
    return content.tobytes()
