"""A challenger looks at what the champion reported, so that people's verdicts compare the two.

It sees the stills of closed incidents, after the fact: what serves is neither slowed nor changed.
What it would have said of the subject is one Prediction row an incident.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from detection.models import Evidence, Incident, Prediction
from detection.services import evidence, inference, serving
from detection.slots import OBJECT_DETECTOR
from hitlsite.errors import DomainError

AT_ONCE = 50
# Boxes of two models around one subject cover at least so much of each other.
SAME_SUBJECT = 0.3
STILLS = (Evidence.Kind.FRAME_OPEN, Evidence.Kind.FRAME_PEAK, Evidence.Kind.FRAME_LAST)


def look_at_waiting(*, limit=AT_ONCE, at=None):
    """Let the detector that looks on see the incidents since it began; return how many it saw."""
    deployment = serving.challenger(OBJECT_DETECTOR)
    if deployment is None:
        return 0
    waiting = list(_waiting(deployment)[:limit])
    if not waiting:
        return 0
    detector = inference.load_deployment(deployment)
    return sum(_look_at(incident, detector, deployment, at) for incident in waiting)


def _waiting(deployment):
    """Return the whole incidents that others reported since a challenger looks on, oldest first."""
    return (
        Incident.objects.reported()
        .filter(
            evidence_complete_at__isnull=False,
            opened_at__gte=deployment.activated_at,
            evidence__kind__in=STILLS,
        )
        .exclude(deployment=deployment)
        .exclude(predictions__deployment=deployment)
        .distinct()
        .order_by("pk")
    )


def _look_at(incident, detector, deployment, at):
    seen = []
    for still in incident.evidence.filter(kind__in=STILLS):
        score = _score(still, incident, detector)
        if score is not None:
            seen.append({"still": still.kind, "score": score})
    best = max((one["score"] for one in seen), default=0.0)
    columns = {"label": incident.class_name, "score": best, "output": {"stills": seen}}
    try:
        with transaction.atomic():
            Prediction.objects.create(
                deployment=deployment, incident=incident, at=at or timezone.now(), **columns
            )
    except IntegrityError:
        return False  # another worker was faster
    return True


def _score(still, incident, detector):
    """Return the best score on the subject of an incident in one still; None if it is lost."""
    import cv2
    import numpy as np

    from detection.vision.overlaps import overlaps

    try:
        with evidence.local_file(still) as path:
            image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except DomainError:
        return None
    if image is None:
        return None
    found = detector.detect(image, still.at_seconds)
    subject = np.array(
        [
            one["box_xyxy"]
            for one in still.observations
            if one.get("track_id") in incident.track_ids
        ],
        float,
    ).reshape(-1, 4)
    is_class = np.array([name == incident.class_name for name in found.class_names], bool)
    if incident.class_name not in detector.class_names:
        is_class[:] = True  # what moved has no class to compare
    boxes, scores = found.boxes_xyxy[is_class], found.scores[is_class]
    if not len(subject) or not len(boxes):
        return 0.0
    covers = overlaps(boxes.astype(float), subject).max(axis=1) >= SAME_SUBJECT
    return round(float(scores[covers].max(initial=0.0)), 4)
