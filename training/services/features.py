"""Features of videos: asked for by a person, extracted once, fetched by whoever learns from them.

A video may be registered for this alone: then nothing ingests it. What is there already, measured
by the same models, is found again and not made twice. ``feature_extraction`` does the work.
"""

import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Camera, Footage
from detection.services import cameras, uploads
from detection.services import footage as footage_service
from hitlsite import audit, jobs, storage
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training.models import FeatureSet
from training.services import feature_figures, feature_labels, feature_sources
from training.services.feature_extraction import extract_now, folder_of, run_waiting

__all__ = [
    "ask",
    "cancel",
    "extract_now",
    "import_parquet",
    "open_file",
    "register_and_ask",
    "register_upload",
    "register_video",
    "retry",
    "run_waiting",
    "table_of",
]

ADD, CHANGE = "training.add_featureset", "training.change_featureset"
OWN_CAMERA = "Videos"
MOST_AT_ONCE = 200
MOST_SAMPLE_RATE = 1000
SUFFIX = ".parquet"
CHUNK_BYTES = 256 * 1024
State, Mode = FeatureSet.State, FeatureSet.Detector
_ACTIVE = (State.QUEUED, State.RUNNING)


def register_video(path, *, site_name="", camera_name="", by=None):
    """Return the Footage of a video file of this machine; nothing ingests a new one.

    Raises:
        Forbidden, NotFound; DomainError: site_ambiguous, camera_name_invalid, and what is wrong
            with the file.
    """
    (footage,) = _registered([path], site_name, camera_name, by)
    return footage


def _registered(paths, site_name, camera_name, by):
    _require(by, ADD)
    # Hashing takes its time, so it is done before anything is held.
    probed = [footage_service.probe_video(path) for path in paths]
    with transaction.atomic():
        site = cameras.find_site(site_name)
        if by is not None and not Site.objects.visible_to(by).filter(pk=site.pk).exists():
            raise NotFound(f"There is no site named {site_name}.", code="site_unknown")
        camera = cameras.get_or_create_camera(site, camera_name or OWN_CAMERA)
        return [footage_service.register_unwatched(camera, one, actor=by) for one in probed]


def register_and_ask(paths, *, site_name="", camera_name="", labels="", by=None, **asked):
    """Register video files and queue their extraction, all or none; return their FeatureSets.

    Args:
        asked: as for ``ask``.

    Raises:
        what ``register_video`` and ``ask`` raise; DomainError: frames_missing.
    """
    _check(paths, asked.get("detector", Mode.FUSION), asked.get("sample_rate", 1), labels)
    if labels:
        feature_labels.check_frames(labels, paths[0])
    with transaction.atomic():
        rows = _registered(paths, site_name, camera_name, by)
        found = ask(footage_ids=[row.pk for row in rows], labels=labels, by=by, **asked)
    by_footage = {one.footage_id: one for one in found}
    return [by_footage[row.pk] for row in rows]


def register_upload(received, *, by, camera_id=None, site_id=None):
    """Return the Footage of a video that a person sends; nothing ingests a new one.

    Args:
        received: a ``detection.services.uploads.Received``.
        camera_id: whose video it is; without, the site's camera for such videos takes it.
        site_id: of that camera; needed where ``by`` belongs to several sites.

    Raises:
        Forbidden, NotFound; DomainError: too large, of a wrong type, unreadable.
    """
    _require(by, ADD)
    if camera_id is not None:
        camera = Camera.objects.visible_to(by).select_related("site").filter(pk=as_id(camera_id))
        camera = camera.first()
        if camera is None:
            raise NotFound(f"There is no camera {camera_id}.", fields={"camera": "No such camera."})
        return uploads.take_unwatched(camera, received, by=by)
    found = Site.objects.visible_to(by)
    found = list((found.filter(pk=as_id(site_id)) if site_id is not None else found)[:2])
    if len(found) != 1:
        told = "No such site." if site_id is not None else "This is needed."
        raise NotFound("Name the site that the video is of.", fields={"site": told})
    camera = cameras.get_or_create_camera(found[0], OWN_CAMERA)
    return uploads.take_unwatched(camera, received, by=by)


def ask(
    *, footage_ids, by=None, detector=Mode.FUSION, sample_rate=1, trigger, labels="", label_set=""
):
    """Queue the extraction of videos and return their FeatureSets, one each, in their order.

    What waits or goes on already is returned as it is; so is what is done, where the models that
    measured it are still those that would measure now.

    Args:
        by: None for the operator.
        detector: what is measured: "fusion", "mediapipe" or "yolo".
        sample_rate: every so many-th frame.
        labels: of one video, `frame_index,label` or `start,end,label`; saved once it is measured.
        label_set: the name of the set that they belong to.

    Raises:
        Forbidden, NotFound; DomainError: invalid, footage_not_a_video, mediapipe_unavailable,
            detector_needed, and what is wrong with the labels.
    """
    _require(by, ADD)
    _check(footage_ids, detector, sample_rate, labels)
    rows = _videos(by, footage_ids)
    group = uuid.uuid4() if len(rows) > 1 else None
    columns = {"detector": detector, "sample_rate": sample_rate, "created_by": by, "group": group}
    with transaction.atomic():
        given = feature_labels.read(labels, label_set, rows[0], by) if labels else None
        found = [_asked(row, columns, trigger) for row in rows]
        if given is not None:
            found[0] = feature_labels.give(found[0], given, table_of)
    return found


def _require(by, permission):
    if by is not None and not by.has_perm(permission):
        raise Forbidden("Only supervisors and admins extract features.")


def _check(footage_ids, detector, sample_rate, labels):
    if detector not in Mode.values:
        raise _invalid("detector", f"This must be one of {', '.join(Mode.values)}.")
    is_number = isinstance(sample_rate, int) and not isinstance(sample_rate, bool)
    if not is_number or not 1 <= sample_rate <= MOST_SAMPLE_RATE:
        raise _invalid("sample_rate", f"This must lie between 1 and {MOST_SAMPLE_RATE}.")
    if not footage_ids:
        raise _invalid("footage", "Choose at least one video.")
    if len(footage_ids) > MOST_AT_ONCE:
        raise _invalid("footage", f"Choose at most {MOST_AT_ONCE} videos at once.")
    if labels and len(set(footage_ids)) > 1:
        raise _invalid("labels", "Labels are of one video: ask for that alone.")


def _invalid(field, message):
    return DomainError("invalid", f"{field}: {message}", fields={field: message})


def _videos(by, footage_ids):
    """Return the footage that is asked for, each once, in order."""
    pks = list(dict.fromkeys(as_id(pk) for pk in footage_ids))
    found = Footage.objects.visible_to(by) if by is not None else Footage.objects.all()
    known = found.select_related("camera__site").in_bulk([pk for pk in pks if pk is not None])
    for pk in pks:
        if pk not in known:
            raise NotFound(f"There is no footage {pk}.", fields={"footage": "No such footage."})
        if known[pk].kind not in (Footage.Kind.FILE, Footage.Kind.UPLOAD):
            message = f"Footage {pk} is no video file ({known[pk].get_kind_display()})."
            raise DomainError("footage_not_a_video", message, fields={"footage": message})
    return [known[pk] for pk in pks]


def _asked(footage, columns, trigger):
    same = {name: columns[name] for name in ("detector", "sample_rate")}
    rows = FeatureSet.objects.filter(footage=footage, **same).order_by("-pk")
    active = rows.filter(state__in=_ACTIVE)
    found = active.first() or _done(
        rows, feature_sources.expected(same["detector"], footage.camera)
    )
    if found is not None:
        return found
    site = footage.camera.site
    try:
        with transaction.atomic():
            made = FeatureSet.objects.create(
                site=site, footage=footage, name=name_of(footage), **columns
            )
            detail = {"name": made.name, "footage": footage.pk, **same, "trigger": trigger}
            actor = columns["created_by"]
            audit.record("features.asked", made, actor=actor, site=site, detail=detail)
    except IntegrityError:  # somebody else was faster
        return active.get()
    return made


def _done(rows, wanted):
    """Return the newest finished features where what would measure now has measured them."""
    done = rows.filter(state=State.DONE).first()
    return done if done is not None and feature_sources.is_same(done.sources, wanted) else None


def name_of(footage):
    """Return what a file of features calls a video."""
    if footage.kind == Footage.Kind.FILE:
        return Path(footage.location).name[:200]
    return footage.client_id or f"upload {footage.sha256[:12]}"


def cancel(feature_set_id, *, by):
    """End an extraction that waits or goes on; what it measured is dropped. Return the FeatureSet.

    Raises:
        NotFound, Forbidden; Conflict already_finished.
    """
    row = _changeable(feature_set_id, by)
    with transaction.atomic():
        going = FeatureSet.objects.filter(pk=row.pk, state__in=_ACTIVE)
        now = timezone.now()
        if not going.update(state=State.CANCELLED, finished_at=now, lease_expires_at=None):
            raise Conflict(f"The {row} are no longer being extracted.", code="already_finished")
        audit.record("features.cancelled", row, actor=by, site=row.site, detail={"name": row.name})
    if row.state == State.QUEUED:  # a worker removes its parts itself, once it hears of it
        shutil.rmtree(folder_of(row), ignore_errors=True)
    row.refresh_from_db()
    return row


def retry(feature_set_id, *, by):
    """Queue an extraction again that failed or was cancelled, and return the FeatureSet.

    One that failed goes on from the parts that it left.

    Raises:
        NotFound, Forbidden; Conflict: it did neither, or another of the same video waits already.
    """
    row = _changeable(feature_set_id, by)
    ended = FeatureSet.objects.filter(pk=row.pk, state__in=(State.FAILED, State.CANCELLED))
    try:
        with transaction.atomic():
            # Back to failed first: that is what may be queued again, with all its attempts.
            if not ended.update(state=State.FAILED) or not jobs.requeue(ended):
                message = f"The {row} have neither failed nor been cancelled."
                raise Conflict(message, code="not_failed")
            detail = {"name": row.name}
            audit.record("features.asked_again", row, actor=by, site=row.site, detail=detail)
    except IntegrityError as error:
        message = f"Another extraction of {row.name} waits or goes on already."
        raise Conflict(message, code="already_active") from error
    row.refresh_from_db()
    return row


def _changeable(pk, by):
    found = FeatureSet.objects.visible_to(by).select_related("site").filter(pk=as_id(pk)).first()
    if found is None:
        raise NotFound(f"There are no features {str(pk)[:20]}.")
    _require(by, CHANGE)
    return found


def import_parquet(path, *, site, by=None, name=""):
    """Take in features that were extracted elsewhere and return their FeatureSet, the same once.

    Raises:
        Forbidden, NotFound: a site that ``by`` does not belong to.
        DomainError: columns_missing and what else ``feature_tables.read`` says; disk_full.
    """
    from detection.vision import feature_tables

    _require(by, ADD)
    if by is not None and not Site.objects.visible_to(by).filter(pk=site.pk).exists():
        raise NotFound(f"There is no site {site.pk}.")
    path = Path(path)
    table = feature_tables.read(path)
    copy = storage.scratch_path(SUFFIX)
    try:
        shutil.copyfile(path, copy)
        kept, sha256, size = storage.store_file(site.pk, "features", copy)
    except OSError as error:
        raise storage.disk_full(copy.parent, error) from error
    finally:
        copy.unlink(missing_ok=True)
    columns = {
        "name": (name or table.video_id or path.name)[:200],
        "detector": feature_figures.mode_of(table.names),
        "sample_rate": feature_figures.sample_rate_of(table.frame_index),
        "figures": feature_figures.figures(table),
        "frames": len(table.times),
        "path": kept,
        "byte_count": size,
    }
    return _taken(site, sha256, by, columns)


def _taken(site, sha256, by, columns):
    same = FeatureSet.objects.filter(site=site, footage=None, sha256=sha256)
    with suppress(IntegrityError), transaction.atomic():
        if not same.exists():
            now = timezone.now()
            made = FeatureSet.objects.create(
                site=site,
                sha256=sha256,
                state=State.DONE,
                created_by=by,
                started_at=now,
                finished_at=now,
                **columns,
            )
            detail = {"name": made.name, "sha256": sha256, "frames": made.frames}
            audit.record("features.imported", made, actor=by, site=site, detail=detail)
    return same.get()


def open_file(feature_set):
    """Return (chunks, size) of the file of finished features.

    Raises:
        NotFound: they are not finished, or the file is gone.
    """
    if feature_set.state != State.DONE or not default_storage.exists(feature_set.path):
        raise NotFound(f"The {feature_set} have no file.")
    stream = default_storage.open(feature_set.path, "rb")
    return File(stream).chunks(CHUNK_BYTES), feature_set.byte_count


def table_of(feature_set):
    """Return the FeatureTable of finished features, once their file is what was stored.

    Raises:
        DomainError: features_unfinished, features_missing, features_damaged.
    """
    from detection.vision import feature_tables

    if feature_set.state != State.DONE or not feature_set.path:
        raise DomainError("features_unfinished", f"The {feature_set} are not extracted yet.")
    try:
        path, is_copy = storage.local_copy(feature_set.path)
        try:
            if storage.sha256_of(path) != feature_set.sha256:
                message = f"The file of the {feature_set} is not the one that was stored."
                raise DomainError("features_damaged", message)
            return feature_tables.read(path)
        finally:
            if is_copy:
                path.unlink(missing_ok=True)
    except FileNotFoundError as error:
        message = f"The file of the {feature_set} is missing from storage."
        raise DomainError("features_missing", message) from error
