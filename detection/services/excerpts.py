"""Stills and a clip cut out of stored footage: what people look at when nothing was reported.

A session takes the evidence of an incident while it runs. A sample is known only afterwards, so
its pictures are decoded again, by the same recorder and with the same private zones blackened.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage

from detection.models import Evidence, Footage
from detection.services import cameras, incidents, sources, stored_tracks
from hitlsite.errors import DomainError

KEY = "excerpt"
CLIP_SECONDS = 60.0
# What says that this footage cannot be cut; anything else that goes wrong is no fault of its own.
UNCUT = {"footage_gone", "excerpt_empty", "source_missing", "source_empty", "source_unreadable"}
Kind = Footage.Kind


@dataclass(frozen=True)
class Excerpt:
    """Pictures of a stretch of footage; ``store`` makes evidence of them, ``discard`` forgets them.

    Attributes:
        stills: a Still by ``Evidence.Kind``.
        clip: a ClipFile in the scratch folder.
        observations: what the track logs tell of the stretch, as ``Evidence.observations``.
    """

    stills: dict
    clip: object
    observations: list

    def discard(self):
        self.clip.path.unlink(missing_ok=True)


def why_gone(footage):
    """Say why nothing can be cut out of a footage, "" where its pictures are still there."""
    if footage.kind == Kind.STREAM:
        return "a stream keeps no pictures"
    if footage.kind == Kind.IMPORT:
        return "imported incidents came without footage"
    if footage.kind == Kind.UPLOAD:
        return "" if default_storage.exists(footage.location) else "the upload is no longer stored"
    path = Path(footage.location)
    if not path.exists():
        return "its file is no longer there"
    if footage.kind == Kind.FILE and path.stat().st_size != footage.byte_count:
        return "another file lies in its place"
    return ""


def take(footage, start_seconds, end_seconds, *, observations=None, peak_at_seconds=None):
    """Return the Excerpt of a stretch of footage, seconds of its clock; the end is left out.

    Args:
        observations: what was in view; by default what the track logs tell.
        peak_at_seconds: when the middle still is taken; by default when most was in view.

    Raises:
        DomainError: footage_gone, excerpt_empty, or why the file cannot be read (see ``UNCUT``).
    """
    reason = why_gone(footage)
    if reason:
        raise DomainError("footage_gone", f"{footage}: {reason}.", status=409)
    end_seconds = min(end_seconds, start_seconds + CLIP_SECONDS)
    if observations is None:
        observations = observed(footage, start_seconds, end_seconds)
    if peak_at_seconds is None:
        peak_at_seconds = _busiest(observations, (start_seconds + end_seconds) / 2)
    with sources.opened(footage) as source:
        cut = _Cut(source, footage, observations, peak_at_seconds)
        for frame in source.frames(start_seconds):
            if frame.at_seconds >= end_seconds:
                break
            cut.add(frame)
        return cut.finish(footage, start_seconds)


class _Cut:
    """A recorder and three stills on their way through a stretch of footage."""

    def __init__(self, source, footage, observations, peak_at_seconds):
        from detection.vision.recording import EvidenceRecorder

        self._private = private_polygons(footage)
        self._recorder = EvidenceRecorder(
            settings.SCRATCH_DIR,
            width=source.width,
            height=source.height,
            pre_seconds=0.0,
            post_seconds=0.0,
            max_seconds=CLIP_SECONDS,
            private_polygons=self._private,
        )
        self._observations = observations
        self._by_time = _Sightings(observations)
        self._peak_at_seconds = peak_at_seconds
        self._stills, self._last = {}, None

    def add(self, frame):
        if self._last is None:
            self._recorder.open(KEY, frame.at_seconds)
            self._keep(Evidence.Kind.FRAME_OPEN, frame)
        self._recorder.add(frame)
        if Evidence.Kind.FRAME_PEAK not in self._stills and (
            frame.at_seconds >= self._peak_at_seconds - 1e-6
        ):
            self._keep(Evidence.Kind.FRAME_PEAK, frame)
        self._last = frame

    def finish(self, footage, start_seconds):
        if self._last is None:
            message = f"{footage}: there is no picture at {start_seconds:.1f} s."
            raise DomainError("excerpt_empty", message, status=409)
        for kind in (Evidence.Kind.FRAME_PEAK, Evidence.Kind.FRAME_LAST):
            if kind not in self._stills:
                self._keep(kind, self._last)
        (clip,) = self._recorder.flush()
        return Excerpt(self._stills, clip, self._observations)

    def _keep(self, kind, frame):
        from detection.vision.recording import private_mask
        from detection.vision.stills import Still

        image = frame.image()
        height, width = image.shape[:2]
        if self._private:
            image = image.copy()
            image[private_mask(width, height, self._private)] = 0
        seen = self._by_time.near(frame.at_seconds)
        self._stills[kind] = Still(frame.at_seconds, seen, (width, height), image=image)


def private_polygons(footage):
    """Return what is black in pictures of a footage: the zones of then, and those of now."""
    zones = footage.configuration.get("zones", ())
    of_then = [zone["polygon"] for zone in zones if zone["kind"] == "private"]
    polygons = [*of_then, *cameras.private_polygons(footage.camera)]
    return list(dict.fromkeys(tuple(map(tuple, polygon)) for polygon in polygons))


def observed(footage, start_seconds, end_seconds):
    """Return what the track logs tell of a stretch, as ``Evidence.observations`` has it.

    Raises:
        DomainError: track_log_unreadable.
    """
    logs = footage.track_logs.filter(segment__start_seconds__lt=end_seconds)
    found = []
    for log in logs.order_by("segment__position").select_related("segment"):
        ends = log.segment.end_seconds
        if ends is not None and ends < start_seconds:
            continue
        found += _of_log(stored_tracks.read(log.path), start_seconds, end_seconds)
    return sorted(found, key=lambda one: (one["at_seconds"], one["track_id"]))


def _of_log(columns, start_seconds, end_seconds):
    """Return the sightings of tracks; what rests has no name of its own and is left out."""
    at_seconds = columns.at_seconds
    is_inside = (at_seconds >= start_seconds) & (at_seconds < end_seconds) & ~columns.is_static
    return [
        {
            "at_seconds": round(float(at_seconds[row]), 4),
            "track_id": int(columns.track_id[row]),
            "class_name": str(columns.class_name[row]),
            "score": round(float(columns.score[row]), 4),
            "box_xyxy": [round(float(edge), 5) for edge in columns.boxes[row]],
        }
        for row in np.flatnonzero(is_inside).tolist()
    ]


def _busiest(observations, otherwise):
    """Return the first time at which most was in view."""
    counts = defaultdict(int)
    for one in observations:
        counts[one["at_seconds"]] += 1
    return min(counts, key=lambda at: (-counts[at], at), default=otherwise)


class _Sightings:
    """What was in view at which time, as Observations."""

    LONGEST_SECONDS = 0.5

    def __init__(self, observations):
        self._seen = defaultdict(list)
        for one in observations:
            self._seen[one["at_seconds"]].append(one)
        self._times = np.array(sorted(self._seen))

    def near(self, at_seconds):
        """Return what was seen in the sampled frame nearest to a time, () where none is near."""
        from detection.vision.types import Observation

        if not len(self._times):
            return ()
        nearest = float(self._times[np.argmin(abs(self._times - at_seconds))])
        if abs(nearest - at_seconds) > self.LONGEST_SECONDS:
            return ()
        names = ("at_seconds", "track_id", "class_name", "score")
        return tuple(
            Observation(*(one[name] for name in names), tuple(one["box_xyxy"]))
            for one in self._seen[nearest]
        )


def store(excerpt, incident):
    """Store an excerpt as the evidence of an incident; call it in the transaction that makes it."""
    for kind, still in excerpt.stills.items():
        incidents.store_still(incident, kind, still)
    incidents.store_clip(incident, excerpt.clip, excerpt.observations)
