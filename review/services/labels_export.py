"""Write a site's boxes as a YOLO folder or a COCO file with its pictures.

Only pictures leave that hide their faces, each looked at once more on its way; what is left out is
counted with its reason. The folder appears whole or not at all.
"""

import re
import shutil
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from detection.models import Photo
from hitlsite import audit, storage
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.selectors import annotations as drawn
from review.services import annotation, label_classes, privacy
from review.services.scanning import face_scanner

FORMS = ("yolo", "coco")
LONGEST_NAME = 80
PAGE = 200


@dataclass
class ExportReport:
    """What one export wrote, and the pictures that it left out with the reasons.

    Attributes:
        unconfirmed: boxes that stay because their item is not confirmed, or no longer.
    """

    pictures: int = 0
    boxes: int = 0
    negatives: int = 0
    unconfirmed: int = 0
    left_out: list[tuple[int, str]] = field(default_factory=list)


def waiting_count(site):
    """Return how many items an export would look at."""
    return drawn.annotated_items(site).count()


def export_labels(out, *, site, form="yolo", scanner=None, rescan=True, progress=None, at=None):
    """Write the current boxes of a site into a new folder and return the ExportReport.

    Args:
        progress: called with the number of items done after each.

    Raises:
        DomainError: form_unknown, folder_taken, nothing_to_export, disk_full.
    """
    out = Path(out)
    if form not in FORMS:
        raise DomainError("form_unknown", f"The form is one of {', '.join(FORMS)}, not {form}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DomainError("folder_taken", f"{out} is there already: name a new folder.")
    scanner = scanner or (face_scanner() if rescan else None)
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        return _write(draft, out, site, form, scanner, rescan, progress, at or timezone.now())
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unwritable(out, error):
    refusal = storage.disk_full(out, error)
    if refusal is not error:
        return refusal
    return DomainError("folder_unwritable", f"{out} cannot be written: {error.strerror}.")


def _write(draft, out, site, form, scanner, rescan, progress, at):
    from review.labels import coco, yolo

    (draft / "images").mkdir(parents=True)
    classes = label_classes.ensure(site)
    standing = drawn.standing_classes(classes)
    report, pictures, used, names = ExportReport(), [], [], Counter()
    report.unconfirmed = drawn.unconfirmed_box_count(site)
    for number, item in enumerate(drawn.annotated_items(site).iterator(chunk_size=PAGE), start=1):
        for said in item.current_boxes:
            if not counts(item, said):
                report.unconfirmed += len(said.boxes)
                continue
            try:
                privacy.check_file(item, said.evidence, scanner=scanner, rescan=rescan)
            except DomainError as error:
                report.left_out.append((item.pk, error.message))
                continue
            pictures.append(_placed(draft, item, said, standing, names))
            used.append(said)
        if progress:
            progress(number)
    if not pictures:
        raise _nothing(site, report)
    {"yolo": yolo, "coco": coco}[form].write_text(draft, _class_names(classes), pictures)
    _record(site, used, form, at)
    if out.exists():
        out.rmdir()
    draft.rename(out)
    report.pictures = len(pictures)
    report.boxes = sum(len(picture.boxes) for picture in pictures)
    report.negatives = sum(picture.is_negative for picture in pictures)
    return report


def counts(item, said):
    """Say whether a state says something: what was propagated does while its item is confirmed."""
    is_propagated = any(box["origin"] == annotation.PROPAGATED for box in said.boxes)
    is_confirmed = item.status == TrainingItem.Status.CONFIRMED
    return bool(said.boxes or said.is_negative) and (is_confirmed or not is_propagated)


def _placed(draft, item, said, standing, names):
    """Copy one picture and return its LabelledPicture."""
    from review.labels.pictures import LabelledBox, LabelledPicture

    row = said.evidence
    name = _free(_name(item, row), names)
    path = draft / "images" / f"{name}{Path(row.path).suffix}"
    with default_storage.open(row.path, "rb") as source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    return LabelledPicture(
        name=name,
        path=path,
        width=row.width,
        height=row.height,
        boxes=tuple(
            LabelledBox(standing[box["label"]].index, tuple(box["box_xyxy"])) for box in said.boxes
        ),
        exhaustive=tuple(sorted({standing[one].index for one in said.exhaustive})),
        is_negative=said.is_negative,
    )


def _name(item, row):
    """Return what a picture is called: as where it came from, or after its item."""
    photo = row.photo
    if photo is not None and photo.origin == Photo.Origin.IMPORT and photo.client_id:
        return re.sub(r"[^\w.-]+", "_", photo.client_id)[:LONGEST_NAME].strip(".") or f"p{photo.pk}"
    number = f"-{row.position}" if row.position else ""
    return f"item-{item.pk}-{row.kind}{number}"


def _free(name, names):
    names[name] += 1
    return name if names[name] == 1 else _free(f"{name}-{names[name]}", names)


def _class_names(classes):
    """Return every index with its name, those of merged classes too: no number may be missing."""
    return {
        one.index: one.name if one.merged_into_id is None else f"{one.name} (merged)"
        for one in classes
    }


def _nothing(site, report):
    count = len(report.left_out)
    reason = f" {count} may not leave, the first: {report.left_out[0][1]}" if count else ""
    if report.unconfirmed:
        reason += f" Boxes of items that are not confirmed: {report.unconfirmed}."
    return DomainError(
        "nothing_to_export", f"{site} has no boxes on pictures that may leave.{reason}"
    )


@transaction.atomic
def _record(site, used, form, at):
    """Say on the items that they have been used: from now on their verdicts are not undone."""
    items = {said.item_id for said in used}
    decided = [TrainingItem.Status.CONFIRMED, TrainingItem.Status.REJECTED]
    for first in range(0, len(items), PAGE):
        part = sorted(items)[first : first + PAGE]
        unused = TrainingItem.objects.filter(pk__in=part, used_at__isnull=True, status__in=decided)
        unused.update(used_at=at)
    detail = {"form": form, "pictures": len(used), "boxes": sum(len(one.boxes) for one in used)}
    audit.record("labels_exported", site, site=site, detail=detail, at=at)
