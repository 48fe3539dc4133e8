"""The detectors of this process: chosen once per camera shape, kept, and entered in the ledger."""

import logging
import math
import threading
from collections import OrderedDict

from django.conf import settings

from detection.models import Footage
from detection.services import deployments, model_store, serving, sources
from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import DomainError

logger = logging.getLogger(__name__)

SAMPLE_FRAMES = 16
KEPT_DETECTORS = 4
MEASURING_FORM = {"backend": "openvino", "precision": "f32"}
_kept = OrderedDict()
_estimators = {}
_lock = threading.Lock()


def detector_for(footage):
    """Return a detector for a session and the deployment that it serves as.

    What people have deployed serves every camera that names no detector of its own, from the next
    segment on. Otherwise the first call for a session measures what this machine does best on the
    session's own frames and pins it: later segments, on this worker or another, run the same
    weights in the same form.
    """
    deployment = _promoted_for(footage)
    if deployment is not None:
        return _promoted(footage, deployment), deployment
    if "deployment" in footage.detector_choice:
        footage.detector_choice = {}  # it was taken back
    pinned = footage.detector_choice.get("served")
    spec = footage.detector_choice.get("spec") or spec_of(footage.configuration.get("detector"))
    frames = () if pinned else _frames_of(footage)
    detector = load(
        spec,
        pinned=pinned,
        frames=frames,
        shape=(footage.width, footage.height),
        classes=_classes_of(footage.configuration.get("rules", ())),
    )
    if not pinned:
        choice = {**detector.choice, "spec": spec}
        deployment = deployments.record_champion(detector, threshold=threshold_of(detector))
        Footage.objects.filter(pk=footage.pk).update(detector_choice=choice, deployment=deployment)
        footage.detector_choice, footage.deployment = choice, deployment
    return detector, footage.deployment


def is_current(footage):
    """Whether the detector that a session has is still the one that should serve it."""
    deployment = _promoted_for(footage)
    return footage.detector_choice.get("deployment") == (deployment.pk if deployment else None)


def load_deployment(deployment):
    """Return the detector of a promoted deployment, in the form that was judged.

    Raises:
        DomainError: its files are missing, or are not those that were stored.
    """
    form = {
        "backend": deployment.backend,
        "input_size": deployment.input_size,
        "precision": deployment.precision,
    }
    folder = model_store.local_folder(deployment.files)
    path = model_store.main_path(folder, [row["name"] for row in deployment.files])
    detector = load(str(path), pinned=form)
    detector.name, detector.threshold = deployment.name, deployment.threshold
    return detector


def for_photo(photo):
    """Return (detector, deployment) for a photo of a camera."""
    wanted = photo.camera.detector
    deployment = serving.for_camera(photo.camera_id, wanted)
    if deployment is not None:
        return load_deployment(deployment), deployment
    detector = load(spec_of(wanted))
    if detector.backend == "motion":
        return detector, None
    return detector, deployments.record_champion(detector, threshold=threshold_of(detector))


def _promoted_for(footage):
    return serving.for_camera(footage.camera_id, footage.configuration.get("detector"))


def _promoted(footage, deployment):
    """Return a promoted detector, and enter it with the session."""
    detector = load_deployment(deployment)
    if footage.detector_choice.get("deployment") != deployment.pk:
        choice = {
            "deployment": deployment.pk,
            "served": dict(detector.choice["served"]),
            "why": f"{deployment.name} was deployed",
            "candidates": [],
        }
        Footage.objects.filter(pk=footage.pk).update(detector_choice=choice, deployment=deployment)
        footage.detector_choice, footage.deployment = choice, deployment
    return detector


def load(spec, *, pinned=None, frames=(), shape=None, classes=()):
    """Return a detector of this process, built on first use.

    ``frames`` and the ``classes`` that matter on them decide whether a cheaper form may serve.

    Stateful detectors (motion) are always new: a session owns its background.
    """
    from detection.vision.backends import load_detector

    key = _key(spec, shape, pinned or {})
    with _lock:
        if key in _kept and (pinned or not len(frames)):
            _kept.move_to_end(key)
            return _kept[key]
    form = pinned if pinned and pinned.get("backend") != "motion" else {}
    detector = load_detector(
        "motion" if pinned and pinned.get("backend") == "motion" else spec,
        model_dir=settings.MODEL_DIR,
        cache_dir=settings.CACHE_DIR,
        sample_frames=frames,
        classes=classes,
        **form,
    )
    if detector.backend == "motion":
        return detector
    served = _key(spec, shape, detector.choice["served"])
    with _lock:
        _kept[key] = _kept[served] = detector
        while len(_kept) > KEPT_DETECTORS:
            _kept.popitem(last=False)
    return detector


def _key(spec, shape, form):
    return spec, shape, tuple(sorted(form.items())), str(settings.MODEL_DIR)


def measuring_detector(wanted):
    """Return (the detector that measures features, its promoted deployment or None).

    Models learn from what it finds, so it does not depend on what is quick on some machine or in
    some session: it is what is promoted, in its form, or the weights that serve, in the exact one.

    Args:
        wanted: what the camera asks for; motion tells no objects apart, so that such a camera is
            measured by what the setting names.

    Raises:
        DomainError: the weights are missing, unreadable or unsafe.
    """
    is_free = (wanted or "") in serving.NO_OWN_CHOICE
    deployment = serving.champion(OBJECT_DETECTOR) if is_free else None
    if deployment is not None:
        return load_deployment(deployment), deployment
    spec = measuring_spec(wanted)
    # A folder holds one form only.
    is_folder = (settings.MODEL_DIR / spec).is_dir() and spec not in ("auto", "motion")
    return load(spec, pinned=None if is_folder else MEASURING_FORM), None


def measuring_spec(wanted):
    """Return which weights measure where nothing is promoted."""
    spec = spec_of(wanted)
    return settings.DETECTOR if spec == "motion" else spec


def person_detector():
    """Return a detector that knows persons, or None on a machine without weights."""
    detector = load(settings.DETECTOR)
    return detector if "person" in detector.class_names else None


def limb_motion(footage, frame_size):
    """Return what tells the limb speeds of a session; None where its camera wants no poses.

    Without usable pose weights the session runs without, and the log says so.
    """
    from detection.vision.poses import LONGEST_STROKE_SECONDS, LimbMotion

    if not footage.configuration.get("estimates_poses"):
        return None
    if footage.configuration.get("sampling_fps", math.inf) * LONGEST_STROKE_SECONDS < 1:
        logger.warning("%s is sampled too rarely for poses to tell anything.", footage)
        return None
    estimator = pose_estimator()
    if estimator is None:
        logger.warning("%s runs without poses, which its camera asks for.", footage)
        return None
    return LimbMotion(estimator, aspect_ratio=frame_size[0] / frame_size[1])


def pose_estimator():
    """Return the pose estimator of this process, or None when there are no usable weights."""
    from detection.vision.poses import POSE_WEIGHTS, find_pose_weights, load_estimator

    path = find_pose_weights(settings.MODEL_DIR)
    if path is None:
        names = " or ".join(POSE_WEIGHTS)
        logger.warning("No poses are estimated: there is no %s in %s.", names, settings.MODEL_DIR)
        return None
    with _lock:
        if path not in _estimators:
            try:
                _estimators[path] = load_estimator(path, cache_dir=settings.CACHE_DIR)
            except DomainError as error:
                logger.warning("No poses are estimated: %s", error.message)
                return None
            except Exception:  # exporters and runtimes raise whatever they please
                logger.warning("No poses are estimated: %s failed.", path.name, exc_info=True)
                return None
        return _estimators[path]


def class_names(spec):
    """Return the class names of a detector without measuring what would serve best.

    Raises:
        DomainError: the weights are missing, unreadable or unsafe.
    """
    path = settings.MODEL_DIR / spec
    is_folder = path.is_dir() and spec not in ("auto", "motion")
    portable = {"backend": "onnxruntime", "input_size": 640, "precision": "f32"}
    return load(spec, pinned=None if is_folder else portable).class_names


def threshold_of(detector):
    """Return the score below which the detector keeps silent."""
    return float(getattr(detector, "threshold", 0.0))


def sample_frames(location, count):
    """Return up to ``count`` pictures (BGR) spread over a file; none of a stream."""
    from detection.vision.video import open_source

    if "://" in location:
        return []
    source = open_source(location)
    duration = source.duration_seconds or 0.0
    frames = []
    try:
        for place in range(count):
            frame = next(iter(source.frames(duration * (place + 0.5) / count)), None)
            if frame is not None:
                frames.append(frame.image())
    finally:
        source.close()
    return frames


def spec_of(wanted):
    """Return the detector that a camera asks for: the product's own setting where it says auto."""
    return settings.DETECTOR if wanted in (None, "", "auto") else wanted


def _classes_of(rules):
    """Return the classes that any rule looks at or needs; none means every class."""
    from detection.rules.base import RULE_KINDS

    needed = set()
    for rule in rules:
        kind = RULE_KINDS[rule["kind"]]
        named = rule.get("classes") or kind.default_classes
        if not named:
            return ()
        needed |= {*named, *kind.also_needs}
    return tuple(sorted(needed))


def _frames_of(footage):
    with sources.local_path(footage) as path:
        return sample_frames(str(path), SAMPLE_FRAMES)
