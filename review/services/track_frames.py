"""Stills of an item's track, taken from its clip as it may be shown, each checked by itself.

The clip is the redacted one, or one in which nothing was found. What was hidden in it is on record
for every moment, so that each still is judged as any redacted picture is; one that does not pass
is not stored.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from detection.models import Evidence
from hitlsite import audit, storage
from hitlsite.errors import Conflict, DomainError
from review.models import PrivacyScan, Redaction
from review.selectors import annotations as drawn
from review.selectors import is_file_private
from review.services import label_classes
from review.services.scanning import (
    face_scanner,
    locked_item,
    needed_detectors,
    stored_file,
)

KIND = Evidence.Kind.TRACK_FRAME


@dataclass(frozen=True)
class Source:
    """The clip that frames are taken from, and the redaction that it went through, if any."""

    clip: Evidence
    path: str
    sha256: str
    redaction: Redaction | None

    @property
    def scan(self):
        """The scan on which rests that the clip may be shown."""
        if self.redaction is not None:
            return self.redaction.scan
        return self.clip.scans.order_by("-pk").first()


def of_item(item):
    """Return the frames of its track that an item has, in their order."""
    if item.incident_id is None:
        return []
    return list(Evidence.objects.filter(incident=item.incident_id, kind=KIND).order_by("position"))


def subject_boxes(item, observations, at_seconds):
    """Return the observations of the item's own tracks nearest to a time of the footage."""
    subjects = set(item.incident.track_ids)
    mine = [one for one in observations if one["track_id"] in subjects and one.get("box_xyxy")]
    if not mine:
        return []
    nearest = min((one["at_seconds"] for one in mine), key=lambda time: abs(time - at_seconds))
    return [one for one in mine if one["at_seconds"] == nearest]


def label_of(item):
    """Return the LabelClass of what an item's incident is about.

    Raises:
        DomainError: class_unknown.
    """
    classes = label_classes.ensure(item.site)
    index = drawn.indices_by_name(classes).get(item.incident.class_name.casefold())
    if index is None:
        raise DomainError(
            "class_unknown",
            f"There is no label class {item.incident.class_name}: add one, or draw the boxes.",
        )
    return next(one for one in classes if one.index == index)


def extract(item, *, count, scanner=None, at):
    """Store up to ``count`` frames in which the track looks different; return their Evidence.

    Frames that are there already are returned as they are.

    Raises:
        Conflict: no_clip, not_private (no copy of the clip may be shown), or item_moved_on.
    """
    found = of_item(item)
    if found:
        return found
    source = _source(item)
    moments = _moments(item, source.clip)
    if not moments:
        return []
    frames = _diverse(item, source, moments, count)
    scanner = scanner or (face_scanner() if frames else None)
    drafts = [_draft(item, source, frame, scanner) for frame in frames]
    with transaction.atomic():
        locked = locked_item(item.pk)
        has_moved_on = (locked.status, locked.version) != (item.status, item.version)
        if of_item(locked) or has_moved_on:
            message = f"Item {item.pk} moved on while its frames were looked for."
            raise Conflict(message, code="item_moved_on")
        kept = [draft for draft in drafts if draft is not None]
        rows = [_store(locked, source, position, *draft) for position, draft in enumerate(kept, 1)]
        if rows:
            detail = {"frames": [row.pk for row in rows], "of": source.sha256}
            audit.record("track_frames_taken", locked, site=locked.site, detail=detail, at=at)
    return rows


def _source(item):
    clip = None
    if item.incident_id is not None:
        clips = Evidence.objects.filter(incident=item.incident_id, kind=Evidence.Kind.CLIP)
        clip = clips.first()
    if clip is None:
        raise Conflict(f"Item {item.pk} has no clip.", code="no_clip")
    of_clip = Redaction.objects.filter(evidence=clip).order_by("-pk")
    if is_file_private(clip):
        applied = of_clip.filter(state=Redaction.State.APPLIED, sha256=clip.sha256).first()
        return Source(clip, clip.path, clip.sha256, applied)
    verified = of_clip.filter(state=Redaction.State.VERIFIED).first()
    if verified is None:
        raise Conflict(
            f"The clip of item {item.pk} has no redacted copy: no frame of it may be kept.",
            code="not_private",
        )
    return Source(clip, verified.path, verified.sha256, verified)


def _moments(item, clip):
    """Return (seconds on the clip's clock, box) of the track that was seen the most."""
    tracks = {}
    for one in clip.observations:
        if one["track_id"] in item.incident.track_ids and one.get("box_xyxy"):
            moment = one["at_seconds"] - clip.at_seconds, tuple(one["box_xyxy"])
            tracks.setdefault(one["track_id"], []).append(moment)
    return max(tracks.values(), key=len, default=[])


def _diverse(item, source, moments, count):
    from review.labels.track_frames import diverse_frames

    with stored_file(source.path, source.sha256) as path:
        return diverse_frames(path, moments, count=count, known=_known(item))


def _known(item):
    """Return how the track looks on the stills that are there; unreadable ones are passed over."""
    from review.labels.track_frames import look_at
    from review.privacy.media import read_image

    looks = []
    stills = Evidence.objects.filter(incident=item.incident_id).exclude(kind=Evidence.Kind.CLIP)
    for row in stills:
        seen = subject_boxes(item, row.observations, row.at_seconds)
        if seen and is_file_private(row):
            with stored_file(row.path, row.sha256) as path:
                looks.append(look_at(read_image(path), tuple(seen[0]["box_xyxy"])))
    return [look for look in looks if look is not None]


def _draft(item, source, frame, scanner):
    """Return (frame, JPEG bytes, regions, scan) of a frame that may be shown, else None."""
    from detection.vision.recording import encode_jpeg
    from review.privacy import verify

    content, regions = encode_jpeg(frame.image), _regions(source, frame.at_seconds)
    with _scratch(content) as path:
        needed = needed_detectors(source.scan) if source.scan else ()
        check = verify.check_image(path, regions, scanner, needed=needed)
    return (frame, content, regions, check) if check.result == "clear" else None


def _regions(source, at_seconds):
    """Return what is hidden at one moment of the clip, as regions of a still."""
    from dataclasses import replace

    from review.privacy.regions import Region, Timeline

    hidden = source.redaction.regions if source.redaction else []
    held = Timeline([Region.from_dict(values) for values in hidden]).at(at_seconds)
    return [replace(region, at_seconds=None) for region in held]


@contextmanager
def _scratch(content):
    path = storage.scratch_path(".jpg")
    try:
        path.write_bytes(content)
        yield path
    except OSError as error:
        raise storage.disk_full(path.parent, error) from error
    finally:
        path.unlink(missing_ok=True)


def _store(item, source, position, frame, content, regions, check):
    path, sha256, size = storage.store_bytes(item.site_id, "frame", content, suffix=".jpg")
    height, width = frame.image.shape[:2]
    at_seconds = source.clip.at_seconds + frame.moment
    row = Evidence.objects.create(
        incident_id=item.incident_id,
        kind=KIND,
        position=position,
        at_seconds=at_seconds,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        width=width,
        height=height,
        observations=[
            one for one in source.clip.observations if abs(one["at_seconds"] - at_seconds) < 1e-6
        ],
    )
    _record_privacy(item, row, source, regions, check)
    return row


def _record_privacy(item, row, source, regions, check):
    """Record how the still was found to be private: looked at clear, or cut from what is redacted.

    The redaction has no time of being put in place: there is nothing behind it to bring back.
    """
    hidden = [region.as_dict() for region in regions]
    scan = PrivacyScan.objects.create(
        item=item,
        evidence=row,
        file_sha256=row.sha256,
        result=PrivacyScan.Result.FACES if hidden else PrivacyScan.Result.CLEAR,
        regions=hidden,
        detectors=list(check.detectors),
        frames_scanned=check.frames_scanned,
    )
    if hidden:
        Redaction.objects.create(
            item=item,
            evidence=row,
            scan=scan,
            method=source.redaction.method,
            state=Redaction.State.APPLIED,
            regions=hidden,
            path=row.path,
            sha256=row.sha256,
            byte_count=row.byte_count,
            source_sha256=row.sha256,
        )
