"""The pictures and the clip of an imported incident, taken in as safely as uploads are.

Content decides what a file is, never its name. It is opened first in a child process with limits;
what is stored is a copy: upright, without metadata, private zones black, the clip as browsers play
it.
"""

import hashlib
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from detection.models import Evidence
from detection.services import uploads
from hitlsite import storage
from hitlsite.errors import DomainError
from review.services.import_lines import wrong

MOST_FRAMES = 60
LONGEST_CLIP_SECONDS = 600.0
CLIP_ENDING, FRAME_MARK = "_clip.mp4", "_frame_"
Kind = Evidence.Kind


@dataclass
class Given:
    """The files of one incident as they lie in the folder."""

    frames: list[Path] = field(default_factory=list)
    clip: Path | None = None


@dataclass(frozen=True)
class Taken:
    """One file in storage, with what its row of evidence will say."""

    kind: str
    position: int
    share: float
    path: str
    sha256: str
    byte_count: int
    width: int
    height: int
    seconds: float = 0.0


def find_files(folder):
    """Return {incident id: Given} of a folder; only names are kept.

    Raises:
        DomainError: not_a_folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DomainError("not_a_folder", f"{folder} is not a folder.")
    found = defaultdict(Given)
    with os.scandir(folder) as entries:
        for entry in entries:
            incident_id, mark, _ = entry.name.rpartition(FRAME_MARK)
            if entry.name.endswith(CLIP_ENDING):
                found[entry.name.removesuffix(CLIP_ENDING)].clip = folder / entry.name
            elif mark:
                found[incident_id].frames.append(folder / entry.name)
    for given in found.values():
        given.frames.sort(key=_in_reading_order)
    return dict(found)


def _in_reading_order(path):
    """Sort numbers as numbers: frame_2 comes before frame_10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def digest_of(given):
    """Return one sha256 for all files as they were given, names left out.

    Raises:
        DomainError: evidence, where there is none, too much, or what is no plain file.
    """
    paths = [*given.frames, *([given.clip] if given.clip else [])]
    if not paths:
        raise wrong("evidence", "There is no picture and no clip of it in the folder.")
    if len(given.frames) > MOST_FRAMES:
        raise wrong("evidence", f"At most {MOST_FRAMES} pictures, not {len(given.frames)}.")
    digest = hashlib.sha256()
    for path in paths:
        if path.is_symlink() or not path.is_file():
            raise wrong("evidence", f"{path.name} is not a plain file.")
        kind = uploads.VIDEO if path == given.clip else uploads.PHOTO
        try:
            uploads.check_size(path.name, kind, path.stat().st_size)
            digest.update(f"{kind}:{storage.sha256_of(path)};".encode())
        except DomainError as error:
            raise wrong("evidence", error.message) from error
        except OSError as error:
            raise wrong("evidence", f"{path.name} cannot be read.") from error
    return digest.hexdigest()


def take_files(given, *, site_id, private_polygons):
    """Check and store every file of an incident; return them as Taken.

    Raises:
        DomainError: evidence, naming the file; nothing of the incident is stored then.
    """
    taken = []
    try:
        for place, path in enumerate(given.frames):
            taken.append(_take_frame(path, place, len(given.frames), site_id, private_polygons))
        if given.clip:
            taken.append(_take_clip(given.clip, site_id, private_polygons))
    except DomainError as error:
        forget(taken)
        if error.code == "disk_full":
            raise
        raise wrong("evidence", error.message) from error
    except BaseException:
        forget(taken)
        raise
    return taken


def forget(taken):
    """Delete stored files that no row stands on."""
    from detection.services import evidence as evidence_files
    from review.services import redactions

    names = {one.path for one in taken}
    evidence_files.delete_unused(names, is_needed=redactions.is_copy_needed)


def _take_frame(path, place, count, site_id, private_polygons):
    from detection.vision.probe import identified, strip_photo

    suffix = ".png" if identified(path, "photo") == "image/png" else ".jpg"
    copy = storage.scratch_path(suffix)
    try:
        width, height = strip_photo(
            path,
            copy,
            private_polygons=private_polygons,
            max_pixels=settings.UPLOAD_MAX_PHOTO_PIXELS,
        )
        stored = storage.store_file(site_id, "frame", copy)
    finally:
        copy.unlink(missing_ok=True)
    kind, position = frame_kind(place, count)
    share = place / (count - 1) if count > 1 else 0.5
    return Taken(kind, position, share, *stored, width, height)


def frame_kind(place, count):
    """Return (kind, position) of one of ``count`` frames: first, middle and last have names.

    >>> [frame_kind(place, 4)[0].value for place in range(4)]
    ['frame_open', 'track_frame', 'frame_peak', 'frame_last']
    """
    if place == count // 2:
        return Kind.FRAME_PEAK, 0
    if place == 0:
        return Kind.FRAME_OPEN, 0
    if place == count - 1:
        return Kind.FRAME_LAST, 0
    return Kind.TRACK_FRAME, place


def _take_clip(path, site_id, private_polygons):
    """Store the clip as H.264 without sound or metadata, what is private black throughout."""
    from detection.vision.probe import probe_upload
    from review.privacy.redact import redact_clip
    from review.privacy.regions import Region

    probe = probe_upload(path, "video", max_duration_seconds=LONGEST_CLIP_SECONDS)
    copy = storage.scratch_path(".mp4")
    try:
        regions = [Region(_around(one), "drawn", 1.0) for one in private_polygons]
        redact_clip(path, copy, regions, "mask")
        stored = storage.store_file(site_id, "clip", copy)
    finally:
        copy.unlink(missing_ok=True)
    size = (probe.width // 2 * 2, probe.height // 2 * 2)
    return Taken(Kind.CLIP, 0, 0.0, *stored, *size, probe.duration_seconds or 0.0)


def _around(polygon):
    """Return the box around a polygon."""
    across, down = zip(*polygon, strict=True)
    return (min(across), min(down), max(across), max(down))
