"""One claimed export from its rows to its published folder."""

import logging
from contextlib import suppress
from itertools import islice
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hitlsite import audit, garbage, jobs
from hitlsite.errors import Conflict, DomainError
from hitlsite.storage import disk_full
from review.models import TrainingItem
from training import selectors
from training.exporting.item_ids import encoded
from training.services.export_classes import SiteClasses
from training.services.export_items import TOGETHER, ItemReader, LeftOut
from training.services.export_masking import PeopleMasker

logger = logging.getLogger(__name__)

_BEAT_SECONDS = 0.5


def require_enough(count, *, rejections=None):
    """Refuse an export of too few items; the message says what was left out.

    Raises:
        DomainError: too_few_confirmed.
    """
    least = settings.MIN_CONFIRMED
    if count >= least:
        return
    reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted((rejections or {}).items()))
    raise DomainError(
        "too_few_confirmed",
        f"Only {count} of {least} confirmed items can be exported, so nothing was"
        + (f" (left out: {reasons})." if reasons else "."),
        status=409,
    )


def write(export, place, progress):
    """Write and publish a claimed export, and end its row.

    Raises:
        DomainError: not_private, too_few_confirmed, disk_full, not_writable, items_moved,
            name_taken, file_in_the_way. Nothing is left of the export then.
        LeaseLost: another worker has it.
    """
    from training.exporting.snapshot import SnapshotWriter

    classes = SiteClasses(export.site)
    try:
        writer = SnapshotWriter(
            place.draft,
            class_index=classes.index_of,
            image_form=export.image_form,
            formats=tuple(export.formats),
            variant=export.variant,
        )
        try:
            with garbage.looked_for_seldom():
                _write_and_publish(export, place, writer, classes, progress)
        finally:
            with suppress(OSError):
                writer.close()
    except OSError as error:
        full = disk_full(place.draft.parent, error)
        if isinstance(full, DomainError):
            raise full from error
        reason = error.strerror or error
        raise DomainError(
            "not_writable", f"{place.draft.parent} cannot be written to: {reason}."
        ) from error


def _write_and_publish(export, place, writer, classes, progress):
    items = dict(selectors.exportable(export.site, export.filters).values_list("pk", "version"))
    rejections = selectors.left_out_by_status(export.site, export.filters)
    masker = PeopleMasker() if export.variant == "masked" else None
    pks = sorted(items)
    reader = ItemReader(writer, classes, selectors.drawn_boxes(pks), pks, masker)
    exported, served = _write_items(export, writer, reader, pks, rejections, progress)
    require_enough(len(exported), rejections=rejections)
    now = timezone.now()
    head = selectors.audit_head()
    snapshot = writer.finish(
        at=now,
        told={
            "query": _query(export),
            "audit_head": head,
            "rejections": rejections,
            "deployments": selectors.deployments(served),
        },
        taken=place.taken,
        class_names=classes.names(),
    )
    _describe_files(snapshot, exported)
    versions = {pk: items[pk] for pk in exported}
    _publish(export, place, snapshot, versions, rejections=rejections, head=head, at=now)


def _describe_files(snapshot, exported):
    """Note on the rows of files which items the lines are of, and how many lines are warned of."""
    for row in snapshot.files:
        if row["name"].startswith("training_dataset_"):
            row["items"] = encoded(exported)
        elif row["name"].startswith("provider_warnings_"):
            row["lines"] = snapshot.counts["provider_warnings"]


def _query(export):
    return {
        "site": export.site.name,
        "filters": export.filters,
        "image_form": export.image_form,
        "min_confirmed": settings.MIN_CONFIRMED,
    }


def _write_items(export, writer, reader, pks, rejections, progress):
    """Write every item that passes; return their ids and those of the deployments behind them.

    The others are counted in ``rejections``. Items are looked at some at a time and recorded
    after that: between files and detectors, the little work of recording takes twice as long.
    """
    exported, served, beaten_at, done = [], set(), monotonic(), 0
    jobs.heartbeat(export, progress_done=0, progress_total=len(pks))
    rows = selectors.item_rows(pks)
    while together := list(islice(rows, TOGETHER)):
        looked_at = []
        for row in together:
            try:
                looked_at.append((row, reader.look(row)))
            except LeftOut as left_out:
                _count(left_out, rejections)
            done += 1
            if monotonic() - beaten_at > _BEAT_SECONDS:
                jobs.heartbeat(export, progress_done=done)
                beaten_at = monotonic()
            progress(done, len(pks))
        for row, stills in looked_at:
            try:
                writer.add(reader.record(row, stills))
            except LeftOut as left_out:
                _count(left_out, rejections)
                continue
            exported.append(row.id)
            served.add(row.deployment)
    logger.info("Export %s: %s", export.pk, reader.seconds)
    return exported, served - {None}


def _count(left_out, rejections):
    """Count an item that is left out under its reason."""
    reason = str(left_out)
    rejections[reason] = rejections.get(reason, 0) + 1


def _publish(export, place, snapshot, versions, *, rejections, head, at):
    """End the row, mark the items as used and show the files, all of it or nothing."""
    directory = export.directory or f"{export.site_id}/{snapshot.name}"
    jobs.heartbeat(export, name=snapshot.name, directory=directory)
    take_back = None
    try:
        with transaction.atomic():
            _mark_used(versions, at)
            jobs.finish(
                export,
                progress_done=F("progress_total"),
                item_count=snapshot.counts["items"],
                image_count=snapshot.counts["images"],
                rejected=rejections,
                files=snapshot.files,
                audit_head_sha256=head["sha256"],
            )
            hashes = {row["name"]: row["sha256"] for row in snapshot.files}
            detail = {"items": len(versions), "files": hashes, "rejected": rejections}
            audit.record(
                "export.finished", export, actor=export.created_by, site=export.site, detail=detail
            )
            take_back = place.publish(snapshot.name)
    except BaseException:
        if take_back:
            take_back()
        with suppress(jobs.LeaseLost):
            jobs.heartbeat(export, name="", directory=export.directory)
        raise


def _mark_used(versions, at):
    moved = selectors.moved_since(versions)
    if moved:
        raise Conflict(
            f"Item {moved[0]} was reopened while the export was written.", code="items_moved"
        )
    pks = list(versions)
    for start in range(0, len(pks), selectors.CHUNK):
        chosen = selectors.exactly("pk", pks[start : start + selectors.CHUNK])
        TrainingItem.objects.filter(**chosen, used_at__isnull=True).update(used_at=at)
