"""Which promoted model serves a camera, asked anew before every piece of work.

The ledger is the answer, so that a promotion in one process is heeded by all others with their
next segment, photo or request.
"""

import hashlib

from detection.models import Camera
from detection.selectors import challenger, champion
from detection.slots import OBJECT_DETECTOR, TASK_CLASSIFIER

__all__ = ["cameras_of", "challenger", "champion", "for_camera"]

NO_OWN_CHOICE = ("", "auto")
# Of which cameras a share is taken, by slot.
_FREE = {
    OBJECT_DETECTOR: {"detector__in": NO_OWN_CHOICE},
    TASK_CLASSIFIER: {"classifies_tasks": True},
}


def for_camera(camera_id, wanted="auto", *, slot=OBJECT_DETECTOR):
    """Return what was promoted to serve a camera in a slot, None where nothing was.

    Args:
        wanted: what the camera asks for; only ``auto`` leaves the choice to us, else its own or
            the setting's serves.
    """
    if (wanted or "") not in NO_OWN_CHOICE:
        return None
    second = challenger(slot)
    if second is not None and second.share and camera_id in cameras_of(second):
        return second
    return champion(slot)


def cameras_of(deployment):
    """Return the ids of the cameras that a challenger's share takes.

    Which ones depends on the version and the cameras alone, and with a growing share none is given
    back; a share above nothing takes at least one.
    """
    free = Camera.objects.filter(**_FREE[deployment.slot]).values_list("pk", flat=True)
    ranked = sorted(free, key=lambda pk: _rank(deployment.model_version_uuid, pk))
    count = max(round(deployment.share * len(ranked)), 1) if deployment.share else 0
    return set(ranked[:count])


def _rank(version_uuid, camera_id):
    return hashlib.sha256(f"{version_uuid}:{camera_id}".encode()).digest()
