"""Which score thresholds hold at a camera: people's choices, the newest of a place first."""

from django.db.models import Q

from detection.models import ScoreThreshold


def in_force(camera):
    """Return {class name: least score} of what people chose for a camera.

    Its own choice goes before the one for all cameras; a choice that was taken back is none.
    """
    of_camera, general = {}, {}
    rows = ScoreThreshold.objects.filter(Q(camera=camera) | Q(camera__isnull=True))
    for class_name, camera_id, value in rows.order_by("pk").values_list(
        "class_name", "camera", "value"
    ):
        chosen = general if camera_id is None else of_camera
        chosen[class_name] = value
    standing = {name: value for name, value in general.items() if value is not None}
    return standing | {name: value for name, value in of_camera.items() if value is not None}


def is_heeded(thresholds, class_name, score):
    """Say whether a detection on a photo is kept.

    People are, whatever their score: faces are looked for in their boxes.
    """
    from detection.vision.people import is_person

    return score >= thresholds.get(class_name, 0.0) or is_person(class_name)
