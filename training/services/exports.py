"""Exports: asked for by an admin or an operator, written by one worker, shown once whole.

A run is a leased row. Whatever stops it, there is either a finished folder and a row that says
"done", or neither: the folder gets its name inside the transaction that ends the row.
"""

import logging
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from hitlsite import audit, jobs
from hitlsite.errors import DomainError, Forbidden, NotFound
from hitlsite.models import Site
from training import selectors
from training.models import ExportRun
from training.services.export_filters import clean_filters, clean_formats, invalid
from training.services.export_writing import require_enough, write

logger = logging.getLogger(__name__)

IMAGE_FORMS = ("file", "data_url")
VARIANTS = ("reviewed", "masked")
FORMATS = ("yolo", "csv", "parquet")
_TRIED_AGAIN = {"items_moved", "name_taken"}


def start(*, by, site, filters=None, image_form="file", variant="reviewed", formats=()):
    """Queue an export and return its row; an equal one that is waiting already is returned.

    Args:
        filters: any of camera (id), category, since and until (days at the site, both included),
            items (ids).
        variant: "masked" fills every person with black.
        formats: besides JSONL, COCO and manifest: any of FORMATS.

    Raises:
        NotFound: ``by`` does not belong to the site.
        Forbidden: ``by`` is no admin.
        DomainError: invalid, too_few_confirmed.
    """
    if not Site.objects.visible_to(by).filter(pk=site.pk).exists():
        raise NotFound(f"There is no site {site.pk}.")
    if not by.has_perm(selectors.MAKE):
        raise Forbidden("Only admins export.")
    columns = _checked(site, filters, image_form, variant, formats)
    queued = ExportRun.objects.filter(
        created_by=by, state=ExportRun.State.QUEUED, **columns
    ).first()
    return queued or _begun(created_by=by, **columns)


def foretell(site, filters):
    """Return how many items an export would hold now, and how many it would leave out and why.

    What only a file can tell, one that is missing or shows a face, comes on top.

    Raises:
        DomainError: invalid.
    """
    filters = clean_filters(site, filters)
    return {
        "ready": selectors.exportable(site, filters).count(),
        "least": settings.MIN_CONFIRMED,
        "left_out": selectors.left_out_by_status(site, filters),
    }


def _checked(site, filters, image_form, variant, formats):
    """Return the columns that say what is asked for."""
    for field, given, known in (
        ("image_form", image_form, IMAGE_FORMS),
        ("variant", variant, VARIANTS),
    ):
        if given not in known:
            raise invalid(field, f"This must be one of {', '.join(known)}.")
    formats = clean_formats(formats, FORMATS)
    filters = clean_filters(site, filters or {})
    require_enough(selectors.exportable(site, filters).count())
    return {
        "site": site,
        "filters": filters,
        "image_form": image_form,
        "variant": variant,
        "formats": formats,
    }


@transaction.atomic
def _begun(**columns):
    export = ExportRun.objects.create(**columns)
    asked = ("filters", "image_form", "variant", "formats")
    detail = {name: getattr(export, name) for name in asked}
    audit.record("export.started", export, actor=export.created_by, site=export.site, detail=detail)
    return export


def run_waiting():
    """Carry out every export that waits or lost its worker; return how many were taken."""
    ExportRun.objects.filter(
        directory__startswith="/",
        state=ExportRun.State.RUNNING,
        lease_expires_at__lt=timezone.now(),
    ).update(
        state=ExportRun.State.FAILED,
        finished_at=timezone.now(),
        error_code="command_stopped",
        error_message="The command was stopped before the export was whole.",
    )
    jobs.sweep(_of_workers())
    waiting = jobs.claimable(_of_workers()).order_by("created_at", "pk")
    return sum(run(pk) is not None for pk in list(waiting.values_list("pk", flat=True)))


def _of_workers():
    """Return the runs that any worker may write, into the folder of exports.

    An operator's command writes to an absolute path that only its own machine knows.
    """
    return ExportRun.objects.exclude(directory__startswith="/")


def run(export_id, *, progress=None):
    """Write a queued export; None where another worker has it or it is finished.

    A refusal is stored on the row, not raised.

    Args:
        progress: called with (items done, items in all).
    """
    from training.exporting.placing import OwnFolder

    export = jobs.claim(_of_workers(), export_id)
    if export is None:
        return None
    place = OwnFolder(settings.EXPORT_DIR / str(export.site_id), export.pk)
    place.discard()
    _discard_unfinished(export)
    _carry_out(export, place, progress)
    export.refresh_from_db()
    return export


def _discard_unfinished(export):
    """Remove what an earlier worker published in the moment in which it was lost."""
    if not export.directory:
        return
    others = ExportRun.objects.filter(directory=export.directory).exclude(pk=export.pk)
    if not others.exists():
        shutil.rmtree(settings.EXPORT_DIR / export.directory, ignore_errors=True)
    jobs.heartbeat(export, name="", directory="")
    export.name = export.directory = ""


def export_to(
    directory,
    *,
    site,
    filters=None,
    image_form="file",
    variant="reviewed",
    formats=(),
    progress=None,
):
    """Write an export into a folder of the operator's choice and return its row.

    The folder is made if it is not there; in one that is, nothing is overwritten.

    Raises:
        DomainError: what stopped it; the row says so as well.
    """
    from training.exporting.placing import GivenFolder

    folder = Path(directory).expanduser().absolute()
    columns = _checked(site, filters, image_form, variant, formats)
    place = GivenFolder(folder, "command")
    now = timezone.now()
    export = _begun(
        **columns,
        directory=str(folder),
        state=ExportRun.State.RUNNING,
        lease_holder=jobs.new_holder(),
        lease_expires_at=now + timedelta(seconds=settings.LEASE_SECONDS),
        attempts=jobs.MAX_ATTEMPTS,
        started_at=now,
    )
    _carry_out(export, place, progress)
    export.refresh_from_db()
    if export.state != ExportRun.State.DONE:
        raise DomainError(export.error_code or "lease_lost", export.error_message, status=409)
    return export


def _carry_out(export, place, progress):
    try:
        with jobs.kept_alive(export):
            write(export, place, progress or (lambda done, total: None))
    except jobs.LeaseLost:
        logger.warning("Export %s went to another worker.", export.pk)
    except DomainError as error:
        if error.code in _TRIED_AGAIN:
            jobs.release(export, error=error)
        else:
            _refuse(export, error)
    except Exception as error:
        jobs.release(export, error=error)
        raise
    finally:
        place.discard()


@transaction.atomic
def _refuse(export, error):
    with suppress(jobs.LeaseLost):
        jobs.finish(
            export,
            state=ExportRun.State.FAILED,
            error_code=error.code,
            error_message=error.message,
        )
        detail = {"code": error.code, "message": error.message}
        audit.record(
            "export.refused", export, actor=export.created_by, site=export.site, detail=detail
        )


def verify(directory, *, progress=None):
    """Prove the exports in a folder; return a training.exporting.verify.Report.

    Raises:
        DomainError: not_a_folder.
    """
    from detection.services.inference import person_detector
    from review.privacy.verify import check_image
    from review.services.first_looks import NeededByContent
    from review.services.privacy import face_scanner
    from training.exporting import verify as proof

    scanner, needed_for = face_scanner(), NeededByContent()

    def scan(path, regions, sha256):
        return check_image(path, regions, scanner, needed=needed_for(sha256))

    return proof.verify(
        Path(directory),
        scan=scan,
        person_detector=person_detector,
        recorded_sha256=_recorded_sha256,
        progress=progress or (lambda done, total: None),
    )


def _recorded_sha256(manifest_name):
    """Return the hashes of the manifests of this name that this installation wrote."""
    name = manifest_name.removeprefix("manifest_").removesuffix(".json")
    return {
        row["sha256"]
        for export in ExportRun.objects.filter(name=name, state=ExportRun.State.DONE)
        for row in export.files
        if row["name"] == manifest_name
    }
