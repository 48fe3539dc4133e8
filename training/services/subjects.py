"""What can be scored: the versions that were trained, and what serves where none was deployed."""

from pathlib import Path

from django.conf import settings

from detection.services import model_store, serving
from detection.slots import OBJECT_DETECTOR
from training.models import ModelVersion
from training.services.slot_work import Subject


def champion(slot):
    """Return the Subject that serves a slot, None where nothing does that could be scored."""
    deployment = serving.champion(slot)
    if deployment is not None:
        return _of_deployment(deployment)
    path = _standing_path() if slot == OBJECT_DETECTOR else None
    return None if path is None else standing(path)


def of_version(version, form=None):
    """Return the Subject of a version in one of its forms, the serving one by default.

    Raises:
        DomainError: artifact_missing, artifact_damaged.
    """
    form = form or version.serving_form
    rows = files_of(version, form)
    return Subject(
        name=version.name,
        sha256=form["sha256"],
        backend=form["backend"],
        input_size=form["input_size"],
        precision=form["precision"],
        class_names=tuple(version.class_names),
        folder=model_store.local_folder(rows),
        files=tuple(form["files"]),
        version_id=version.pk,
    )


def files_of(version, form):
    """Return the rows of ``version.files`` that a form is made of, the main one first."""
    by_name = {row["name"]: row for row in version.files}
    return [by_name[name] for name in form["files"]]


def weights_of(version):
    """Return the local path of the weights that a version can be trained on from, None without."""
    rows = [row for row in version.files if row["name"].endswith(".pt")]
    return model_store.local_folder(rows) / rows[0]["name"] if rows else None


def version_of(subject):
    """Return the ModelVersion of a subject, None of what was there before."""
    if subject is None or subject.version_id is None:
        return None
    return ModelVersion.objects.get(pk=subject.version_id)


def _of_deployment(deployment):
    version = ModelVersion.objects.filter(uuid=deployment.model_version_uuid).first()
    return Subject(
        name=deployment.name,
        sha256=deployment.sha256,
        backend=deployment.backend,
        input_size=deployment.input_size,
        precision=deployment.precision,
        class_names=tuple(deployment.class_names),
        folder=model_store.local_folder(deployment.files),
        files=tuple(row["name"] for row in deployment.files),
        version_id=version.pk if version else None,
    )


def champion_sha256(slot):
    """Return what identifies the champion's artifact without loading it; "" for none."""
    deployment = serving.champion(slot)
    if deployment is not None:
        return deployment.sha256
    path = _standing_path() if slot == OBJECT_DETECTOR else None
    if path is None:
        return ""
    from detection.vision.detectors import file_sha256

    return file_sha256(path)


def _standing_path():
    """Return the weights that serve by setting where nothing was deployed; None without any."""
    from detection.vision.backends import DEFAULT_WEIGHTS

    if settings.DETECTOR == "motion":
        return None
    names = DEFAULT_WEIGHTS if settings.DETECTOR == "auto" else (settings.DETECTOR,)
    paths = (Path(settings.MODEL_DIR) / name for name in names)
    return next((path for path in paths if path.exists()), None)


def standing(path):
    """Return the Subject of weights that nobody trained here.

    Raises:
        DomainError: the weights are missing, unreadable or unsafe.
    """
    from detection.vision.backends import load_detector

    detector = load_detector(
        str(path),
        model_dir=settings.MODEL_DIR,
        cache_dir=settings.CACHE_DIR,
        backend="openvino",
        precision="f32",
    )
    return Subject(
        name=detector.name,
        sha256=detector.weights_sha256,
        backend=detector.backend,
        input_size=detector.input_size,
        precision=detector.precision,
        class_names=detector.class_names,
        folder=Path(path),
    )
