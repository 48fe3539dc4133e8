"""Task classifiers by the names that people give them: the one that serves, a version, a folder."""

from dataclasses import dataclass
from pathlib import Path

from detection.models import Deployment
from detection.services import serving, task_serving
from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import NotFound
from training.models import ModelVersion
from training.services import subjects

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A loaded task_predictor.TaskPredictor; ``deployment`` is None where it serves nobody."""

    name: str
    predictor: object
    deployment: Deployment | None = None

    def as_dict(self):
        return {
            "name": self.name,
            "algorithm": self.predictor.algorithm,
            "features": self.predictor.detector_mode,
            "sample_rate": self.predictor.sample_rate,
            "frames_per_second": self.predictor.frames_per_second,
            "deployment": self.deployment.pk if self.deployment else None,
        }


def choose(wanted=LATEST):
    """Return the Chosen that a person names.

    Args:
        wanted: "latest" for what serves or else the newest version, a version's or deployment's
            name, or the folder of a trained model.

    Raises:
        NotFound: model_unknown; DomainError: what keeps its files from being read.
    """
    if wanted == LATEST:
        champion = serving.champion(TASK_CLASSIFIER)
        if champion is not None:
            return of_deployment(champion)
        version = ModelVersion.objects.filter(slot=TASK_CLASSIFIER).first()
        if version is None:
            message = "There is no task classifier yet: train one first, or name its folder."
            raise NotFound(message, code="model_unknown")
        return _of_version(version)
    path = Path(wanted)
    if path.is_dir():
        return Chosen(path.resolve().name, task_serving.load(path))
    return _named(wanted)


def of_deployment(deployment):
    """Return a deployment as a Chosen."""
    return Chosen(deployment.name, task_serving.predictor_of(deployment), deployment)


def _named(wanted):
    active = Deployment.objects.filter(slot=TASK_CLASSIFIER, retired_at=None, name=wanted)
    deployment = active.order_by("-pk").first()
    if deployment is not None:
        return of_deployment(deployment)
    prefix, _, number = wanted.rpartition("-")
    if prefix == TASK_CLASSIFIER and number.isascii() and number.isdigit() and len(number) < 9:
        version = ModelVersion.objects.filter(slot=TASK_CLASSIFIER, number=int(number)).first()
        if version is not None:
            return _of_version(version)
    raise NotFound(
        f"There is no task classifier {wanted[:100]}: name a version such as {TASK_CLASSIFIER}-1, "
        "the folder of one, or latest.",
        code="model_unknown",
    )


def _of_version(version):
    return Chosen(version.name, task_serving.load(subjects.of_version(version).folder))
