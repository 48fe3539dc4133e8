"""What people have said about pictures, as candidates for a dataset of the object detector.

A picture teaches only the classes of which every one in it is boxed; boxes of other classes stay
behind. Its items are confirmed, or were rejected for a reason that says nothing against its boxes;
its file was scanned clear or its redaction verified, and is byte for byte that file.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.core.files.storage import default_storage

from detection.models import Evidence, Footage, Photo
from detection.slots import OBJECT_DETECTOR
from review.models import Annotation, Mark, TrainingItem
from review.selectors import annotations as drawn
from review.services import labels_export
from review.services.file_records import ItemFiles
from training.models import Dataset, DatasetEntry
from training.services.labelled_classes import ClassesOfSite, known_classes
from training.services.slot_work import Candidate, Gathered

PAGE = 200
Origin = DatasetEntry.Origin
# An imported picture that says nothing of its own time is dated when it came in.
UNDATED_WITHIN = timedelta(hours=1)


@dataclass(slots=True)
class _Picture:
    """One picture that may teach, with ids of label classes before they have their places."""

    item: TrainingItem
    evidence: Evidence
    boxes: list
    exhaustive: set
    is_marked: bool
    look: object = None


@dataclass
class _Search:
    """What one gathering goes by."""

    report: object
    synthetic: set
    whole_imports: bool
    left_out: Counter = field(default_factory=Counter)
    pictures: list = field(default_factory=list)
    done: int = 0
    total: int = 0


def gather(options, sites, report):
    """Return the Gathered pictures of some sites.

    Args:
        options: ``synthetic_cameras`` are ids of cameras whose pictures were rendered: nothing
            else tells. With ``whole_imports``, imported pictures of which nobody said what is
            boxed whole count as labelled whole for every class that imports of their site have.
        report: as ``slot_work.Report``; only its ``progress`` is called.
    """
    sites = sorted(sites, key=lambda site: site.pk)
    previous = last_dataset()
    search = _Search(
        report, set(options.get("synthetic_cameras", ())), bool(options.get("whole_imports"))
    )
    search.total = sum(_annotated(site).count() for site in sites)
    for site in sites:
        _search_site(site, search)
    used = {pk for picture in search.pictures for pk, _ in picture.boxes}
    rows, places = known_classes(previous.taxonomy if previous else [], sites, used)
    return _gathered(search, rows, places)


def last_dataset():
    """Return the newest finished dataset of the slot, or None."""
    finished = Dataset.objects.filter(slot=OBJECT_DETECTOR, state=Dataset.State.DONE)
    return finished.order_by("-number").first()


def count(sites):
    """Return how many annotated items a gathering would look at."""
    return sum(_annotated(site).count() for site in sites)


def _annotated(site):
    """Return the items to look at; what measures reviewers, or is represented, teaches nothing."""
    found = drawn.annotated_items(site).filter(represented_by__isnull=True)
    return found.exclude(mode=TrainingItem.Mode.GOLD)


def _search_site(site, search):
    _count_passed_over(site, search.left_out)
    of_site = ClassesOfSite(site)
    items = _annotated(site).select_related("incident__footage")
    page = []
    for item in items.iterator(chunk_size=PAGE):
        page.append(item)
        if len(page) == PAGE:
            _search_page(page, of_site, search)
            page = []
    _search_page(page, of_site, search)


def _count_passed_over(site, left_out):
    """Count the pictures with boxes whose items are not even looked into."""
    standing = Annotation.objects.filter(is_current=True, item__site=site)
    looked_at = drawn.annotated_items(site).prefetch_related(None).order_by()
    gold = looked_at.filter(mode=TrainingItem.Mode.GOLD)
    stacked = looked_at.filter(represented_by__isnull=False).exclude(pk__in=gold.values("pk"))
    for reason, rows in (
        ("not_confirmed", standing.exclude(item__in=looked_at.values("pk"))),
        ("gold_item", standing.filter(item__in=gold.values("pk"))),
        ("represented", standing.filter(item__in=stacked.values("pk"))),
    ):
        _add(left_out, reason, rows.count())


def _add(left_out, reason, number=1):
    if number:
        left_out[reason] += number


def _search_page(items, of_site, search):
    photos = [item.photo_id for item in items if item.photo_id]
    marked = Mark.objects.filter(photo__in=photos, unmarked_at__isnull=True)
    marked = set(marked.values_list("photo", flat=True))
    records = ItemFiles(items).records
    for item in items:
        for said in item.current_boxes:
            reason = _add_picture(item, said, of_site, records, item.photo_id in marked, search)
            if reason:
                search.left_out[reason] += 1
        search.done += 1
        search.report.progress(search.done, search.total, "reading pictures")


def _add_picture(item, said, of_site, records, is_marked, search):
    """Take in what is said about one picture, or return why it is left out."""
    row = said.evidence
    if not labels_export.counts(item, said):
        return "nothing_said"
    if row.is_clip:
        return "no_still"
    exhaustive = of_site.exhaustive(said)
    if not exhaustive and search.whole_imports and not said.exhaustive:
        is_import = item.collection_method == TrainingItem.Collection.IMPORT
        exhaustive = of_site.imported if is_import else exhaustive
    if not exhaustive:
        return "not_exhaustive"
    if not item.is_private or not records.is_private(row):
        return "not_private"
    boxes = [(of_site.counting(box["label"]), box["box_xyxy"]) for box in said.boxes]
    picture = _Picture(
        item=item,
        evidence=row,
        boxes=[(pk, list(map(float, box))) for pk, box in boxes if pk in exhaustive],
        exhaustive=exhaustive,
        is_marked=is_marked,
    )
    _add(search.left_out, "boxes_of_unlisted_classes", len(said.boxes) - len(picture.boxes))
    try:
        picture.look = _looked_at(row)
    except _Unreadable as unreadable:
        return str(unreadable)
    search.pictures.append(picture)
    return None


class _Unreadable(Exception):
    pass


def _looked_at(row):
    """Return the Look of a stored picture that is what its row says."""
    from training.learning.looks import look

    try:
        with default_storage.open(row.path, "rb") as stored:
            content = stored.read()
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError) or not default_storage.exists(row.path)
        raise _Unreadable("file_missing" if is_missing else "file_unreadable") from error
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise _Unreadable("file_altered")
    try:
        return look(content)
    except ValueError as error:
        raise _Unreadable("file_unreadable") from error


def _gathered(search, rows, places):
    candidates = []
    for picture in search.pictures:
        names = {pk: rows[places[pk]]["name"] for pk in picture.exhaustive if pk in places}
        if not names:
            search.left_out["no_class_with_examples"] += 1
            continue
        candidates.append(_candidate(picture, names, search.synthetic))
    return Gathered(candidates, rows, dict(search.left_out))


def _candidate(picture, names, synthetic):
    item, row = picture.item, picture.evidence
    captured_at = _captured_at(item, row)
    origin = Origin.SYNTHETIC if item.camera_id in synthetic else _origin(item)
    return Candidate(
        sha256=row.sha256,
        group=_group(item, captured_at),
        origin=str(origin),
        label={
            "boxes": sorted([names[pk], *box] for pk, box in picture.boxes),
            "exhaustive": sorted(set(names.values())),
        },
        site_id=item.site_id,
        path=row.path,
        camera_id=item.camera_id,
        item_id=item.pk,
        evidence_id=row.pk,
        captured_at=captured_at,
        is_night=picture.look.is_night,
        phash=picture.look.phash,
        signature=picture.look.signature,
        track=_track(item),
        is_marked=picture.is_marked,
    )


def _captured_at(item, row):
    if item.incident_id is not None:
        return item.incident.footage.starts_at + timedelta(seconds=row.at_seconds)
    photo = item.photo
    is_undated = photo.captured_at >= photo.created_at - UNDATED_WITHIN
    return None if photo.origin == Photo.Origin.IMPORT and is_undated else photo.captured_at


def _origin(item):
    """Return whether a picture was taken here, or brought along with its boxes."""
    if item.incident_id is not None:
        is_import = item.incident.footage.kind == Footage.Kind.IMPORT
    else:
        is_import = item.photo.origin == Photo.Origin.IMPORT
    return Origin.IMPORT if is_import else Origin.FIELD


def _group(item, captured_at):
    """Return what a picture must not be torn from: its footage, or its camera's day at the site.

    An imported picture without a time of its own stands by itself: when it came in says nothing of
    what it belongs to.
    """
    if item.incident_id is not None:
        return f"footage-{item.incident.footage_id}"
    if captured_at is None:
        return f"camera-{item.camera_id}-picture-{item.photo.received_sha256[:24]}"
    day = captured_at.astimezone(ZoneInfo(item.site.time_zone)).date()
    return f"camera-{item.camera_id}-{day.isoformat()}"


def _track(item):
    """Return the track that an incident's frames show, "" for a photo."""
    if item.incident_id is None or not item.incident.track_ids:
        return ""
    first = min(item.incident.track_ids, key=str)
    return f"footage-{item.incident.footage_id}-track-{first}"
