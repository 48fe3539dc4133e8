"""Odd videos to classify, and versions of classifiers without a training."""

import uuid

import numpy as np

from detection.services import model_store
from detection.slots import TASK_CLASSIFIER
from tests import factories
from tests.detection.vision.scenes import write_video
from tests.training import walking
from training.models import Dataset, ModelVersion, TrainingRun


def empty_film(frames):
    """Return the bytes of a video of a dark room."""
    picture = np.full((walking.HEIGHT, walking.WIDTH, 3), 30, np.uint8)
    return factories.clip([picture] * frames, fps=walking.FPS)


def uneven_film(path):
    """Write a video whose frames come ten a second, then five."""
    times = [number / 10 for number in range(40)] + [4 + number / 5 for number in range(30)]
    pictures = []
    for number in range(len(times)):
        picture = np.full((walking.HEIGHT, walking.WIDTH, 3), 30, np.uint8)
        left = 10 + 2 * (number % 60)
        picture[20:80, left : left + 16] = 240
        pictures.append(picture)
    return write_video(path, pictures, times)


def version(folder, site):
    """Return a ModelVersion whose files are those of a folder."""
    number = ModelVersion.objects.count() + 1
    dataset = Dataset.objects.create(slot=TASK_CLASSIFIER, number=number, state="done")
    dataset.sites.add(site)
    run = TrainingRun.objects.create(
        slot=TASK_CLASSIFIER,
        number=number,
        dataset=dataset,
        algorithm="random_forest",
        state="done",
        inputs_sha256=f"{number:064x}",
    )
    files = model_store.keep([*sorted(folder.glob("model.*")), folder / "task.json"])
    form = {
        "name": "skops",
        "backend": "skops",
        "input_size": 0,
        "precision": "f32",
        "files": [row["name"] for row in files],
        "sha256": files[0]["sha256"],
        "serves": True,
        "why": "",
    }
    return ModelVersion.objects.create(
        uuid=uuid.uuid4(),
        slot=TASK_CLASSIFIER,
        number=number,
        run=run,
        dataset=dataset,
        algorithm="random_forest",
        class_names=["idle", "work"],
        files=files,
        forms=[form],
    )
