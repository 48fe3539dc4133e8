"""The demo's loop: pictures of rendered places in, a detector that finds people out.

The renderer knows who stands where. Its boxes stand in for the reviewer who would draw them, and
for the detector of the faces to hide, since the machine may have none. Everything else is what
every camera's pictures go through. What was done before is found again and not done twice.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from detection.services import cameras, serving
from detection.slots import OBJECT_DETECTOR
from hitlsite import jobs
from hitlsite.errors import DomainError
from review.models import TrainingItem
from review.services import decisions, labels_import, proposing
from training.models import Dataset, GateDecision, TrainingRun
from training.services import datasets, promotion, runs

CAMERAS = 6  # so that none has more than its share of what trains
PLACES, MOMENTS = 60, 4
EMPTY_EVERY = 3  # of so many places one is empty at the last moment
FIRST_DAY = datetime(2026, 3, 2, 10, 0)
PERSON = "person"
# What learns within minutes on two cores; the serious settings are the defaults.
PARAMETERS = {
    "base": "scratch",
    "image_size": 320,
    "batch": 8,
    "epochs": 24,
    "learning_rate": 0.002,
}
PURPOSE = "Finds the people in the demo's rendered scenes; made to show the loop, not to watch."
State = TrainingRun.State


@dataclass
class Taken:
    """What came of the pictures: how many are new, and how many were there from an earlier run."""

    new: int = 0
    known: int = 0
    people: int = 0
    empty: int = 0


def take_pictures(site, *, by, places=None, progress=lambda done, total: None):
    """Store pictures of rendered places as those of demo cameras, boxed and confirmed.

    Every place is a camera's day, so that its pictures share a split.

    Args:
        places: how many; PLACES where None.

    Raises:
        DomainError: a picture was refused, or the photograph that people are cut from is missing.
    """
    from detection.vision.scene_people import cut_out_people
    from detection.vision.scene_variants import Place

    places = PLACES if places is None else places
    views = [cameras.get_or_create_camera(site, f"Demo view {n + 1}") for n in range(CAMERAS)]
    people, taken = cut_out_people(), Taken()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(places):
            place = Place(number + 1, people)
            day = FIRST_DAY + timedelta(days=number // CAMERAS)
            for shot in range(MOMENTS):
                is_empty = shot == MOMENTS - 1 and number % EMPTY_EVERY == 0
                moment = place.moment(shot, is_empty=is_empty)
                path = Path(folder) / f"place-{number:03d}-{shot}.jpg"
                _save(moment.image, path, day + timedelta(minutes=shot))
                _take(moment, path, views[number % CAMERAS], by, taken)
                progress(number * MOMENTS + shot + 1, places * MOMENTS)
    return taken


def _save(image, path, taken_at):
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = f"{taken_at:%Y:%m:%d %H:%M:%S}"
    Image.fromarray(image[:, :, ::-1]).save(path, quality=90, exif=exif)


def _take(moment, path, camera, by, taken):
    """Import one picture with its boxes, hide the heads in it, and confirm it."""
    from review.labels.pictures import LabelFolder, LabelledBox, LabelledPicture

    boxes = tuple(LabelledBox(0, box) for box in moment.boxes_xyxy)
    height, width = moment.image.shape[:2]
    picture = LabelledPicture(
        name=path.stem,
        path=path,
        width=width,
        height=height,
        boxes=boxes,
        exhaustive=(0,),
        is_negative=not boxes,
    )
    folder = LabelFolder(class_names={0: PERSON}, pictures=[picture])
    scanner = _Renderer(moment)
    report = labels_import.import_labels(
        folder, camera=camera, by=by, add_classes=True, scanner=scanner
    )
    if report.problems:
        raise DomainError("demo_picture_refused", report.problems[0])
    taken.new += report.imported
    taken.known += report.known
    taken.people += len(boxes)
    taken.empty += not boxes
    _confirm(camera, path.stem, by, scanner)


def _confirm(camera, name, by, scanner):
    """Confirm the item of a picture; one that an earlier run left behind is made up for."""
    item = TrainingItem.objects.filter(photo__camera=camera, photo__client_id=name).first()
    if item is None or not item.is_open:
        return
    proposing.propose_waiting(item.pk, scanner=scanner)
    decisions.decide(item.pk, by=by, verdict="confirmed")


class _Renderer:
    """Answers as a face scanner does, for the one picture that it drew, before and after."""

    def __init__(self, moment):
        self._moment = moment

    def scan_image(self, path, *, person_boxes=(), is_second=False):
        from detection.vision.scene_variants import head_of
        from review.privacy.faces import FaceScan
        from review.privacy.regions import Region

        heads = tuple(Region(head_of(box), "head", 1.0) for box in self._moment.boxes_xyxy)
        return FaceScan("faces" if heads else "clear", heads, ("renderer",), 1)


def freeze(site, *, by, progress=None):
    """Return the frozen dataset of a site; the same content is the same dataset.

    Raises:
        DomainError: what the freeze was refused for.
    """
    asked = datasets.freeze(slot=OBJECT_DETECTOR, by=by, sites=[site])
    dataset = datasets.freeze_now(asked.pk, progress)
    if dataset is None or dataset.state != Dataset.State.DONE:
        message = dataset.error_message if dataset else "Another worker is freezing it."
        raise DomainError("demo_not_frozen", f"The pictures were not frozen: {message}")
    return dataset


def learn(dataset, *, by, listener=None):
    """Train on a dataset and return (the run, whether it was done before).

    A run that was cut short goes on from where it was.

    Raises:
        DomainError: the run failed, or another worker has it.
    """
    jobs.sweep(TrainingRun.objects.all())
    run = TrainingRun.objects.filter(slot=OBJECT_DETECTOR, dataset=dataset).order_by("-pk").first()
    if run is not None and run.state == State.DONE:
        return run, True
    if run is None:
        run = runs.start(
            slot=OBJECT_DETECTOR,
            trigger=TrainingRun.Trigger.COMMAND,
            dataset_id=dataset.pk,
            parameters=PARAMETERS,
            by=by,
        ).run
    elif run.state in (State.FAILED, State.CANCELLED):
        run = runs.resume(run.pk, by=by)
    done = runs.execute(run.pk, listener=listener)
    if done is None or done.state != State.DONE:
        message = done.error_message if done else "another worker has it."
        raise DomainError("demo_not_learned", f"{run} did not end: {message}")
    return done, False


def judgement(run):
    """Return what the gate said last of the version that a run made."""
    found = GateDecision.objects.filter(version__run=run)
    return found.select_related("version", "champion", "challenger").order_by("-pk").first()


def deploy(decision, *, by):
    """Return the deployment of a version that the gate promotes, made where it is not there yet.

    Returns:
        (the Deployment or None where the gate keeps the version out, whether it served before).
    """
    present = serving.champion(OBJECT_DETECTOR)
    if present is not None and present.model_version_uuid == decision.version.uuid:
        return present, True
    if decision.outcome != "promote":
        return None, False
    done = promotion.promote(
        decision.version_id, by=by, purpose=PURPOSE, notes="Deployed by the demo."
    )
    return done.deployment, False
