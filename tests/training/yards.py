"""Yards whose photos come in through the product's own doors, for tests in which it learns."""

from datetime import datetime, timedelta

from PIL import Image

from detection.services import cameras, devices, uploads
from hitlsite import storage
from review.labels import yolo
from review.labels.pictures import LabelledBox, LabelledPicture
from review.models import LabelClass
from review.services import annotation, decisions, label_classes, labels_import, marks, proposing
from tests.training.rendered import CLASSES, FAMILIES, SIDE, background_only, yard
from training.models import DatasetEntry

FIRST_DAY = datetime(2026, 3, 2, 10, 0)
# Days apart from those of marked photos: a day belongs to one split.
ORDINARY_DAYS_FROM = 200
EMPTY_EVERY = 9


class Yards:
    """The yards of a site, a camera and a phone each, and the people who look after them."""

    def __init__(self, site, reviewer, folder, scanner):
        self.site, self.by, self.folder, self.scanner = site, reviewer, folder, scanner
        self.cameras = [cameras.get_or_create_camera(site, name) for name in FAMILIES]
        self.phones = [devices.add_device(camera, "phone")[0] for camera in self.cameras]
        for name in CLASSES:
            label_classes.add(site, name)
        named = LabelClass.objects.filter(site=site, name__in=CLASSES)
        self.labels = dict(named.values_list("name", "index"))

    def mark(self, numbers):
        """Upload photos, mark them as missed, and box them: the boxes confirm them."""
        for number in numbers:
            picture, place = yard(number, 0), number % len(FAMILIES)
            path = self._saved(picture, number, days=number // len(FAMILIES))
            content = storage.sha256_of(path)
            received = uploads.Received(path, path.name, content, path.stat().st_size)
            upload, _ = uploads.receive(
                self.phones[place], received, kind=uploads.PHOTO, client_id=f"photo-{number}"
            )
            mark = marks.mark(upload.row_id, by=self.by, reason="missed_detection")
            item = marks.scan_marked(marks.unscanned_item(mark).pk, scanner=self.scanner)
            self.box(item, picture.boxes, by=self.by, version=0)
            proposing.propose_waiting(item.pk, scanner=self.scanner)

    def box(self, item, boxes, *, by, version):
        annotation.save(
            item.pk,
            item.photo.evidence.pk,
            by=by,
            boxes=[{"label": self.labels[name], "box_xyxy": list(box)} for name, box in boxes],
            exhaustive=list(self.labels.values()),
            version=version,
            confirmed_odd=True,
        )

    def bring(self, numbers):
        """Import photos that nobody chose for being hard, boxed elsewhere; confirm them here."""
        for place, camera in enumerate(self.cameras):
            mine = [number for number in numbers if number % len(FAMILIES) == place]
            folder = self._label_folder(place, mine)
            report = labels_import.import_labels(
                folder, camera=camera, by=self.by, scanner=self.scanner
            )
            assert not report.problems
        for item in self.site.items.filter(status="pending_review"):
            proposing.propose_waiting(item.pk, scanner=self.scanner)
            decisions.decide(item.pk, by=self.by, verdict="confirmed")

    def mislabel(self, dataset, *, by):
        """Give every photo that trains the boxes of another one, as somebody careless would."""
        train = dataset.entries.filter(split=DatasetEntry.Split.TRAIN)
        entries = list(train.select_related("item__photo"))
        boxes = [entry.label["boxes"] for entry in entries]
        for entry, others in zip(entries, boxes[7:] + boxes[:7], strict=True):
            wrong = [(name, box) for name, *box in others] or [(CLASSES[0], (0.1, 0.1, 0.3, 0.3))]
            version = entry.item.annotations.latest("version").version
            self.box(entry.item, wrong, by=by, version=version)

    def _label_folder(self, place, numbers):
        folder = self.folder / f"labels-{place}-{len(list(self.folder.iterdir()))}"
        (folder / "images").mkdir(parents=True)
        pictures = []
        for number in numbers:
            is_empty = number % EMPTY_EVERY == 0
            picture = background_only(number, 0) if is_empty else yard(number, 0)
            days = ORDINARY_DAYS_FROM + number // len(FAMILIES)
            path = self._saved(picture, number, days=days, folder=folder / "images")
            boxes = [LabelledBox(CLASSES.index(name), box) for name, box in picture.boxes]
            pictures.append(
                LabelledPicture(
                    name=path.stem,
                    path=path,
                    width=SIDE,
                    height=SIDE,
                    boxes=tuple(boxes),
                    exhaustive=(0, 1),
                    is_negative=is_empty,
                )
            )
        yolo.write_text(folder, dict(enumerate(CLASSES)), pictures)
        return labels_import.read(folder)

    def _saved(self, picture, number, *, days, folder=None):
        """Save a picture with the time at which it was taken; each is a camera's day of its own."""
        path = (folder or self.folder) / f"yard-{number}.jpg"
        exif = Image.Exif()
        taken = FIRST_DAY + timedelta(days=days)
        exif.get_ifd(0x8769)[0x9003] = f"{taken:%Y:%m:%d %H:%M:%S}"
        Image.fromarray(picture.image[:, :, ::-1]).save(path, quality=92, exif=exif)
        return path
