"""Register what is to be ingested: a row, its probed size and length, and its first segment."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Footage, Segment
from detection.services import cameras, inference, rule_imports
from hitlsite import audit, storage
from hitlsite.errors import DomainError

LONGEST_SESSION = 100
LONGEST_LOCATION = 1000


def register_watch(
    location,
    *,
    camera_name,
    site_name="",
    session="",
    config_path=None,
    zones_path=None,
    rules_path=None,
    frame_size=None,
    fps=None,
    detector=None,
    tracker=None,
    holder="",
    tell=None,
):
    """Make or find the camera, give it its configuration, and register the footage.

    Whatever is refused, before or after all (a session that holds another file), stores nothing.

    Args:
        config_path: zones and rules in our own form, both replaced.
        zones_path, rules_path: instead of it, files of any dialect; see ``rule_imports``.
        frame_size: (width, height) that their pixels are of; by default the video's own.
        tell: called with each sentence about what such files were converted to.
    """
    _refuse_two_configs(config_path, zones_path, rules_path)
    settled = _settled(fps, detector, tracker)
    values = _probe(location)
    read = _config_reader(config_path, zones_path, rules_path, detector)
    with transaction.atomic():
        site = cameras.find_site(site_name)
        camera = cameras.get_or_create_camera(site, camera_name, **settled)
        config, notes = read(camera, frame_size or (values["width"], values["height"]))
        if config is not None:
            cameras.apply_config(camera, config)
        footage = create(camera, session or values["sha256"], values, holder=holder)
    for note in notes if tell else ():
        tell(note)
    return footage


def _refuse_two_configs(config_path, zones_path, rules_path):
    if config_path and (zones_path or rules_path):
        message = "--config stands for zones and rules both; leave out --zones and --rules."
        raise DomainError("config_twice", message)


def _settled(fps, detector, tracker):
    """Return the columns of the camera that are given."""
    if fps is not None and not 0.2 <= fps <= 60:
        raise DomainError("fps_invalid", f"--fps must lie between 0.2 and 60, not {fps:g}.")
    given = {"sampling_fps": fps, "detector": detector, "tracker": tracker}
    return {key: value for key, value in given.items() if value is not None}


def _config_reader(config_path, zones_path, rules_path, detector):
    """Return a function of (camera, frame size) that answers (config or None, notes).

    Files are read, and our own form is checked, before the function is called.
    """
    from detection.rules.config import parse_config

    known_classes = inference.class_names(detector or settings.DETECTOR)
    if config_path:
        text = rule_imports.read_text(config_path)
        config = parse_config(text, file_name=str(config_path), known_classes=known_classes)
        return lambda camera, frame_size: (config, ())
    if not (zones_path or rules_path):
        return lambda camera, frame_size: (None, ())
    texts = {
        "zones_text": rule_imports.read_text(zones_path),
        "rules_text": rule_imports.read_text(rules_path),
        "zones_file": str(zones_path),
        "rules_file": str(rules_path),
        "known_classes": known_classes,
    }

    def read(camera, frame_size):
        planned = rule_imports.plan_import(camera, frame_size=frame_size, **texts)
        return planned.config, planned.notes

    return read


def register_file(camera, location, *, session="", starts_at=None, holder=""):
    """Return the footage row of a video file, a folder of images or a stream address.

    The same file under the same camera and session is the same row. ``holder`` takes the first
    segment for the caller at once, so that no other worker starts it.

    Raises:
        DomainError: the source is missing, empty or unreadable; or the session holds another.
    """
    values = _probe(location)
    if starts_at:
        values["starts_at"] = starts_at
    return create(camera, session or values["sha256"], values, holder=holder)


def probe_video(location):
    """Open one video file and return what ``register_unwatched`` takes.

    Raises:
        DomainError: it is missing, empty or unreadable; not_a_video_file: a folder or an address.
    """
    if "://" in str(location) or Path(location).is_dir():
        message = f"{location}: this takes one video file, not a folder or a stream."
        raise DomainError("not_a_video_file", message)
    return _probe(location)


def register_unwatched(camera, values, *, actor=None):
    """Return the footage row of a video file that is only to be measured: it has no segments.

    Nothing ingests it, no rule sees it. ``register_file`` and an upload of the same bytes let it be
    ingested after all. The same bytes under the same camera are the same row, whatever became of
    them.

    Args:
        values: what ``probe_video`` returned.
    """
    same = Footage.objects.filter(camera=camera, sha256=values["sha256"])
    same = same.filter(kind__in=[Footage.Kind.FILE, Footage.Kind.UPLOAD])
    earlier = same.select_related("camera__site").order_by("pk").first()
    return earlier or create(camera, values["sha256"], values, actor=actor, is_watched=False)


def _probe(location):
    """Open what lies at ``location`` and return what its row will hold.

    A large file takes its time to hash, so this happens outside of any transaction.
    """
    from detection.vision.video import open_source

    source = open_source(location)
    try:
        kind, sha256, byte_count = _identify(location)
        values = {
            "kind": kind,
            "location": str(location) if "://" in str(location) else str(Path(location).resolve()),
            "sha256": sha256,
            "byte_count": byte_count,
            "width": source.width,
            "height": source.height,
            "duration_seconds": source.duration_seconds,
            "starts_at": timezone.now(),
        }
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{Path(location).name}: it can no longer be read: {reason}."
        raise DomainError("source_unreadable", message) from error
    finally:
        source.close()
    if len(values["location"]) > LONGEST_LOCATION:
        message = f"{Path(location).name}: its path or address is too long to be kept."
        raise DomainError("source_unreadable", message)
    return values


def create(camera, session, values, *, holder="", actor=None, is_watched=True):
    """Store a footage row with its first segment; return the row that is already there instead.

    Args:
        is_watched: whether it is to be ingested; without, it has no segment. A row that is there
            without one gets it now.
    """
    if len(session) > LONGEST_SESSION or not session.isprintable():
        message = f"A session is named by at most {LONGEST_SESSION} printable characters."
        raise DomainError("session_invalid", message)
    existing = Footage.objects.filter(camera=camera, session=session).first()
    if existing is None:
        try:
            with transaction.atomic():
                footage = Footage.objects.create(
                    camera=camera,
                    session=session,
                    configuration=cameras.session_configuration(camera),
                    **values,
                )
                if is_watched:
                    add_segment(footage, 0, 0.0, holder=holder)
                detail = {"session": session, "sha256": footage.sha256, "watched": is_watched}
                audit.record(
                    "footage.registered", footage, actor=actor, site=camera.site, detail=detail
                )
                return footage
        except IntegrityError:
            existing = Footage.objects.get(camera=camera, session=session)
    cameras.require_same_content(existing, values["sha256"])
    if is_watched:
        begin(existing, holder=holder, actor=actor)
    return existing


def begin(footage, *, holder="", actor=None):
    """Let a footage be ingested that was registered without; return whether that is new."""
    if footage.segments.exists():
        return False
    configuration = cameras.session_configuration(footage.camera)
    try:
        with transaction.atomic():
            add_segment(footage, 0, 0.0, holder=holder)
            Footage.objects.filter(pk=footage.pk).update(configuration=configuration)
            audit.record("footage.begun", footage, actor=actor, site=footage.camera.site)
    except IntegrityError:  # somebody else was faster
        return False
    footage.configuration = configuration
    return True


def add_segment(footage, position, start_seconds, *, holder=""):
    """Append the next segment: queued, or already taken by ``holder``."""
    taken = {}
    if holder:
        now = timezone.now()
        taken = {
            "state": Segment.State.RUNNING,
            "lease_holder": holder,
            "lease_expires_at": now + timedelta(seconds=settings.LEASE_SECONDS),
            "started_at": now,
            "attempts": 1,
        }
    return Segment.objects.create(
        footage=footage,
        position=position,
        start_seconds=start_seconds,
        end_seconds=start_seconds + settings.SEGMENT_SECONDS,
        **taken,
    )


def _identify(location):
    """Return (kind, sha256, size) of what lies at ``location``."""
    if "://" in str(location):
        started = timezone.now().isoformat()
        digest = hashlib.sha256(f"{location} {started}".encode()).hexdigest()
        return Footage.Kind.STREAM, digest, 0
    path = Path(location)
    if path.is_file():
        return Footage.Kind.FILE, storage.sha256_of(path), path.stat().st_size
    digest, byte_count = hashlib.sha256(), 0
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.is_file():
            digest.update(f"{entry.name}\0{storage.sha256_of(entry.path)}\n".encode())
            byte_count += entry.stat().st_size
    return Footage.Kind.IMAGES, digest.hexdigest(), byte_count
