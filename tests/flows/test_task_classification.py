"""From real films to what people are doing, by the commands and by the API, with the same outcome.

Three films: six people who stand at a table, a worker who crosses a hall, two faces near a camera.
"""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.test import APIClient

from detection.models import Camera, TaskLog
from detection.slots import TASK_CLASSIFIER
from hitlsite.models import Membership, Site
from tests.training import table_labels
from training.models import Evaluation, FeatureSet, LabelSet, ModelVersion
from training.services import datasets, features, promotion, runs

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

EVERY = 3
QUESTION = "At the table"
ALGORITHM = "lightgbm"


@pytest.fixture
def second_site(admin_user):
    """Another site, so that both doors begin with nothing of their own."""
    site = Site.objects.create(name="By the API", time_zone="UTC")
    Membership.objects.create(site=site, user=admin_user)
    return site


@pytest.fixture
def labelled(material, tmp_path):
    """Return [(film, file of its spans)]."""
    found = []
    for name in table_labels.FILMS:
        spans = table_labels.spans_of(material / "footage", name)
        path = tmp_path / f"{name}.csv"
        path.write_text(table_labels.as_spans_csv(spans))
        found.append((material / "footage" / name, path))
    return found


def command(name, folder, **options):
    """Run a command and return what it wrote for machines."""
    told = folder / f"{name}-{len(list(folder.iterdir()))}.json"
    call_command(name, json=told, stdout=io.StringIO(), **options)
    return json.loads(told.read_text())


def by_commands(labelled, site, folder):
    """Return the figures on the test split of what the commands make."""
    tables = []
    for number, (film, labels) in enumerate(labelled):
        tables.append(folder / f"{number}.parquet")
        command(
            "extract_features",
            folder,
            video=[film],
            output=tables[-1],
            labels=labels,
            label_set=QUESTION,
            sample_rate=EVERY,
            site=site.name,
            camera=f"Films {number}",
        )
    dataset = folder / "dataset"
    command(
        "build_task_dataset",
        folder,
        features=tables,
        label_set=QUESTION,
        site=site.name,
        output=dataset,
    )
    command(
        "train_task_classifier",
        folder,
        dataset=str(dataset),
        model=ALGORITHM,
        output=folder / "model",
    )
    return figures_of(ModelVersion.objects.get(slot=TASK_CLASSIFIER))


def by_api(labelled, site, admin_user):
    """Return the same of what the API makes, and the version."""
    client = APIClient()
    client.force_authenticate(admin_user)
    for number, (film, labels) in enumerate(labelled):
        camera = Camera.objects.create(site=site, name=f"Uploads {number}")
        video = SimpleUploadedFile(film.name, film.read_bytes(), content_type="video/mp4")
        sent = {
            "video": video,
            "camera": camera.pk,
            "labels": labels.read_text(),
            "label_set": QUESTION,
            "sample_rate": EVERY,
        }
        answered(client.post("/api/v1/features/extract/", sent, format="multipart"), 202)
    assert features.run_waiting() == len(labelled)
    question = LabelSet.objects.get(site=site, name=QUESTION)
    asked = {
        "slot": TASK_CLASSIFIER,
        "sites": [site.pk],
        "options": {"label_set": question.pk},
    }
    dataset = answered(client.post("/api/v1/datasets/", asked, format="json"), 202)
    assert datasets.run_waiting() == 1
    asked = {"slot": TASK_CLASSIFIER, "dataset_id": dataset["id"], "algorithm": ALGORITHM}
    run = answered(client.post("/api/v1/training-runs/", asked, format="json"), 202)
    assert runs.run_waiting() == 1
    told = answered(client.get(f"/api/v1/training-runs/{run['id']}/"), 200)
    assert told["state"] == "done", told
    models = answered(client.get("/api/v1/models/", {"slot": TASK_CLASSIFIER}), 200)
    version = ModelVersion.objects.get(pk=models["results"][0]["id"])
    assert version.run_id == run["id"]
    return figures_of(version), version


def answered(response, status):
    assert response.status_code == status, response.content
    return response.json()


def figures_of(version):
    return Evaluation.objects.get(version=version, split="test").figures


def test_commands_and_api_learn_the_same_and_serve_it(
    labelled, site, second_site, admin_user, tmp_path
):
    commanded = by_commands(labelled, site, tmp_path)
    asked, version = by_api(labelled, second_site, admin_user)
    for name in ("accuracy", "macro_f1", "items", "confusion"):
        assert asked[name] == commanded[name], name
    # Somebody at the table or not: the position alone nearly tells.
    assert asked["accuracy"] > 0.8
    assert {row["name"] for row in asked["classes"]} == {table_labels.TABLE, table_labels.ELSEWHERE}

    promotion.promote(
        version.pk, by=admin_user, purpose="Tells who is at the table.", reason="The first one."
    )
    film, _ = labelled[0]
    over_file = command("classify", tmp_path, video=film, model="latest")
    assert over_file["model"]["name"] == version.name
    assert over_file["latency"]["median"] > 0
    told = [(row["t"], row["label"], row["confidence"]) for row in over_file["samples"]]
    assert told == watched(film, site)
    require_segments_cover(over_file["segments"], table_labels.spans_of(film.parent, film.name))
    kept = {row.sha256 for row in FeatureSet.objects.all()}
    assert "" not in kept


def watched(film, site):
    """Watch a film as a camera at the rate of the model; return what was said of every frame."""
    camera = Camera.objects.create(
        site=site, name="Live", classifies_tasks=True, sampling_fps=10 / EVERY
    )
    call_command("watch", video=str(film), camera=camera.name, site=site.name, stdout=io.StringIO())
    logs = TaskLog.objects.filter(footage__camera=camera).order_by("start_seconds")
    return [tuple(sample) for log in logs for sample in log.samples]


def require_segments_cover(segments, spans):
    """Require that most of the time at the table is told as such."""
    at_table = [(start, end) for start, end, label in spans if label == table_labels.TABLE]
    found = [(row["start"], row["end"]) for row in segments if row["label"] == table_labels.TABLE]
    shared = sum(
        max(min(end, stop) - max(start, begun), 0.0)
        for start, end in at_table
        for begun, stop in found
    )
    assert shared / sum(end - start for start, end in at_table) > 0.8
