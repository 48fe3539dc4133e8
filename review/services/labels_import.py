"""Take pictures with boxes in from a YOLO folder or a COCO file.

Every picture goes the way of an upload and is searched for faces like any other; its boxes become
the first version of its annotation. What is there already stays as it is, so that an import that
was cut short is simply run again.
"""

from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from detection.services import uploads
from hitlsite import audit, storage
from hitlsite.errors import DomainError, NotFound
from review.models import Annotation
from review.selectors import annotations as drawn
from review.services import annotation, label_classes, photo_items, privacy
from review.services.scanning import face_scanner, locked_item

IMPORTER = "label import"


@dataclass
class ImportReport:
    """What one import did.

    Attributes:
        imported, known: pictures whose boxes are new, and those that had boxes before.
        unlabelled: pictures left out, for nobody says what is on them.
        problems: a sentence for every file of which nothing was taken.
    """

    imported: int = 0
    known: int = 0
    boxes: int = 0
    negatives: int = 0
    unlabelled: list[str] = field(default_factory=list)
    added_classes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(source):
    """Return the LabelFolder of a YOLO folder, a COCO file, or a folder that holds one.

    Raises:
        DomainError: labels_unreadable.
    """
    from review.labels import coco, yolo
    from review.labels.pictures import refused

    source = Path(source)
    if source.is_file():
        return coco.read_file(source)
    if (source / yolo.DATA_FILE).is_file():
        return yolo.read_folder(source)
    if (source / coco.FILE).is_file():
        return coco.read_file(source / coco.FILE)
    raise refused(source, f"there is no {yolo.DATA_FILE} and no {coco.FILE} here.")


def import_labels(folder, *, camera, by=None, add_classes=False, scanner=None, progress=None):
    """Store what ``read`` returned as photos of a camera with boxes; return the ImportReport.

    A file with a class that the site does not have is a problem, unless ``add_classes``.

    Args:
        by: the person whose boxes these are; without one a user of no person, who cannot sign in.
        progress: called with the number of pictures done after each.
    """
    by = by or _importer()
    report = ImportReport(unlabelled=list(folder.unlabelled))
    report.problems = [str(problem) for problem in folder.problems]
    labels = _labels(folder, camera, add_classes, report)
    scanner = scanner or (face_scanner() if folder.pictures else None)
    for number, picture in enumerate(folder.pictures, start=1):
        try:
            _import(picture, labels, camera, by, scanner, report)
        except _UnknownClass as unknown:
            report.problems.append(
                f"{picture.path.name}: this site has no class {unknown}; --add-classes adds it"
            )
        except DomainError as error:
            report.problems.append(f"{picture.path.name}: {error.message}")
        if progress:
            progress(number)
    return report


class _UnknownClass(Exception):
    pass


def find_person(username):
    """Return the person whom an operator names, or None for no name.

    Raises:
        NotFound.
    """
    if not username:
        return None
    found = get_user_model().objects.filter(username=username, is_active=True).first()
    if found is None:
        raise NotFound(f"There is nobody called {username[:100]}.")
    return found


def _importer():
    user_model = get_user_model()
    with transaction.atomic():
        user, is_new = user_model.objects.get_or_create(
            username=IMPORTER, defaults={"is_active": False}
        )
        if is_new:
            user.set_unusable_password()
            user.save(update_fields=["password"])
            audit.record("person.added", user, detail={"name": IMPORTER})
    return user


def _wanted(folder, camera, named):
    """Return the numbers of classes that the site lacks and a picture that is new here has."""
    found = set()
    for picture in folder.pictures:
        names = {box.label: folder.class_names[box.label].casefold() for box in picture.boxes}
        lacking = {number for number, name in names.items() if name not in named}
        if lacking - found and not _is_known(storage.sha256_of(picture.path), camera):
            found |= lacking
    return sorted(found)


def _is_known(content_sha256, camera):
    """Say whether a camera has this picture with boxes already."""
    known = Annotation.objects.filter(evidence__photo__camera=camera)
    return known.filter(evidence__photo__received_sha256=content_sha256).exists()


def _labels(folder, camera, add_classes, report):
    """Return {number in the file: our index, or the name where the site has no such class}."""
    site = camera.site
    named = drawn.indices_by_name(label_classes.ensure(site))
    for number in _wanted(folder, camera, named) if add_classes else ():
        name = folder.class_names[number]
        if name.casefold() not in named:
            label_classes.add(site, name)
            report.added_classes.append(name)
            named = drawn.indices_by_name(drawn.label_classes(site))
    return {number: named.get(name.casefold(), name) for number, name in folder.class_names.items()}


def _import(picture, labels, camera, by, scanner, report):
    content_sha256 = storage.sha256_of(picture.path)
    if _is_known(content_sha256, camera):
        report.known += 1
        return
    boxes = [_box(box, labels) for box in picture.boxes]
    exhaustive = sorted({labels[one] for one in picture.exhaustive if type(labels[one]) is int})
    if picture.is_negative and not exhaustive:
        raise DomainError("class_unknown", "this site has none of the classes that it lacks.")
    size = picture.path.stat().st_size
    received = uploads.Received(picture.path, picture.path.name, content_sha256, size)
    photo, _ = uploads.import_photo(camera, received, client_id=picture.name)
    item, _ = photo_items.imported(photo, by=by)
    if item.privacy == item.Privacy.UNSCANNED:
        privacy.scan_item(item, scanner=scanner)
    with transaction.atomic():
        locked = locked_item(item.pk)
        evidence = locked.photo.evidence
        if evidence.annotations.exists():
            report.known += 1
            return
        annotation.append(
            locked,
            evidence,
            by=by,
            boxes=boxes,
            exhaustive=exhaustive,
            is_negative=picture.is_negative,
            origin=annotation.IMPORTED,
            at=timezone.now(),
        )
    report.imported += 1
    report.boxes += len(boxes)
    report.negatives += picture.is_negative


def _box(box, labels):
    label = labels[box.label]
    if type(label) is not int:
        raise _UnknownClass(label)
    # Six decimals of a centre and a size are seven of an edge.
    edges = [round(edge, annotation.DIGITS + 3) for edge in box.box_xyxy]
    return {"label": label, "box_xyxy": edges, "origin": annotation.IMPORTED}
