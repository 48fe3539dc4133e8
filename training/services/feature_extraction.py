"""Carry out an extraction: one worker a video, in parts that the next worker goes on from.

Every frame is decoded, as many as were asked for are measured. What was measured lies in parts in
the training folder, each with the state after its last frame, so that a worker that is killed costs
the frames since then and the file is the same to the byte. Only a whole file is stored, under its
content's name, in the transaction that ends the row.
"""

import logging
import shutil
import time
from contextlib import suppress

from django.conf import settings
from django.db import transaction

from detection.services import sources as footage_sources
from hitlsite import audit, jobs, storage
from hitlsite.errors import DomainError, NotFound
from training.models import FeatureSet
from training.services import feature_figures, feature_labels, feature_sources

logger = logging.getLogger(__name__)

State = FeatureSet.State
SUFFIX = ".parquet"
STORED_EVERY_SECONDS = 1.0
# Each of them is told to a worker again and again until one has taken it.
WOKEN_AT_ONCE = 10
_TRIED_AGAIN = {"disk_full", "mediapipe_failed"}


def folder_of(feature_set):
    """Return where the parts of an extraction lie until it is done."""
    return settings.TRAINING_DIR / "features" / str(feature_set.uuid)


def waiting(most=WOKEN_AT_ONCE):
    """Return the ids of extractions that a worker may take now, the oldest first.

    Args:
        most: how many, None for all.
    """
    _tidy()
    jobs.sweep(FeatureSet.objects.all())
    rows = jobs.claimable(FeatureSet.objects.all()).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:most])


def run_waiting():
    """Extract whatever waits or lost its worker; return how many were taken."""
    return sum(extract_now(pk) is not None for pk in waiting(None))


def _tidy():
    """Remove the parts of what is done, or was cancelled while another worker wrote."""
    folder = settings.TRAINING_DIR / "features"
    found = {path.name: path for path in folder.glob("*-*-*-*-*")} if folder.is_dir() else {}
    kept = FeatureSet.objects.filter(
        uuid__in=list(found), state__in=(State.QUEUED, State.RUNNING, State.FAILED)
    )
    for name in set(found) - {str(one) for one in kept.values_list("uuid", flat=True)}:
        shutil.rmtree(found[name], ignore_errors=True)


def extract_now(feature_set_id, progress=None):
    """Extract the features that a row asks for and return it as it then stands.

    A refusal is stored on the row, not raised. None: another worker has it.

    Args:
        progress: called with (done, total, message); the total is what the container promises.

    Raises:
        NotFound.
    """
    rows = FeatureSet.objects.select_related("footage__camera__site", "site", "created_by")
    row = jobs.claim(rows, feature_set_id)
    if row is None:
        return as_it_is(feature_set_id)
    try:
        with jobs.kept_alive(row):
            _extract(row, _Report(row, progress))
    except jobs.LeaseLost:
        logger.warning("The %s went to another worker, or were cancelled.", row)
        return _given_up(row)
    except DomainError as error:
        if error.code in _TRIED_AGAIN:
            jobs.release(row, error=error)
        else:
            _refuse(row, error)
    except Exception as error:
        jobs.release(row, error=error)
        raise
    row.refresh_from_db()
    return row


def as_it_is(feature_set_id):
    """Return features that are being extracted no longer, None while they are.

    Raises:
        NotFound.
    """
    found = FeatureSet.objects.select_related("footage__camera__site", "site")
    found = found.filter(pk=feature_set_id).first()
    if found is None:
        raise NotFound(f"There are no features {feature_set_id}.")
    return found if found.is_finished else None


def _given_up(row):
    found = FeatureSet.objects.filter(pk=row.pk, state=State.CANCELLED).first()
    if found is not None:
        shutil.rmtree(folder_of(row), ignore_errors=True)
    return found


@transaction.atomic
def _refuse(row, error):
    with suppress(jobs.LeaseLost):
        jobs.finish(row, state=State.FAILED, error_code=error.code, error_message=error.message)
        detail = {"name": row.name, "code": error.code, "message": error.message}
        actor = row.created_by
        audit.record("features.refused", row, actor=actor, site=row.site, detail=detail)


class _Report:
    """Tells the row how far it is, and so hears that it was cancelled or is another's."""

    def __init__(self, row, listener=None):
        self._row, self._listener = row, listener
        self._stored_at = 0.0

    def progress(self, done, total, message=""):
        """Raise LeaseLost where the row is no longer ours."""
        if self._listener:
            self._listener(done, total, message)
        if time.monotonic() - self._stored_at < STORED_EVERY_SECONDS:
            return
        self._stored_at = time.monotonic()
        told = {"progress_done": done, "progress_total": total, "progress_message": message}
        jobs.heartbeat(self._row, **told)


def _extract(row, report):
    """Measure what is left of a video, then store the whole.

    Raises:
        LeaseLost; DomainError: what is wrong with the video or the models, mediapipe_failed,
            disk_full.
    """
    from detection.vision.landmarks import MediapipeError

    report.progress(0, 0, "loading the models")
    extractor, deployment, sources = feature_sources.extractor(row.detector, row.footage.camera)
    folder = folder_of(row)
    if not feature_sources.is_equal(row.sources, sources):
        shutil.rmtree(folder, ignore_errors=True)  # parts that other models have measured
    jobs.heartbeat(row, sources=sources, deployment=deployment)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        seen = _measure(row, extractor, folder, report)
        _store(row, folder, seen, report)
    except MediapipeError as error:
        raise DomainError("mediapipe_failed", f"{row.name}: {error}") from error
    except OSError as error:
        raise storage.disk_full(folder, error) from error
    shutil.rmtree(folder, ignore_errors=True)


def _measure(row, extractor, folder, report):
    """Write the parts that are missing; return what became of the video.

    Frames before the first missing one are decoded again, because only counting from the start
    gives them their numbers.
    """
    from detection.vision.feature_tables import FeatureWriter

    writer = FeatureWriter(folder, row.name, row.detector, state_of=extractor.state)
    first, state = writer.resume_from()
    if state is not None:
        extractor.restore(state)
    decoded, last_at = 0, 0.0
    with footage_sources.opened(row.footage) as source:
        total = _frames_promised(source)
        for frame in source.frames():
            decoded, last_at = frame.index + 1, frame.at_seconds
            if frame.index >= first and frame.index % row.sample_rate == 0:
                writer.add(extractor.step(frame.image(), frame.at_seconds, frame.index))
            told = "measuring" if frame.index >= first else "finding the place again"
            report.progress(decoded, max(total, decoded), told)
        damage = source.damage or ""
    writer.flush()
    return {"frames_decoded": decoded, "last_seconds": round(last_at, 6), "damage": damage}


def _frames_promised(source):
    if not source.duration_seconds or not source.average_fps:
        return 0
    return round(source.duration_seconds * source.average_fps)


def _store(row, folder, seen, report):
    from detection.vision import feature_tables

    report.progress(seen["frames_decoded"], seen["frames_decoded"], "writing")
    whole = storage.scratch_path(SUFFIX)
    try:
        feature_tables.merge(folder, whole)
        table = feature_tables.read(whole)
        path, sha256, size = storage.store_file(row.site_id, "features", whole)
    finally:
        whole.unlink(missing_ok=True)
    figures = seen | feature_figures.figures(table, damage=seen["damage"])
    with transaction.atomic():
        audit.hold()
        figures = feature_labels.settle(row, table, figures)
        jobs.finish(
            row,
            figures=figures,
            path=path,
            sha256=sha256,
            byte_count=size,
            frames=len(table.times),
            progress_done=seen["frames_decoded"],
            progress_total=seen["frames_decoded"],
            progress_message="",
        )
        detail = {"name": row.name, "sha256": sha256, "frames": len(table.times)}
        actor = row.created_by
        audit.record("features.extracted", row, actor=actor, site=row.site, detail=detail)
