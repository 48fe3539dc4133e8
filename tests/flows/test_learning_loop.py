"""From photos to a better detector: marked, boxed, frozen, trained, judged, deployed, taken back.

Nothing in here stands in for anything: rendered photos come in as those of a phone do, people mark
and box them, and the gate decides at its default margins.
"""

import io
import json
import shutil

import pytest
from django.core.management import call_command
from django.urls import reverse

from detection.models import Camera, Deployment, Footage
from detection.services import serving
from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import Conflict
from review.services import decisions, labels_import, proposing
from review.services.scanning import FACE_MODEL, face_scanner
from tests.detection.vision.scenes import write_video
from tests.training.by_pycocotools import of_test_split
from tests.training.rendered import yard
from tests.training.yards import Yards
from training.models import Dataset, TrainingRun
from training.services import datasets, promotion, runs, subjects

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BASE = "yolo11n.pt"
HANDFUL, TEN_TIMES = 18, 180
# What is neither marked nor trained on: validation and test share it once enough is marked.
FEW_ORDINARY, ORDINARY = 8, 78
SEED_OF_FILM = 5000
SETTINGS = {"base": BASE, "image_size": 320, "batch": 16, "learning_rate": 0.002, "device": "cpu"}
PURPOSE = "Finds cylinders and barrels."


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


def handful_deployed(yards, admin_user):
    """Train on a handful: too little to prove anything, so a person answers for deploying it."""
    yards.mark(range(1000, 1000 + HANDFUL))
    yards.bring(range(FEW_ORDINARY))
    # Enough rounds that it finds some of them on any processor.
    version = trained(frozen(), epochs=30)
    assert version.judgements.get().outcome == "not_enough_data"
    with pytest.raises(Conflict):
        promotion.promote(version.pk, by=admin_user, purpose=PURPOSE)
    return promotion.promote(
        version.pk, by=admin_user, purpose=PURPOSE, reason="Nothing else knows them."
    )


def require_promoted(decision):
    report = decision.report
    assert decision.outcome == "promote", report["reasons"]
    assert report["lower"] > report["margins"]["gain"] == 0.0
    assert report["groups"] >= 30
    assert report["champion"] > 0.0


def require_pages_say_what_the_library_says(client, dataset, versions, decision):
    page = client.get(reverse("training:version", args=[decision.version_id])).content.decode()
    for version, evaluation in zip(versions, (decision.champion, decision.challenger), strict=True):
        map50, map50_95 = of_test_split(dataset, subjects.of_version(version))
        assert evaluation.figures["map50"] == pytest.approx(map50, abs=5e-4)
        assert evaluation.figures["map50_95"] == pytest.approx(map50_95, abs=5e-4)
        assert f"{map50:.3f}" in page
        assert f"{map50_95:.3f}" in page


def test_a_detector_learns_serves_and_is_taken_back(
    yards, supervisor, admin_user, client, tmp_path
):
    client.force_login(admin_user)
    assert client.get(reverse("training:runs")).status_code == 200
    champion = handful_deployed(yards, admin_user)
    assert watched("North yard", SEED_OF_FILM, tmp_path) == champion.deployment

    # Ten times as many: the gate needs nobody's word.
    yards.mark(range(1000 + HANDFUL, 1000 + TEN_TIMES))
    yards.bring(range(FEW_ORDINARY, ORDINARY))
    many = frozen()
    challenger = trained(many, epochs=10)
    decision = challenger.judgements.get()
    require_promoted(decision)
    second = promotion.promote(challenger.pk, by=admin_user, purpose=PURPOSE).deployment
    # The next film, in the same process.
    assert watched("South yard", SEED_OF_FILM + 1, tmp_path) == second
    versions = champion.version, challenger
    require_pages_say_what_the_library_says(client, many, versions, decision)

    # What learned from wrong boxes stays out, whoever asks.
    yards.mislabel(many, by=supervisor)
    worse = trained(frozen(), epochs=3)
    assert worse.judgements.get().outcome == "keep"
    with pytest.raises(Conflict, match="The gate keeps"):
        promotion.promote(worse.pk, by=admin_user, purpose=PURPOSE, reason="Please.")
    assert serving.champion(OBJECT_DETECTOR) == second

    # And back.
    back = promotion.rollback(OBJECT_DETECTOR, by=admin_user, notes="a drill").deployment
    assert back.sha256 == champion.deployment.sha256
    assert back.model_version_uuid == champion.version.uuid
    assert watched("West yard", SEED_OF_FILM + 2, tmp_path) == back


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
