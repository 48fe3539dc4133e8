"""From photos to a better detector: marked, boxed, frozen, trained, judged, deployed, taken back.

Nothing in here stands in for anything: rendered photos come in as those of a phone do, people mark
and box them, and the gate decides at its default margins.
"""

import contextlib
import io
import json
import shutil
from datetime import datetime, timedelta

import cv2
import numpy as np
import pytest
from django.core.management import call_command
from django.urls import reverse
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detection.models import Camera, Deployment, Footage
from detection.services import cameras, devices, serving, uploads
from detection.slots import OBJECT_DETECTOR
from hitlsite import storage
from hitlsite.errors import Conflict
from review.labels import yolo
from review.labels.pictures import LabelledBox, LabelledPicture
from review.models import LabelClass
from review.services import annotation, decisions, label_classes, labels_import, marks, proposing
from review.services.scanning import FACE_MODEL, face_scanner
from tests.detection.vision.scenes import write_video
from tests.training.rendered import CLASSES, FAMILIES, SIDE, background_only, yard
from training.models import Dataset, DatasetEntry, TrainingRun
from training.services import datasets, promotion, runs, subjects

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BASE = "yolo11n.pt"
FIRST_DAY = datetime(2026, 3, 2, 10, 0)
HANDFUL, TEN_TIMES = 18, 180
# What is neither marked nor trained on: validation and test share it once enough is marked.
FEW_ORDINARY, ORDINARY = 8, 78
ORDINARY_DAYS_FROM = 200
SEED_OF_FILM = 5000
SETTINGS = {"base": BASE, "image_size": 320, "batch": 16, "learning_rate": 0.002, "device": "cpu"}


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

    def _label_folder(self, place, numbers):
        folder = self.folder / f"labels-{place}-{len(list(self.folder.iterdir()))}"
        (folder / "images").mkdir(parents=True)
        pictures = []
        for number in numbers:
            is_empty = number % 9 == 0
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


@pytest.fixture
def weights(settings, data_dir, model_dir, tmp_path):
    """Give the product one detector that knows neither class, and one face model."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name in (BASE, FACE_MODEL):
        shutil.copyfile(model_dir / name, folder / name)
    settings.MODEL_DIR = folder
    settings.TRAINING_DIR = data_dir / "training"
    return folder


@pytest.fixture
def yards(weights, site, reviewer, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return Yards(site, reviewer, folder, face_scanner())


def frozen():
    dataset = datasets.freeze_now(datasets.freeze(slot=OBJECT_DETECTOR).pk)
    assert dataset.state == Dataset.State.DONE, dataset.error_message
    return dataset


def trained(dataset, **asked):
    started = runs.start(
        slot=OBJECT_DETECTOR,
        trigger="command",
        dataset_id=dataset.pk,
        parameters={**SETTINGS, **asked},
    )
    run = runs.execute(started.run.pk)
    assert run.state == TrainingRun.State.DONE, run.error_message
    return run.version


def watched(name, seed, folder):
    """Watch a film of one yard in this process; return the deployment that found things in it."""
    images = [yard(seed, number // 10).image for number in range(40)]
    path = write_video(folder / f"{name}.mp4", images, [number / 5 for number in range(40)])
    call_command("watch", video=str(path), camera=name, fps=5.0, stdout=io.StringIO())
    return Footage.objects.select_related("deployment").get(camera__name=name).deployment


def by_the_library(dataset, subject):
    """Return (mAP50, mAP50-95) by pycocotools of what a deployed artifact finds, from its files."""
    from detection.services.model_store import main_path
    from detection.vision.backends import load_detector

    detector = load_detector(
        str(main_path(subject.folder, subject.files)),
        model_dir=subject.folder,
        cache_dir=subject.folder.parent,
        backend=subject.backend,
        input_size=subject.input_size,
        precision=subject.precision,
    )
    detector.min_score = 0.001
    entries = list(dataset.entries.filter(split=DatasetEntry.Split.TEST))
    true, found = [], []
    for image_id, entry in enumerate(entries, start=1):
        with storage.local_copy(entry.path)[0].open("rb") as stored:
            image = cv2.imdecode(np.frombuffer(stored.read(), np.uint8), cv2.IMREAD_COLOR)
        for name, *box in entry.label["boxes"]:
            true.append(_row(image_id, name, box) | {"iscrowd": 0, "id": len(true) + 1})
        said = detector.detect(image, 0.0)
        for name, box, score in zip(said.class_names, said.boxes_xyxy, said.scores, strict=True):
            if name in CLASSES:
                found.append(_row(image_id, name, box) | {"score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, len(entries) + 1)],
            "annotations": true,
            "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[1], evaluation.stats[0]


def _row(image_id, name, box):
    x1, y1, x2, y2 = (1000 * float(edge) for edge in box)
    return {
        "image_id": image_id,
        "category_id": CLASSES.index(name),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
    }


def relabelled(yards, dataset, by):
    """Give every photo that trains the boxes of another one, as somebody careless would."""
    entries = list(
        dataset.entries.filter(split=DatasetEntry.Split.TRAIN).select_related("item__photo")
    )
    boxes = [entry.label["boxes"] for entry in entries]
    for entry, others in zip(entries, boxes[7:] + boxes[:7], strict=True):
        wrong = [(name, box) for name, *box in others] or [(CLASSES[0], (0.1, 0.1, 0.3, 0.3))]
        version = entry.item.annotations.latest("version").version
        yards.box(entry.item, wrong, by=by, version=version)


def tell(*what):
    print(f"{datetime.now():%H:%M:%S}", *what, flush=True)


def test_a_detector_learns_serves_and_is_taken_back(
    yards, supervisor, admin_user, client, tmp_path
):
    client.force_login(admin_user)
    assert client.get(reverse("training:runs")).status_code == 200
    # A handful: better than nothing, too little to prove it, so a person answers for it.
    yards.mark(range(1000, 1000 + HANDFUL))
    yards.bring(range(FEW_ORDINARY))
    few = frozen()
    tell("frozen", few.counts)
    champion = trained(few, epochs=20)
    tell("champion", champion.judgements.get().outcome)
    assert champion.judgements.get().outcome == "not_enough_data"
    with pytest.raises(Conflict):
        promotion.promote(champion.pk, by=admin_user, purpose="Finds cylinders and barrels.")
    first = promotion.promote(
        champion.pk,
        by=admin_user,
        purpose="Finds cylinders and barrels.",
        reason="Nothing else knows them.",
    ).deployment
    assert watched("North yard", SEED_OF_FILM, tmp_path) == first

    # Ten times as many, on the same terms.
    yards.mark(range(1000 + HANDFUL, 1000 + TEN_TIMES))
    yards.bring(range(FEW_ORDINARY, ORDINARY))
    many = frozen()
    tell("frozen", many.counts)
    challenger = trained(many, epochs=8)
    decision = challenger.judgements.get()
    report = decision.report
    tell("challenger", decision.outcome, report["champion"], report["challenger"], report["groups"])
    assert decision.outcome == "promote", report["reasons"]
    assert report["lower"] > 0
    assert report["margins"]["gain"] == 0.0
    assert report["groups"] >= 30
    second = promotion.promote(
        challenger.pk, by=admin_user, purpose="Finds cylinders and barrels."
    ).deployment

    # The next film, in the same process.
    assert watched("South yard", SEED_OF_FILM + 1, tmp_path) == second
    assert serving.champion(OBJECT_DETECTOR) == second

    # The pages say what the library says.
    page = client.get(reverse("training:version", args=[challenger.pk])).content.decode()
    for subject, evaluation in (
        (subjects.of_version(challenger), decision.challenger),
        (subjects.of_version(champion), decision.champion),
    ):
        map50, map50_95 = by_the_library(many, subject)
        tell("library", subject.name, map50, map50_95)
        assert evaluation.figures["map50"] == pytest.approx(map50, abs=5e-4)
        assert evaluation.figures["map50_95"] == pytest.approx(map50_95, abs=5e-4)
        assert f"{map50:.3f}" in page
        assert f"{map50_95:.3f}" in page

    # What learned from wrong boxes stays out.
    relabelled(yards, many, supervisor)
    worse = trained(frozen(), epochs=3)
    decision = worse.judgements.get()
    tell("shuffled", decision.outcome, decision.report["champion"], decision.report["challenger"])
    assert decision.outcome == "keep"
    with pytest.raises(Conflict, match="The gate keeps"):
        promotion.promote(worse.pk, by=admin_user, purpose="Anything.", reason="Please.")
    assert serving.champion(OBJECT_DETECTOR) == second

    # And back.
    back = promotion.rollback(OBJECT_DETECTOR, by=admin_user, notes="a drill").deployment
    assert (back.sha256, back.model_version_uuid) == (first.sha256, champion.uuid)
    assert watched("West yard", SEED_OF_FILM + 2, tmp_path) == back
    tell("rolled back")


def test_fifteen_photos_are_not_enough_to_tell(
    weights, site, reviewer, admin_user, material, client
):
    camera = Camera.objects.create(site=site, name="Trail")
    source = material / "images" / "trailcam"
    names = (source / "classes.txt").read_text().split()
    folder = weights.parent / "trailcam"
    shutil.copytree(source / "images", folder / "images")
    shutil.copytree(source / "labels", folder / "labels")
    listed = "".join(f"  {number}: {name}\n" for number, name in enumerate(names))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images\nval: images\nnames:\n{listed}")
    everything = list(range(len(names)))
    notes = {
        path.stem: {"exhaustive": everything, "is_negative": not path.read_text().strip()}
        for path in (folder / "labels").glob("*.txt")
    }
    (folder / "labels.json").write_text(json.dumps(notes))
    report = labels_import.import_labels(
        labels_import.read(folder), camera=camera, by=reviewer, add_classes=True
    )
    assert report.imported == 15, report.problems
    for item in site.items.filter(status="pending_review"):
        proposing.propose_waiting(item.pk)
        decisions.decide(item.pk, by=reviewer, verdict="confirmed")

    version = trained(frozen(), epochs=1)

    told = version.judgements.get().report
    assert told["outcome"] == "not_enough_data"
    assert told["more_groups"] > 0
    assert told["lacking"]
    client.force_login(admin_user)
    page = client.get(reverse("training:version", args=[version.pk])).content.decode()
    assert f"about {told['more_groups']} more groups" in page
    assert not Deployment.objects.filter(source=Deployment.Source.PROMOTED).exists()
