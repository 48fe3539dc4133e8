"""Rows to test with, each made by one function with sensible defaults, and files drawn for them.

Nothing here is random: the same call draws the same picture.
"""

import io
import itertools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from django.db import transaction
from PIL import Image

from detection.models import (
    Camera,
    Deployment,
    Evidence,
    Footage,
    Incident,
    IncidentEvent,
    RuleHit,
    Segment,
)
from hitlsite import storage
from hitlsite.models import Site
from review.models import Decision, PrivacyScan, Redaction, TrainingItem
from review.ranking import priority
from review.services import tallies
from review.services.conversion import provenance

WIDTH, HEIGHT, CLIP_FPS = 320, 180, 10
STARTS_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PERSON_LEFT, PERSON_TOP, PERSON_HEIGHT = 128, 54, 108
PERSON_BOX = (0.40, 0.30, 0.534, 0.90)
FRAMES = ((Evidence.Kind.FRAME_OPEN, 30.0), (Evidence.Kind.FRAME_PEAK, 32.0))
FRAMES += ((Evidence.Kind.FRAME_LAST, 36.0),)
_numbers = itertools.count(1)


def site(name=None, **columns):
    return Site.objects.create(name=name or f"Site {next(_numbers)}", **columns)


def camera(site=None, name=None, **columns):
    owner = site or globals()["site"]()
    return Camera.objects.create(site=owner, name=name or f"Camera {next(_numbers)}", **columns)


def deployment(**columns):
    number = next(_numbers)
    columns = {
        "slot": "object_detector",
        "name": f"detector {number}",
        "sha256": f"{number:064x}",
        "backend": "onnxruntime",
        "input_size": 416,
        "precision": "f32",
        "class_names": ["person", "backpack"],
        "threshold": 0.25,
        "activated_at": STARTS_AT,
        **columns,
    }
    return Deployment.objects.create(**columns)


def footage(camera=None, **columns):
    number = next(_numbers)
    columns = {
        "kind": Footage.Kind.FILE,
        "session": f"{number:064x}",
        "location": f"scene-{number}.mp4",
        "sha256": f"{number:064x}",
        "byte_count": 1000,
        "width": WIDTH,
        "height": HEIGHT,
        "duration_seconds": 60.0,
        "starts_at": STARTS_AT,
        **columns,
    }
    return Footage.objects.create(camera=camera or globals()["camera"](), **columns)


def segment(footage=None, position=0, **columns):
    columns = {
        "start_seconds": 60.0 * position,
        "end_seconds": 60.0 * (position + 1),
        "state": Segment.State.DONE,
        **columns,
    }
    source = footage or globals()["footage"]()
    return Segment.objects.create(footage=source, position=position, **columns)


def incident(
    camera=None, *, opened_at_seconds=30.0, seconds=6.0, with_files=True, whole=True, **columns
):
    """Return a closed loitering incident with one rule hit, two events and four files."""
    source = columns.pop("footage", None) or footage(camera)
    part = columns.pop("segment", None) or segment(source)
    closed_at_seconds = opened_at_seconds + seconds
    opened_at = source.starts_at + timedelta(seconds=opened_at_seconds)
    columns = {
        "deployment": columns.pop("deployment", None) or deployment(),
        "key": f"loitering:{next(_numbers)}",
        "state": Incident.State.CLOSED,
        "category": Incident.Category.LOITERING,
        "severity": "medium",
        "class_name": "person",
        "why": f"person loitering in entrance for {seconds:.0f} s",
        "opened_at_seconds": opened_at_seconds,
        "closed_at_seconds": closed_at_seconds,
        "close_reason": "track_lost",
        "opened_at": opened_at,
        "closed_at": opened_at + timedelta(seconds=seconds),
        "peak_score": 0.8,
        "peak_at_seconds": opened_at_seconds + 2.0,
        "track_ids": [7],
        "code_version": "test",
        "evidence_complete_at": opened_at + timedelta(seconds=seconds + 5) if whole else None,
        **columns,
    }
    made = Incident.objects.create(camera=source.camera, footage=source, segment=part, **columns)
    rule_hit(made)
    for position, kind in enumerate((IncidentEvent.Kind.OPENED, IncidentEvent.Kind.CLOSED)):
        at_seconds = (opened_at_seconds, closed_at_seconds)[position]
        IncidentEvent.objects.create(
            incident=made, position=position, kind=kind, at_seconds=at_seconds
        )
    if with_files:
        files_of(made)
    return made


def rule_hit(incident, *, position=0, kind="loitering", **columns):
    columns = {
        "rule_name": f"{kind} rule",
        "zone": "entrance",
        "opened_at_seconds": incident.opened_at_seconds,
        "closed_at_seconds": incident.closed_at_seconds,
        "why": incident.why,
        "numbers": {"dwell_seconds": 31.2},
        "parameters": {"threshold_seconds": 30.0},
        **columns,
    }
    return RuleHit.objects.create(incident=incident, position=position, kind=kind, **columns)


def files_of(incident, *, face=None, has_person=True, class_name="person"):
    """Draw and store three frames and a clip of an incident.

    Args:
        face: a picture (H, W, 3) uint8 RGB that is pasted into each frame; None draws none.
        has_person: whether a person is drawn and, with the ``class_name``, was tracked.
    """
    start = incident.opened_at_seconds
    person_box = PERSON_BOX if has_person else None
    for kind, at_seconds in FRAMES:
        at_seconds += start - 30.0
        encoded = jpeg(picture(at_seconds, face=face, has_person=has_person))
        seen = _observations((at_seconds,), person_box, class_name)
        evidence(incident, kind, encoded, at_seconds=at_seconds, observations=seen)
    times = [start - 3.0 + number / CLIP_FPS for number in range(2 * CLIP_FPS)]
    evidence(
        incident,
        Evidence.Kind.CLIP,
        clip([picture(one, face=face, has_person=has_person) for one in times]),
        at_seconds=times[0],
        end_seconds=times[-1] + 1 / CLIP_FPS,
        observations=_observations(times[::2], person_box, class_name),
    )


def _observations(times, box, class_name):
    if box is None:
        return []
    return [
        {
            "at_seconds": at_seconds,
            "track_id": 7,
            "class_name": class_name,
            "score": 0.8,
            "box_xyxy": list(box),
        }
        for at_seconds in times
    ]


def evidence(incident, kind, content, *, at_seconds, **columns):
    """Store one file of an incident and its row."""
    is_clip = kind == Evidence.Kind.CLIP
    folder, suffix = ("clip", ".mp4") if is_clip else ("frame", ".jpg")
    site_id = incident.camera.site_id
    path, sha256, size = storage.store_bytes(site_id, folder, content, suffix=suffix)
    columns = {"width": WIDTH, "height": HEIGHT, **columns}
    return Evidence.objects.create(
        incident=incident,
        kind=kind,
        at_seconds=at_seconds,
        path=path,
        sha256=sha256,
        original_sha256=sha256,
        byte_count=size,
        **columns,
    )


def picture(at_seconds=0.0, *, face=None, has_person=True):
    """Draw a room with a person in it, (H, W, 3) uint8 RGB; a lamp moves with the time."""
    from tests.review.privacy.drawing import draw_person

    across = np.linspace(60, 160, WIDTH, dtype=np.float32)
    image = np.repeat(across[None, :, None], HEIGHT, axis=0).repeat(3, axis=2).astype(np.uint8)
    shift = int(at_seconds * 10) % 97
    image[10:20, 10 + shift : 30 + shift] = (40, 180, 200)
    if has_person:
        draw_person(image, PERSON_LEFT, PERSON_TOP, PERSON_HEIGHT)
    image = np.ascontiguousarray(image[:, :, ::-1])
    if face is not None:
        height, width = min(face.shape[0], HEIGHT), min(face.shape[1], WIDTH)
        image[:height, :width] = face[:height, :width]
    return image


def _pixels(box):
    return tuple(int(round(v * s)) for v, s in zip(box, (WIDTH, HEIGHT) * 2, strict=True))


def jpeg(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def clip(images, *, fps=CLIP_FPS):
    """Encode pictures as an H.264 MP4 and return its bytes."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
            stream.width, stream.height = images[0].shape[1], images[0].shape[0]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for image in images:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def item(incident=None, *, status="pending_review", privacy="clear", proposal=None, **columns):
    """Return a training item in any state, with the scans and redactions of it.

    Args:
        privacy: faces gets a proposal that is ready unless ``proposal`` says otherwise; redacted
            gets copies in place whose originals are destroyed.
    """
    incident = incident or globals()["incident"](with_files=columns.pop("with_files", True))
    columns.pop("with_files", None)
    if proposal is None:
        proposal = {"faces": "ready", "failed": "blocked"}.get(privacy, "none")
    columns = {
        "category": incident.category,
        "proposed_category": incident.category,
        "severity": incident.severity,
        "priority": priority(incident.severity, incident.peak_score),
        "provenance": provenance(incident),
        "decided_at": None if status == "pending_review" else incident.closed_at,
        **columns,
    }
    made = TrainingItem.objects.create(
        site=incident.camera.site,
        camera=incident.camera,
        incident=incident,
        status=status,
        privacy=privacy,
        proposal=proposal,
        **columns,
    )
    with transaction.atomic():
        tallies.added(made)
    for row in incident.evidence.all():
        _looked_at(made, row)
    return made


def _looked_at(item, evidence):
    if item.privacy == "unscanned":
        return
    result = "faces" if item.privacy == "redacted" else item.privacy
    found = privacy_scan(item, evidence, result=result)
    if item.privacy == "redacted":
        made = redaction(item, evidence, scan=found, state="applied", applied_at=STARTS_AT)
        evidence.path, evidence.sha256 = made.path, made.sha256
        evidence.byte_count, evidence.original_destroyed_at = made.byte_count, STARTS_AT
        evidence.save()
    elif item.proposal in ("ready", "blocked") and result != "clear":
        state = "verified" if item.proposal == "ready" else "blocked"
        redaction(item, evidence, scan=found, state=state)


def privacy_scan(item, evidence, *, result="clear", **columns):
    box = [0.42, 0.30, 0.53, 0.47]
    at_seconds = 0.0 if evidence.is_clip else None
    found = [{"box_xyxy": box, "source": "head", "score": 0.8, "at_seconds": at_seconds}]
    columns = {
        "file_sha256": evidence.sha256,
        "regions": found if result == "faces" else [],
        "detectors": [] if result == "failed" else ["head"],
        "frames_scanned": 1,
        "error": "The file could not be read." if result == "failed" else "",
        **columns,
    }
    return PrivacyScan.objects.create(item=item, evidence=evidence, result=result, **columns)


def redaction(item, evidence, *, scan, state="verified", method="blur", **columns):
    """Store a redacted copy of a file, the head of the person blackened, and its row."""
    path = sha256 = ""
    size = 0
    if state != "blocked":
        image = picture(evidence.at_seconds)
        left, top, right, bottom = _pixels((0.38, 0.25, 0.57, 0.50))
        image[top:bottom, left:right] = 0
        content = clip([image] * CLIP_FPS) if evidence.is_clip else jpeg(image)
        suffix = ".mp4" if evidence.is_clip else ".jpg"
        path, sha256, size = storage.store_bytes(item.site_id, "redacted", content, suffix=suffix)
    columns = {"regions": scan.regions, "source_sha256": evidence.sha256, **columns}
    return Redaction.objects.create(
        item=item,
        evidence=evidence,
        scan=scan,
        method=method,
        state=state,
        path=path,
        sha256=sha256,
        byte_count=size,
        **columns,
    )


def decision(item, reviewer, *, verdict="confirmed", **columns):
    """Append a decision to an item as it stands, without going through the service."""
    columns = {
        "role": "reviewer",
        "reason": "baseline_noise" if verdict == "rejected" else "",
        "status_before": "pending_review",
        "item_version": item.version,
        "at": STARTS_AT,
        **columns,
    }
    return Decision.objects.create(item=item, reviewer=reviewer, verdict=verdict, **columns)
