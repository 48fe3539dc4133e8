"""Copies of whole videos that people may watch: small, without faces, and verified.

Everything fails closed. A copy is served only once every stretch of it was looked at again and no
face was found, and only while it is of what the video and its private zones are now. The original
is never served, and whatever a worker writes on the way is deleted again.
"""

import hashlib
import json
import logging
import math
import shutil
from contextlib import contextmanager, suppress

from django.conf import settings
from django.db import IntegrityError, transaction

from detection.models import Footage
from detection.services import excerpts
from hitlsite import audit, jobs, storage
from hitlsite.bounds import as_id
from hitlsite.errors import Conflict, DomainError, Forbidden, NotFound
from review.models import ViewingCopy

logger = logging.getLogger(__name__)

SEE = "review.view_viewingcopy"
KIND = "viewing"
FORMAT = 1  # raised when copies are made otherwise: parts of earlier ones are then not gone on from
_TRIED_AGAIN = {"disk_full"}
State = ViewingCopy.State


def visible_footage(user, pk):
    """Return a Footage whose viewing copy ``user`` may see.

    Raises:
        NotFound, Forbidden
    """
    shown = Footage.objects.visible_to(user).filter(pk=as_id(pk))
    footage = shown.select_related("camera__site").first()
    if footage is None:
        raise NotFound(f"There is no footage {str(pk)[:20]}.")
    if not user.has_perm(SEE):
        raise Forbidden("You may not watch footage.")
    return footage


def fingerprint(footage):
    """Return a hash of what a copy is made from: the video's content, and what is private in it."""
    made_from = {
        "format": FORMAT,
        "sha256": footage.sha256,
        "private": sorted(map(list, excerpts.private_polygons(footage))),
        "method": settings.REDACTION_METHOD,
    }
    text = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def why_none(footage):
    """Say why a video can have no copy, "" where it can."""
    if footage.kind == Footage.Kind.IMAGES:
        return "a folder of pictures is no video"
    return excerpts.why_gone(footage)


def of(footage):
    """Return the ViewingCopy of a video, None where nobody has asked for one."""
    return ViewingCopy.objects.filter(footage=footage).first()


def is_served(copy, footage):
    """Say whether a copy may be shown: whole, and of what the video and its zones are now."""
    return copy.state == State.DONE and copy.source_sha256 == fingerprint(footage)


def ask(footage, by):
    """Return the ViewingCopy of a video, queued unless it is made or being made already.

    One that failed, or was made before a private zone was drawn, is made again.

    Raises:
        NotFound, Forbidden; Conflict: footage_gone.
    """
    footage = visible_footage(by, footage.pk)
    reason = why_none(footage)
    if reason:
        raise Conflict(f"{footage}: {reason}.", code="footage_gone")
    with transaction.atomic():
        held = ViewingCopy.objects.select_for_update(of=("self",), no_key=True)
        copy = held.filter(footage=footage).first() or _created(footage)
        is_new = copy.attempts == 0 and copy.state == State.QUEUED and not copy.source_sha256
        if copy.is_finished and not is_served(copy, footage):
            _queue_again(copy)
        elif not is_new:
            return copy
        copy.source_sha256 = fingerprint(footage)
        copy.save(update_fields=["source_sha256"])
        detail = {"footage": footage.pk}
        audit.record("viewing_copy_asked", copy, actor=by, site=footage.camera.site, detail=detail)
    return copy


def _created(footage):
    total = math.ceil(footage.duration_seconds or 0.0)
    try:
        with transaction.atomic():
            return ViewingCopy.objects.create(footage=footage, progress_total=total)
    except IntegrityError:  # somebody asked in the same moment
        return ViewingCopy.objects.get(footage=footage)


def _queue_again(copy):
    copy.state, copy.attempts, copy.progress_done = State.QUEUED, 0, 0
    copy.error_code = copy.error_message = copy.lease_holder = ""
    copy.not_before = copy.started_at = copy.finished_at = copy.lease_expires_at = None
    copy.save()


def run_waiting():
    """Make every copy that waits or lost its worker; return how many were taken."""
    jobs.sweep(ViewingCopy.objects.all())
    waiting = jobs.claimable(ViewingCopy.objects.all()).order_by("pk")
    _forget_leftovers()
    return sum(make_now(pk) is not None for pk in list(waiting.values_list("pk", flat=True)))


def make_now(pk, *, progress=None, scanner=None):
    """Make a queued copy and return its row as it then stands; None where another worker has it.

    What was verified before a worker was lost is gone on from. A refusal is stored, not raised.

    Args:
        progress: called with (seconds done, seconds in all).
    """
    copy = jobs.claim(ViewingCopy.objects.select_related("footage__camera__site"), pk)
    if copy is None:
        return None
    try:
        with jobs.kept_alive(copy):
            _make(copy, progress, scanner)
    except jobs.LeaseLost:
        logger.warning("The %s went to another worker.", copy)
        return None
    except DomainError as error:
        if error.code in _TRIED_AGAIN:
            jobs.release(copy, error=error)
        else:
            _refuse(copy, error)
    except Exception as error:
        jobs.release(copy, error=error)
        raise
    copy.refresh_from_db()
    if copy.is_finished:
        shutil.rmtree(folder_of(copy), ignore_errors=True)
    return copy


def _make(copy, progress, scanner):
    from review.services.viewing_copy_parts import make_parts

    def tell(done):
        total = max(copy.progress_total, done)
        jobs.heartbeat(copy, progress_done=done, progress_total=total)
        if progress is not None:
            progress(done, total)

    made_from = fingerprint(copy.footage)
    written = storage.scratch_path(".mp4")
    try:
        made = make_parts(copy, folder_of(copy), written, made_from, tell, scanner)
        stored = storage.store_file(copy.footage.camera.site_id, KIND, written)
    finally:
        written.unlink(missing_ok=True)
    _store(copy, stored, made, made_from)


def _store(copy, stored, made, made_from):
    """End the job with the stored file, unless a zone was drawn while it was made."""
    path, sha256, byte_count = stored
    dropped = copy.path if copy.path != path else ""
    with _deleted_on_refusal(path), transaction.atomic():
        footage = Footage.objects.select_related("camera__site").get(pk=copy.footage_id)
        if fingerprint(footage) != made_from:
            raise DomainError("zones_changed", "A private zone was changed while it was made.")
        jobs.finish(
            copy,
            path=path,
            sha256=sha256,
            byte_count=byte_count,
            source_sha256=made_from,
            regions_found=made.regions,
            rounds=made.rounds,
            progress_done=max(copy.progress_total, made.seconds),
            progress_total=max(copy.progress_total, made.seconds),
        )
        detail = {"footage": footage.pk, "sha256": sha256, "regions": made.regions}
        audit.record("viewing_copy_made", copy, site=footage.camera.site, detail=detail)
        transaction.on_commit(lambda: delete_unused(dropped), robust=True)


@contextmanager
def _deleted_on_refusal(path):
    """Delete a stored copy that its row did not come to stand on; a rollback would forget to."""
    try:
        yield
    except (DomainError, jobs.LeaseLost):
        delete_unused(path)
        raise


@transaction.atomic
def _refuse(copy, error):
    with suppress(jobs.LeaseLost):
        jobs.finish(copy, state=State.FAILED, error_code=error.code, error_message=error.message)
        detail = {"footage": copy.footage_id, "code": error.code, "message": error.message}
        site = copy.footage.camera.site
        audit.record("viewing_copy_refused", copy, site=site, detail=detail)


def is_needed(path):
    """Say whether a viewing copy stands on a stored file."""
    return f"/{KIND}/" in path and ViewingCopy.objects.filter(path=path).exists()


def delete_unused(path):
    """Delete a stored copy that no row stands on."""
    if path and f"/{KIND}/" in path and not is_needed(path):
        storage.delete(path)


def folder_of(copy):
    """Return where the parts of a copy that is being made lie; everything in it may go."""
    return settings.SCRATCH_DIR / f"viewing-copy-{copy.pk}"


def _forget_leftovers():
    """Delete what workers left of copies that nobody makes any more."""
    going = {State.QUEUED, State.RUNNING}
    for folder in settings.SCRATCH_DIR.glob("viewing-copy-*"):
        pk = as_id(folder.name.rpartition("-")[2])
        if pk is None or not ViewingCopy.objects.filter(pk=pk, state__in=going).exists():
            shutil.rmtree(folder, ignore_errors=True)
