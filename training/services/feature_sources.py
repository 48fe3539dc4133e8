"""What measures a video: which pose and hand models, and which object detector in which form.

What is wanted now can be told without loading anything, so that a person who asks for features
that are there already gets those; what is loaded then says itself what it is.
"""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings

from detection.services import deployments, inference, serving
from detection.slots import OBJECT_DETECTOR
from hitlsite import storage
from hitlsite.errors import DomainError
from training.models import FeatureSet

Mode = FeatureSet.Detector
MODELS = ("pose", "hands")
CODE = "code"
# What turns pictures into numbers: another state of it measures something else.
_MEASURING = ("landmarks", "landmarks_child", "task_columns", "task_features", "task_geometry")
_FORM = ("backend", "input_size", "precision")


def expected(mode, camera):
    """Return what would measure a camera's video now, as far as that is known without loading it.

    Raises:
        DomainError: mediapipe_unavailable, detector_needed, weights_missing.
    """
    sources = _common(mode)
    if mode != Mode.MEDIAPIPE:
        is_free = (camera.detector or "") in serving.NO_OWN_CHOICE
        deployment = serving.champion(OBJECT_DETECTOR) if is_free else None
        weights = None if deployment else inference.measuring_spec(camera.detector)
        sources["detector"] = (
            _told(deployment) if deployment else {"sha256": _weights_sha256(weights)}
        )
    return sources


def is_same(before, wanted):
    """Say whether features from the sources ``before`` are what ``expected`` asks for.

    The same weights in another form count as the same, unless they were promoted in one.
    """
    if any(before.get(name) != wanted.get(name) for name in (CODE, *MODELS)):
        return False
    old, new = before.get("detector", {}), wanted.get("detector", {})
    names = ("sha256", *(name for name in _FORM if name in new))
    return all(old.get(name) == new.get(name) for name in names)


def is_equal(before, now):
    """Say whether two attempts measure with the very same."""
    old, new = ({**one.get("detector", {})} for one in (before, now))
    for one in (old, new):
        one.pop("deployment", None)
    return old == new and all(before.get(name) == now.get(name) for name in (CODE, *MODELS))


def extractor(mode, camera):
    """Return (FeatureExtractor, deployment of its detector or None, sources).

    Raises:
        DomainError: as ``expected``, and what loading says.
    """
    from detection.vision.landmarks import kept
    from detection.vision.task_features import FeatureExtractor

    sources = _common(mode)
    landmarker = kept(settings.MODEL_DIR) if mode != Mode.YOLO else None
    detector = deployment = None
    if mode != Mode.MEDIAPIPE:
        detector, deployment = _loaded(camera)
        sources["detector"] = _told(deployment)
    return FeatureExtractor(mode, landmarker=landmarker, detector=detector), deployment, sources


def _loaded(camera):
    detector, deployment = inference.measuring_detector(camera.detector)
    if deployment is not None:
        return detector, deployment
    if detector.backend == "motion":
        raise _no_objects()
    threshold = inference.threshold_of(detector)
    return detector, deployments.record_champion(detector, threshold=threshold)


def _told(deployment):
    return {
        "deployment": deployment.pk,
        "name": deployment.name,
        "sha256": deployment.sha256,
        "threshold": deployment.threshold,
        **{name: getattr(deployment, name) for name in _FORM},
    }


def _common(mode):
    """Return what is known of the sources without a detector."""
    return {CODE: _code_sha256(), **(_landmark_models() if mode != Mode.YOLO else {})}


@cache
def _code_sha256():
    """Return the digest of the code that measures, as it is when this process first asks."""
    import detection.vision

    folder, digest = Path(detection.vision.__file__).parent, hashlib.sha256()
    for name in _MEASURING:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _landmark_models():
    """Return {"pose": sha256, "hands": sha256}."""
    from detection.vision import landmarks

    paths = landmarks.model_paths(settings.MODEL_DIR)
    if not settings.MEDIAPIPE:
        message = "mediapipe is switched off (SECOND_LOOK_MEDIAPIPE=0): choose the detector yolo."
        raise DomainError("mediapipe_unavailable", message)
    return {name: _file_sha256(path) for name, path in zip(MODELS, paths, strict=True)}


def _weights_sha256(spec):
    from detection.vision.backends import find_weights

    path = find_weights(spec, model_dir=settings.MODEL_DIR)
    if path is None:
        raise _no_objects()
    return _file_sha256(path)


def _no_objects():
    return DomainError(
        "detector_needed",
        "There are no weights of an object detector: fetch some with manage.py fetch_models, or "
        "choose the detector mediapipe.",
        fields={"detector": "No object detector is here."},
    )


def _file_sha256(path):
    path = Path(path)
    parts = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stats = tuple((str(part), part.stat().st_mtime_ns, part.stat().st_size) for part in parts)
    return _hashed(path, stats)


@lru_cache(maxsize=32)
def _hashed(path, stats):
    """Return the digest of a file or folder; the stats are there to notice that it has changed."""
    from detection.vision.detectors import file_sha256

    return file_sha256(path) if path.is_dir() else storage.sha256_of(path)
