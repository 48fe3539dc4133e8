"""Which task classifiers serve a camera, asked anew before every segment, each loaded once.

A model that cannot serve, because its files are gone or it learned from features that a session
does not have, keeps nobody from ingesting: the session says why nothing is classified, and goes on.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from django.conf import settings

from detection.models import Deployment
from detection.selectors import challenger
from detection.services import model_store, serving
from detection.slots import TASK_CLASSIFIER
from hitlsite.errors import DomainError

KEPT_PREDICTORS = 4
# What a finished segment says in ``error_code`` when its tasks were not classified.
OFF = "tasks_off"
_kept = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Served:
    """A deployment and the loaded classifier, a task_predictor.TaskPredictor."""

    deployment: Deployment
    predictor: object


def for_camera(camera_id):
    """Return (deployment that serves, deployment that looks on), each None where there is none.

    A challenger with a share serves its cameras in the champion's place; one in shadow looks on
    at every camera.
    """
    second = challenger(TASK_CLASSIFIER)
    looks_on = second if second is not None and second.is_shadow else None
    return serving.for_camera(camera_id, slot=TASK_CLASSIFIER), looks_on


def load(folder):
    """Return the TaskPredictor in a folder.

    Raises:
        DomainError: artifact_missing, artifact_damaged, artifact_refused.
    """
    from detection.vision import libraries

    libraries.prepare(settings.CACHE_DIR)
    from detection.vision.task_predictor import TaskPredictor

    return TaskPredictor.load(folder)


def predictor_of(deployment):
    """Return the TaskPredictor of a deployment, loaded on first use in this process.

    Raises:
        DomainError: artifact_missing, artifact_damaged, artifact_refused.
    """
    key = deployment.pk, tuple(row["sha256"] for row in deployment.files)
    with _lock:
        if key not in _kept:
            _kept[key] = load(model_store.local_folder(deployment.files))
        _kept.move_to_end(key)
        while len(_kept) > KEPT_PREDICTORS:
            _kept.popitem(last=False)
        return _kept[key]


def forget():
    """Let every classifier be loaded anew."""
    with _lock:
        _kept.clear()


def follow(watch, footage):
    """Let a session's TaskWatch go on with what serves its camera now.

    Nothing is raised: what cannot serve is told by ``watch.trouble``.
    """
    if not footage.configuration.get("classifies_tasks"):
        return
    deployments = [one for one in for_camera(footage.camera_id) if one is not None]
    served, trouble = [], []
    for deployment in deployments:
        try:
            served.append(Served(deployment, predictor_of(deployment)))
        except DomainError as error:
            trouble.append(f"{deployment.name}: {error.message}")
    if not deployments:
        trouble.append("No task classifier is deployed yet.")
    watch.serve(served, trouble)


def told_of(watch):
    """Return the columns of a finished segment that say why its tasks were not classified."""
    return {"error_code": OFF, "error_message": watch.trouble} if watch.trouble else {}
