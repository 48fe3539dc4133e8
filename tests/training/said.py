"""What a task classifier said of footage, made up for tests, and the rows that it takes."""

import uuid

from django.utils import timezone

from detection.models import TaskLog
from detection.slots import TASK_CLASSIFIER
from tests import factories
from training.models import Dataset, LabelSet, ModelVersion, TrainingRun

STEP = 0.5


def label_set(site, *names, name="Table"):
    labels = [{"name": one, "key": ""} for one in names or ("work", "idle")]
    return LabelSet.objects.create(site=site, name=name, labels=labels)


def classifier(label_set, *, role="champion", share=0.0):
    """Return a Deployment of a version whose dataset is of a label set."""
    number = Dataset.objects.filter(slot=TASK_CLASSIFIER).count() + 1
    dataset = Dataset.objects.create(
        slot=TASK_CLASSIFIER, number=number, state="done", options={"label_set": label_set.pk}
    )
    dataset.sites.add(label_set.site)
    run = TrainingRun.objects.create(
        slot=TASK_CLASSIFIER,
        number=number,
        dataset=dataset,
        algorithm="random_forest",
        state="done",
        inputs_sha256=f"{number:064x}",
    )
    version = ModelVersion.objects.create(
        uuid=uuid.uuid4(),
        slot=TASK_CLASSIFIER,
        number=number,
        run=run,
        dataset=dataset,
        algorithm=run.algorithm,
    )
    return factories.deployment(
        slot=TASK_CLASSIFIER,
        role=role,
        share=share,
        source="promoted",
        name=version.name,
        class_names=label_set.label_names,
        model_version_uuid=version.uuid,
    )


def ended(camera, **columns):
    """Return footage that has ended."""
    return factories.footage(camera, **{"ended_at": timezone.now(), **columns})


def log(footage, deployment, *stretches, start=0.0, **columns):
    """Store what was said: (seconds, label, confidence) one after another, a sample each 0.5 s."""
    samples, at = [], start
    for seconds, label, confidence in stretches:
        for _ in range(round(seconds / STEP)):
            at += STEP
            samples.append([at, label, confidence])
    return TaskLog.objects.create(
        footage=footage,
        deployment=deployment,
        start_seconds=samples[0][0],
        end_seconds=samples[-1][0],
        samples=samples,
        **columns,
    )
