"""Photos with all that lists and pages show of them, read in a handful of queries.

A list of a hundred photos has several hundred rows behind it. Reading each kind once and putting
it where it belongs costs half of what the general prefetching does.
"""

from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Q

from detection.models import Camera, Deployment, Device, Photo, PhotoDetection
from review.models import Mark, TrainingItem

STANDING = Q(unmarked_at__isnull=True)
# What provenance holds is long, and no list shows it.
_ITEM_COLUMNS = ("photo", "site", "camera", "status", "mode", "privacy", "version", "decided_at")


class Found(NamedTuple):
    """One detection of a photo, as PhotoDetection has it."""

    class_name: str
    score: float
    box_xyxy: list
    deployment: Deployment


def loaded(pks):
    """Return the photos of these ids in their order, whole; an id without a row is left out.

    A photo has its camera, site, device and item at hand, ``found`` (Found, the surest first) and
    ``standing_mark`` (a Mark with who gave it, or None).
    """
    photos = Photo.objects.in_bulk(pks)
    _give_marks(photos, list(Mark.objects.filter(STANDING, photo__in=photos).order_by()))
    _give_the_rest(photos)
    return [photos[pk] for pk in pks if pk in photos]


def loaded_of(marks):
    """Return the photos of standing marks that were read with them, whole as ``loaded`` has it."""
    photos = {mark.photo_id: mark.photo for mark in marks}
    _give_marks(photos, marks)
    _give_the_rest(photos)
    return list(photos.values())


def _give_the_rest(photos):
    _give_places(photos.values())
    _give_items(photos)
    _give_detections(photos)


def _give_places(photos):
    cameras = Camera.objects.select_related("site").in_bulk({one.camera_id for one in photos})
    ids = {one.device_id for one in photos} - {None}
    devices = Device.objects.in_bulk(ids) if ids else {}
    for photo in photos:
        photo.camera = cameras[photo.camera_id]
        photo.device = devices.get(photo.device_id)


def _give_items(photos):
    items = TrainingItem.objects.filter(photo__in=photos).order_by().only(*_ITEM_COLUMNS)
    by_photo = {item.photo_id: item for item in items}
    place = Photo._meta.get_field("item")
    for pk, photo in photos.items():
        place.set_cached_value(photo, by_photo.get(pk))


def _give_marks(photos, marks):
    people = get_user_model().objects.in_bulk({one.marked_by_id for one in marks}) if marks else {}
    for photo in photos.values():
        photo.standing_mark = None
    for mark in marks:
        mark.marked_by = people[mark.marked_by_id]
        photos[mark.photo_id].standing_mark = mark


def _give_detections(photos):
    columns = ("photo", "class_name", "score", "box_xyxy", "deployment")
    rows = PhotoDetection.objects.filter(photo__in=photos).order_by("-score", "pk")
    rows = list(rows.values_list(*columns))
    served = Deployment.objects.in_bulk({row[-1] for row in rows}) if rows else {}
    for photo in photos.values():
        photo.found = []
    for photo_id, class_name, score, box_xyxy, deployment_id in rows:
        found = Found(class_name, score, box_xyxy, served[deployment_id])
        photos[photo_id].found.append(found)
